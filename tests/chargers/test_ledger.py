"""The ledger of commands where a queue is long, and where one command cannot be ended."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.commands import ledger, sending
from chargers.commands.ordering import SYSTEM, CommandRefused, Outcome
from chargers.diagnostics.models import LogJob
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from tests.api.cast import charge_point, online
from tests.support.house import now

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point())


def order(cp: ChargePoint, slug: str = "clear-cache", **params: Any) -> Command:
    return sending.send_command(cp, slug, params, author=SYSTEM, now=now())


def claim(cp: ChargePoint) -> Any:
    return ledger.claim_next(cp.pk, connection_id=cp.connection_id, version=Version.V16, now=now())


@pytest.mark.parametrize(
    ("slug", "params", "field"),
    [
        ("data-transfer", {"vendor_id": "v", "data": "a\x00b"}, "data"),
        ("get-configuration", {"keys": ["a", "b\x00"]}, "keys"),
        ("reserve-now", {"connector_id": 1, "id_token": "\x00", "expires_at": now()}, "id_token"),
    ],
)
def test_a_character_that_cannot_be_stored_is_refused_wherever_it_comes_from(
    cp16: ChargePoint, slug: str, params: dict[str, Any], field: str
) -> None:
    with pytest.raises(CommandRefused, match="NUL") as refusal:
        order(cp16, slug, **params)
    assert set(refusal.value.errors) == {field}
    assert not Command.objects.exists()


def test_a_number_beyond_all_bounds_is_refused_like_any_other(cp16: ChargePoint) -> None:
    with pytest.raises(CommandRefused) as refusal:
        order(cp16, "unlock-connector", connector_id=2**70)
    assert set(refusal.value.errors) == {"connector_id"}


def test_one_is_claimed_after_the_other_and_each_once_however_many_wait(cp16: ChargePoint) -> None:
    ordered = [order(cp16).pk for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        claimed = [claim(cp16).command_id]
    assert "LIMIT 1" in queries[0]["sql"]  # the others are not read
    claimed += [claim(cp16).command_id, claim(cp16).command_id]
    assert claimed == ordered
    assert claim(cp16) is None


def test_what_cannot_be_said_fails_and_the_next_is_claimed(cp16: ChargePoint) -> None:
    first, second = order(cp16), order(cp16)
    Command.objects.filter(pk=first.pk).update(type="no-such-command")
    assert claim(cp16).command_id == second.pk
    first.refresh_from_db()
    assert (first.status, first.error_description) == ("failed", "OCPP 1.6 has no such command")


def test_what_breaks_when_it_is_said_fails_and_the_next_is_claimed(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(params: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("a parameter of an earlier release")

    table = sending.orders()[Version.V16]
    monkeypatch.setitem(table, "reset", replace(table["reset"], payload=lambda params: {"type": "Soft"}))
    first, second = order(cp16, "reset"), order(cp16)
    monkeypatch.setitem(table, "reset", replace(table["reset"], payload=breaks))
    assert claim(cp16).command_id == second.pk
    first.refresh_from_db()
    assert (first.status, first.error_description) == ("failed", ledger.UNSAID)


# --- two who know of each other nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["expiry", "offline"])
def test_what_was_sent_after_it_was_looked_at_has_neither_expired_nor_been_held_back(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    command = order(cp16)
    settle, claimed = ledger._settle, []

    def late(*given: Any, **how: Any) -> bool:  # another process claims it in between
        claimed.append(claim(cp16))
        return settle(*given, **how)

    monkeypatch.setattr(ledger, "_settle", late)
    if ends == "expiry":
        assert ledger.expire_commands(now=now() + timedelta(minutes=2)) == 0
    else:
        ledger.fail_unsent(cp16.pk, now=now())
    monkeypatch.undo()
    command.refresh_from_db()
    assert [one.command_id for one in claimed] == [command.pk]
    assert (command.status, command.error_description) == ("sent", "")
    assert ledger.settle_answer(command.pk, {"status": "Accepted"}, version=Version.V16, now=now())


def test_what_was_ordered_in_the_moment_in_which_the_connection_ended_is_not_left_behind(
    cp16: ChargePoint,
) -> None:
    read_before = ChargePoint.objects.get()
    ChargePoint.objects.update(connection_id=None)
    ledger.fail_unsent(cp16.pk, now=now())
    gone = order(read_before)
    waits = sending.send_command(cp16, "clear-cache", {}, author=SYSTEM, now=now(), may_wait=True)
    assert ledger.expire_commands(now=now()) == 1
    gone.refresh_from_db()
    waits.refresh_from_db()
    assert (gone.status, gone.error_code, waits.status) == ("failed", "Offline", "queued")


@pytest.mark.parametrize("answer", ["result", "error"])
def test_what_a_charge_point_answers_to_a_command_that_was_given_up_is_kept(
    cp16: ChargePoint, answer: str
) -> None:
    command = order(cp16)
    message_id = claim(cp16).message_id
    assert ledger.expire_commands(now=now() + ledger.LOST_AFTER) == 1
    if answer == "result":
        text = f'[3,"{message_id}",{{"status":"Accepted"}}]'
        assert not ledger.settle_answer(
            command.pk, {"status": "Accepted"}, version=Version.V16, text=text, now=now()
        )
    else:
        text = f'[4,"{message_id}","InternalError","password=x","{{"password":"hunter2"}}]'
        ledger.settle_failure(command.pk, code="InternalError", description="", text=text, now=now())
    command.refresh_from_db()
    assert (command.status, command.answered_at, command.error_code) == ("timed_out", None, "")
    assert command.late_at is not None
    assert command.late_answer == (text if answer == "result" else "***")


def test_what_never_left_was_neither_sent_nor_answered(cp16: ChargePoint) -> None:
    order(cp16, "get-diagnostics", location="https://x.example/")
    claimed = claim(cp16)
    ledger.settle_failure(claimed.command_id, code="", description="location: too long", now=now())
    command = Command.objects.get()
    assert (command.status, command.error_description) == ("failed", "location: too long")
    assert (command.sent_at, command.answered_at) == (None, None)
    job = LogJob.objects.get()
    assert (job.state, job.detail) == ("cancelled", "The order was never sent.")


def test_an_error_that_repeats_a_url_does_not_give_it_away(cp16: ChargePoint) -> None:
    order(cp16, "get-diagnostics")
    claimed = claim(cp16)
    url = claimed.payload["location"]
    assert len(url.split("/u/")[1]) == 44
    ledger.settle_failure(claimed.command_id, code="GenericError", description=f"no: {url}", now=now())
    command, job = Command.objects.get(), LogJob.objects.get()
    for text in (command.error_description, job.detail):
        assert text.endswith("/u/***/")


def test_one_command_that_cannot_be_ended_does_not_keep_the_others_open(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(outcome: Outcome) -> None:
        raise RuntimeError("cannot be")

    broken = order(cp16, "get-diagnostics", location="https://x.example/")
    good = order(cp16)
    table = sending.catalogue()
    broken_entry = {"get-diagnostics": replace(table["get-diagnostics"], settled=fails)}
    monkeypatch.setattr(ledger, "entry_of", lambda slug: (table | broken_entry).get(slug))
    assert ledger.expire_commands(now=now() + timedelta(hours=1)) == 1
    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.status, good.status) == ("queued", "expired")
