"""One transaction: its curves, all that happened to it, what it cost, what was odd about it, and what was said."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chargers.history.frame_search import joined
from chargers.history.frames import exchanges
from chargers.models import Frame
from console.frame_filters import typed
from console.pages import page, render_page
from console.story_words import line_of, told
from console.transaction_words import ANOMALY_CLAIMS
from console.views.frames import TEXT_SHOWN, Row, rows_of
from console.views.transaction_events import Ledger
from console.words import CHARGING_STATE, say
from transactions.authorization import find_registered
from transactions.curves import Curve, Readings, curves, readings
from transactions.frames_api import claims_of, window
from transactions.models import ANOMALIES, IdToken, Transaction
from transactions.selectors import add_live_figures, transactions
from transactions.sequence.selectors import course_of_states
from transactions.signed.api import FILE_MAX, SignedReadingShape, transparency_response
from transactions.signed.models import SignedReading
from transactions.signed.selectors import key_of, signed_readings
from transactions.story import Happening, story
from transactions.stuck.cases import Case
from transactions.stuck.possible import cases_of
from transactions.tariffs.models import LiveCost
from transactions.tariffs.pricing import Unpriceable, in_currency
from transactions.tariffs.services import components, estimated

READINGS_SHOWN = 100
SIGNED_SHOWN = 50
FRAMES_SHOWN = 200
LOOK_AT_ONCE = timedelta(days=2)  # in a longer time frames are looked for only when somebody asks
AROUND = timedelta(seconds=30)
STATE_COLOURS = {
    "Charging": 2,
    "SuspendedEV": 3,
    "SuspendedEVSE": 5,
    "EVConnected": 1,
    "Idle": 6,
}  # of charts


class Told:
    """A happening as the list shows it, with the way to what was said then."""

    def __init__(self, happening: Happening, cp_id: str) -> None:
        line = line_of(happening)
        self.at = happening.at
        self.who = line.who
        self.tone = line.tone
        self.text: SafeString = told(happening)
        self.frame = happening.frame
        around = f"?from={typed(happening.at - AROUND)}&to={typed(happening.at + AROUND)}"
        self.around = reverse("console:charge-point-tab", args=[cp_id, "frames"]) + around


class Bill:
    """What it costs, line by line, exactly; `estimate` while it may still change."""

    def __init__(
        self,
        tariff: str,
        currency: str,
        lines: Sequence[Any],
        sums: Sequence[Any],
        priced_at: datetime | None,
    ) -> None:
        self.tariff = tariff
        self.currency = currency
        self.lines = lines
        self.net, self.tax, self.total = (f"{in_currency(amount, currency):f}" for amount in sums)
        self.priced_at = priced_at


class Signed:
    """A signed reading as the table shows it, with the key that belongs to it and where that was told."""

    def __init__(self, reading: SignedReading) -> None:
        self.reading = reading
        self.key, self.key_from = key_of(reading)


class TransactionPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, transaction: Transaction, *, now: datetime, all_frames: bool = False) -> None:
        self.transaction = transaction
        self.now = now
        self.all_frames = all_frames

    @property
    def open(self) -> bool:
        return self.transaction.status == Transaction.Status.ACTIVE

    @cached_property
    def anomalies(self) -> list[tuple[str, str, list[str]]]:
        """Each with its meaning, and the claims in which it shows."""
        raw = {"start": self.transaction.raw_start, "stop": self.transaction.raw_stop}
        return [
            (
                word,
                say(ANOMALIES.get(word, "")),
                [raw[name] for name in ANOMALY_CLAIMS.get(word, ()) if raw[name]],
            )
            for word in self.transaction.anomalies
        ]

    @cached_property
    def readings(self) -> Readings:
        return readings(self.transaction, newest=READINGS_SHOWN)

    @cached_property
    def ledger(self) -> Ledger:
        """Its numbered events, of OCPP 2.x."""
        return Ledger(self.transaction)

    @cached_property
    def claims(self) -> list[Frame]:
        return claims_of(self.transaction)

    @cached_property
    def story(self) -> list[Told]:
        happenings = story(self.transaction, gaps=self.readings.gaps, claims=self.claims, now=self.now)
        return [Told(happening, self.transaction.charge_point.cp_id) for happening in happenings]

    @cached_property
    def token(self) -> IdToken | None:
        given = self.transaction.id_token
        return find_registered(given, self.transaction.token_type) if given else None

    @cached_property
    def bill(self) -> Bill | None:
        priced = getattr(self.transaction, "cost", None)
        if priced is not None:
            sums = (priced.net, priced.tax, priced.total)
            return Bill(priced.tariff.name, priced.currency, priced.components, sums, priced.priced_at)
        try:
            estimate = estimated(self.transaction, now=self.now)
        except Unpriceable:
            return None
        if estimate is None:
            return None
        tariff, _used, amount = estimate
        lines = components(amount)
        return Bill(tariff.name, tariff.currency, lines, (amount.net, amount.tax, amount.total), None)

    @property
    def numbers_its_events(self) -> bool:
        """Whether it is one of OCPP 2.x: only those are told costs and bring signed readings of their own."""
        return self.transaction.number is None

    @cached_property
    def told(self) -> LiveCost | None:
        """What the driver was last told at the charge point; None if nothing was."""
        if not self.numbers_its_events:
            return None
        rows = LiveCost.objects.filter(transaction=self.transaction, told_at__isnull=False)
        return rows.exclude(currency="").first()

    @cached_property
    def signed(self) -> list[Signed]:
        if not self.numbers_its_events:
            return []
        rows = signed_readings(self.transaction).order_by("-pk")[:SIGNED_SHOWN]
        return [Signed(row) for row in rows]

    @cached_property
    def signed_count(self) -> int:
        return SignedReading.objects.filter(transaction=self.transaction).count()

    @cached_property
    def stuck(self) -> list[Case]:
        """In which ways it is stuck."""
        return cases_of(self.transaction, now=self.now)

    @cached_property
    def window(self) -> tuple[datetime, datetime]:
        return window(self.transaction, now=self.now)

    @property
    def frames_wait(self) -> bool:
        """Whether the time is so long that frames are looked for only when somebody asks."""
        since, until = self.window
        return not self.all_frames and until - since > LOOK_AT_ONCE

    @cached_property
    def frames(self) -> list[Row]:
        transaction, (since, until) = self.transaction, self.window
        rows = exchanges(
            transaction.charge_point_id,
            transaction.transaction_id,
            claims=self.claims,
            since=since,
            until=until,
        )
        rows = rows.defer("text").annotate(excerpt=Left("text", TEXT_SHOWN))
        return rows_of(joined(list(rows.order_by("-pk")[:FRAMES_SHOWN]), text_max=TEXT_SHOWN))

    @property
    def frames_most(self) -> int:
        return FRAMES_SHOWN


def transaction_or_404(pk: UUID) -> Transaction:
    """Return the transaction with its cost."""
    found = transactions().select_related("cost__tariff").filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no such transaction."))
    return found


@page
def transaction_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    transaction = transaction_or_404(pk)
    now = timezone.now()
    add_live_figures(transaction, now=now)
    shown = TransactionPage(transaction, now=now, all_frames="frames" in request.GET)
    values = {"transaction": transaction, "shown": shown}
    return render_page(request, "transaction", {"section": "transactions", **values})


@page
def signed_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the signed readings as the file that transparency software reads."""
    return transparency_response(transaction_or_404(pk))


@page
def signed_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the signed readings as the API lists them, at most FILE_MAX."""
    transaction = transaction_or_404(pk)
    rows = signed_readings(transaction).order_by("pk")[:FILE_MAX]
    response = JsonResponse({"results": SignedReadingShape(rows, many=True).data})
    name = content_disposition_header(True, f"{transaction.transaction_id}.json")
    response["Content-Disposition"] = name or "attachment"
    return response


# --- charts -----------------------------------------------------------------------------------------------------------


@page
def charts(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the curves for the charts, by the name of the chart."""
    transaction = transaction_or_404(pk)
    found = curves(transaction)
    waits = transaction.status == Transaction.Status.ACTIVE and not found.readings
    lane = _lane(transaction, now=timezone.now())
    bounds: dict[str, Any] = {"from": _ms(transaction.started_at)}
    if transaction.stopped_at is not None:
        bounds["to"] = _ms(transaction.stopped_at)
    marks = _marks(transaction)

    def chart(
        figure: str, unit: str, decimals: int, factor: float, label: str, nothing: str
    ) -> dict[str, Any]:
        return {
            "unit": unit,
            "decimals": decimals,
            "empty": _("No reading yet.") if waits else nothing,
            "marks": marks,
            "series": [_series(curve, label, factor) for curve in found.of(figure)],
            **bounds,
        }

    drawn = {
        "power": chart(
            "power_w",
            "kW",
            2,
            1000,
            _("Power"),
            _("No power was reported: the charge point sends no such readings."),
        ),
        "energy": chart("energy_wh", "kWh", 3, 1000, _("Energy"), _("No meter register was reported.")),
        "battery": chart("soc_percent", "%", 0, 1, _("Battery"), _("No state of charge was reported."))
        | {"max": 100},
        "voltage": chart("voltage_v", "V", 1, 1, _("Voltage"), _("No voltage was reported.")),
        "current": chart("current_a", "A", 1, 1, _("Current"), _("No current was reported.")),
    }
    if lane:  # where there is something to read it beside
        first = next((name for name in ("power", "energy") if drawn[name]["series"]), "power")
        drawn[first]["series"].append(lane)
    return JsonResponse(drawn)


def _lane(transaction: Transaction, *, now: datetime) -> dict[str, Any] | None:
    """Return what charging did, as a lane of a chart: of OCPP 2.x, where its events tell."""
    course = [] if transaction.number is not None else course_of_states(transaction)
    if not course:
        return None
    states = list(dict.fromkeys(state for _at, state in course))
    points: list[list[int | None]] = [[_ms(at), states.index(state)] for at, state in course]
    until = _ms(transaction.stopped_at or now)
    if until > _ms(course[-1][0]):
        points.append([until, None])
    return {
        "label": _("State"),
        "kind": "lane",
        "words": [{"label": _state(state), "colour": STATE_COLOURS.get(state, 6)} for state in states],
        "points": points,
    }


def _state(state: str) -> str:
    word = CHARGING_STATE.get(state)
    return word.label if word is not None else state


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _marks(transaction: Transaction) -> list[dict[str, Any]]:
    if transaction.end_source == Transaction.EndSource.INFERRED and transaction.stopped_at is not None:
        return [{"at": _ms(transaction.stopped_at), "label": _("end, inferred")}]
    return []


def _series(curve: Curve, label: str, factor: float) -> dict[str, Any]:
    places = 4 if factor > 1 else 2
    points = [
        [int(at * 1000), None if value is None else round(value / factor, places)]
        for at, value in curve.points
    ]
    name = curve.phase or (label if curve.figure != "power_w" else _("Sum"))
    return {"label": name, "points": points}
