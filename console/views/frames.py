"""The frame explorer: what went over the wires of all charge points, or of one, each call with its answer."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.history.frame_search import (
    Exchange,
    Found,
    Sought,
    commands_of,
    joined,
    search,
    transaction_named,
    walk,
)
from chargers.models import ChargePoint, Command, Frame
from console.export import Column, Cut, export, wanted
from console.following import follows, frame_words, tail
from console.frame_filters import FrameFilters, FramesOfOne, action_names, typed
from console.pages import page, render_page
from console.tabs import TABS
from console.views.charge_point import charge_point_or_404, under_its_identity
from transactions.models import Transaction

EXCHANGES_SHOWN = 50
TEXT_SHOWN = 2000
"""Characters of each frame in the list; its own page shows more."""
EXPORT_STEP = 100  # frames in memory at once; one may have a million characters
EXPORT_LOOKED_AT = 1_000_000

# --- the page ---------------------------------------------------------------------------------------------------------


class Row:
    """An exchange with the ways that lead on from it."""

    def __init__(self, exchange: Exchange, transaction: Transaction | None, command: Command | None) -> None:
        self.exchange = exchange
        self.transaction = transaction
        self.command = command
        self.charge_point = exchange.first.charge_point
        self.frames = [frame for frame in (exchange.first, exchange.answer) if frame is not None]

    @property
    def around(self) -> dict[str, str]:
        """Return the bounds of a minute around it, as the filters take them."""
        near = timedelta(seconds=30)
        return {"from": typed(self.exchange.first.at - near), "to": typed(self.exchange.last.at + near)}


class FramesPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(
        self,
        filters: FrameFilters,
        *,
        now: datetime,
        before: UUID | None,
        charge_point: ChargePoint | None = None,
    ) -> None:
        self.filters = filters
        self.before = before
        self.charge_point = charge_point
        self.window = filters.window_at(now)
        sought = filters.sought
        self.sought = sought if charge_point is None else narrowed_to(sought, charge_point)

    @cached_property
    def found(self) -> Found:
        return search(
            self.sought,
            since=self.window.since,
            until=self.window.until,
            before=self.before,
            most=EXCHANGES_SHOWN,
            text_max=TEXT_SHOWN,
        )

    @cached_property
    def rows(self) -> list[Row]:
        return rows_of(joined(self.found.rows, text_max=TEXT_SHOWN))

    @property
    def stopped_at(self) -> datetime | None:
        """Up to where it looked, if it stopped before it had found enough."""
        return None if self.found.full else self.found.looked_back_to


def narrowed_to(sought: Sought, charge_point: ChargePoint) -> Sought:
    """Return the same, of one charge point."""
    return Sought(
        **{name: getattr(sought, name) for name in Sought.__slots__} | {"cp_id": charge_point.cp_id}
    )


def rows_of(exchanges: Sequence[Exchange]) -> list[Row]:
    """Put beside exchanges the transactions they name and the commands they are. Two queries at most."""
    named = {
        exchange.first.pk: (exchange.first.charge_point_id, transaction_id)
        for exchange in exchanges
        if (transaction_id := transaction_named(exchange))
    }
    transactions: dict[tuple[int, str], Transaction] = {}
    if named:
        known = Transaction.objects.filter(
            charge_point__in={charge_point_id for charge_point_id, _id in named.values()},
            transaction_id__in={transaction_id for _of, transaction_id in named.values()},
        ).only("pk", "transaction_id", "charge_point_id")
        transactions = {(one.charge_point_id, one.transaction_id): one for one in known}
    commands = commands_of(exchanges)
    return [
        Row(
            exchange,
            transactions.get(named[exchange.first.pk]) if exchange.first.pk in named else None,
            commands.get(exchange.first.pk),
        )
        for exchange in exchanges
    ]


def before_of(request: HttpRequest) -> UUID | None:
    """Return the frame before which the page goes on; what is none counts as not given."""
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None


@page
def frames(request: HttpRequest) -> HttpResponseBase:
    """Show the frames of all charge points; with `frame` lead to that one."""
    if asked := request.GET.get("frame"):
        return _one(request, asked)
    return explore(request, "frames", FrameFilters(request), {"section": "frames"})


@page
def of_charge_point(request: HttpRequest, cp_id: str) -> HttpResponseBase:
    """Show the frames of one charge point."""
    found = charge_point_or_404(cp_id)
    if found.cp_id != cp_id and request.method == "GET":
        return under_its_identity(request, found, "frames")
    around = {"section": "charge-points", "charge_point": found, "tabs": TABS, "tab": TABS["frames"]}
    return explore(request, "charge-point-frames", FramesOfOne(request), around, found)


def explore(
    request: HttpRequest,
    name: str,
    filters: FrameFilters,
    around: dict[str, object],
    charge_point: ChargePoint | None = None,
) -> HttpResponseBase:
    """Answer with the page `name`, or with the file that the address asks for."""
    shown = FramesPage(filters, now=timezone.now(), before=before_of(request), charge_point=charge_point)
    if wanted(request):
        called = "frames" if charge_point is None else f"frames-{charge_point.cp_id}"
        return export(request, _steps(shown), COLUMNS, called)
    values: dict[str, object] = {"filters": filters, "shown": shown, "actions": action_names()}
    if follows(request):
        filters.follow()
        values |= {"follow": tail("frames", "action", **followed(shown.sought)), "tail_words": frame_words()}
    return render_page(request, name, around | values)


def followed(sought: Sought) -> dict[str, object]:
    """Return what is looked for in the words of the socket's query, which takes actions as they are written."""
    written = {name.casefold(): name for name in action_names()}
    return {
        "cp_id": sought.cp_id,
        "action": written.get(sought.action.casefold(), sought.action),
        "direction": sought.direction,
        "message_type": sought.kind,
        "verdict": sought.verdict,
        "message_id": sought.message_id,
        "connection_id": str(sought.connection_id or ""),
        "text": sought.text,
    }


def _one(request: HttpRequest, asked: str) -> HttpResponseBase:
    try:
        pk = UUID(asked)
    except ValueError:
        raise Http404(_("The address names no frame.")) from None
    found = Frame.objects.select_related("charge_point").only("charge_point__cp_id").filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no such frame; frames are deleted after CSMS_RETAIN_FRAMES_DAYS."))
    return redirect("console:charge-point-frame", found.charge_point.cp_id, pk)


# --- the file ---------------------------------------------------------------------------------------------------------

COLUMNS = (
    Column(gettext_lazy("Time (UTC)"), "at"),
    Column(gettext_lazy("Charge point"), "cp_id", "charge_point.cp_id"),
    Column(gettext_lazy("Direction"), "direction"),
    Column(gettext_lazy("Message type"), "message_type", "kind"),
    Column(gettext_lazy("Message id"), "message_id"),
    Column(gettext_lazy("Action"), "action"),
    Column(gettext_lazy("Verdict"), "verdict"),
    Column(gettext_lazy("Notes"), "notes"),
    Column(gettext_lazy("Latency in µs"), "latency_us"),
    Column(gettext_lazy("Connection"), "connection_id", lambda row: str(row.connection_id)),
    Column(gettext_lazy("Frame"), "id", lambda row: str(row.pk)),
    Column(gettext_lazy("Text"), "text"),
)


def _steps(shown: FramesPage) -> Iterator[Sequence[Frame]]:
    # Said now, in the language of who asks; only the time is known at the end.
    said = _("Stopped after a long search, at the frames of {time}: narrow the time or the filters.")
    return _walked(shown, said)


def _walked(shown: FramesPage, said: str) -> Iterator[Sequence[Frame]]:
    stopped: datetime | None = None
    bounds = {"since": shown.window.since, "until": shown.window.until}
    for rows, looked_back_to in walk(shown.sought, **bounds, step=EXPORT_STEP, at_most=EXPORT_LOOKED_AT):
        stopped = looked_back_to
        yield rows
    if stopped is not None:
        raise Cut(said.format(time=stopped.isoformat(timespec="seconds")))
