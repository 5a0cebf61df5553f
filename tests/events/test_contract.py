"""The contract of events: both forms say the same, nothing is lost, and what was published stays.

`corpus.jsonl` is a few real payloads of each type, as the tests of all rooms made the product record them (see
`fitting.py`). To record it anew: CSMS_TEST_EVENTS_CORPUS=FILE pytest tests.
"""

import ast
import re
import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from chargers.reservations.models import Reservation
from chargers.traits.values import NAMES
from csms.core.events import docs, encoding, promise
from csms.core.events.catalogue import EVENT_TYPES, covers_any, matches
from csms.core.events.encoding import FIELD_OF, UNTYPED, decode_protobuf, encode
from csms.core.events.envelope import Envelope
from csms.core.events.proto import events_pb2
from tests.events.fitting import CORPUS, envelope, misfit, told
from transactions.charging_profiles.models import InstalledProfile

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 20, 12, 0, 0, 123987, tzinfo=UTC)


def corpus() -> list[Envelope]:
    lines = [orjson.loads(line) for line in CORPUS.read_bytes().splitlines()]
    return [
        envelope(
            line["type"],
            line["cp_id"],
            orjson.dumps(line["payload"]).decode(),
            datetime.fromisoformat(line["at"]),
            position,
        )
        for position, line in enumerate(lines, start=1)
    ]


# --- both forms -------------------------------------------------------------------------------------------------------


def test_both_forms_of_every_type_carry_the_same_facts():
    events = corpus()
    assert {event.type for event in events} == set(EVENT_TYPES)
    assert [why for event in events if (why := misfit(event))] == []


def test_the_payload_of_each_type_is_in_the_field_of_its_message():
    for event in corpus():
        message = events_pb2.Envelope.FromString(encode(event, "protobuf"))
        assert message.WhichOneof("payload") == FIELD_OF[event.type]
        assert message.DESCRIPTOR.fields_by_name[FIELD_OF[event.type]].message_type.name == (
            EVENT_TYPES[event.type].message
        )


def test_every_field_of_a_payload_message_is_told_by_some_event():
    """Else it is a field that nobody fills."""
    filled: dict[str, set[str]] = {}
    for event in corpus():
        filled.setdefault(EVENT_TYPES[event.type].message, set()).update(orjson.loads(event.payload))
    for name, fields in filled.items():
        message = events_pb2.DESCRIPTOR.message_types_by_name[name]
        assert {field.name for field in message.fields} - fields == set(), name


def _keys(message: Descriptor, value: Any) -> None:
    """Check that each object has every field of its message, and each object in it."""
    fields = {field.name: field for field in message.fields}
    assert set(value) == set(fields), message.name
    for name, field in fields.items():
        inner = field.message_type
        if inner is None or inner.GetOptions().map_entry or value[name] is None:
            continue
        for each in value[name] if field.is_repeated else [value[name]]:
            _keys(inner, each)


def test_in_json_every_field_is_there_null_if_it_was_not_told():
    nothing = [envelope(type, "CP16", "{}", NOON) for type in EVENT_TYPES]
    for event in [*nothing, *corpus()]:
        message = events_pb2.DESCRIPTOR.message_types_by_name[EVENT_TYPES[event.type].message]
        payload = orjson.loads(event.as_json())["payload"]
        _keys(message, payload)
        assert told(payload) == told(orjson.loads(event.payload))
        if event.payload == "{}":
            assert set(payload.values()) == {None}


def test_in_json_a_payload_that_fits_no_message_is_as_it_was_recorded():
    for type, payload in (("cp.never_heard_of", {"a": None}), ("cp.status", [1, 2])):
        event = envelope(type, "CP16", orjson.dumps(payload).decode(), NOON)
        assert orjson.loads(event.as_json())["payload"] == payload


def test_figures_and_texts_are_exact_in_both_forms():
    payload = {"connector_id": 1, "transaction_id": "4711", "meter_values": [
        {"energy_wh": 2**53 + 1, "power_w": 7360.1, "soc_percent": 80.5, "offline": False,
         "samples": [{"value": "12.3450", "unit": "ü 漢 \U0001f50c"}]},
    ]}  # fmt: skip
    event = envelope("cp.meter", "CP16", orjson.dumps(payload).decode(), NOON)
    assert told(decode_protobuf(encode(event, "protobuf"))["payload"]) == payload
    assert told(orjson.loads(encode(event, "json"))["payload"]) == payload


@pytest.mark.parametrize(
    "moment",
    [NOON, NOON.astimezone(timezone(timedelta(hours=2))), datetime(1969, 12, 31, 23, 59, 59, 1, UTC)],
)
def test_times_are_utc_in_milliseconds_in_both_forms(moment: datetime):
    event = envelope("cp.heartbeat", "CP16", "{}", moment)
    back, there = decode_protobuf(encode(event, "protobuf")), orjson.loads(encode(event, "json"))
    assert back["occurred_at"] == there["occurred_at"]
    assert datetime.fromisoformat(back["occurred_at"]) == moment.replace(
        microsecond=moment.microsecond // 1000 * 1000
    )


def test_an_event_of_no_charge_point_and_without_a_trace_is_whole():
    event = Envelope(
        envelope("bulk.job", "", "{}", NOON).id, "bulk.job", 1, "", NOON, NOON, "", 0, "{}", 1, 1
    )
    back = decode_protobuf(encode(event, "protobuf"))
    assert (back["cp_id"], back["trace_id"]) == ("", event.id.hex)
    assert back["trace_id"] == orjson.loads(encode(event, "json"))["trace_id"]


# --- nothing is lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "payload"),
    [
        ("cp.status", '{"connector_id":1,"mood":"sad"}'),
        ("cp.status", '{"connector_id":"one"}'),
        ("cp.status", '{"connector_id":5000000000}'),
        ("cp.status", '{"connector_id":1.5}'),
        ("cp.status", "[1,2]"),
        ("cp.meter", '{"meter_values":[null]}'),
        ("cp.meter", '{"meter_values":[{"energy_wh":1e30}]}'),
        ("cp.meter", '{"meter_values":{"energy_wh":1}}'),
        ("cp.never_heard_of", '{"a":{"b":[1,null,"c"]}}'),
    ],
)  # fmt: skip
def test_what_fits_no_message_leaves_as_text_is_counted_and_logged_once(
    type: str, payload: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(encoding, "_told", set())
    before = UNTYPED.labels(type)._value.get()
    event = envelope(type, "CP16", payload, NOON)
    for _ in range(3):
        back = decode_protobuf(encode(event, "protobuf"))
        assert back["payload"] == orjson.loads(payload)
        assert (back["type"], back["cp_id"], back["event_id"]) == (type, "CP16", str(event.id))
    assert UNTYPED.labels(type)._value.get() == before + 3
    assert [record.message for record in caplog.records] == ["events.untyped"]


def test_bytes_that_are_no_event_are_an_error():
    with pytest.raises(DecodeError):
        decode_protobuf(b"\xff\xff\xff")


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_patterns_of_types():
    assert matches("*", "tx.started")
    assert matches("tx.*", "tx.started")
    assert matches("tx.started", "tx.started")
    for pattern in ("tx", "tx.start", "tx.s*", "t*", "cp.*", "", "tx.started.*", ".*", "TX.*"):
        assert not matches(pattern, "tx.started"), pattern
    assert covers_any("tx.*")
    assert not covers_any("tx.begun")


def test_families_of_types_are_whole():
    families = {"reservation": Reservation.Status, "charging_profile": InstalledProfile.Status}
    for family, statuses in families.items():
        assert {f"{family}.{status}" for status in statuses} == {
            type for type in EVENT_TYPES if matches(f"{family}.*", type)
        }


def test_every_trait_has_a_field():
    assert set(NAMES) == {field.name for field in events_pb2.TraitValues.DESCRIPTOR.fields}


TELLING = {"record", "record_all", "_tell", "tell_end", "Kind"}


def _named_types() -> set[str]:
    """The types that stand as text in the product where something is recorded."""
    found = set()
    for room in ("csms", "chargers", "transactions", "alerts", "console"):
        for path in (ROOT / room).rglob("*.py"):
            source = path.read_text()
            if not any(f"{name}(" in source or f"{name}[" in source for name in TELLING):
                continue  # spares most of the work
            for node in ast.walk(ast.parse(source)):
                if not isinstance(node, ast.Call):
                    continue
                function = node.func.value if isinstance(node.func, ast.Subscript) else node.func
                if getattr(function, "id", "") in TELLING:
                    given = [*node.args, *(keyword.value for keyword in node.keywords)]
                    texts = [
                        part.value
                        for each in given
                        for part in ast.walk(each)
                        if isinstance(part, ast.Constant)
                    ]
                    found |= {
                        text for text in texts if isinstance(text, str) and re.fullmatch(r"\w+\.\w+", text)
                    }
    return found


def test_every_type_that_is_recorded_is_in_the_catalogue_and_the_other_way_round():
    families = ("reservation.", "charging_profile.", "local_list.")
    named = _named_types()
    assert named <= set(EVENT_TYPES)
    assert {type for type in EVENT_TYPES if not type.startswith(families)} <= named


# --- what was published stays -----------------------------------------------------------------------------------------


def published() -> list[str]:
    return (ROOT / "csms/core/events/proto" / promise.FILE).read_text().splitlines()


def test_nothing_that_was_published_was_removed_renamed_or_renumbered():
    lines = published()
    assert len(lines) > 300
    assert promise.broken(lines) == []


@pytest.mark.parametrize(
    "line",
    [
        "field TransactionStarted 5 meter_start_kwh int64",  # renamed
        "field TransactionStarted 50 meter_start_wh int64",  # renumbered
        "field TransactionStarted 5 meter_start_wh string",  # of another type
        "field TransactionStarted 5 meter_start_wh repeated int64",
        "field Session 1 id string",  # removed, with its message
        "type tx.begun TransactionStarted",
        "type tx.started TransactionStopped",
    ],
)
def test_a_change_of_what_was_published_is_found(line: str):
    assert promise.broken([line]) == [line]


def test_what_is_added_breaks_nothing():
    lines = published()
    assert promise.broken(lines[: len(lines) // 2]) == []


def test_numbers_of_fields_are_never_used_twice():
    numbers = [line.split()[1:3] for line in published() if line.startswith("field ")]
    assert len({tuple(number) for number in numbers}) == len(numbers)


# --- what is generated ------------------------------------------------------------------------------------------------


def test_the_generated_code_and_the_reference_are_as_their_sources():
    call_command("events_proto", "--check")
    call_command("events_docs", "--check")


def test_a_reference_that_has_drifted_is_found(tmp_path: Path, settings):
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    document = tmp_path / docs.DOCUMENT
    document.write_text(f"# Events\n\nBy hand.\n\n{docs.MARK}\n## Types\n")
    with pytest.raises(CommandError, match="events_docs"):
        call_command("events_docs", "--check")
    call_command("events_docs")
    call_command("events_docs", "--check")
    assert document.read_text().startswith(f"# Events\n\nBy hand.\n\n{docs.MARK}")


def test_the_reference_names_every_type_and_every_field():
    text = (ROOT / docs.DOCUMENT).read_text()
    for each in EVENT_TYPES.values():
        assert f"| `{each.name}` | {each.summary} |" in text
    for message in events_pb2.DESCRIPTOR.message_types_by_name.values():
        for field in message.fields:
            assert f"| `{field.name}` |" in text or field.name in FIELD_OF.values(), field.full_name


def test_figures_of_energy_and_power_name_their_unit():
    said = docs._comments()
    units = {"wh": "Wh", "w": "W", "percent": "%", "kw": "kW", "seconds": "s"}
    for (message, field), text in said.items():
        if unit := units.get(field.rpartition("_")[2]):
            assert unit in text, f"{message}.{field}"


def test_code_that_has_drifted_is_found(tmp_path: Path, settings):
    folder = tmp_path / "csms/core/events/proto"
    shutil.copytree(ROOT / "csms/core/events/proto", folder)
    settings.BASE_DIR = tmp_path
    proto = folder / "csms/events/v1/events.proto"
    proto.write_text(proto.read_text().replace("string vendor = 1;", "string maker = 1;", 1))
    with pytest.raises(CommandError, match="events_proto"):
        call_command("events_proto", "--check")
    (folder / promise.FILE).write_text("type tx.begun Nothing\n")
    with pytest.raises(CommandError, match=r"tx\.begun"):
        call_command("events_proto", "--release")
