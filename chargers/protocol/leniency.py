"""How a payload that breaks its schema is still read: repaired where its meaning is plain, each repair noted.

The principle is: accept, note, and refuse only when meaning is lost. One walk along the schema does all of
it. In strict mode the same walk raises at the first deviation, with the error code that OCPP has for it; that
is how our own CALLs are checked.

What is done with each deviation:
    unknown property          left out (a name that differs only in case is taken for the known one)
    null                      taken as not given
    over-long text            kept whole
    unknown enum value        kept as text (blanks, quotes and case are corrected)
    number as text            read as the number; for an integer 12.0 and 12.7 are 12
    text as number            written as text
    one object for a list     taken as a list of one
    odd date and time         kept as text, see times.parse_time
    out of range, too many    kept
    required but missing      HARMLESS below says what stands in for it; otherwise the message is refused
    not readable at all       left out where optional or an item of a list; where required, as if missing
"""

import math
import re
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import orjson

from .errors import Fault, OcppError
from .schemas import MAX_INTEGER, YEAR, Json, Schema
from .times import time_oddity, with_zone
from .versions import Version

MAX_NOTES = 20
MAX_NOTE = 200
MAX_SHOWN = 40

LEFT_OUT = object()  # the handler copes without the field

# (action, field) -> what stands in for a required field that is missing. A transaction message is refused
# only when nothing can be made of it: to a charger a CALLERROR means to try again and, in the end, to drop
# the record.
HARMLESS: dict[tuple[str, str], object] = {
    ("StatusNotification", "errorCode"): "NoError",
    ("StatusNotification", "timestamp"): LEFT_OUT,
    ("StartTransaction", "connectorId"): 0,
    ("StartTransaction", "idTag"): "",
    ("StartTransaction", "meterStart"): LEFT_OUT,
    ("StartTransaction", "timestamp"): LEFT_OUT,
    ("StopTransaction", "transactionId"): -1,  # what chargers send themselves when they never got an id
    ("StopTransaction", "meterStop"): LEFT_OUT,
    ("StopTransaction", "timestamp"): LEFT_OUT,
    ("StopTransaction", "transactionData.timestamp"): LEFT_OUT,
    ("StopTransaction", "transactionData.sampledValue"): [],
    ("MeterValues", "connectorId"): 0,
    ("MeterValues", "evseId"): 0,
    ("MeterValues", "meterValue.timestamp"): LEFT_OUT,
    ("MeterValues", "meterValue.sampledValue"): [],
    ("NotifyReport", "generatedAt"): LEFT_OUT,
    ("NotifyReport", "reportData.variableCharacteristics.dataType"): LEFT_OUT,
    ("NotifyReport", "reportData.variableCharacteristics.supportsMonitoring"): LEFT_OUT,
    ("TransactionEvent", "eventType"): "Updated",
    ("TransactionEvent", "transactionInfo"): {"transactionId": ""},
    ("TransactionEvent", "transactionInfo.transactionId"): "",
    ("TransactionEvent", "evse.id"): 0,
    ("TransactionEvent", "idToken.type"): "Central",
    ("TransactionEvent", "timestamp"): LEFT_OUT,
    ("TransactionEvent", "triggerReason"): LEFT_OUT,
    ("TransactionEvent", "seqNo"): LEFT_OUT,
    ("TransactionEvent", "meterValue.timestamp"): LEFT_OUT,
    ("TransactionEvent", "meterValue.sampledValue"): [],
    # Stations leave out what they need not send, such as a key that was told before, and the value must not go with it.
    **{
        (action, f"meterValue.sampledValue.signedMeterValue.{name}"): ""
        for action in ("MeterValues", "TransactionEvent")
        for name in ("encodingMethod", "publicKey", "signedMeterData", "signingMethod")
    },
}

# Names that a property had in OCPP 1.5 and still has in some chargers.
FORMER_NAMES = {
    "meterValue": ("values", "meterValues"),
    "sampledValue": ("values", "value", "sampledValues"),
}

# Enum values that are wrong but unmistakable, by property; a lower-case key.
PLAIN_WORDS = {"errorCode": {"error": "OtherError"}}


def read_request(
    version: Version, action: str, schema: Schema, payload: Json, zone: tzinfo | None = None
) -> tuple[Json, tuple[str, ...]]:
    """A charger's CALL that broke its schema: the payload as read, and a note for each deviation.

    Raises OcppError, with the code of T-054 for the fault, when the meaning is lost.
    """
    return _read(_Reading(version, action, schema.document, HARMLESS, zone=zone), schema, payload)


def read_response(
    version: Version, action: str, schema: Schema, payload: Json, zone: tzinfo | None = None
) -> tuple[Json, tuple[str, ...], bool]:
    """The same for a charger's CALLRESULT; nothing stands in for what is missing there.

    The last item says whether all could be read: of a list with gaps nobody may conclude what is not in it.
    """
    reading = _Reading(version, action, schema.document, {}, zone=zone)
    return *_read(reading, schema, payload), reading.whole


def check(version: Version, action: str, schema: Schema, payload: Json) -> None:
    """Raise OcppError with the exact code and place of the first thing that is wrong with a payload."""
    if schema.is_valid(payload):
        return
    _Reading(version, action, schema.document, {}, strict=True).mapping(payload, schema.document, "")
    raise OcppError(Fault.PROPERTY, schema.complaint(payload)[:MAX_NOTE])


def _read(reading: "_Reading", schema: Schema, payload: Json) -> tuple[Json, tuple[str, ...]]:
    read: Json = reading.mapping(payload, schema.document, "")
    if not reading.notes and (complaint := schema.complaint(payload)):
        reading.note("payload", f"does not keep the schema: {printable(complaint, 120)}")
    return read, tuple(reading.notes)


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    """A charger's text, safe and short enough for a note."""
    shown = "".join(char if char.isprintable() else "?" for char in text[:limit])
    return shown + "…" if len(text) > limit else shown


def shown(value: object) -> str:
    """A value as a note shows it."""
    if isinstance(value, str):
        return f"'{printable(value)}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return printable(str(value))
    return {list: "a list", dict: "an object", type(None): "null"}.get(type(value), "a value")


class _Reading:
    """One walk through one payload; each method reads one JSON type and returns the value to be used."""

    def __init__(
        self,
        version: Version,
        action: str,
        root: Json,
        harmless: dict[tuple[str, str], object],
        strict: bool = False,
        zone: tzinfo | None = None,
    ) -> None:
        self.zone = zone
        self.version = version
        self.action = action
        self.root = root
        self.harmless = harmless
        self.strict = strict
        self.notes: list[str] = []
        self.whole = True

    def note(self, path: str, what: str) -> None:
        if len(self.notes) < MAX_NOTES - 1:
            self.notes.append(f"{path}: {what}"[:MAX_NOTE])
        elif len(self.notes) < MAX_NOTES:
            self.notes.append("and more deviations, not listed")

    def deviates(self, fault: Fault, path: str, rule: str, note: str) -> None:
        """Note a deviation, or refuse it in strict mode; `rule` is the sentence for the sender."""
        if self.strict:
            raise OcppError(fault, f"{path}: {rule}")
        self.note(path, note)

    def value(self, value: Any, schema: Json, path: str) -> Any:
        while "$ref" in schema:
            schema = self.root["definitions"][schema["$ref"].rpartition("/")[2]]
        reader = _READERS.get(schema.get("type", ""))
        return reader(self, value, schema, path) if reader else value

    def mapping(self, value: Any, schema: Json, path: str) -> Json:
        if not isinstance(value, dict):
            raise OcppError(Fault.TYPE, f"{path or 'payload'}: must be an object")
        properties: Json = schema.get("properties", {})
        closed = schema.get("additionalProperties") is False
        given = self._named(value, properties, closed, path)
        required = schema.get("required", ())
        read: Json = {}
        for name, item in given.items():
            spot = f"{path}.{name}" if path else name
            if name not in properties:
                read[name] = item
                continue
            if item is None:
                if name not in required:
                    self.deviates(Fault.TYPE, spot, "must not be null", "null, read as not given")
                continue
            try:
                read[name] = self.value(item, properties[name], spot)
            except OcppError:
                if self.strict or (name in required and self._stand_in(spot) is None):
                    raise
                self.whole = False
                self.note(spot, f"{shown(item)} cannot be read, left out")
        for name in required:
            if name not in read:
                self._missing(read, name, f"{path}.{name}" if path else name)
        return read

    def _named(self, value: Json, properties: Json, closed: bool, path: str) -> Json:
        """The properties under their official names, without those that the schema does not have."""
        unknown = [name for name in value if name not in properties] if closed else []
        if not unknown:
            return value
        given = {name: item for name, item in value.items() if name in properties}
        official = {name.casefold(): name for name in properties if name not in given}
        former = {old: name for name in official.values() for old in FORMER_NAMES.get(name, ())}
        for name in unknown:
            known_as = printable(name).replace(" ", "_")  # a place in a note is one word
            label = f"{path}.{known_as}" if path else known_as
            meant = official.get(name.strip().casefold()) or former.get(name)
            rule = f"is not a property of {self.version.label}"
            if meant is None or meant in given:
                self.deviates(Fault.FORMAT, label, rule, f"{rule}, left out")
            else:
                self.deviates(Fault.FORMAT, label, rule, f"read as {meant}")
                given[meant] = value[name]
        return given

    def _stand_in(self, spot: str) -> object:
        return self.harmless.get((self.action, re.sub(r"\[[0-9]+\]", "", spot)))

    def _missing(self, read: Json, name: str, spot: str) -> None:
        stand_in = self._stand_in(spot)
        if stand_in is None:
            # OCPP-J 1.6 table 7: ProtocolError, "payload is incomplete"; 2.x has a code of its own for it.
            fault = Fault.PROTOCOL if self.version is Version.V16 else Fault.OCCURRENCE
            raise OcppError(fault, f"{spot}: required, but missing")
        if stand_in is LEFT_OUT:
            self.note(spot, "required, but missing")
        else:
            read[name] = list(stand_in) if isinstance(stand_in, list) else stand_in
            self.note(spot, f"required, but missing, read as {shown(read[name])}")

    def listing(self, value: Any, schema: Json, path: str) -> list[Any]:
        if isinstance(value, dict):
            self.deviates(
                Fault.TYPE, path, "must be a list", "one object instead of a list, read as a list of one"
            )
            value = [value]
        if not isinstance(value, list):
            raise OcppError(Fault.TYPE, f"{path}: must be a list")
        read = []
        for index, item in enumerate(value):
            spot = f"{path}[{index}]"
            try:
                read.append(self.value(item, schema.get("items", {}), spot))
            except OcppError as error:
                if self.strict:
                    raise
                self.whole = False
                self.note(
                    spot, f"left out, {printable(error.description.removeprefix(spot).lstrip('.: '), 120)}"
                )
        low, high = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if not low <= len(value) <= high:
            bound = f"at least {low}" if len(value) < low else f"at most {high}"
            rule = f"must have {bound} items"
            self.deviates(Fault.OCCURRENCE, path, rule, f"{len(value)} items, {bound} are asked for")
        return read

    def text(self, value: Any, schema: Json, path: str) -> str:
        if isinstance(value, str):
            text = value
        elif isinstance(value, bool | int | float):
            text = shown(value) if isinstance(value, bool) else str(value)
            self.deviates(Fault.TYPE, path, "must be a text", f"{shown(value)} read as text")
        elif path == "data" and self.action == "DataTransfer" and value is not None:
            text = orjson.dumps(value).decode()
            self.deviates(Fault.TYPE, path, "must be a text", f"{shown(value)} kept as JSON text")
        else:
            raise OcppError(Fault.TYPE, f"{path}: must be a text")
        if "enum" in schema:
            return self._enum(text, schema["enum"], path)
        limit = schema.get("maxLength", math.inf)
        if len(text) > limit:
            rule = f"must have at most {limit} characters"
            self.deviates(
                Fault.PROPERTY, path, rule, f"{len(text)} characters, at most {limit} are allowed, kept whole"
            )
        any_year = schema.get("pattern") != YEAR
        if schema.get("format") == "date-time" and (oddity := time_oddity(text, any_year=any_year)):
            rule = "must be a date and time as in RFC 3339"
            zoned = with_zone(text, self.zone) if self.zone and not self.strict else None
            if zoned:
                self.note(path, f"{shown(text)} has no time zone, read as {zoned}")
                return zoned
            self.deviates(Fault.PROPERTY, path, rule, f"{shown(text)} {oddity}, kept as text")
        return text

    def _enum(self, text: str, options: list[str], path: str) -> str:
        if text in options:
            return text
        rule = f"is not one of the values of {self.version.label}"
        bare = text.strip(" \t\r\n\"'").casefold()
        plain = PLAIN_WORDS.get(path.rpartition(".")[2], {})
        meant = next((option for option in options if option.casefold() == bare), plain.get(bare))
        what = f"read as {meant}" if meant else "kept as text"
        self.deviates(Fault.PROPERTY, path, rule, f"{shown(text)} is not in {self.version.label}, {what}")
        return meant or text

    def number(self, value: Any, schema: Json, path: str) -> int | float:
        read = value if type(value) in (int, float) else _number(value)
        if read is None:
            raise OcppError(Fault.TYPE, f"{path}: must be a number")
        if read is not value:
            self.deviates(
                Fault.TYPE, path, "must be a number", f"{shown(value)} read as the number {shown(read)}"
            )
        return self._in_range(read, schema, path)

    def integer(self, value: Any, schema: Json, path: str) -> int | float:
        read = value if type(value) in (int, float) else _number(value)
        if read is None:
            raise OcppError(Fault.TYPE, f"{path}: must be a whole number")
        if abs(read) > MAX_INTEGER:
            raise OcppError(Fault.PROPERTY, f"{path}: must be a number of at most 64 bits")
        read = math.floor(read)
        if type(value) is not int:
            self.deviates(
                Fault.TYPE, path, "must be a whole number", f"{shown(value)} read as the number {read}"
            )
        return self._in_range(read, schema, path)

    def _in_range(self, value: int | float, schema: Json, path: str) -> int | float:
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if not low <= value <= high:
            bound = f"at least {low}" if value < low else f"at most {high}"
            self.deviates(Fault.PROPERTY, path, f"must be {bound}", f"{shown(value)} is out of range, kept")
        step = schema.get("multipleOf")
        if step and not math.isclose(value / step, round(value / step), abs_tol=1e-6):
            self.deviates(
                Fault.PROPERTY, path, f"must be a multiple of {step}", f"{shown(value)} is too fine, kept"
            )
        return value

    def truth(self, value: Any, schema: Json, path: str) -> bool:
        if isinstance(value, bool):
            return value
        read = _TRUTH.get(str(value).strip().casefold()) if isinstance(value, str | int) else None
        if read is None:
            raise OcppError(Fault.TYPE, f"{path}: must be true or false")
        self.deviates(Fault.TYPE, path, "must be true or false", f"{shown(value)} read as {shown(read)}")
        return read


_TRUTH = {"true": True, "1": True, "false": False, "0": False}

_READERS: dict[str, Callable[[_Reading, Any, Json, str], Any]] = {
    "object": _Reading.mapping,
    "array": _Reading.listing,
    "string": _Reading.text,
    "number": _Reading.number,
    "integer": _Reading.integer,
    "boolean": _Reading.truth,
}


def _number(value: object) -> int | float | None:
    """The number that a text plainly is, or None. Short texts only: int() of a long one is slow."""
    if not isinstance(value, str) or not 0 < len(value) <= 40:
        return None
    text = value.strip(" \t\r\n\"'")
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,3})?", text):
        number = float(text)
        return number if math.isfinite(number) else None
    return None
