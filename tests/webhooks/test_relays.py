"""Relays at work: nobody delays another, nothing is lost, and nothing is posted by two at once."""

import datetime as dt
import ipaddress
import ssl
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection
from django.utils import timezone

from csms.core.events.models import Reader
from csms.core.events.relay import Relay
from csms.core.webhooks import places, sink
from csms.core.webhooks.models import Delivery, Endpoint
from csms.core.webhooks.services import change_endpoint, resume_endpoint
from tests.support.house import settings_are
from tests.support.receiver import receiving, reset, silent, status
from tests.webhooks.cast import Clock, State, an_endpoint, fresh, happens, payloads, states, until

pytestmark = pytest.mark.django_db(transaction=True)


class Relays:
    """Relays in threads, as so many processes have them."""

    def __init__(self) -> None:
        self.stack = ExitStack()

    def __enter__(self) -> "Relays":
        self.stack.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)

    def start(self) -> tuple[Relay, threading.Thread]:
        relay = Relay()
        thread = threading.Thread(target=relay.run)
        thread.start()

        def end() -> None:
            relay.stop()
            thread.join(60)
            for _, pump in relay._pumps.values():
                pump.join(60)

        self.stack.callback(end)
        return relay, thread


def delivered() -> int:
    return Delivery.objects.filter(state=State.DELIVERED).count()


def test_one_endpoint_that_hangs_delays_no_other() -> None:
    deadline = settings_are(CSMS_OUTBOUND_DEADLINE="60")
    with deadline, receiving(silent) as dead, receiving() as well, Relays() as relays:
        stuck = an_endpoint(dead.origin, "stuck", types=["cp.*"])
        fine = an_endpoint(well.origin, "fine", types=["cp.*"])
        relays.start()
        for n in range(20):
            happens(cp_id=f"CP{n % 3}", n=n)
        until(lambda: len(well.messages) == 20)
        until(lambda: len(states(fine)) == 20)
        until(lambda: dead.messages)
        assert len(dead.messages) <= 3  # at most one of each charge point hangs there
        assert states(stuck) == []
        dead.answers = [status(200)]
        dead.let_go.set()
        until(lambda: set(payloads(dead)) == set(range(20)))


def test_many_that_hang_leave_each_other_endpoint_a_place_and_no_connection_is_held_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared, let_go = threading.BoundedSemaphore(2), sink._let_go
    closed: list[bool] = []

    def lets_go() -> None:
        let_go()
        closed.append(connection.connection is None)

    monkeypatch.setattr(places, "_shared", shared)
    monkeypatch.setattr(sink, "_let_go", lets_go)
    with (
        settings_are(CSMS_OUTBOUND_DEADLINE="60"),
        receiving(silent) as dead,
        receiving() as well,
        Relays() as relays,
    ):
        stuck = an_endpoint(dead.origin, "stuck", types=["cp.*"])
        for n in range(8):
            happens(cp_id=f"CP{n}", n=n)
        relays.start()
        until(lambda: len(dead.messages) == 3)  # its own, and the two that are shared
        an_endpoint(well.origin, "fine", types=["cp.*"])
        for n in range(20):
            happens(cp_id=f"CP{n % 3}", n=n)
        until(lambda: len(well.messages) == 20)
        assert len(dead.messages) == 3
        assert not shared.acquire(blocking=False)
        assert closed
        assert all(closed)
        dead.answers = [status(200)]
        dead.let_go.set()
        until(lambda: len(states(stuck)) == 28)
        until(lambda: shared._value == 2)


def test_a_shift_ends_though_somebody_hangs_and_the_next_serves_the_others_at_once() -> None:
    with receiving(silent) as dead, receiving() as well, Relays() as relays:
        an_endpoint(dead.origin, "stuck", types=["cp.*"])
        an_endpoint(well.origin, "fine", types=["cp.*"])
        relay, shift = relays.start()
        happens(n=1)
        until(lambda: dead.messages and well.messages)
        relay.stop()  # as at the end of its time
        shift.join(60)
        assert not shift.is_alive()
        happens(n=2)
        relays.start()
        until(lambda: payloads(well) == [1, 2])
        assert payloads(dead) == [1]  # that of the first shift is still on its way, and nobody posts it again
        dead.answers = [status(200)]
        dead.let_go.set()
        until(lambda: [n for n in payloads(dead) if n == 2])


def test_of_two_relays_one_posts_each_event_and_in_order() -> None:
    with receiving() as receiver, Relays() as relays:
        an_endpoint(receiver.origin, types=["cp.*"])
        for _ in range(3):
            relays.start()
        for n in range(60):
            happens(cp_id=f"CP{n % 4}", n=n)
        until(lambda: delivered() == 60)
    assert Counter(payloads(receiver)) == dict.fromkeys(range(60), 1)
    for rest in range(4):
        mine = [n for n in payloads(receiver) if n % 4 == rest]
        assert mine == sorted(mine)


def test_when_a_relay_is_lost_another_takes_over_and_nothing_is_lost() -> None:
    """It is lost between posting and noting: what it posted comes again, under the same id."""
    with receiving() as receiver, Relays() as relays:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        lost = timezone.now() + dt.timedelta(seconds=3)
        Reader.objects.filter(pk=endpoint.reader).update(holder="a relay that was lost", held_until=lost)
        happens(n=1)
        relays.start()
        until(lambda: payloads(receiver) == [1])
        assert timezone.now() >= lost


def test_an_event_that_was_posted_and_not_noted_comes_again_with_the_same_id(
    worker: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing runs after it."""

    def killed(*args: Any, **kwargs: Any) -> None:
        raise Killed

    with receiving() as receiver:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        event_id = happens(n=1)
        first = worker(endpoint)
        with monkeypatch.context() as patch:
            patch.setattr(sink, "note", killed)
            with pytest.raises(Killed):
                first.works()
        assert Delivery.objects.count() == 0
        second = worker(endpoint, "relay-2")
        assert second.works() == "not ours"  # as long as the lease of the first counts
        clock.moves(seconds=20)
        assert second.works() == "done"
    assert [message.headers["webhook-id"] for message in receiver.messages] == [event_id] * 2
    assert states(endpoint) == [("CP16", "delivered")]


def test_one_that_was_killed_after_noting_posts_nothing_twice(
    worker: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place in the outbox was not written any more, but its deliveries are."""
    with (
        receiving(status(200), status(500), status(200)) as receiver,
        settings_are(CSMS_WEBHOOK_PARALLEL="1"),
    ):
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        first = worker(endpoint)
        for n in range(3):
            happens(cp_id="CP16" if n else "CS201", n=n)
        monkeypatch.setattr(first.pump, "_note", lambda **_: None)
        first.works()
        assert payloads(receiver) == [0, 1]
        clock.moves(minutes=1)
        second = worker(endpoint, "relay-2")
        second.works()
    assert payloads(receiver) == [0, 1, 1, 2]
    assert {state for _, state in states(endpoint)} == {"delivered"}


def test_a_receiver_that_comes_and_goes_under_load_gets_everything_in_order() -> None:
    with receiving(reset, status(503), status(200)) as receiver, Relays() as relays:
        endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        relays.start()
        port = receiver.port
        for n in range(60):
            happens(cp_id=f"CP{n % 5}", n=n)
            if n == 20:
                receiver.stop()
            if n == 40:
                receiver.start(port)

        def all_there() -> bool:
            # Nobody waits here as long as a receiver is waited for.
            resume_endpoint(fresh(endpoint), by="alice", now=timezone.now())
            connection.close()
            return delivered() == 60

        until(all_there)
    taken: dict[str, list[int]] = {}
    for message in receiver.messages:
        data = message.json["data"]
        taken.setdefault(data["cp_id"], []).append(data["payload"]["n"])
    for cp_id, numbers in taken.items():
        first_times = list(dict.fromkeys(numbers))
        assert first_times == sorted(first_times), cp_id
    assert sum(len(set(numbers)) for numbers in taken.values()) == 60


def test_an_endpoint_comes_and_goes_while_relays_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.core.events.relay.REFRESH", 0.2)
    with receiving() as receiver, Relays() as relays:
        relays.start()
        endpoint: Endpoint = an_endpoint(receiver.origin, types=["cp.*"])
        happens(n=1)
        until(lambda: payloads(receiver) == [1])
        change_endpoint(endpoint, {"enabled": False}, by="alice", now=timezone.now())
        until(lambda: Reader.objects.get(pk=endpoint.reader).holder == "")
        happens(n=2)
        change_endpoint(endpoint, {"enabled": True}, by="alice", now=timezone.now())
        until(lambda: payloads(receiver) == [1, 2])


# --- TLS --------------------------------------------------------------------------------------------------------------


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's certificate that nobody has vouched for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_proves_nothing_is_told_nothing(worker: Any, tmp_path: Path) -> None:
    with receiving(tls=self_signed(tmp_path)) as receiver:
        endpoint = an_endpoint(receiver.origin)
        happens()
        worker(endpoint).works()
    assert (receiver.messages, receiver.connections) == ([], 1)
    [delivery] = Delivery.objects.all()
    assert (delivery.state, delivery.status) == ("waiting", None)  # it may have a good one tomorrow
    assert "certificate is refused" in delivery.error
