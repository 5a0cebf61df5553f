"""A token that gives a URL with a command gets the outcome posted there: signed, and again until it is taken."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chargers.callbacks import delivery, services
from chargers.callbacks.delivery import Claim, attempt, claim_next, message_id
from chargers.callbacks.models import Callback
from chargers.callbacks.services import NotNow, check_url, follow_command, order_callback, try_again
from chargers.following import CommandSettled
from chargers.models import Command
from csms.core import reach
from csms.core.access.models import ApiToken
from csms.core.access.services import (
    create_api_token,
    revoke_api_token,
    rotate_signing_secret,
    signing_secret_text,
)
from csms.core.outbound.retries import ATTEMPTS_MAX
from csms.core.outbound.signing import BadSignature, read_secret, verify
from tests.api.cast import NOON, charge_point, command
from tests.api.documents import the_document
from tests.support.charger import eventually
from tests.support.house import settings_are
from tests.support.receiver import Receiver, receiving, reset, silent, status

State = Callback.State
DEADLINE = 30  # seconds; nothing here waits for it


@pytest.fixture(autouse=True)
def _receivers_are_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(services, "ring", lambda: None)  # the tests say when
    with settings_are(
        CSMS_OUTBOUND_ALLOW_HTTP="true",
        CSMS_OUTBOUND_NETWORKS="127.0.0.0/8",
        CSMS_OUTBOUND_DEADLINE=str(DEADLINE),
    ):
        yield


def backend(name: str = "backend") -> ApiToken:
    return create_api_token(name, scopes=["read", "command"], now=NOON)[0]


def settle(ordered: Command, outcome: str = "accepted") -> None:
    """Give the command its outcome, as the ledger does."""
    now = timezone.now()
    with transaction.atomic():
        Command.objects.filter(pk=ordered.pk).update(status=outcome, answered_at=now)
        cp = ordered.charge_point
        follow_command(
            CommandSettled(cp.pk, cp.cp_id, ordered.pk, ordered.type, outcome, "Accepted", "", now)
        )


def ordered(
    url: str, token: ApiToken | None = None, *, settled: bool = True, cp_id: str = "CP16"
) -> Callback:
    """A callback of a command that has its outcome, or has not."""
    from chargers.models import ChargePoint

    charger = ChargePoint.objects.filter(cp_id=cp_id).first() or charge_point(cp_id)
    token = token or ApiToken.objects.filter(name="backend").first() or backend()
    row = order_callback(command(charger), url, token=token, now=NOON)
    if settled:
        settle(row.command)
    return Callback.objects.get(pk=row.pk)


def claimed(now: datetime | None = None) -> Claim:
    claim = claim_next(now=now or timezone.now())
    assert claim is not None
    return claim


def fresh(callback: Callback) -> Callback:
    return Callback.objects.get(pk=callback.pk)


def secrets(token: ApiToken) -> list[bytes]:
    return [read_secret(signing_secret_text(ApiToken.objects.get(pk=token.pk)))]


# --- ordering ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_waits_for_the_outcome_and_is_due_with_it() -> None:
    row = ordered("https://backend.example/hook", settled=False)
    assert (row.state, row.next_at) == (State.WAITING, None)
    assert claim_next(now=timezone.now()) is None
    settle(row.command)
    row = fresh(row)
    assert row.state == State.PENDING
    assert row.next_at is not None
    assert row.settled_at == row.next_at


@pytest.mark.django_db
def test_it_becomes_due_in_the_transaction_of_the_outcome() -> None:
    row = ordered("https://backend.example/hook", settled=False)
    with transaction.atomic():
        settle(row.command)
        assert fresh(row).state == State.PENDING
        transaction.set_rollback(True)
    assert fresh(row).state == State.WAITING


@pytest.mark.django_db
def test_it_is_rung_for_after_the_commit(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rings: list[int] = []
    monkeypatch.setattr(services, "ring", lambda: rings.append(1))
    row = ordered("https://backend.example/hook", settled=False)
    with django_capture_on_commit_callbacks(execute=True):
        settle(row.command)
        assert rings == []
    assert rings == [1]
    with django_capture_on_commit_callbacks(execute=True):
        settle(row.command)  # a follower may be run twice
    assert rings == [1]


@pytest.mark.django_db
def test_an_outcome_that_is_there_already_is_due_at_once() -> None:
    done = command(charge_point(), status="rejected")
    assert order_callback(done, "https://backend.example/", token=backend(), now=NOON).state == State.PENDING


@pytest.mark.django_db
def test_only_a_token_with_a_secret_can_order_one() -> None:
    open_command = command(charge_point())
    with pytest.raises(ValueError, match="Only a token"):
        order_callback(open_command, "https://backend.example/", token=None, now=NOON)
    old = backend("old")
    old.signing_secret = ""
    with pytest.raises(ValueError, match="older than signing secrets"):
        order_callback(open_command, "https://backend.example/", token=old, now=NOON)
    assert not Callback.objects.exists()


@pytest.mark.django_db
def test_a_bad_url_is_refused_before_anything_is_kept() -> None:
    for url in ("nonsense", "https://10.0.0.1/", "https://alice:secret@backend.example/"):
        with pytest.raises(ValueError, match="^It"):
            check_url(url)
        with pytest.raises(ValueError, match="^It"):
            order_callback(
                command(charge_point(f"CP-{len(url)}")), url, token=backend(f"t{len(url)}"), now=NOON
            )
    assert not Callback.objects.exists()


@pytest.mark.django_db
def test_what_lets_in_whoever_has_the_url_is_neither_shown_nor_stored_in_clear() -> None:
    row = ordered("https://backend.example:8443/hooks/T0A1B2C3D4E5F6G7H8/in?key=s3cret&flag&x=1#".rstrip("#"))
    assert row.url == "https://backend.example:8443/hooks/***/in?key=***&***&x=***"
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM callbacks_callback")
        stored = str(cursor.fetchall())
    assert "s3cret" not in stored
    assert "T0A1B2C3" not in stored


def assert_documented(headers: Mapping[str, str]) -> None:
    """They are as the OpenAPI document says of what is posted."""
    parameters = the_document()["webhooks"]["command.finished"]["post"]["parameters"]
    assert {one["name"] for one in parameters} == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    given = {name.lower(): value for name, value in headers.items()}
    for one in parameters:
        assert (one["in"], one["required"]) == ("header", True)
        assert re.search(one["schema"]["pattern"], given[one["name"]]), one


# --- attempts ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_outcome_is_posted_with_id_and_charge_point_and_signed() -> None:
    with receiving(status(200, b"thanks")) as receiver:
        row = ordered(f"{receiver.origin}/hook?key=s3cret")
        attempt(claimed())
    [message] = receiver.messages
    assert message.path == "/hook?key=s3cret"
    body = message.json
    assert body["type"] == "command.finished"
    assert datetime.fromisoformat(body["timestamp"]).tzinfo == UTC
    assert body["data"]["id"] == str(row.pk)
    assert (body["data"]["cp_id"], body["data"]["status"]) == ("CP16", "accepted")
    assert verify(message.headers, message.body, secrets(row.token), now=timezone.now()) == message_id(row.pk)
    assert_documented(message.headers)
    row = fresh(row)
    assert (row.state, row.attempts, row.last_status, row.last_excerpt) == (State.DELIVERED, 1, 200, "thanks")
    assert row.delivered_at is not None
    assert (row.next_at, row.leased_until, row.last_error) == (None, None, "")
    assert claim_next(now=timezone.now() + timedelta(days=30)) is None


@pytest.mark.django_db
def test_after_a_failure_it_is_tried_again_under_the_same_id() -> None:
    with receiving(status(500, b"oops"), reset, status(302), status(200)) as receiver:
        row = ordered(receiver.origin)
        now = timezone.now()
        seen = []
        for _ in range(4):
            attempt(claimed(now))
            row = fresh(row)
            seen.append((row.state, row.last_status))
            assert claim_next(now=timezone.now()) is None  # not before its time
            now = row.next_at or now
    assert seen == [("pending", 500), ("pending", None), ("pending", 302), ("delivered", 200)]
    assert {message.headers["webhook-id"] for message in receiver.messages} == {message_id(row.pk)}
    assert row.attempts == 4


@pytest.mark.django_db
def test_gone_is_the_end() -> None:
    with receiving(status(410)) as receiver:
        row = ordered(receiver.origin)
        attempt(claimed())
    assert (fresh(row).state, fresh(row).last_status, fresh(row).next_at) == (State.FAILED, 410, None)


@pytest.mark.django_db
def test_it_is_given_up_after_the_last_attempt_of_more_than_a_day() -> None:
    with receiving(status(503)) as receiver:
        row = ordered(receiver.origin)
        Callback.objects.filter(pk=row.pk).update(attempts=ATTEMPTS_MAX - 1)
        attempt(claimed())
    assert (fresh(row).state, fresh(row).attempts) == (State.GAVE_UP, ATTEMPTS_MAX)


@pytest.mark.django_db
def test_a_receiver_that_was_down_gets_it_when_it_is_up() -> None:
    receiver = Receiver([status(200)]).start()
    receiver.stop()
    row = ordered(receiver.origin)
    attempt(claimed())
    assert "refused" in fresh(row).last_error
    receiver.start(receiver.port)
    attempt(claimed(fresh(row).next_at))
    receiver.stop()
    assert fresh(row).state == State.DELIVERED


@pytest.mark.django_db
def test_while_a_secret_is_rotated_either_one_proves_the_message() -> None:
    token = backend()
    [old] = secrets(token)
    with receiving() as receiver:
        ordered(receiver.origin, token)
        rotate_signing_secret(token, now=timezone.now(), by="alice")
        attempt(claimed())
        rotated = ApiToken.objects.get(pk=token.pk)
        [new] = secrets(token)
        message = receiver.messages[0]
        for secret in (old, new):
            verify(message.headers, message.body, [secret], now=timezone.now())
        assert_documented(message.headers)
        ApiToken.objects.filter(pk=rotated.pk).update(older_signs_until=timezone.now())
        ordered(receiver.origin, token)
        attempt(claimed())
    message = receiver.messages[1]
    verify(message.headers, message.body, [new], now=timezone.now())
    with pytest.raises(BadSignature):
        verify(message.headers, message.body, [old], now=timezone.now())


@pytest.mark.django_db
def test_nothing_is_posted_in_the_name_of_a_token_that_was_revoked() -> None:
    with receiving() as receiver:
        row = ordered(receiver.origin)
        revoke_api_token("backend", now=timezone.now())
        attempt(claimed())
    assert (fresh(row).state, receiver.connections) == (State.FAILED, 0)
    assert "revoked" in fresh(row).last_error


@pytest.mark.django_db
def test_the_bounds_are_those_of_the_day_on_which_it_is_posted() -> None:
    with receiving() as receiver:
        row = ordered(receiver.origin)
        with settings_are(CSMS_OUTBOUND_NETWORKS=""):
            attempt(claimed())
    assert (fresh(row).state, receiver.connections) == (State.FAILED, 0)
    assert "inside a network" in fresh(row).last_error


@pytest.mark.django_db
def test_a_url_that_was_sealed_under_another_key_is_the_end(settings: Any) -> None:
    row = ordered("https://backend.example/")
    settings.SECRET_KEY = "y" * 50
    attempt(claimed())
    assert fresh(row).state == State.FAILED
    assert "another key" in fresh(row).last_error


# --- claims -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_claim_is_held_until_its_lease_runs_out() -> None:
    row = ordered("https://backend.example/")
    first = claimed()
    assert claim_next(now=timezone.now()) is None
    lease = fresh(row).leased_until
    assert lease is not None
    assert lease - timezone.now() > timedelta(seconds=DEADLINE)
    second = claimed(lease)  # the process of the first was lost
    assert (first.attempt, second.attempt) == (1, 2)
    assert (second.attempt_of_series, fresh(row).attempts) == (2, 2)


@pytest.mark.django_db
def test_whoever_was_only_slow_changes_nothing_but_a_delivery_counts() -> None:
    row = ordered("https://backend.example/")
    first = claimed()
    claimed(fresh(row).leased_until)
    delivery.note(first, delivery.Attempt(error="slow"), now=timezone.now())
    assert (fresh(row).last_error, fresh(row).leased_until is None) == ("", False)
    delivery.note(first, delivery.Attempt(status=200), now=timezone.now())
    assert fresh(row).state == State.DELIVERED


@pytest.mark.django_db
def test_a_last_attempt_whose_process_was_lost_is_the_last() -> None:
    row = ordered("https://backend.example/")
    Callback.objects.filter(pk=row.pk).update(attempts=ATTEMPTS_MAX, leased_until=timezone.now())
    assert claim_next(now=timezone.now()) is None
    assert fresh(row).state == State.GAVE_UP


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_alone_gets_each_callback() -> None:
    rows = [ordered("https://backend.example/") for _ in range(6)]
    workers, claims = 4, []
    together = threading.Barrier(workers)

    def work() -> None:
        try:
            together.wait()
            while (claim := claim_next(now=timezone.now())) is not None:
                claims.append(claim.callback.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == sorted(row.pk for row in rows)


def until(check: Callable[[], bool]) -> None:
    """Wait until it is true; not `eventually`, since the rows of an event loop have connections that nobody closes."""
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_a_dead_receiver_delays_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "AT_ONCE", 4)
    with receiving(silent) as dead, receiving() as well, receiving() as other:
        stuck = [ordered(f"{dead.origin}/{number}") for number in range(6)]
        fine = [ordered(f"{origin}/{n}") for n in range(5) for origin in (well.origin, other.origin)]
        assert delivery.deliver() >= 3
        until(lambda: len(well.messages) + len(other.messages) == len(fine))
        until(lambda: len(dead.messages) == delivery.AT_ONCE_EACH)  # two hang there, and no other tries
        until(lambda: delivery.busy() == delivery.AT_ONCE_EACH)
        assert {fresh(row).state for row in fine} == {State.DELIVERED}
        assert delivery.deliver() == 0
        dead.answers = [status(200)]
        dead.let_go.set()  # those that hang are let go, and the rest follows by itself
        until(lambda: Callback.objects.filter(state=State.DELIVERED).count() == len(fine) + 4)
        until(lambda: delivery.busy() == 0)
    assert sum(fresh(row).state == State.PENDING for row in stuck) == delivery.AT_ONCE_EACH
    assert Callback.objects.filter(state=State.DELIVERED).count() == len(fine) + 4


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_breaks_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "AT_ONCE", 1)
    with receiving() as receiver:
        bad, good = ordered(receiver.origin), ordered(receiver.origin)
        write = delivery.write
        broken = {bad.pk}

        def breaking(callback: Callback, *args: Any, **kwargs: Any) -> Any:
            if callback.pk in broken:
                raise RuntimeError("a bug")
            return write(callback, *args, **kwargs)

        monkeypatch.setattr(delivery, "write", breaking)
        assert delivery.deliver() == 1
        until(lambda: fresh(good).state == State.DELIVERED and delivery.busy() == 0)
        assert fresh(bad).state == State.PENDING
        assert fresh(bad).leased_until is not None  # it is tried again then


# --- again, the bell, retention ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_whoever_asks_begins_a_new_series_of_attempts() -> None:
    with receiving(status(410), status(500), status(200)) as receiver:
        row = ordered(receiver.origin)
        attempt(claimed())
        assert fresh(row).state == State.FAILED
        try_again(fresh(row), now=timezone.now())
        again = claimed()
        assert (again.attempt, again.attempt_of_series) == (2, 1)
        attempt(again)
        assert fresh(row).state == State.PENDING
        try_again(fresh(row), now=timezone.now())  # now, not in a while
        attempt(claimed())
        assert (fresh(row).state, fresh(row).attempts) == (State.DELIVERED, 3)
    with pytest.raises(NotNow) as refusal:
        try_again(fresh(row), now=timezone.now())
    assert refusal.value.code == "delivered"
    with pytest.raises(NotNow) as refusal:
        try_again(ordered("https://backend.example/", settled=False), now=timezone.now())
    assert refusal.value.code == "not_settled"


async def test_a_broker_that_is_away_costs_nobody_anything_and_is_one_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Semaphore(0)

    def send_task(*args: Any, **kwargs: Any) -> None:
        asked.release()
        raise OSError("the broker is away")

    monkeypatch.undo()
    monkeypatch.setattr(services.current_app, "send_task", send_task)
    reach.BROKER.found()
    caplog.clear()
    try:
        for _ in range(3):
            services.ring()
            assert asked.acquire(timeout=30)
            await eventually(lambda: not services._telling)
        assert reach.BROKER.is_lost()
    finally:
        reach.BROKER.found()
    lines = [(line.getMessage(), line.exc_info) for line in caplog.records]
    assert lines == [("broker.unreachable", None), ("broker.reachable", None)]


def test_a_broker_that_hangs_holds_one_thread_however_often_it_is_rung_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answered, told = threading.Semaphore(0), threading.Event(), []

    def send_task(*args: Any, **kwargs: Any) -> None:
        told.append(threading.current_thread())
        asked.release()
        answered.wait(60)

    monkeypatch.undo()
    monkeypatch.setattr(services.current_app, "send_task", send_task)
    services.ring()
    assert asked.acquire(timeout=30)
    for _ in range(50):
        services.ring()
    assert len(told) == 1
    answered.set()
    assert asked.acquire(timeout=30)  # once more, for those who rang meanwhile
    told[0].join(30)
    assert told == [told[0]] * 2


def test_the_bell_names_a_task_that_exists() -> None:
    from chargers.callbacks import tasks

    assert tasks.deliver.name == services.TASK


@pytest.mark.django_db
def test_old_callbacks_go_before_their_commands_and_open_ones_stay() -> None:
    from csms.core.config import get_config
    from csms.pruning import prune

    delivered, failed, pending = (ordered("https://backend.example/") for _ in range(3))
    Callback.objects.filter(pk=delivered.pk).update(state=State.DELIVERED)
    Callback.objects.filter(pk=failed.pk).update(state=State.FAILED)
    later = timezone.now() + timedelta(days=2000)
    removed = prune(get_config(), now=later)
    assert (removed["callbacks"], removed["commands"]) == (2, 2)
    assert Callback.objects.get().pk == Command.objects.get().pk == pending.pk
