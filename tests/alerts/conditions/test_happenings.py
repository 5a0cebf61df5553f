"""Happenings: by edge, repeated, replayed after an hour, in the words of 1.6 and 2.x, with a restart in between."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.conditions import HAPPENINGS
from alerts.finding import HOLD, Fact
from alerts.models import TEXT_MAX
from chargers.connections import CLOSE_REPLACED
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.ids import uuid7
from tests.alerts.cast import HOUR, SECOND
from tests.alerts.conditions.cast import HOSTILE, NOON
from tests.alerts.conditions.hearing import Memory, fact, over, started, status

STATES = (
    "Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing", "Reserved", "Unavailable",
    "Faulted",
)  # fmt: skip
SLUGS = dict(zip(STATES, (
    "available", "preparing", "charging", "suspended-evse", "suspended-ev", "finishing", "reserved", "unavailable",
    "faulted",
), strict=True))  # fmt: skip


def test_every_happening_reads_events_that_there_are_and_can_be_held() -> None:
    for slug, happening in HAPPENINGS.items():
        assert slug == happening.slug
        assert set(happening.types) <= set(EVENT_TYPES)
        assert HOLD in happening.params
    assert len({happening.title for happening in HAPPENINGS.values()}) == len(HAPPENINGS)


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_charge_point_connects_and_disconnects() -> None:
    comes, goes = fact("cp.connected"), fact("cp.disconnected", code=1006, reason="no answer\nto a ping")
    assert Memory().edges("charge-point-connected", comes, goes, comes) == [True, False, True]
    memory = Memory()
    assert memory.edges("charge-point-disconnected", comes, goes, goes) == [False, True, False]
    found = Memory().hear(goes, "charge-point-disconnected")
    assert found is not None
    assert (found.subject, found.began_at, found.charge_point_id) == ("charge-point:CP16", NOON, 16)
    assert found.text == "Bay 3 (CP16) has disconnected: no answer to a ping."
    assert (
        over("charge-point-disconnected", comes)
        == "charge-point:CP16"
        == over("charge-point-connected", goes)
    )
    assert over("charge-point-disconnected", goes) is over("charge-point-connected", comes) is None


def test_a_connection_that_a_newer_one_replaces_is_neither_an_end_nor_a_beginning() -> None:
    replaced = fact("cp.disconnected", code=CLOSE_REPLACED, reason="replaced")
    facts = fact("cp.connected"), replaced, fact("cp.connected")
    assert Memory().edges("charge-point-disconnected", *facts) == [False, False, False]
    assert Memory().edges("charge-point-connected", *facts) == [True, False, False]
    assert over("charge-point-connected", replaced) is None


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", STATES)
def test_a_connector_becomes_each_of_nine_states_by_edge(word: str) -> None:
    slug = f"connector-{SLUGS[word]}"
    other = "Reserved" if word != "Reserved" else "Available"
    memory = Memory()
    assert memory.edges(slug, status(other), status(word), status(word.upper()), status(other), status(word)) == [
        False, True, False, False, True,
    ]  # fmt: skip
    assert memory.edges(slug, status(word), status(word, 2), status(word, 0)) == [False, True, False]
    found = Memory().hear(status(word, error_code="GroundFailure", info="Relay 4"), slug)
    assert found is not None
    assert (found.subject, found.connector_number) == ("connector:CP16/1", 1)
    assert found.text == f"Connector 1 of Bay 3 (CP16) is now {word}: GroundFailure, Relay 4"
    assert over(slug, status(other)) == "connector:CP16/1"
    assert over(slug, status(word)) is None


@pytest.mark.parametrize("word", ["Available", "Unavailable", "Faulted"])
def test_a_station_becomes_each_of_three_states_by_edge(word: str) -> None:
    slug = f"station-{word.lower()}"
    other = "Reserved"
    assert Memory().edges(slug, status(word, 0), status(word, 0), status(other, 0), status(word, 0)) == [
        True, False, False, True,
    ]  # fmt: skip
    assert Memory().edges(slug, status(word, 1)) == [False]
    found = Memory().hear(status(word, 0), slug)
    assert found is not None
    assert (found.subject, found.text) == ("connector:CP16/0", f"The station Bay 3 (CP16) is now {word}.")
    assert over(slug, status(other, 0)) == "connector:CP16/0"
    assert over(slug, status(other, 1)) is None


def state(word: str) -> Fact:
    return fact(
        "tx.updated", reason="charging_state", charging_state=word, connector_id=1, transaction_id="7"
    )


def test_2x_says_that_somebody_is_there_and_of_the_transaction_what_happens() -> None:
    story = [
        status("Available"), status("Occupied"), status("Occupied"), state("EVConnected"), state("Charging"),
        status("Occupied"), state("SuspendedEV"), state("Charging"), status("Available"), status("Occupied"),
    ]  # fmt: skip
    prepares = [story.index(story[1]), 9]
    assert [n for n, edge in enumerate(Memory().edges("connector-preparing", *story)) if edge] == prepares
    charges = Memory().edges("connector-charging", *story)
    assert [n for n, edge in enumerate(charges) if edge] == [4, 7]
    assert [n for n, edge in enumerate(Memory().edges("connector-suspended-ev", *story)) if edge] == [6]
    assert over("connector-preparing", status("Occupied")) is None


def test_1_6_says_the_same_twice_and_is_heard_once() -> None:
    facts = status("Preparing"), status("Charging"), state("Charging"), state("Charging")
    assert Memory().edges("connector-charging", *facts) == [False, True, False, False]


def test_a_report_that_is_older_than_what_is_known_says_nothing() -> None:
    memory = Memory()
    old = status("Faulted", current=False)
    assert memory.edges("connector-faulted", status("Available"), old) == [False, False]
    assert over("connector-available", old) is None
    assert memory.words == {"status:CP16/1": "Available"}


@pytest.mark.parametrize(
    ("reported", "skew", "edge"),
    [
        (NOON - HOUR, timedelta(0), True),
        (NOON - HOUR - SECOND, timedelta(0), False),
        (NOON - 5 * HOUR, None, True),  # its clock may be off: nobody knows yet
        (NOON - 5 * HOUR, -5 * HOUR, True),  # its clock is five hours behind
        (NOON - 6 * HOUR - SECOND, -5 * HOUR, False),
        (NOON + 5 * HOUR, 5 * HOUR, True),
        (NOON + 3 * HOUR, 5 * HOUR, False),
    ],
)
def test_a_report_that_was_kept_for_an_hour_says_what_is_and_is_no_news(
    reported: datetime, skew: timedelta | None, edge: bool
) -> None:
    payload = {"connector_id": 1, "status": "Faulted", "charger_reported_at": reported.isoformat()}
    told = Fact(uuid7(), "cp.status", NOON, payload, "CP16", 16, "", skew)
    memory = Memory()
    assert (memory.hear(told, "connector-faulted") is not None) is edge
    assert memory.edges("connector-faulted", status("Faulted")) == [False]


@pytest.mark.parametrize("told", ["", "2026-03-04T10:00:00", "soon", None, 7])
def test_a_time_that_cannot_be_read_is_no_reason_to_be_quiet(told: Any) -> None:
    assert Memory().hear(status("Faulted", charger_reported_at=told), "connector-faulted") is not None


# --- transactions -----------------------------------------------------------------------------------------------------


def stopped(**payload: Any) -> Fact:
    """As 1.6 tells it: its StopTransaction has no connector, and the event has."""
    facts = {"transaction_id": "7", "connector_id": 2, "stopped_at": NOON.isoformat(), "stop_reason": "Local"}
    return fact("tx.stopped", **(facts | {"consumed_wh": 7500} | payload))


def test_a_transaction_starts_and_stops() -> None:
    begins = Memory().hear(started(), "transaction-started")
    assert begins is not None
    assert (begins.subject, begins.connector_number) == ("session:CP16/7", 2)
    assert begins.text == "Transaction 7 has started: Connector 2 of Bay 3 (CP16)."
    ends = Memory().hear(stopped(), "transaction-stopped")
    assert ends is not None
    assert (ends.subject, ends.connector_number) == ("session:CP16/7", 2)
    assert ends.text == "Transaction 7 has stopped: Connector 2 of Bay 3 (CP16), 7500 Wh, Local."
    assert over("transaction-started", stopped()) == "session:CP16/7"
    assert over("transaction-started", started()) is None


def test_each_transaction_is_told_of_once_however_often_it_comes() -> None:
    facts = (
        started(),
        started(),
        stopped(),
        stopped(),
        started(transaction_id="8"),
        stopped(transaction_id="8"),
    )
    assert Memory().edges("transaction-started", *facts) == [True, False, False, False, True, False]
    assert Memory().edges("transaction-stopped", *facts) == [False, False, True, False, False, True]


def test_a_start_that_comes_after_its_stop_is_no_start() -> None:
    assert Memory().edges("transaction-started", stopped(), started()) == [False, False]


def test_a_transaction_that_was_told_an_hour_late_is_no_news() -> None:
    late = (NOON - HOUR - SECOND).isoformat()
    assert Memory().hear(started(started_at=late), "transaction-started") is None
    assert Memory().hear(stopped(stopped_at=late), "transaction-stopped") is None
    assert Memory().hear(stopped(started_at=late), "transaction-stopped") is not None


def test_a_stop_of_which_little_is_known() -> None:
    found = Memory().hear(stopped(connector_id=None, consumed_wh=None, stop_reason=""), "transaction-stopped")
    assert found is not None
    assert found.text == "Transaction 7 has stopped: Bay 3 (CP16)."


# --- boots, jobs, security, commands ----------------------------------------------------------------------------------


def boot(status: str, **payload: Any) -> Fact:
    return fact("cp.boot", status=status, vendor="Acme", model="One", **payload)


def test_a_boot_is_told_of_once_it_is_accepted_and_a_new_device_while_it_is_not() -> None:
    facts = boot("pending"), boot("pending"), boot("accepted"), boot("accepted"), boot("pending")
    assert Memory().edges("charge-point-booted", *facts) == [False, False, True, True, False]
    assert Memory().edges("device-waits", *facts) == [True, False, False, False, True]
    assert over("device-waits", facts[2]) == over("device-waits", boot("rejected")) == "charge-point:CP16"
    assert over("device-waits", facts[0]) is None
    found = Memory().hear(boot("pending", serial_number="S1"), "device-waits")
    assert found is not None
    assert found.text == "Bay 3 (CP16) waits for approval: Acme One S1."
    set_up_first = replace(boot("pending"), approved=True)
    assert Memory().hear(set_up_first, "device-waits") is None, "nobody has to approve of it"


@pytest.mark.parametrize(
    ("slug", "type", "subject"),
    [
        ("firmware-failed", "cp.firmware_status", "firmware:CP16"),
        ("log-failed", "cp.diagnostics_status", "log:CP16"),
    ],
)
def test_a_job_fails_once(slug: str, type: str, subject: str) -> None:
    def job(state: str | None, id: str | None = "a") -> Fact:
        return fact(type, job_id=id, state=state, status="InstallationFailed", detail="no\nroom")

    facts = job("running"), job("failed"), job("failed"), job("lost"), job("failed", "b"), job(None, None)
    assert Memory().edges(slug, *facts) == [False, True, False, False, True, False]
    assert Memory().edges(slug, job("refused"), job("lost", "b")) == [True, True]
    assert Memory().edges(slug, job("succeeded"), job("cancelled", "b")) == [False, False]
    found = Memory().hear(job("failed"), slug)
    assert found is not None
    assert (found.subject, found.text.endswith("of Bay 3 (CP16) has failed: InstallationFailed, no room")) == (
        subject, True,
    )  # fmt: skip
    assert over(slug, job("succeeded")) == subject
    assert over(slug, job("failed")) is None


def security(type: str, critical: bool = True, **payload: Any) -> Fact:
    return fact("cp.security_event", type=type, critical=critical, info="lid", **payload)


def test_security_events_of_different_types_have_subjects_of_their_own() -> None:
    memory = Memory()
    lid, reset = (
        memory.hear(security(word), "security-event")
        for word in ("TamperDetectionActivated", "ResetOrReboot")
    )
    assert lid is not None
    assert reset is not None
    assert lid.subject != reset.subject
    assert lid.text == (
        "Bay 3 (CP16) reports TamperDetectionActivated. Somebody opened it or tampers with it. It says: lid"
    )
    again = memory.hear(security("tamperdetectionactivated "), "security-event")
    assert again is not None
    assert again.subject == lid.subject
    long = [memory.hear(security("X" * 500 + end), "security-event") for end in "ab"]
    assert len({one.subject for one in long if one is not None}) == 2


def test_security_events_that_are_not_critical_only_where_all_are_asked_for() -> None:
    mild = security("InvalidMessages", critical=False)
    assert Memory().edges("security-event", mild) == [False]
    assert Memory().edges("security-event", mild, which="all") == [True]
    late = (NOON - 2 * HOUR).isoformat()
    assert Memory().edges("security-event", security("MemoryExhaustion", charger_reported_at=late)) == [False]


def test_a_command_comes_to_nothing() -> None:
    def done(status: str) -> Fact:
        return fact("cp.command", type="reset", status=status, error_code="InternalError", answer_status="")

    words = ("failed", "timed_out", "expired", "rejected", "cancelled", "accepted")
    assert Memory().edges("command-failed", *map(done, words)) == [True, True, True, False, False, False]
    assert Memory().edges("command-failed", done("rejected"), refusals="count") == [True]
    found = Memory().hear(done("timed_out"), "command-failed")
    assert found is not None
    assert found.subject == "command:CP16/reset" == over("command-failed", done("accepted"))
    assert found.text == "The command reset to Bay 3 (CP16) came to nothing: timed out, InternalError."
    assert over("command-failed", done("failed")) is None


def test_a_lock_that_does_not_hold() -> None:
    def told(problem: bool | None, **payload: Any) -> Fact:
        lock = {"component": "ConnectorPlugRetentionLock", "variable": "Problem", "tech_info": "jammed"}
        place = {"connector_id": 2, "evse_id": 2, "evse_connector_id": 1}
        return fact("device.event", **(lock | place | {"problem": problem} | payload))

    facts = (told(True), told(True), told(None), told(False), told(True), told(True, evse_id=3))
    assert Memory().edges("device-problem", *facts) == [True, False, False, False, True, True]
    found = Memory().hear(told(True), "device-problem")
    assert found is not None
    assert (found.subject, found.connector_number) == (over("device-problem", told(False)), 2)
    text = "EVSE 2, connector 1 of Bay 3 (CP16) cannot lock its cable, or cannot let it go: jammed"
    assert found.text == text
    assert over("device-problem", told(True)) is over("device-problem", told(None)) is None
    assert Memory().edges("device-problem", told(True, charger_reported_at=str(NOON - 2 * HOUR))) == [False]
    station = told(
        True, component=HOSTILE, connector_id=None, evse_id=None, evse_connector_id=None, tech_info=7
    )
    found = Memory().hear(station, "device-problem")
    assert found is not None
    assert found.text.startswith("Bay 3 (CP16) reports a problem of <script>")
    assert "\n" not in found.text


@pytest.mark.parametrize(
    ("slug", "told", "subject", "text"),
    [
        (
            "credential-changed",
            fact("cp.credential_rotated", action="set", by="alice"),
            "credential:CP16",
            "The password of Bay 3 (CP16) was set by alice.",
        ),
        (
            "remote-start-expired",
            fact("remote_start.expired", connector_id=2),
            "connector:CP16/2",
            "Connector 2 of Bay 3 (CP16) accepted a remote start, and no transaction came.",
        ),
        (
            "local-list-failed",
            fact("local_list.failed", result="VersionMismatch"),
            "local-list:CP16",
            "An update of the authorization list of Bay 3 (CP16) came to nothing: VersionMismatch.",
        ),
        (
            "certificate-asked",
            fact("cp.csr_submitted", status="pending"),
            "csr:CP16",
            "Bay 3 (CP16) asks for a certificate, and a person must approve it.",
        ),
        (
            "webhook-paused",
            fact("webhook.paused", name="ERP", why="it was dead for a day"),
            "webhook:ERP",
            "The webhook ERP was paused: it was dead for a day",
        ),
    ],
)
def test_what_happens_once_each_time(slug: str, told: Fact, subject: str, text: str) -> None:
    found = Memory().hear(told, slug)
    assert found is not None
    assert (found.subject, found.text) == (subject, text)


def test_a_certificate_that_is_refused_or_approved_at_once_waits_for_nobody() -> None:
    for word in ("refused", "approved"):
        assert Memory().hear(fact("cp.csr_submitted", status=word), "certificate-asked") is None


def test_an_update_of_a_list_that_succeeds_ends_it() -> None:
    assert over("local-list-failed", fact("local_list.updated")) == "local-list:CP16"
    assert Memory().hear(fact("local_list.updated"), "local-list-failed") is None


@pytest.mark.parametrize("slug", sorted(HAPPENINGS))
def test_no_payload_breaks_a_happening(slug: str) -> None:
    happening = HAPPENINGS[slug]
    names = (
        "connector_id", "status", "error_code", "info", "vendor_error_code", "charger_reported_at", "current", "reason",
        "transaction_id", "started_at", "stopped_at", "consumed_wh", "stop_reason", "charging_state", "code", "vendor",
        "model", "firmware_version", "serial_number", "job_id", "state", "detail", "type", "critical", "answer_status",
        "action", "by", "result", "name", "why", "evse_id", "evse_connector_id",
    )  # fmt: skip
    params = {"which": "all"} if slug == "security-event" else {}
    for hostile in (HOSTILE * 100, "", None, 7, -1, True, ["x"], {"x": 1}, 2**70):
        alike = dict.fromkeys(names, hostile)
        for type in happening.types:
            for payload in ({}, alike, {"connector_id": 1, "status": hostile, "state": "failed"}):
                told = fact(type, **payload)
                found = Memory().hear(told, slug, **params)
                if found is not None:
                    assert found.text.isprintable()
                    assert len(found.text) <= TEXT_MAX
                    assert len(found.subject) <= 200
                    for number in (found.connector_number, found.evse_number, found.evse_connector):
                        assert number is None or 0 <= number < 2**31 - 1
                ends = over(slug, told, **params)
                assert ends is None or len(ends) <= 200


def test_a_restart_changes_nothing_since_the_last_words_are_all_that_is_known() -> None:
    before, after = Memory(), Memory()
    assert before.edges("connector-faulted", status("Available"), status("Faulted")) == [False, True]
    after.words = dict(before.words)
    assert after.edges("connector-faulted", status("Faulted"), status("Available"), status("Faulted")) == [
        False, False, True,
    ]  # fmt: skip
