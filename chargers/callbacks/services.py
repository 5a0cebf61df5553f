"""Order that the outcome of a command is posted to a URL, and make it due when there is one.

The doors call `check_url()` and `order_callback()`; `csms.routing.FOLLOWERS` calls `follow_command()`. What is due is
sent by `delivery`, which a task calls: by its schedule, and at once when it is rung for.
"""

import threading
from datetime import datetime

from celery import current_app
from django.db.models import F

from chargers.callbacks.models import Callback
from chargers.following import CommandSettled
from chargers.models import Command
from csms.core import reach
from csms.core.access.models import ApiToken
from csms.core.outbound.targets import Target, bounds_now, read_target, shown
from csms.core.refusals import NotNow
from csms.core.sealing import seal
from csms.core.writer import after_commit

State = Callback.State

TASK = "chargers.callbacks.tasks.deliver"
RING_EXPIRES = 30  # seconds; by then the schedule has done it


class CallbackRefused(ValueError):
    """A callback that is not ordered; says why in a sentence."""


def check_url(url: str) -> None:
    """Raise CallbackRefused for a URL to which nothing would be posted. Nothing is resolved."""
    _target(url)


def _target(url: str) -> Target:
    try:
        return read_target(url, bounds_now())
    except ValueError as error:
        raise CallbackRefused(str(error)) from error


def order_callback(command: Command, url: str, *, token: ApiToken | None, now: datetime) -> Callback:
    """Have the outcome of a command posted to a URL; call it in the transaction that queues the command.

    Raises CallbackRefused for a URL that `check_url()` refuses, and without a token: a callback is signed
    with its secret, and people have none.
    """
    if token is None:
        raise CallbackRefused("Only a token can order a callback: it is signed with the token's secret.")
    if not token.signing_secret:
        raise CallbackRefused(
            "The token is older than signing secrets: give it one before it orders a callback."
        )
    target = _target(url)
    settled = command.status not in Command.OPEN
    callback = Callback.objects.create(
        command=command,
        token=token,
        url=shown(target),
        sealed=seal({"url": url}),
        origin=target.origin,
        state=State.PENDING if settled else State.WAITING,
        created_at=now,
        settled_at=now if settled else None,
        next_at=now if settled else None,
    )
    if settled:
        after_commit(ring)
    return callback


def follow_command(settled: CommandSettled) -> None:
    """Make the callback of a command due, now that the command has its outcome."""
    due = Callback.objects.filter(command=settled.command_id, state=State.WAITING)
    if due.update(state=State.PENDING, settled_at=settled.now, next_at=settled.now):
        after_commit(ring)


def try_again(callback: Callback, *, now: datetime) -> None:
    """Begin a new series of attempts at once. Raises NotNow while there is no outcome, or if it was delivered."""
    if callback.state == State.WAITING:
        raise NotNow("not_settled", "the command has no outcome yet; it will be posted when there is one")
    changed = Callback.objects.filter(
        pk=callback.pk, state__in=(State.PENDING, State.FAILED, State.GAVE_UP)
    ).update(state=State.PENDING, next_at=now, attempts_before=F("attempts"))
    if not changed:
        raise NotNow(
            "delivered", "the receiver has accepted the outcome; read the command if it was lost there"
        )
    after_commit(ring)


# --- the bell ---------------------------------------------------------------------------------------------------------

_lock = threading.Lock()
_telling = False  # a thread tells the broker
_again = False  # somebody has rung since it began to


def ring() -> None:
    """Have what is due delivered at once, if the broker can be reached; else the schedule does it.

    The broker is told by a thread, one for all who ring: whoever has committed, such as the writer, must not wait for a
    broker that hangs.
    """
    global _telling, _again
    with _lock:
        if _telling:
            _again = True
            return
        _telling = True
    threading.Thread(target=_tell_the_broker, name="callback-bell", daemon=True).start()


def _tell_the_broker() -> None:
    global _telling, _again
    while True:
        try:
            current_app.send_task(TASK, expires=RING_EXPIRES, retry=False)
        except Exception as error:
            reach.BROKER.lost(error)
        with _lock:
            if not _again:
                _telling = False
                return
            _again = False
