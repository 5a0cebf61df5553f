"""Lines: threads of a worker, one to a channel, none of which waits for another's receiver; and the whole path."""

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from alerts.models import Alert
from alerts.notifications import lines, sending, tasks
from alerts.notifications.models import Notification
from alerts.rules.services import ensure_starters
from alerts.services import evaluate
from tests.alerts.cast import gone
from tests.notifications.cast import HOUR, MINUTE, NOON, arrived, fires, goes_to, leading_to, log, until, work
from tests.support.mail import mailing
from tests.support.receiver import Receiver, receiving, silent

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_receiver_that_is_silent_keeps_no_other_waiting(receiver: Receiver) -> None:
    with receiving(silent) as stuck:
        good, bad = leading_to(receiver, "good"), leading_to(stuck, "bad")
        goes_to((good, 0), (bad, 0))
        fires(at=timezone.now())
        assert tasks.send() == 2
        receiver.wait_for(1)
        stuck.wait_for(1)
        until(lambda: lines.busy() == 1)
        assert tasks.send() == 0  # its line is there still
        stuck.let_go.set()
        until(lambda: lines.busy() == 0)
    assert sorted(log()) == [("bad", "fired", "planned"), ("good", "fired", "sent")]


def test_there_is_an_end_to_the_lines(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINES_MAX", 0)
    leading_to(receiver)
    fires(at=timezone.now())
    assert lines.begin() == 0
    monkeypatch.undo()
    assert lines.begin() == 1
    receiver.wait_for(1)
    until(lambda: lines.busy() == 0)


def test_a_line_that_breaks_makes_room(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*args: Any, **values: Any) -> Any:
        raise RuntimeError("the database is away")

    leading_to(receiver)
    fires(at=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(sending, "send_next", breaks)
        lines.begin()
        until(lambda: lines.busy() == 0)
    assert lines.begin() == 1
    receiver.wait_for(1)
    until(lambda: lines.busy() == 0)


def test_a_line_that_cannot_begin_or_close_makes_room(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*args: Any, **values: Any) -> Any:
        raise RuntimeError("can't start new thread")

    leading_to(receiver)
    fires(at=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", breaks)
        with pytest.raises(RuntimeError):
            lines.begin()
    assert lines.busy() == 0
    channel = uuid4()
    with monkeypatch.context() as patch:
        patch.setattr(lines.connection, "close", breaks)
        patch.setattr(lines, "_busy", {channel})
        with pytest.raises(RuntimeError):
            lines._run(channel)
        assert lines.busy() == 0
    assert lines.begin() == 1
    receiver.wait_for(1)
    until(lambda: lines.busy() == 0)


def test_two_workers_send_each_message_once(receiver: Receiver) -> None:
    channel = leading_to(receiver)
    for number in range(5):
        fires(f"CP-{number}", rule=f"rule-{number}")

    def run() -> None:
        try:
            while sending.send_next(channel.pk, now=NOON) is not None:
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.messages) == 5
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 5


def test_no_connection_to_the_database_is_held_while_a_receiver_thinks(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading_to(receiver)
    fires()
    closed: list[int] = []
    close = connection.close

    def counted() -> None:
        closed.append(len(receiver.messages))
        close()

    monkeypatch.setattr(connection, "close", counted)
    assert work() == [True]
    assert closed[0] == 0


def test_from_a_charge_point_that_is_gone_to_a_mail_and_back(receiver: Receiver) -> None:
    """The whole path: it is offline, mail and webhook say so, it comes back, and they say that."""
    from tests.alerts.cast import back
    from tests.channels.cast import a_channel

    ensure_starters(now=NOON)
    with mailing() as server:
        post = a_channel("email", config={"host": "127.0.0.1", "port": server.port})
        tools = leading_to(receiver)
        goes_to((post, 0), (tools, 0))
        charger = gone(name="Depot North")
        evaluate(now=NOON)
        assert Notification.objects.count() == 0  # it may be back at once
        evaluate(now=NOON + 15 * MINUTE)
        assert work(NOON + 15 * MINUTE) == [True, True]
        back(charger, NOON + HOUR)
        evaluate(now=NOON + HOUR)
        work(NOON + HOUR)
        for minutes in (61, 62, 90, 180):  # a rule may keep it for a while
            evaluate(now=NOON + minutes * MINUTE)
            work(NOON + minutes * MINUTE)
    assert Alert.objects.get().state == "resolved"
    assert [type for _, type, _ in arrived(receiver)] == ["alert.fired", "alert.resolved"]
    subjects = [mail.message["Subject"] for mail in server.mails]
    assert subjects == [
        "[CRITICAL] Charge point offline: Depot North (CP16)",
        "[RESOLVED] Charge point offline: Depot North (CP16)",
    ]
