"""What charge points report, and sessions, commands and certificates: each at its edge, and what does not count."""

from typing import Any

import pytest

from alerts.conditions import reports
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.models import ChargePoint, Command, Connector, Frame
from tests.alerts.conditions.cast import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    at_hand,
    charging,
    found,
    id_at,
    power,
    subjects,
)
from tests.api.cast import (
    certificate,
    command,
    connector,
    ended,
    frame,
    local_list,
    reading,
    session,
    signing_request,
)
from transactions.local_lists.models import LocalList
from transactions.models import MeterValue, Transaction
from transactions.stuck.models import Correction

pytestmark = pytest.mark.django_db

# --- connectors -------------------------------------------------------------------------------------------------------


def test_faults_warnings_and_states_are_three_things() -> None:
    charger = at_hand("CP16", name="Bay 3")
    connector(charger, 0, "Faulted", error_code="")
    connector(charger, 1, "Faulted", error_code="OtherError", vendor_error_code="E7", info="Relay 4")
    connector(charger, 2, "Charging", error_code="HighTemperature")
    connector(charger, 3, "Available")
    connector(charger, 4, "Unavailable")
    connector(charger, 5, "", error_code="WeakSignal")
    assert sorted(one.text for one in found("faulted")) == [
        "Connector 1 of Bay 3 (CP16) is faulted: OtherError, E7, Relay 4",
        "The station Bay 3 (CP16) is faulted, and does not say why.",
    ]
    assert sorted(one.text for one in found("connector-warns")) == [
        "Connector 2 of Bay 3 (CP16) is Charging and warns: HighTemperature",
        "Connector 5 of Bay 3 (CP16) is in no known state and warns: WeakSignal",
    ]
    station = at_hand("CS201")
    ChargePoint.objects.filter(pk=station.pk).update(protocol="ocpp2.0.1")
    connector(station, 2001, "Faulted", error_code="", evse_number=1, evse_connector=2)
    texts = [one.text for one in found("faulted") if one.charge_point_id == station.pk]
    assert texts == ["EVSE 1, connector 2 of CS201 is faulted, and does not say why."]
    assert subjects("connector-in-state") == ["connector:CP16/4"]
    assert subjects("connector-in-state", status="Available") == ["connector:CP16/3"]
    assert [one.connector_number for one in found("connector-in-state", status="Charging")] == [2]


def test_a_state_of_2x_can_be_asked_for() -> None:
    connector(at_hand("CS201"), 1, "Occupied")
    assert subjects("connector-in-state", status="Occupied") == ["connector:CS201/1"]


def test_a_state_that_was_never_reported_begins_now() -> None:
    connector(at_hand("CP16"), 1, "Faulted", received_at=None)
    assert [one.began_at for one in found("faulted")] == [NOON]


@pytest.mark.parametrize(
    ("seconds", "params", "off"),
    [
        (300, {}, 0),
        (301, {}, 1),
        (-301, {}, 1),
        (301, {"seconds": 301}, 0),
        (11, {"seconds": 10}, 1),
        (None, {}, 0),
    ],
)
def test_a_clock_is_off_by_more_than_so_much(seconds: int | None, params: dict[str, Any], off: int) -> None:
    at_hand("CP16", clock_skew_seconds=seconds, clock_measured_at=NOON - MINUTE)
    assert [one.began_at for one in found("clock-off", **params)] == [NOON - MINUTE] * off


# --- lists, deviations ------------------------------------------------------------------------------------------------


def test_a_list_that_differs_and_is_kept_up_to_date() -> None:
    row = local_list(at_hand("CP16"), full_needed=True, reported_at=NOON - HOUR, failures=2)
    [one] = found("local-list-drifts")
    assert one.text.endswith("is not version 3, as it should be; 2 updates failed in a row.")
    assert one.began_at == NOON
    LocalList.objects.update(policy="off")
    assert subjects("local-list-drifts") == []
    LocalList.objects.filter(pk=row.pk).update(policy="all", full_needed=False)
    assert subjects("local-list-drifts") == []


def frames(charger: Any, count: int, verdict: str = "deviant", *, at: Any = NOON - MINUTE) -> None:
    for _ in range(count):
        frame(charger, id=id_at(at), at=at, verdict=verdict)


def test_deviations_within_the_time_count_and_repeats_do_not() -> None:
    charger = at_hand("CP16")
    frames(charger, 2)
    frames(charger, 5, "repeat")
    frames(charger, 5, "late")
    frames(charger, 5, "ok")
    frames(charger, 5, at=NOON - HOUR - SECOND)
    assert subjects("deviations", count=3) == []
    frames(charger, 1, "refused", at=NOON - HOUR + SECOND)
    [one] = found("deviations", count=3)
    assert one.text == "3 messages of CP16 within 60 minutes were not as the standard has them."
    assert subjects("deviations", count=3, minutes=59) == []


def test_only_the_newest_are_looked_at_however_many_come(monkeypatch: pytest.MonkeyPatch) -> None:
    frames(at_hand("OLD"), 5, at=NOON - 2 * MINUTE)
    frames(at_hand("NEW"), 5)
    monkeypatch.setattr(reports, "FRAMES_LOOKED_AT", 5)
    assert subjects("deviations", count=1) == ["charge-point:NEW"]
    assert Frame.objects.count() == 10


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_no_session_since_the_last_that_delivered() -> None:
    old = at_hand("CP16", created_at=NOON - 100 * DAY)
    ended(old, started_at=NOON - 14 * DAY - HOUR, stopped_at=NOON - 14 * DAY, energy_wh=100)
    ended(old, started_at=NOON - DAY, stopped_at=NOON - DAY, energy_wh=99)
    [one] = found("no-session")
    assert one.began_at == NOON
    assert one.text == "No session at CP16 has delivered energy since 2026-02-18."
    assert subjects("no-session", NOON - SECOND) == []  # it ended within the time, though it began before
    assert subjects("no-session", days=15) == []
    assert subjects("no-session", energy=99) == []
    session(old, started_at=NOON - 20 * DAY)
    assert subjects("no-session") == []  # one that is open may yet deliver


def test_no_session_since_it_was_registered() -> None:
    at_hand("NEW", created_at=NOON - 14 * DAY + SECOND)
    assert subjects("no-session") == []
    [one] = found("no-session", NOON + SECOND)
    assert (one.began_at, one.text) == (NOON + SECOND, "No session at NEW has delivered energy.")


def test_no_power_by_all_readings_of_the_time() -> None:
    charger = at_hand("CP16")
    transaction = charging(charger, 49.9)
    assert subjects("no-power") == ["connector:CP16/1"]
    assert subjects("no-power", power=49) == []
    power(charger, transaction, 7000, at=NOON - 15 * MINUTE)
    assert subjects("no-power") == ["connector:CP16/1"]
    power(charger, transaction, 7000, at=NOON - 15 * MINUTE + SECOND)
    assert subjects("no-power") == []
    assert subjects("no-power", minutes=14) == ["connector:CP16/1"]


def test_power_that_was_told_late_says_nothing_about_now() -> None:
    charger = at_hand("CP16")
    transaction = charging(charger)
    power(charger, transaction, 7000, offline=True)
    assert subjects("no-power") == ["connector:CP16/1"]
    MeterValue.objects.update(offline=True)
    assert subjects("no-power") == []


def test_without_any_reading_of_power_nothing_is_known() -> None:
    charging(at_hand("CP16"), None)
    assert subjects("no-power") == []


@pytest.mark.parametrize(
    "values",
    [{"status": "ended"}, {"superseded": True}, {"started_at": NOON - 14 * MINUTE}, {"connector_number": 2}],
)
def test_only_of_a_session_that_charges(values: dict[str, Any]) -> None:
    charging(at_hand("CP16"))
    Transaction.objects.update(**values)
    assert subjects("no-power") == []


def test_a_connector_that_suspends_is_not_asked_for_power() -> None:
    charging(at_hand("CP16"))
    Connector.objects.update(status="SuspendedEV")
    assert subjects("no-power") == []


def test_a_connector_with_two_sessions_is_told_of_once() -> None:
    charger = at_hand("CP16")
    for _ in range(2):
        transaction = session(charger, started_at=NOON - HOUR)
        power(charger, transaction, 0)
    connector(charger, 1, "Charging")
    assert subjects("no-power") == ["connector:CP16/1"]


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        ("eternal", {}, "open for too long."),
        (
            "zombie",
            {"end_seen_at": NOON - HOUR},
            "open, though its connector is free or its charge point gone.",
        ),
        (
            "no_stop",
            {"status": "ended", "end_source": "inferred", "stopped_at": NOON - HOUR},
            "ended by evidence, its end was never reported.",
        ),
        ("orphan", {"status": "ended", "orphan": True}, "an end without a start."),
    ],
)
def test_sessions_that_are_stuck_in_each_way(kind: str, values: dict[str, Any], text: str) -> None:
    begun = NOON - 25 * HOUR
    row = session(at_hand("CP16"), started_at=begun, start_received_at=begun, **values)
    [one] = found("session-stuck", kind=kind)
    assert (one.subject, one.connector_number) == (f"transaction:{row.pk}", 1)
    assert one.text == f"Session {row.transaction_id} of Connector 1 of CP16 is stuck: {text}"
    Correction.objects.create(
        at=NOON, by="alice", kind=kind, step="dismissed", charge_point=row.charge_point, transaction=row,
        reason="known", evidence=[],
    )  # fmt: skip
    assert subjects("session-stuck", kind=kind) == []


def test_sessions_without_energy_and_readings_without_a_session_are_stuck() -> None:
    charger = at_hand("CP16")
    charging(charger)
    MeterValue.objects.update(energy_wh=1000)
    assert len(found("session-stuck", kind="zero_energy")) == 1
    at = NOON - HOUR
    reading(charger, id=id_at(at), sampled_at=at, received_at=at, claimed_transaction_id="<b>\n")
    [one] = found("session-stuck", kind="unmatched")
    assert one.subject.startswith("readings:CP16/<b>#")
    assert one.text == "Session <b> of Connector 1 of CP16 is stuck: readings without a transaction."


# --- commands ---------------------------------------------------------------------------------------------------------


def commands(charger: Any, *statuses: str, at: Any = NOON - HOUR) -> None:
    for status in statuses:
        command(charger, id=id_at(at), status=status)


def test_commands_that_are_not_answered_by_share_and_number() -> None:
    charger = at_hand("CP16")
    commands(charger, "failed", "timed_out", "expired", "failed")
    commands(charger, "failed", at=NOON - 6 * HOUR - SECOND)
    assert subjects("commands-fail") == []
    commands(charger, "failed", at=NOON - 6 * HOUR + SECOND)
    commands(charger, *["queued"] * 9, *["cancelled"] * 9)
    [one] = found("commands-fail")
    assert one.text == "5 of 5 commands to CP16 were not answered."
    commands(charger, *["rejected"] * 3, *["accepted"] * 2)
    assert len(found("commands-fail")) == 1  # half of ten
    commands(charger, "accepted")
    assert subjects("commands-fail") == []
    assert subjects("commands-fail", share=45) == ["charge-point:CP16"]
    assert Command.objects.count() == 30


# --- certificates -----------------------------------------------------------------------------------------------------


def test_certificates_are_told_of_as_many_days_ahead_as_the_rule_says() -> None:
    row = certificate(at_hand("CP16"), use="charge_point", not_after=NOON + 10 * DAY)
    assert subjects("certificate-expires", days=9) == []
    [one] = found("certificate-expires", days=10)
    assert (one.subject, one.began_at) == (f"certificate:{row.pk}", NOON)
    assert subjects("certificate-expired") == []
    at = NOON + 10 * DAY
    assert subjects("certificate-expires", at) == []
    assert subjects("certificate-expired", at) == [f"certificate:{row.pk}"]
    assert subjects("certificate-expired", at - SECOND) == []
    InstalledCertificate.objects.update(use="central_system_root")
    assert subjects("certificate-expired", at) == []


@pytest.mark.parametrize(
    ("values", "waits", "unsigned"),
    [
        ({"status": "pending"}, 1, 0),
        ({"status": "pending", "signing_error": "left from before"}, 1, 0),
        ({"status": "approved", "decided_at": NOON}, 0, 0),
        ({"status": "approved", "signing_error": "no\nCA", "decided_at": NOON}, 0, 1),
        ({"status": "installed", "signing_error": "at first"}, 0, 0),
        ({"status": "refused"}, 0, 0),
    ],
)
def test_requests_that_get_nowhere(values: dict[str, Any], waits: int, unsigned: int) -> None:
    signing_request(at_hand("CP16"), **values)
    waiting = [one.text for one in found("certificate-request-waits")]
    assert waiting == ["The request of CP16 for a certificate waits for approval."] * waits
    texts = [one.text for one in found("certificate-unsigned")]
    assert texts == ["The request of CP16 for a certificate could not be signed: no CA"] * unsigned
    assert SigningRequest.objects.count() == 1
