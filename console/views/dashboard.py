"""The first page: what is wrong, what charges, who waits."""

from functools import cached_property

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from chargers import overview as fleet
from chargers.certificates.models import SigningRequest
from chargers.certificates.selectors import signing_requests
from chargers.models import Connector, RefusedHandshake
from chargers.security_events.selectors import critical_events
from chargers.selectors import refused_handshakes
from console.pages import page, render_page
from console.views.charge_point import ALARMING
from transactions import overview as charging
from transactions.models import Transaction
from transactions.selectors import transactions, with_live_figures

NEWEST = 6


class Dashboard:
    """What the page shows, each part read only when a fragment needs it."""

    @cached_property
    def fleet(self) -> fleet.FleetFigures:
        return fleet.fleet_figures()

    @cached_property
    def charging(self) -> charging.ChargingFigures:
        now = timezone.now()
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return charging.charging_figures(now=now, since=midnight)

    @cached_property
    def critical_events(self) -> int:
        return critical_events(since=timezone.now() - ALARMING).count()

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
        newest = transactions().order_by("-started_at", "-id")
        return list(with_live_figures(newest, now=timezone.now())[:NEWEST])


@page
def dashboard(request: HttpRequest) -> HttpResponse:
    return render_page(
        request, "dashboard", {"section": "dashboard", "board": Dashboard(), "ocpp_url": ocpp_url(request)}
    )


def ocpp_url(request: HttpRequest) -> str:
    """Return the URL to which charge points connect, as seen from where the viewer is."""
    return f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}/ocpp/"
