"""For each condition, what makes it hold of a charge point at NOON; and how it is asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from alerts.channels.models import Channel
from alerts.conditions import CONDITIONS
from alerts.conditions.table import ask
from alerts.finding import Found, Scope
from chargers.connections import LEASE
from chargers.models import ChargePoint, Connection, Process, RefusedHandshake
from csms.core.events.models import Reader, Sequence
from csms.core.ids import uuid7, uuid7_floor
from csms.core.webhooks.models import Delivery, Endpoint
from tests.alerts.cast import DAY, HOUR, MINUTE, SECOND, a_server, gone
from tests.api.cast import (
    NOON,
    certificate,
    charge_point,
    command,
    connector,
    ended,
    frame,
    local_list,
    reading,
    session,
    session_report,
    signing_request,
)
from transactions.remote_control.models import UnexplainedCharging

HOSTILE = "<script>alert(1)</script>\n=HYPERLINK()\u202e\x07"
__all__ = ["DAY", "HOSTILE", "HOUR", "MINUTE", "NOON", "SECOND"]


def found(slug: str, at: Any = NOON, *, scope: Scope | None = None, **params: Any) -> list[Found]:
    """Ask a condition."""
    return list(ask(CONDITIONS[slug], at, params, scope))


def subjects(slug: str, at: Any = NOON, **params: Any) -> list[str]:
    """Ask a condition; who it holds for, in order."""
    return sorted(one.subject for one in found(slug, at, **params))


def server() -> Process:
    """The process that was there all the while."""
    return Process.objects.order_by("started_at").first() or a_server(until=NOON + 5 * SECOND)


def at_hand(cp_id: str, **values: Any) -> ChargePoint:
    """A charge point that is connected."""
    charger = charge_point(cp_id, last_seen_at=NOON, **values)
    opened = NOON - 12 * HOUR
    line = Connection.objects.create(
        charge_point=charger, process=server(), protocol="ocpp1.6", opened_at=opened
    )
    ChargePoint.objects.filter(pk=charger.pk).update(connection_id=line.pk, protocol="ocpp1.6")
    charger.refresh_from_db()
    return charger


def away(cp_id: str, **values: Any) -> ChargePoint:
    """A charge point that was there until an hour ago."""
    server()
    return gone(cp_id, at=NOON - HOUR, **({"last_seen_at": NOON - HOUR} | values))


def ends(charger: ChargePoint, times: int, *, at: Any = NOON - MINUTE, code: int = 1006) -> None:
    """Its connection ended so often."""
    Connection.objects.bulk_create(
        Connection(
            charge_point=charger,
            process=server(),
            protocol="ocpp1.6",
            opened_at=at - MINUTE,
            closed_at=at - nth * SECOND,
            close_code=code,
        )
        for nth in range(times)
    )


def refused(identity: str, peer: str, times: int, *, at: Any = NOON, reason: str = "wrong_password") -> None:
    """So many handshakes within the hour of the clock in which `at` lies."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    RefusedHandshake.objects.create(
        identity=identity, peer=peer, reason=reason, http_status=401, count=times + 1000,
        first_at=at - DAY, last_at=at, hour=hour, in_hour=times,
    )  # fmt: skip


def webhook(name: str = "ERP", **values: Any) -> Endpoint:
    """An endpoint, whose place in the outbox is at its end."""
    values = {
        "url": "https://erp.example",
        "sealed": "x",
        "origin": "https://erp.example",
        "secret": "x",
    } | values
    row = Endpoint.objects.create(name=name, created_at=NOON, created_by="alice", **values)
    Reader.objects.create(name=row.reader, position=0)
    return row


def channel(name: str, **values: Any) -> Channel:
    """A channel whose last three attempts failed."""
    values = {"failures": 3, "failing_since": NOON - HOUR, "last_error": "500"} | values
    return Channel.objects.create(
        name=name, kind="slack", created_at=NOON, created_by="alice", updated_at=NOON, **values
    )


def delivery(endpoint: Endpoint, state: str, nth: int = 1, *, at: Any = NOON - HOUR) -> Delivery:
    """A delivery that is not settled."""
    return Delivery.objects.create(
        endpoint=endpoint, event_id=uuid4(), type="tx.started", cp_id="CP16", position=nth, state=state,
        created_at=at,
    )  # fmt: skip


def id_at(at: Any) -> Any:
    """An id of a row that was written then."""
    return uuid7_floor(at).__class__(int=uuid7_floor(at).int | (uuid7().int & ((1 << 60) - 1)))


def charging(charger: ChargePoint, watts: float | None = 0.0) -> Any:
    """A session that has charged for an hour, and a reading of a minute ago."""
    connector(charger, 1, "Charging", received_at=NOON - HOUR, status_at=NOON - HOUR)
    begun = NOON - 2 * HOUR
    transaction = session(charger, started_at=begun, start_received_at=begun)
    power(charger, transaction, watts)
    return transaction


def power(
    charger: ChargePoint, transaction: Any, watts: float | None, *, at: Any = NOON - MINUTE, **values: Any
) -> Any:
    """A reading of power."""
    return reading(charger, transaction, id=id_at(at), sampled_at=at, received_at=at, power_w=watts, **values)


def unhealthy(nth: int, health: dict[str, Any]) -> Process:
    """A process that says of itself that something is wrong."""
    return Process.objects.create(
        host=f"host {nth}", pid=nth, started_at=NOON - DAY, seen_at=NOON, health=health
    )


def troubled(name: str) -> Callable[[int], Any]:
    return lambda nth: unhealthy(nth, {"troubles": {name: (NOON - MINUTE).isoformat()}})


@dataclass(frozen=True)
class Case:
    """`make` makes the condition hold of a charge point; `once` of the house, and more of it names no more subjects."""

    make: Callable[[ChargePoint], Any] | None = None
    house: Callable[[int], Any] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    offline: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    grows: bool = True
    """Whether there are as many subjects as things that are wrong."""
    serves: bool = True
    """Whether it is of those that serve."""


def _site(charger: ChargePoint) -> None:
    for nth in range(3):
        away(f"{charger.cp_id}-{nth}", site=charger.site)


def _certificate(days: float) -> Callable[[ChargePoint], Any]:
    return lambda charger: certificate(charger, use="charge_point", not_after=NOON + days * DAY)


def _unmatched(charger: ChargePoint) -> None:
    at = NOON - HOUR
    reading(charger, id=id_at(at), sampled_at=at, received_at=at, claimed_transaction_id="4711")


def _lost_process(nth: int) -> Process:
    return Process.objects.create(
        host=f"host {nth}", pid=nth, started_at=NOON - DAY, seen_at=NOON - 10 * MINUTE,
        ended_at=NOON - 9 * MINUTE,
    )  # fmt: skip


def _servers_gone(nth: int) -> None:
    server()
    Process.objects.update(seen_at=NOON - LEASE - SECOND)


def _sink_fails(nth: int) -> None:
    webhook(f"ERP {nth}", failures=3, failing_since=NOON - HOUR, last_error="500")


def _relay_gone(nth: int) -> None:
    row = webhook(f"ERP {nth}")
    Reader.objects.filter(pk=row.reader).update(holder="x", held_until=NOON - HOUR)


def _many(what: Callable[..., Any], times: int, **values: Any) -> Callable[[ChargePoint], Any]:
    return lambda charger: [what(charger, **values) for _ in range(times)]


CASES: dict[str, Case] = {
    "offline": Case(make=lambda charger: None, offline=True),
    "site-outage": Case(make=_site, offline=True),
    "silent": Case(make=lambda c: ChargePoint.objects.filter(pk=c.pk).update(last_seen_at=NOON - HOUR)),
    "flaps": Case(make=lambda charger: ends(charger, 6)),
    "waits-for-approval": Case(
        make=lambda charger: None, offline=True, values={"registration": "pending"}, serves=False
    ),
    "faulted": Case(make=lambda c: connector(c, 1, "Faulted", error_code="GroundFailure", info=c.name)),
    "connector-warns": Case(make=lambda c: connector(c, 1, "Charging", error_code="WeakSignal", info=c.name)),
    "connector-in-state": Case(make=lambda c: connector(c, 1, "Unavailable", info=c.name)),
    "clock-off": Case(
        make=lambda charger: None, values={"clock_skew_seconds": 301, "clock_measured_at": NOON}
    ),
    "local-list-drifts": Case(make=lambda charger: local_list(charger, full_needed=True, reported_at=NOON)),
    "deviations": Case(
        make=lambda c: [frame(c, id=id_at(NOON - MINUTE), verdict="deviant") for _ in range(3)],
        params={"count": 3},
    ),
    "charging-unexplained": Case(
        make=lambda charger: UnexplainedCharging.objects.create(
            charge_point=charger, connector_number=1, since=NOON - HOUR, noticed_at=NOON
        )
    ),
    "no-session": Case(make=lambda charger: None, values={"created_at": NOON - 14 * DAY}),
    "no-power": Case(make=charging),
    "session-stuck": Case(
        make=lambda c: session(c, started_at=NOON - 25 * HOUR, start_received_at=NOON - 25 * HOUR),
        params={"kind": "eternal"},
    ),
    "commands-fail": Case(
        make=lambda c: [command(c, id=id_at(NOON - HOUR), status="failed") for _ in range(5)]
    ),
    "certificate-expires": Case(make=_certificate(30)),
    "certificate-expired": Case(make=_certificate(0)),
    "certificate-request-waits": Case(make=signing_request),
    "certificate-unsigned": Case(
        make=lambda c: signing_request(c, status="approved", signing_error="no CA", decided_at=NOON)
    ),
    "handshakes-refused": Case(make=lambda c: refused(c.cp_id, "192.0.2.1", 30), serves=False),
    "address-refused": Case(house=lambda nth: refused("X", f"192.0.2.{nth}", 30)),
    "events-wait": Case(house=lambda nth: delivery(webhook(f"ERP {nth}"), "waiting")),
    "sink-fails": Case(house=_sink_fails),
    "dead-letters": Case(house=lambda nth: delivery(webhook(f"ERP {nth}"), "dead")),
    "channel-broken": Case(house=lambda nth: channel(f"on call {nth}")),
    "process-lost": Case(house=_lost_process),
    "no-server": Case(house=_servers_gone, grows=False),
    "no-worker": Case(house=_relay_gone, grows=False),
    "broker-away": Case(house=troubled("bell")),
    "backend-away": Case(house=troubled("backend:authorize"), grows=False),
    "disk-full": Case(house=lambda nth: unhealthy(nth, {"disk_free_percent": 9.9})),
}


def wrong(slug: str, cp_id: str = "CP16", **values: Any) -> ChargePoint:
    """A charge point, or the house, of which the condition holds."""
    case = CASES[slug]
    if case.make is None:
        assert case.house is not None
        case.house(ChargePoint.objects.count() + 1)
        return charge_point(cp_id)
    make = away if case.offline else at_hand
    charger = make(cp_id, **({"site": "Depot"} | case.values | values))
    case.make(charger)
    return charger


def put_events(position: int) -> None:
    """Say that so many events have been numbered."""
    Sequence.objects.all().delete()
    Reader.objects.update_or_create(name="numbering", defaults={"position": position})


__all__ += ["ask", "ended", "session_report", "timedelta"]
