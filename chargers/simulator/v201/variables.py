"""The device model of a station: components, variables, attributes, what may be written and what it must be."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chargers.simulator.clock import moment

Payload = dict[str, Any]

ACTUAL = "Actual"
READ, WRITE, BOTH = "ReadOnly", "WriteOnly", "ReadWrite"
LONGEST_VALUE = 1000  # ConfigurationValueSize


@dataclass(frozen=True, slots=True)
class Place:
    """A component: its name, its instance, and the EVSE and connector that it belongs to (0: none)."""

    name: str
    instance: str = ""
    evse: int = 0
    connector: int = 0

    @classmethod
    def of(cls, component: Payload) -> "Place":
        evse = component.get("evse") or {}
        return cls(
            str(component["name"]),
            str(component.get("instance") or ""),
            int(evse.get("id") or 0),
            int(evse.get("connectorId") or 0),
        )

    @property
    def key(self) -> tuple[str, str, int, int]:
        return self.name.casefold(), self.instance.casefold(), self.evse, self.connector

    def payload(self) -> Payload:
        evse: Payload = {"id": self.evse} if self.evse else {}
        if self.connector:
            evse["connectorId"] = self.connector
        return {
            "name": self.name,
            **({"instance": self.instance} if self.instance else {}),
            **({"evse": evse} if evse else {}),
        }


@dataclass(slots=True)
class Variable:
    """A variable of one component; `live` is asked for the actual value where there is no stored one."""

    place: Place
    name: str
    value: str = ""
    kind: str = "string"
    mutability: str = READ
    instance: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    options: tuple[str, ...] = ()
    needs_reboot: bool = False
    monitored: bool = False
    live: Callable[[], str] | None = None
    more: dict[str, str] = field(default_factory=dict)  # of the attributes Target, MinSet and MaxSet

    @property
    def key(self) -> tuple[Any, ...]:
        return *self.place.key, self.name.casefold(), self.instance.casefold()

    def read(self, attribute: str = ACTUAL) -> str | None:
        """The value of this attribute; None when the variable has no such attribute."""
        if attribute == ACTUAL:
            return self.live() if self.live is not None else self.value
        return self.more.get(attribute)

    def mutable(self, attribute: str) -> str:
        return BOTH if attribute == "Target" else self.mutability if attribute == ACTUAL else READ

    def takes(self, value: str) -> bool:
        """Whether this text is a value of the variable's type, within its limits and its list."""
        match self.kind:
            case "boolean":
                return value in ("true", "false")
            case "integer":
                return value.removeprefix("-").isdecimal() and self._within(float(value))
            case "decimal":
                try:
                    return self._within(float(value))
                except ValueError:
                    return False
            case "dateTime":
                try:
                    moment(value)
                except ValueError:
                    return False
                return True
            case "OptionList":
                return value in self.options
            case "MemberList" | "SequenceList":
                names = [name.strip() for name in value.split(",")] if value else []
                return set(names) <= set(self.options) and len(set(names)) == len(names)
        return self._within(len(value)) and len(value) <= LONGEST_VALUE

    def _within(self, number: float) -> bool:
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)

    def reported(self) -> Payload:
        """ReportDataType of this variable, with all its attributes."""
        attributes: list[Payload] = []
        for attribute in (ACTUAL, *self.more):
            mutability = self.mutable(attribute)
            one: Payload = {"type": attribute, "mutability": mutability, "persistent": self.live is None}
            if mutability != WRITE:
                one["value"] = self.read(attribute)
            attributes.append(one)
        about: Payload = {"dataType": self.kind, "supportsMonitoring": self.monitored}
        for name, value in (
            ("unit", self.unit or None),
            ("minLimit", self.low),
            ("maxLimit", self.high),
            ("valuesList", ",".join(self.options) or None),
        ):
            if value is not None:
                about[name] = value
        return {
            "component": self.place.payload(),
            "variable": self.named(),
            "variableAttribute": attributes,
            "variableCharacteristics": about,
        }

    def named(self) -> Payload:
        return {"name": self.name, **({"instance": self.instance} if self.instance else {})}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search for an attribute came to; `variable` is there when the status is Accepted."""

    status: str
    variable: Variable | None = None


class DeviceModel:
    """All variables of one station. `guards` may refuse a value, `written` is told of each that was taken."""

    def __init__(self, variables: Iterable[Variable], written: Callable[[Variable], None]) -> None:
        self._variables = {variable.key: variable for variable in variables}
        self._written = written
        self.guards: dict[str, Callable[[str], str | None]] = {}  # by name of variable: a reason to refuse

    def __len__(self) -> int:
        return len(self._variables)

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._variables.values())

    # --- for the station itself

    def variable(self, component: str, name: str, instance: str = "", evse: int = 0) -> Variable:
        """Raises KeyError: what the station asks for it must have."""
        return self._variables[(component.casefold(), "", evse, 0, name.casefold(), instance.casefold())]

    def text(self, component: str, name: str, instance: str = "", evse: int = 0) -> str:
        return self.variable(component, name, instance, evse).read() or ""

    def number(self, component: str, name: str, instance: str = "") -> int:
        return int(self.text(component, name, instance) or 0)

    def flag(self, component: str, name: str, instance: str = "", evse: int = 0) -> bool:
        return self.text(component, name, instance, evse) == "true"

    def names(self, component: str, name: str) -> list[str]:
        return [part.strip() for part in self.text(component, name).split(",") if part.strip()]

    def put(self, component: str, name: str, value: str, instance: str = "") -> None:
        """Set a value from inside, whatever its mutability."""
        self.variable(component, name, instance).value = value

    # --- for the server

    def find(self, data: Payload) -> Finding:
        """The variable that a GetVariableData or SetVariableData names."""
        place, variable = Place.of(data["component"]), data["variable"]
        name = str(variable["name"]).casefold()
        found = self._variables.get((*place.key, name, str(variable.get("instance") or "").casefold()))
        if found is not None:
            attribute = data.get("attributeType", ACTUAL)
            known = attribute == ACTUAL or attribute in found.more
            return Finding("Accepted", found) if known else Finding("NotSupportedAttributeType")
        is_known = any(one.place.key == place.key for one in self._variables.values())
        return Finding("UnknownVariable" if is_known else "UnknownComponent")

    def get(self, data: Payload) -> Payload:
        """GetVariableResultType for this GetVariableDataType."""
        finding, attribute = self.find(data), data.get("attributeType", ACTUAL)
        result = {"attributeStatus": finding.status, **_address(data)}
        if finding.variable is None:
            return result
        if finding.variable.mutable(attribute) == WRITE:
            return result | {"attributeStatus": "Rejected", **_why("WriteOnly")}
        return result | {"attributeValue": finding.variable.read(attribute)}

    def set(self, data: Payload) -> Payload:
        """SetVariableResultType for this SetVariableDataType; a value that fits is written."""
        finding, attribute = self.find(data), data.get("attributeType", ACTUAL)
        variable, value = finding.variable, str(data["attributeValue"])
        result = {"attributeStatus": finding.status, **_address(data)}
        if variable is None:
            return result
        if variable.mutable(attribute) == READ:
            return result | {"attributeStatus": "Rejected", **_why("ReadOnly")}
        if not variable.takes(value):
            return result | {"attributeStatus": "Rejected", **_why("ValueOutOfRange")}
        refuse = self.guards.get(variable.name)
        if refuse is not None and (reason := refuse(value)) is not None:
            return result | {"attributeStatus": "Rejected", **_why(reason)}
        if attribute != ACTUAL:
            variable.more[attribute] = value
            return result
        variable.value = value
        self._written(variable)
        return result | {"attributeStatus": "RebootRequired"} if variable.needs_reboot else result


def _address(data: Payload) -> Payload:
    """What identifies the attribute, as the server wrote it."""
    named = ("component", "variable", "attributeType")
    return {name: data[name] for name in named if name in data}


def _why(reason: str) -> Payload:
    return {"attributeStatusInfo": {"reasonCode": reason}}
