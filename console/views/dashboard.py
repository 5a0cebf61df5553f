"""The first page: what is wrong, what charges, whether the house itself works, and how the last day went."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.functional import cached_property  # that of functools lets one page at a time read
from django.utils.translation import gettext as _

from alerts.models import Alert, Severity
from alerts.selectors import AlertFigures, alert_figures, alerts
from chargers import overview as fleet
from chargers.certificates.models import SigningRequest
from chargers.certificates.selectors import signing_requests
from chargers.models import Connector, RefusedHandshake
from chargers.security_events.selectors import critical_events
from chargers.selectors import refused_handshakes
from console.pages import page, render_page
from console.service_status import Service, service_status, worst
from console.shared import Shared
from console.transaction_filters import TABLE
from console.views.charge_point import ALARMING
from transactions import overview as charging
from transactions.figures.minutes import points
from transactions.models import Transaction
from transactions.selectors import LISTED, transactions, with_live_figures

NEWEST = 6
DAY = timedelta(hours=24)
_RANKS = Case(
    *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(Severity.values)),
    default=Value(len(Severity.values)),
    output_field=IntegerField(),
)
# The two that every open page asks for whenever anything changes at a charge point.
_FLEET: Shared[fleet.FleetFigures] = Shared()
_CHARGING: Shared[charging.ChargingFigures] = Shared()


class Dashboard:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self.today = timezone.localtime(self.now).replace(hour=0, minute=0, second=0, microsecond=0)

    @cached_property
    def fleet(self) -> fleet.FleetFigures:
        return _FLEET.read(fleet.fleet_figures)

    @cached_property
    def charging(self) -> charging.ChargingFigures:
        return _CHARGING.read(lambda: charging.charging_figures(now=self.now, since=self.today))

    @cached_property
    def odd(self) -> int:
        """How many transactions that became known in the last day are odd, orphans among them."""
        return charging.newly_odd(since=self.now - DAY)[1]

    @cached_property
    def alert_figures(self) -> AlertFigures:
        return alert_figures()

    @cached_property
    def alerts(self) -> list[Alert]:
        """The worst that fire, the oldest of equal ones first."""
        firing = alerts().filter(resolved_at=None, state=Alert.State.FIRING)
        return list(firing.order_by(_RANKS, "began_at", "pk")[:NEWEST])

    @cached_property
    def services(self) -> list[Service]:
        return service_status(now=self.now)

    @property
    def services_tone(self) -> str:
        return worst(self.services)

    @cached_property
    def critical_events(self) -> int:
        return critical_events(since=self.now - ALARMING).count()

    @cached_property
    def open_requests(self) -> int:
        return signing_requests().filter(status=SigningRequest.Status.PENDING).count()

    @cached_property
    def faults(self) -> list[Connector]:
        return list(fleet.faults()[:NEWEST])

    @cached_property
    def refusals(self) -> list[RefusedHandshake]:
        return list(refused_handshakes().order_by("-last_at", "-pk")[:NEWEST])

    @cached_property
    def transactions(self) -> list[Transaction]:
        newest = transactions().only(*TABLE).order_by("-started_at", "-id")
        return list(with_live_figures(newest, now=self.now, figures=LISTED)[:NEWEST])


@page
def dashboard(request: HttpRequest) -> HttpResponse:
    return render_page(
        request, "dashboard", {"section": "dashboard", "board": Dashboard(), "ocpp_url": ocpp_url(request)}
    )


def ocpp_url(request: HttpRequest) -> str:
    """Return the URL to which charge points connect, as seen from where the viewer is."""
    return f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}/ocpp/"


@page
def figures(request: HttpRequest) -> HttpResponse:
    """Return the charts of the last 24 hours, by name."""
    until = timezone.now()
    return JsonResponse(last_day(since=until - DAY, until=until))


def last_day(*, since: datetime, until: datetime) -> dict[str, Any]:
    """Return what charts.js draws: a point for every five minutes, and gaps where nothing was noted. One query."""
    noted = points(since=since, until=until)

    def curve(name: str, divisor: float = 1, **more: Any) -> dict[str, Any]:
        values = []
        for each in noted:
            at = each if isinstance(each, datetime) else each.at
            value = None if isinstance(each, datetime) else getattr(each, name)
            values.append([int(at.timestamp() * 1000), None if value is None else round(value / divisor, 2)])
        return {"points": values, **more}

    every = {
        "from": int(since.timestamp() * 1000),
        "to": int(until.timestamp() * 1000),
        "bucket": 300,
        "decimals": 0,
        "empty": _("Nothing was noted yet. The worker notes the network once a minute."),
    }
    return {
        "online": {
            **every,
            "unit": "",
            "series": [
                curve("online", label=_("Online"), kind="area", colour=2),
                curve("known", label=_("Known"), kind="line", dash=True, colour=1),
                curve("faulted", label=_("Faulted"), kind="line", colour=5),
            ],
        },
        "power": {
            **every,
            "unit": "kW",
            "decimals": 1,
            "empty": _("No power was reported in the last 24 hours."),
            "series": [curve("power_w", 1000, label=_("Power"), kind="area", colour=1)],
        },
        "sessions": {
            **every,
            "unit": "",
            "series": [curve("sessions", label=_("Sessions"), kind="area", colour=3)],
        },
        "messages": {
            **every,
            "unit": _("per minute"),
            "series": [curve("messages", label=_("Messages"), kind="area", colour=6)],
        },
    }
