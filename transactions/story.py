"""All that happened to one transaction, from whoever knows of it, in the order of time. Every source is bounded."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from chargers.history.selectors import TooMany, known_outages
from chargers.models import Command, Frame, StatusReport
from csms.core.audit.selectors import done_to
from csms.core.events.models import Event
from csms.core.ids import uuid7_floor
from transactions.backend.models import SessionReport
from transactions.charging_profiles.models import InstalledProfile
from transactions.curves import Gap
from transactions.frames_api import window
from transactions.models import Transaction
from transactions.sequence.selectors import transaction_events
from transactions.stuck.models import Correction
from transactions.tariffs.models import Cost

BEFORE, AFTER = timedelta(minutes=10), timedelta(minutes=10)
EVENTS_WITHIN = timedelta(days=7)
MOST = 200  # of one source, the newest; a word says where older ones are left out
TOLD = ("tx.started", "tx.updated", "tx.stopped", "tx.stop_replaced", "tx.stop_differs", "tx.priced")
# What is done to a connector concerns what runs on it.
OF_THE_CONNECTOR = ("remote-start", "unlock-connector", "change-availability", "trigger-message", "reset")


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: a word, its values, and the message of the charge point that told it, if known."""

    at: datetime
    word: str
    values: Mapping[str, Any] = field(default_factory=dict)
    frame: UUID | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is looked at, by our clock, and what else several sources go by."""

    since: datetime
    until: datetime
    before: datetime | None = None
    """When the session before on the connector was over, if that is known."""
    claims: Mapping[datetime, UUID] = field(default_factory=dict)
    """The messages that told start and end, by when they were received."""

    @property
    def ids(self) -> dict[str, UUID]:
        """Return the bounds of ids written in it."""
        return {"pk__gte": uuid7_floor(self.since), "pk__lt": uuid7_floor(self.until)}


def story(
    transaction: Transaction, *, gaps: Sequence[Gap], claims: Iterable[Frame], now: datetime
) -> list[Happening]:
    """Return what happened, the first thing first. A dozen queries, however much it was.

    `gaps` are those in its readings, and `claims` the calls that told its start and its end.
    """
    since, until = window(transaction, now=now)
    before = _end_before(transaction)
    begun = _begun(transaction, since - BEFORE, before)
    span = Span(begun, until, before, {claim.at: claim.pk for claim in claims})
    told = [happening for source in SOURCES for happening in source(transaction, span, now)]
    told += _gaps(gaps)
    return sorted(told, key=lambda happening: happening.at)


def _begun(transaction: Transaction, earliest: datetime, before: datetime | None) -> datetime:
    """Return since when it is this session: its connector was free, or the session before on it was over. One query.

    What was before that, however close, is of other drivers.
    """
    heard = transaction.start_received_at
    start = transaction.started_at if heard is None else min(heard, transaction.started_at)
    free = StatusReport.objects.filter(
        charge_point=transaction.charge_point_id,
        connector_number=transaction.connector_number or 0,
        status="Available",
        pk__gte=uuid7_floor(earliest),
        pk__lt=uuid7_floor(start),
    )
    known = [*free.order_by("-pk").values_list("received_at", flat=True)[:1]]
    return max((earliest, min(before or earliest, start), *known))


def _end_before(transaction: Transaction) -> datetime | None:
    """Return when the session before on its connector was over, by what was known first; None if that is not known."""
    others = Transaction.objects.filter(
        charge_point=transaction.charge_point_id,
        connector_number=transaction.connector_number,
        started_at__lt=transaction.started_at,
    ).exclude(pk=transaction.pk)
    ends = others.order_by("-started_at", "-pk").values_list("stopped_at", "stop_received_at").first()
    return min((at for at in ends or () if at is not None), default=None)


def _newest(rows: Any) -> tuple[list[Any], bool]:
    """Return the first MOST of what comes newest first, in the order of time, and whether older ones are left out."""
    found = list(rows[: MOST + 1])
    return found[:MOST][::-1], len(found) > MOST


Source = Callable[[Transaction, Span, datetime], Iterable[Happening]]


# --- what the charge point told ---------------------------------------------------------------------------------------


def _claims(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    if transaction.start_received_at is not None:
        values = {
            "wh": transaction.meter_start_wh,
            "verdict": transaction.authorization,
            "heard_at": _if_late(transaction.start_received_at, transaction.started_at),
        }
        frame = span.claims.get(transaction.start_received_at)
        yield Happening(transaction.started_at, "started", values, frame)
    if transaction.stop_received_at is not None and transaction.stopped_at is not None:
        values = {
            "wh": transaction.meter_stop_wh,
            "energy_wh": transaction.energy_wh,
            "reason": transaction.stop_reason,
            "heard_at": _if_late(transaction.stop_received_at, transaction.stopped_at),
        }
        yield Happening(
            transaction.stopped_at, "ended", values, span.claims.get(transaction.stop_received_at)
        )
    inferred = transaction.inferred_end
    if inferred is not None:
        values = {
            "wh": inferred["meter_stop_wh"],
            "energy_wh": inferred["energy_wh"],
            "evidence": inferred["evidence"],
        }
        yield Happening(datetime.fromisoformat(inferred["stopped_at"]), "end_inferred", values)
    elif transaction.end_seen_at is not None:
        yield Happening(transaction.end_seen_at, "end_seen", {"evidence": transaction.end_evidence})


def _if_late(heard: datetime, happened: datetime) -> datetime | None:
    return heard if abs(heard - happened) > timedelta(minutes=1) else None


def _authorization(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    """Find the last time that its token was asked for before the start."""
    start = transaction.start_received_at
    if start is None or not transaction.id_token:
        return
    written = orjson.dumps(transaction.id_token).decode()
    asked = Frame.objects.filter(
        charge_point=transaction.charge_point_id,
        pk__gte=uuid7_floor(min(span.before or start - BEFORE, start)),
        pk__lt=uuid7_floor(start),
        action="Authorize",
        kind=2,
        text__contains=written,
    )
    for pk, at in asked.order_by("-pk").values_list("pk", "at")[:1]:
        yield Happening(at, "authorized", {"token": transaction.id_token}, pk)


def _states(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    reports = StatusReport.objects.filter(
        charge_point=transaction.charge_point_id,
        connector_number=transaction.connector_number or 0,
        **span.ids,
    ).exclude(status="")
    before: tuple[str, str] | None = None
    rows = reports.order_by("-pk").values_list("status", "error_code", "status_at", "received_at")
    found, older = _newest(rows)
    for status, error, claimed, received in found:
        at = claimed if claimed is not None and claimed <= received else received
        if older and before is None:
            yield Happening(at, "older_status")
        if (status, error) != before:
            values = {"status": status, "error": "" if error == "NoError" else error}
            yield Happening(at, "status", values)
        before = (status, error)
        if status == "Available" and transaction.stop_received_at and received > transaction.stop_received_at:
            return  # whatever comes now is of the next driver


def _numbered(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    """Tell what its numbered events said of charging, and where some are missing (2.x)."""
    if transaction.number is not None:
        return
    told = transaction_events(transaction).filter(twin=0).exclude(charging_state="")
    found, older = _newest(told.order_by("-occurred_at", "-pk"))
    if older:
        yield Happening(found[0].occurred_at, "older_state")
    before = ""
    for event in found:
        if event.charging_state != before:
            values = {"state": event.charging_state}
            yield Happening(event.occurred_at, "charging_state", values, event.frame_id)
        before = event.charging_state


def _gaps(found: Sequence[Gap]) -> Iterator[Happening]:
    gaps, older = _newest(found[::-1])
    if older:
        yield Happening(gaps[0][0], "older_gap")
    for since, until in gaps:
        yield Happening(since, "no_readings", {"seconds": (until - since).total_seconds()})


def _offline(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    try:
        known, horizon = known_outages(transaction.charge_point, since=span.since, until=span.until, now=now)
    except TooMany:
        return
    outages, older = _newest(known[::-1])
    if older:
        yield Happening(outages[0].went_offline_at, "older_outage")
    for lost in outages:
        seconds = ((lost.came_online_at or horizon) - lost.went_offline_at).total_seconds()
        word = "offline" if lost.came_online_at is not None else "offline_still"
        yield Happening(lost.went_offline_at, word, {"seconds": seconds})


# --- what was done to it ----------------------------------------------------------------------------------------------


def _commands(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    rows = Command.objects.filter(charge_point=transaction.charge_point_id, **span.ids).order_by("-pk")
    commands, older = _newest(rows)
    if older:
        yield Happening(commands[0].created_at, "older_command")
    for command in commands:
        if _concerns(command, transaction):
            values = {"command": command, "by": command.by, "outcome": command.status}
            yield Happening(command.created_at, "command", values)
            if command.effect and command.effect_at is not None:
                yield Happening(command.effect_at, "effect", {"command": command, "effect": command.effect})


def _concerns(command: Command, transaction: Transaction) -> bool:
    params = command.params
    if str(params.get("transaction_id", "")) == transaction.transaction_id:
        return True
    if command.effect_subject == str(transaction.pk):
        return True
    of_it = params.get("connector_id") in (None, 0, "", transaction.connector_number)
    return command.type in OF_THE_CONNECTOR and command.type != "remote-start" and of_it


def _limits(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    profiles, older = _newest(InstalledProfile.objects.filter(transaction=transaction).order_by("-pk"))
    if older:
        yield Happening(profiles[0].created_at, "older_limit")
    for profile in profiles:
        values = {"profile": profile.profile_id, "by": profile.by}
        yield Happening(profile.created_at, "limit_ordered", values)
        if profile.installed_at is not None:
            yield Happening(profile.installed_at, "limit_installed", values)
        if profile.ended_at is not None:
            yield Happening(profile.ended_at, "limit_ended", values | {"state": profile.get_status_display()})


def _corrections(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    corrections, older = _newest(Correction.objects.filter(transaction=transaction).order_by("-pk"))
    if older:
        yield Happening(corrections[0].at, "older_act")
    for correction in corrections:
        values = {"correction": correction, "by": correction.by, "reason": correction.reason}
        yield Happening(correction.at, f"correction_{correction.step}", values)
    acts, older = _newest(done_to("transaction", transaction.pk).exclude(action__startswith="stuck_session."))
    if older:
        yield Happening(acts[0].at, "older_act")
    for entry in acts:
        values = {"by": entry.by, "action": entry.action, "reason": entry.reason}
        yield Happening(entry.at, "act", values)


def _cost(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    cost: Cost | None = getattr(transaction, "cost", None)
    if cost is not None:
        yield Happening(cost.priced_at, "priced", {"cost": cost, "tariff": cost.tariff.name})


# --- whom it was told -------------------------------------------------------------------------------------------------


def _backend(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    reports = SessionReport.objects.filter(
        cp_id=transaction.charge_point.cp_id, transaction_id=transaction.transaction_id
    )
    found, older = _newest(reports.order_by("-pk"))
    for place, report in enumerate(found):
        at = report.delivered_at or report.last_at or report.created_at
        if older and not place:
            yield Happening(at, "older_backend")
        values = {"attempts": report.attempts, "trouble": report.last_error[:200]}
        yield Happening(at, f"backend_{report.kind}_{report.state}", values)


def _events(transaction: Transaction, span: Span, now: datetime) -> Iterator[Happening]:
    """Return the events that named it; each has the message that it follows from as its trace."""
    written = f'"transaction_id":{orjson.dumps(transaction.transaction_id).decode()}'
    last = Span(max(span.since, span.until - EVENTS_WITHIN), span.until + AFTER)
    rows = Event.objects.filter(
        cp_id=transaction.charge_point.cp_id, type__in=TOLD, payload__contains=written, **last.ids
    ).order_by("-pk")
    found, older = _newest(rows.values_list("type", "occurred_at", "trace_id", "sequence"))
    if older:
        yield Happening(found[0][1], "older_event")
    for type, at, trace, sequence in found:
        yield Happening(at, "event", {"type": type, "sequence": sequence}, UUID(trace) if trace else None)


SOURCES: tuple[Source, ...] = (
    _authorization,
    _claims,
    _states,
    _numbered,
    _offline,
    _commands,
    _limits,
    _corrections,
    _cost,
    _backend,
    _events,
)
