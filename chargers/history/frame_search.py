"""Searching the frame log as people do: newest first, bounded in time and in frames looked at, calls with answers."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Left

from chargers.history.frames import ANSWERS, CALL, frames, of_connection, pairs
from chargers.models import ChargePoint, Command, Frame
from csms.core.ids import uuid7_floor
from csms.core.paging import newest

WINDOW_MAX = timedelta(days=7)
AMONG = 50_000
"""Frames that one search looks at where no index knows which are wanted."""
AMONG_TEXTS = 20_000
"""The same where their texts must be read."""
IDENTITIES_MAX = 50
COMMAND_MAY_WAIT = timedelta(days=8)  # before it is sent; what waits longer is not found


@dataclass(frozen=True, slots=True)
class Sought:
    """Which frames somebody looks for; what is empty does not matter."""

    cp_id: str = ""
    """An identity in any case of letters, or a part of identities."""
    connection_id: UUID | None = None
    action: str = ""
    direction: str = ""
    kind: int | None = None
    verdict: str = ""
    message_id: str = ""
    text: str = ""

    @property
    def among(self) -> int:
        """How many frames are looked at."""
        return AMONG_TEXTS if self.text else AMONG


@dataclass(frozen=True, slots=True)
class Found:
    """Frames, the newest first, and where the search stopped before the window was at its end."""

    rows: Sequence[Frame]
    before: UUID | None
    """Look on before this; None: nothing older is in the window."""
    full: bool
    """Whether it stopped since it had found as many as were asked for; else since it had looked at so many."""

    @property
    def looked_back_to(self) -> datetime | None:
        """Up to which time it has looked; None: to the end of the window."""
        return None if self.before is None else moment_of(self.before)


def moment_of(key: UUID) -> datetime:
    """Return the time of a UUIDv7, to the millisecond."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)


def search(
    sought: Sought,
    *,
    since: datetime,
    until: datetime,
    before: UUID | None = None,
    most: int,
    text_max: int | None = None,
) -> Found:
    """Return the newest frames that are sought, with the beginning of each text as `excerpt` where `text_max` is given.

    At most `sought.among` frames are looked at; those of one charge point, of a connection and those that are not as
    the standard has them are found by indexes, so that only they count. Two queries, a third for a charge point.
    """
    rows, wanted = _narrowed(frames(since=since, until=until), sought)
    if text_max is not None:
        rows = rows.defer("text").annotate(excerpt=Left("text", text_max))
    among = sought.among if wanted else most  # where indexes know all, nothing else is looked at
    found = newest(rows, "id", wanted=wanted, before=before, most=most, among=among)
    return Found(found.rows, found.older, len(found.rows) == most)


def _narrowed(rows: QuerySet[Frame], sought: Sought) -> tuple[QuerySet[Frame], Q]:
    """Return the rows that indexes lead to, and what is still to be looked for among them."""
    wanted = Q()
    if sought.cp_id:
        exact = list(ChargePoint.objects.filter(cp_id__iexact=sought.cp_id).values_list("pk", flat=True)[:2])
        if exact:
            rows = (
                rows.filter(charge_point__in=exact) if len(exact) > 1 else rows.filter(charge_point=exact[0])
            )
        else:
            alike = ChargePoint.objects.filter(cp_id__icontains=sought.cp_id).order_by("cp_id")
            known = list(alike.values_list("pk", flat=True)[:IDENTITIES_MAX])
            if not known:
                return rows.none(), wanted
            wanted &= Q(charge_point__in=known)
    if sought.connection_id is not None:
        rows = of_connection(rows, sought.connection_id)
    if sought.verdict:
        if sought.verdict != Frame.Verdict.OK:
            rows = rows.filter(~Q(verdict=Frame.Verdict.OK))  # as the partial indexes have it
        wanted &= Q(verdict=sought.verdict)
    if sought.action:
        wanted &= Q(action__iexact=sought.action)
    if sought.direction:
        wanted &= Q(direction=sought.direction)
    if sought.kind is not None:
        wanted &= Q(kind=sought.kind)
    if sought.message_id:
        wanted &= Q(message_id=sought.message_id)
    if sought.text:
        wanted &= Q(text__icontains=sought.text)
    return rows, wanted


def walk(
    sought: Sought, *, since: datetime, until: datetime, step: int, at_most: int
) -> Iterator[tuple[Sequence[Frame], datetime | None]]:
    """Yield all frames that are sought, whole, in steps, each with the time it has looked back to (see `Found`).

    It ends after `at_most` frames were looked at, counted by the bound of each search; then the last time is not None.
    """
    before: UUID | None = None
    looked_at = 0
    while True:
        found = search(sought, since=since, until=until, before=before, most=step)
        before = found.before
        # A step that was filled has looked at its rows at least; how many more, only the database knows.
        looked_at += step if found.full else sought.among
        yield found.rows, found.looked_back_to
        if before is None or looked_at >= at_most:
            return


# --- calls with their answers -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call with its answer, or one of them without the other, or what is neither."""

    first: Frame
    answer: Frame | None = None
    """What answered the first."""

    @property
    def last(self) -> Frame:
        """The newer of its frames."""
        return self.answer or self.first

    @property
    def lacks_answer(self) -> bool:
        """Whether it is a call to which no answer is known."""
        return self.first.kind == CALL and self.answer is None

    @property
    def lacks_call(self) -> bool:
        """Whether it is an answer of which no call is known."""
        return self.first.kind in ANSWERS

    @property
    def latency_us(self) -> int | None:
        """How long the answer took, in microseconds."""
        if self.answer is None:
            return self.first.latency_us
        if self.answer.latency_us is not None:
            return self.answer.latency_us
        return max(0, (self.answer.at - self.first.at) // timedelta(microseconds=1))


def joined(rows: Sequence[Frame], *, text_max: int) -> list[Exchange]:
    """Return frames, newest first, as exchanges; the halves that are not among them are read. Two queries.

    Each exchange stands where the newer of its halves that are among the rows stood.
    """
    others = pairs(rows)
    known = {row.pk: row for row in rows}
    missing = {other.pk for other in others.values() if other.pk not in known}
    if missing:
        halves = Frame.objects.filter(pk__in=missing, pk__gte=min(missing), pk__lte=max(missing))
        halves = halves.select_related("charge_point").defer("text").annotate(excerpt=Left("text", text_max))
        known |= {half.pk: half for half in halves}
    found: list[Exchange] = []
    shown: set[UUID] = set()
    for row in rows:
        if row.pk in shown:
            continue
        other = others.get(row.pk)
        half = known.get(other.pk) if other is not None else None
        if half is None:
            exchange = Exchange(row)
        elif row.kind == CALL:
            exchange = Exchange(row, half)
        else:
            exchange = Exchange(half, row)
        shown |= {exchange.first.pk, exchange.last.pk}
        found.append(exchange)
    return found


_NAMED = re.compile(r'"transactionId"\s*:\s*"?([^"\s,}\]]{1,36})')


def transaction_named(exchange: Exchange) -> str:
    """Return the id on the wire of the transaction that an exchange names in what was read of it, "" if none."""
    for frame in (exchange.first, exchange.answer):
        if frame is not None and (named := _NAMED.search(getattr(frame, "excerpt", ""))):
            return named[1]
    return ""


def commands_of(exchanges: Iterable[Exchange]) -> dict[UUID, Command]:
    """Return the commands that calls of ours were, by the ids of the calls' frames. One query; none without calls."""
    calls = [one.first for one in exchanges if one.first.kind == CALL and one.first.direction == "out"]
    if not calls:
        return {}
    oldest = min(call.at for call in calls) - COMMAND_MAY_WAIT
    sent = Command.objects.filter(
        charge_point__in={call.charge_point_id for call in calls},
        message_id__in={call.message_id for call in calls},
        pk__gte=uuid7_floor(oldest),
    )
    known = {(command.charge_point_id, command.message_id): command for command in sent}
    return {
        call.pk: command
        for call in calls
        if (command := known.get((call.charge_point_id, call.message_id))) is not None
    }
