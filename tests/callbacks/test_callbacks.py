"""A token that gives a URL with a command gets the outcome posted there: signed, and again until it is taken."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chargers.callbacks import services
from chargers.callbacks.delivery import attempt, claim_next, message_id
from chargers.callbacks.models import Callback
from chargers.callbacks.services import check_url, order_callback
from csms.core.access.models import ApiToken
from csms.core.access.services import (
    revoke_api_token,
    rotate_signing_secret,
)
from csms.core.outbound.retries import ATTEMPTS_MAX
from csms.core.outbound.signing import BadSignature, verify
from tests.api.cast import NOON, charge_point, command
from tests.api.documents import the_document
from tests.callbacks.cast import State, _receivers_are_here, backend, claimed, fresh, ordered, secrets, settle
from tests.support.house import settings_are
from tests.support.receiver import Receiver, receiving, reset, status

__all__ = ["_receivers_are_here"]


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
