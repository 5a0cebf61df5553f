"""What happened to a transaction is told in one list, in the order of time, whoever knew of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.utils import timezone

from chargers.commands.ordering import Author
from chargers.models import STATUS_REPORTS, Command, Frame, StatusReport
from console.story_words import line_of
from csms.core.events.models import Event
from csms.core.ids import uuid7, uuid7_floor
from tests.console.fleet import make_online
from tests.tariffs.cast import assigned, tariff
from tests.transactions.cast import Wireless, token
from transactions.backend.models import SessionReport
from transactions.curves import readings
from transactions.frames_api import claims_of
from transactions.models import METER_VALUES, Transaction
from transactions.story import MOST, Happening, story
from transactions.stuck.models import Correction, Kind
from transactions.stuck.services import correct_transaction

pytestmark = pytest.mark.django_db


def whole_story(transaction: Transaction, now: datetime | None = None) -> list[Happening]:
    gaps, claims = readings(transaction).gaps, claims_of(transaction)
    return story(transaction, gaps=gaps, claims=claims, now=now or timezone.now())


@pytest.fixture
def now_cp() -> Wireless:
    """A charge point of today: ids have the time of writing, and the story looks by them."""
    token()
    return Wireless("CP-NOW")


def say(cp: Wireless, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    from django.db import transaction

    from chargers.handling import Call
    from chargers.protocol.versions import Version
    from csms.routing import CALLS

    with transaction.atomic():
        return CALLS[Version.V16][action](Call(cp.holder, action, payload, timezone.now()))


def iso(minutes_ago: float = 0) -> str:
    return (timezone.now() - timedelta(minutes=minutes_ago)).isoformat()


def status(cp: Wireless, word: str) -> None:
    report = {"connectorId": 1, "status": word, "errorCode": "NoError", "timestamp": iso()}
    say(cp, "StatusNotification", report)


def test_everything_that_happened_is_in_one_list(
    now_cp: Wireless, django_assert_max_num_queries: Any
) -> None:
    cp = now_cp
    connection = make_online(cp.row)
    assigned(tariff())
    asked = timezone.now()
    frame = Frame.objects.create(
        charge_point=cp.row,
        connection_id=connection.pk,
        at=asked,
        direction="in",
        kind=2,
        action="Authorize",
        verdict="ok",
        text='[2,"1","Authorize",{"idTag":"ALICE"}]',
    )
    status(cp, "Preparing")
    start = {"connectorId": 1, "idTag": "ALICE", "meterStart": 1000, "timestamp": iso()}
    number = say(cp, "StartTransaction", start)["transactionId"]
    status(cp, "Charging")
    status(cp, "Charging")
    transaction = Transaction.objects.get()
    Command.objects.create(
        charge_point=cp.row,
        type="remote-stop",
        params={"transaction_id": str(number)},
        by="alice",
        created_at=timezone.now(),
        expires_at=timezone.now(),
        effect="The transaction ended.",
        effect_at=timezone.now(),
    )
    Command.objects.create(
        charge_point=cp.row,
        type="remote-stop",
        params={"transaction_id": "1"},
        by="bob",
        created_at=timezone.now(),
        expires_at=timezone.now(),
    )
    status(cp, "SuspendedEV")
    say(
        cp,
        "StopTransaction",
        {"transactionId": number, "meterStop": 3000, "timestamp": iso(), "reason": "Remote"},
    )
    SessionReport.objects.create(
        event_id=uuid7(),
        kind="close",
        cp_id=cp.row.cp_id,
        transaction_id=str(number),
        body="{}",
        created_at=timezone.now(),
        next_at=timezone.now(),
        state="delivered",
        delivered_at=timezone.now(),
    )
    Correction.objects.create(
        at=timezone.now(),
        by="alice",
        kind=Kind.ZOMBIE,
        step="dismissed",
        charge_point=cp.row,
        transaction=transaction,
        reason="because",
        evidence=[],
    )
    METER_VALUES.flush()
    STATUS_REPORTS.flush()
    transaction = Transaction.objects.select_related("charge_point").get()
    with django_assert_max_num_queries(16):
        told = whole_story(transaction)
    assert [happening.at for happening in told] == sorted(happening.at for happening in told)
    words = [happening.word for happening in told]
    for word in (
        "authorized",
        "started",
        "ended",
        "command",
        "effect",
        "priced",
        "backend_close_delivered",
        "correction_dismissed",
    ):
        assert words.count(word) == 1, word
    assert next(happening for happening in told if happening.word == "authorized").frame == frame.pk
    states = [happening.values["status"] for happening in told if happening.word == "status"]
    assert states == ["Preparing", "Charging", "SuspendedEV"]  # what is said twice is told once
    events = [happening.values["type"] for happening in told if happening.word == "event"]
    assert events[0] == "tx.started"
    assert {"tx.updated", "tx.stopped", "tx.priced"} <= set(events)
    assert all(orjson.loads(row.payload) for row in Event.objects.all())
    # Claims and events of another transaction of that charge point are not among them.
    assert not any(happening.values.get("by") == "bob" for happening in told)


def session(cp: Wireless, card: str, *words: str) -> int:
    """A whole session of one driver, with what its connector said."""
    preparing, *others = words
    status(cp, preparing)
    start = {"connectorId": 1, "idTag": card, "meterStart": 1000, "timestamp": iso()}
    number = say(cp, "StartTransaction", start)["transactionId"]
    status(cp, "Charging")
    stop = {"transactionId": number, "meterStop": 3000, "timestamp": iso(), "reason": "Local"}
    say(cp, "StopTransaction", stop)
    for word in others:
        status(cp, word)
    return int(number)


def states_of(number: int) -> list[str]:
    STATUS_REPORTS.flush()
    transaction = Transaction.objects.select_related("charge_point").get(number=number)
    told = whole_story(transaction)
    return [happening.values["status"] for happening in told if happening.word == "status"]


def test_the_sessions_of_other_drivers_just_before_and_after_are_not_told(now_cp: Wireless) -> None:
    session(now_cp, "BOB", "Preparing", "SuspendedEV", "Finishing", "Available")
    Command.objects.create(
        charge_point=now_cp.row,
        type="unlock-connector",
        params={"connector_id": 1},
        by="bob",
        created_at=timezone.now() - timedelta(minutes=2),
        expires_at=timezone.now(),
        pk=UUID(int=uuid7_floor(timezone.now() - timedelta(minutes=2)).int + 1),
    )
    alices = session(now_cp, "ALICE", "Preparing", "Finishing", "Available")
    session(now_cp, "BOB", "Preparing", "SuspendedEV", "Faulted", "Available")
    # The connector was free: there it begins, and when it is free again, it is over.
    assert states_of(alices) == ["Available", "Preparing", "Charging", "Finishing", "Available"]
    transaction = Transaction.objects.select_related("charge_point").get(number=alices)
    told = whole_story(transaction)
    assert not [happening for happening in told if happening.word == "command"]


def test_where_no_state_tells_it_a_session_begins_with_the_end_of_the_one_before(now_cp: Wireless) -> None:
    session(now_cp, "BOB", "Preparing")
    alices = session(now_cp, "ALICE", "Reserved")
    assert states_of(alices) == ["Reserved", "Charging"]


def test_an_end_by_evidence_is_told_beside_the_real_one(now_cp: Wireless) -> None:
    from transactions.ending import infer_ends

    start = {"connectorId": 1, "idTag": "ALICE", "meterStart": 1000, "timestamp": iso(60)}
    number = say(now_cp, "StartTransaction", start)["transactionId"]
    status(now_cp, "Available")
    assert infer_ends(now=timezone.now() + timedelta(hours=1)) == 1
    say(now_cp, "StopTransaction", {"transactionId": number, "meterStop": 3000, "timestamp": iso()})
    transaction = Transaction.objects.select_related("charge_point").get()
    words = [happening.word for happening in whole_story(transaction)]
    assert words.count("end_inferred") == 1
    assert words.count("ended") == 1


def test_of_very_much_the_newest_is_told_and_that_there_was_more(now_cp: Wireless) -> None:
    start = {"connectorId": 1, "idTag": "ALICE", "meterStart": 1000, "timestamp": iso()}
    say(now_cp, "StartTransaction", start)
    STATUS_REPORTS.flush()
    StatusReport.objects.all().delete()
    Event.objects.all().delete()
    transaction = Transaction.objects.select_related("charge_point").get()
    begun = timezone.now()

    def heard(number: int) -> None:
        now = begun + timedelta(milliseconds=number)  # a machine's clock may be set back meanwhile
        StatusReport.objects.create(
            charge_point=now_cp.row, connector_number=1, status=f"Word{number}", received_at=now
        )
        Event.objects.create(
            type="tx.updated",
            cp_id=now_cp.row.cp_id,
            payload=f'{{"transaction_id":"{transaction.transaction_id}"}}',
            occurred_at=now,
            recorded_at=now,
            sequence=number,
        )

    def happened() -> list[Happening]:
        return whole_story(transaction, now=timezone.now() + timedelta(minutes=1))

    def values(word: str, name: str) -> list[Any]:
        return [happening.values[name] for happening in happened() if happening.word == word]

    for number in range(MOST):
        heard(number)
    assert values("event", "sequence") == list(range(MOST))
    assert not any(happening.word.startswith("older") for happening in happened())
    heard(MOST)
    assert values("event", "sequence") == list(range(1, MOST + 1))
    assert values("status", "status") == [f"Word{number}" for number in range(1, MOST + 1)]
    told = [line_of(happening).text for happening in happened() if happening.word.startswith("older")]
    assert sorted(told) == ["Older events are not shown.", "Older reports of its connector are not shown."]


def test_pages_hear_of_the_story_when_it_goes_on_not_at_readings(
    now_cp: Wireless, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: set[str] = set()
    monkeypatch.setattr("csms.core.live.publish", heard.update)

    def topics(do: Callable[[], Any]) -> tuple[bool, bool]:
        heard.clear()
        with django_capture_on_commit_callbacks(execute=True):
            do()
        pk = Transaction.objects.get().pk
        return f"transaction:{pk}" in heard, f"transaction-story:{pk}" in heard

    started = {"connectorId": 1, "idTag": "ALICE", "meterStart": 1000, "timestamp": iso(26 * 60)}
    assert topics(lambda: say(now_cp, "StartTransaction", started)) == (True, True)
    number = Transaction.objects.get().number
    reading = {"timestamp": iso(), "sampledValue": [{"value": "1000"}]}
    values = {"connectorId": 1, "transactionId": number, "meterValue": [reading]}
    assert topics(lambda: say(now_cp, "MeterValues", values)) == (True, False)
    assert topics(lambda: status(now_cp, "SuspendedEV")) == (False, True)
    step = partial(
        correct_transaction,
        Transaction.objects.get(),
        Kind.ETERNAL,
        Correction.Step.ENDED,
        author=Author("alice"),
        reason="it is gone",
        now=timezone.now(),
    )
    assert topics(step) == (True, True)
    stopped = {"transactionId": number, "meterStop": 3000, "timestamp": iso()}
    assert topics(lambda: say(now_cp, "StopTransaction", stopped)) == (True, True)
