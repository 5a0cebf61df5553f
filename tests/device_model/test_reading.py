"""When a device model is read, what is done when it is not told, and how what is desired comes to the station."""

from typing import Any

import pytest

from chargers.configuration import following, restoring
from chargers.configuration.models import ConfigurationReading
from chargers.configuration.selectors import same
from chargers.configuration.services import desire_of_charge_point
from chargers.following import Booted, VersionChanged
from chargers.models import ChargePoint, Command
from chargers.reporting.models import Report
from chargers.reporting.services import apply_due
from tests.conformance.v201.cast import device, variable
from tests.device_model.cast import NOW, Station, got, later, put
from tests.support.house import ALICE, fresh

pytestmark = pytest.mark.django_db
SETTLED = 61  # seconds after a boot
TIMEOUT, WINDOW = "TxCtrlr/EVConnectionTimeOut", "OCPPCommCtrlr/OfflineThreshold"


@pytest.fixture
def new() -> Station:
    """One that was never read."""
    return Station(limits=None)


@pytest.fixture
def cs201() -> Station:
    return Station()


def boots(station: Station, **changes: Any) -> None:
    """It boots, settles and is read."""
    facts = {name: ("", value) for name, value in changes.items()}
    following.follow_boot(Booted(station.row.pk, station.row.cp_id, "accepted", facts, NOW))
    following.read_due(now=later(SETTLED))


def desires(station: Station, **values: str) -> None:
    named = {name.replace("__", "/"): value for name, value in values.items()}
    desire_of_charge_point(station.row, named, by="alice", now=later(-1))


def asked(station: Station, at: float = SETTLED) -> list[Any]:
    """What the messages ask for that it gets now, each of which it answers with yes."""
    said = []
    while message := station.claim(later(at)):
        said.append(message.payload.get("reportBase") or message.action)
        station.answer(message, status="Accepted")
    return said


def reading(station: Station) -> ConfigurationReading:
    return ConfigurationReading.objects.get(charge_point=station.row)


def test_device_models_of_a_fleet_are_read_two_a_second_and_others_five_times_as_fast():
    many = [Station(f"CS{n}", limits=None if n < 5 else {}) for n in range(17)]
    for station in many:
        following.follow_boot(Booted(station.row.pk, station.row.cp_id, "accepted", {}, NOW))
    ConfigurationReading.objects.update(due_at=NOW)
    ConfigurationReading.objects.filter(stale=False).update(due_at=later(1))

    def read() -> list[bool]:
        """Whether each that is read now is read whole."""
        before = set(ConfigurationReading.objects.filter(due_at=None).values_list("pk", flat=True))
        following.read_due(now=later(SETTLED))
        taken = ConfigurationReading.objects.filter(due_at=None).exclude(pk__in=before)
        return sorted(taken.values_list("stale", flat=True))

    assert [read() for _ in range(5)] == [
        [True] * 2,
        [True] * 2,
        [False] * 5 + [True],
        [False] * 7,
        [],
    ]


def test_the_whole_is_read_once_and_again_after_a_change_of_what_it_is(new: Station):
    boots(new, model="Two")
    sent = new.next(later(SETTLED))
    assert sent.payload["reportBase"] == "FullInventory"
    new.answer(sent, status="Accepted")
    new.reports(sent.payload["requestId"], [variable("C", "V", "1")])
    apply_due(now=NOW)
    assert (reading(new).read_at, reading(new).stale) == (NOW, False)
    boots(new)
    boots(new, iccid="8944")
    assert new.claim(later(SETTLED)) is None, "nothing is desired, and it is the same station"
    boots(new, firmware_version="1.1")
    assert asked(new) == ["FullInventory"]


def test_after_other_boots_only_what_is_desired_or_was_changed_is_read(cs201: Station):
    desires(cs201, TxCtrlr__EVConnectionTimeOut="60", Key16="1")
    before = Command.objects.create(
        charge_point=cs201.row,
        type="change-configuration",
        status="accepted",
        by="alice",
        created_at=NOW,
        expires_at=NOW,
    )
    cs201.has("C/Told", "1", told_value="2", told_by=before.pk, needs_reboot=True)
    boots(cs201)
    sent = cs201.next(later(SETTLED))
    assert [item["variable"]["name"] for item in sent.payload["getVariableData"]] == [
        "Told",
        "EVConnectionTimeOut",
    ]
    cs201.answer(sent, later(SETTLED), **got(C__Told="2", TxCtrlr__EVConnectionTimeOut="30"))
    assert fresh(before).effect == "It now reports '2'."
    sent = cs201.next(later(SETTLED))
    assert sent.payload["setVariableData"][0]["attributeValue"] == "60"
    cs201.answer(sent, later(SETTLED), **put(TxCtrlr__EVConnectionTimeOut="Accepted"))
    cs201.answer(cs201.next(later(SETTLED)), later(SETTLED), **got(TxCtrlr__EVConnectionTimeOut="60"))
    assert cs201.drift() == {TIMEOUT: "in_sync", "Key16": "unknown"}
    assert cs201.claim(later(SETTLED)) is None


def test_what_is_desired_is_set_together_once_the_report_was_used(new: Station):
    desires(
        new, TxCtrlr__EVConnectionTimeOut="60", OCPPCommCtrlr__OfflineThreshold="5", C__Fixed="1", C__Gone="1"
    )
    restoring.refresh(new.row, author=ALICE, now=NOW)
    sent = new.next()
    new.answer(sent, status="Accepted")
    assert new.claim() is None, "an answer is not the report"
    new.reports(
        sent.payload["requestId"],
        [
            variable("TxCtrlr", "EVConnectionTimeOut", "30"),
            variable("OCPPCommCtrlr", "OfflineThreshold", "7"),
            variable("C", "Fixed", "2", mutability="ReadOnly"),
            variable("DeviceDataCtrlr", "ItemsPerMessage", "9", instance="SetVariables"),
        ],
    )
    apply_due(now=NOW)
    assert new.drift() == {TIMEOUT: "differs", WINDOW: "differs", "C/Fixed": "readonly", "C/Gone": "unknown"}
    sent = new.next()
    assert {item["variable"]["name"] for item in sent.payload["setVariableData"]} == {
        "EVConnectionTimeOut",
        "OfflineThreshold",
        "Gone",
    }
    new.answer(
        sent,
        **put(
            TxCtrlr__EVConnectionTimeOut="RebootRequired",
            OCPPCommCtrlr__OfflineThreshold="Rejected",
            C__Gone="UnknownComponent",
        ),
    )
    assert new.drift() == {
        TIMEOUT: "needs_reboot",
        WINDOW: "rejected",
        "C/Fixed": "readonly",
        "C/Gone": "not_supported",
    }


def test_one_value_that_cannot_be_said_keeps_no_other_from_being_set(cs201: Station):
    for name in ("A", "B"):
        cs201.has(f"C/{name}", "0")
    desires(cs201, C__A="x" * 2000, C__B="1")
    assert restoring.apply_desired(cs201.row, now=NOW) == 1
    assert [item["variable"]["name"] for item in cs201.next().payload["setVariableData"]] == ["B"]


@pytest.mark.parametrize("how", ["NotSupported", "EmptyResultSet", "error"])
def test_one_that_gives_no_full_inventory_is_read_in_lesser_ways(new: Station, how: str):
    desires(new, TxCtrlr__EVConnectionTimeOut="60")
    restoring.refresh(new.row, author=ALICE, now=NOW)
    for base in ("FullInventory", "ConfigurationInventory", "SummaryInventory"):
        sent = new.next()
        assert sent.payload["reportBase"] == base
        new.fail(sent) if how == "error" else new.answer(sent, status=how)
    sent = new.next()
    assert sent.action == "GetVariables"
    new.answer(sent, **got(TxCtrlr__EVConnectionTimeOut="30"))
    assert new.next().action == "SetVariables"
    assert "get-base-report" not in fresh(new.row).lacking or how == "error", "it knows the command"


def test_a_summary_is_not_all_there_is(new: Station):
    desires(new, TxCtrlr__EVConnectionTimeOut="60")
    restoring.refresh(new.row, author=ALICE, now=NOW, base="SummaryInventory")
    sent = new.next()
    new.answer(sent, status="Accepted")
    new.reports(sent.payload["requestId"], [variable("C", "Problem", "false", mutability="ReadOnly")])
    apply_due(now=NOW)
    assert (new.next().action, reading(new).read_at) == ("GetVariables", None)


def test_parts_that_are_missing_are_asked_for_once_more(new: Station):
    desires(new, C__V="1")
    restoring.refresh(new.row, author=ALICE, now=NOW)
    first, second = "", ""
    for n in (0, 1):
        sent = new.next(later(100 * n))
        new.answer(sent, status="Accepted", at=later(100 * n))
        parts = device(sent.payload["requestId"], [variable("C", f"V{x}") for x in range(6)])
        for part in parts[:1] + parts[2:]:
            new.say("NotifyReport", part, later(100 * n))
        assert apply_due(now=later(100 * n + 59)) == 0
        assert apply_due(now=later(100 * n + 61)) == 1
        first, second = second, str(sent.payload["requestId"])
    assert first != second, "a number is never used twice (S2-53)"
    again = Report.objects.get(request_id=second)
    assert (again.repeats, again.state) == (Report.objects.get(request_id=first).pk, "incomplete")
    assert asked(new, 161) == ["ConfigurationInventory"], "a smaller one may come whole"


def test_a_report_that_a_boot_cut_off_is_asked_for_again_at_once(new: Station):
    new.order("get-base-report")
    sent = new.next()
    new.answer(sent, status="Accepted")
    new.say("NotifyReport", device(sent.payload["requestId"], [variable("C", "V")] * 3)[0])
    assert apply_due(now=later(5)) == 0
    ChargePoint.objects.filter(pk=new.row.pk).update(booted_at=later(10))
    assert apply_due(now=later(11)) == 1
    assert asked(new) == ["FullInventory"]
    assert Command.objects.filter(by="system", type="get-base-report").count() == 1


def test_one_that_went_offline_is_read_later(new: Station):
    restoring.refresh(new.row, author=ALICE, now=NOW)
    sent = new.next()
    ChargePoint.objects.filter(pk=new.row.pk).update(connection_id=None)
    new.fail(sent, "ConnectionLost")
    assert reading(new).due_at == NOW + following.READ_EVERY
    assert not Command.objects.filter(status="queued").exists()


def test_settings_of_the_other_version_are_forgotten_and_the_whole_is_read(cs201: Station):
    cs201.has("HeartbeatInterval", "300", attribute="")
    cs201.has(TIMEOUT, "60")
    following.follow_version(VersionChanged(cs201.row.pk, cs201.row.cp_id, "ocpp1.6", "ocpp2.0.1", NOW))
    known = {key.name: key.known for key in cs201.row.configuration_keys.all()}
    assert known == {"HeartbeatInterval": False, TIMEOUT: True}
    boots(cs201)
    assert asked(cs201) == ["FullInventory"]


@pytest.mark.parametrize(
    ("kind", "one", "other", "equal"),
    [
        ("string", "Ab", "aB", False),
        ("string", "Ab ", "Ab", True),
        ("boolean", "True", "true", True),
        ("integer", "60", "60.0", True),
        ("decimal", "1.50", "1.5", True),
        ("decimal", "1.5", "1.6", False),
        ("integer", "x", "X", True),
        ("decimal", "NaN", "nan", True),
        ("MemberList", "a,b", "B, A", True),
        ("MemberList", "a,b", "a", False),
        ("SequenceList", "a,b", "b,a", False),
        ("OptionList", "One", "one", True),
        ("dateTime", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", True),
        ("", "A,B", "A , b", True),
    ],
)
def test_values_are_compared_by_their_type(kind: str, one: str, other: str, equal: bool):
    assert same(one, other, kind) is equal
