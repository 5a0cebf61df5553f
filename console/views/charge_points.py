"""The fleet: every charge point with the state of its connectors, as a table or as cards, and as a file."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from chargers.commands.sending import catalogue
from chargers.models import ChargePoint
from console.export import Column, export, wanted
from console.fleet import FleetFilters, filtered, fleet, known_sites, query_of
from console.listing import Listing
from console.pages import LIVE_HEADER, page, person, render_page
from console.views.dashboard import ocpp_url
from csms.core.access.saved_views import default_view, may_change, views_for

PAGE = "charge-points"
COLUMNS = {
    "cp_id": "cp_id",
    "name": "name",
    "site": "site",
    "vendor": "vendor",
    "firmware": "firmware_version",
    "version": "protocol",
    "power": "rating__power_w",
    "seen": "last_seen_at",
}
KEPT = ("sort", "view")  # of a view, beside its filters


def _connectors(row: ChargePoint) -> str:
    said = []
    for connector in row.connectors.all():
        error = connector.error_code if connector.error_code not in ("", "NoError") else ""
        said.append(f"{connector.number}: {connector.status}{f' ({error})' if error else ''}")
    return "; ".join(said)


def _rated(name: str) -> Column:
    titles = {
        "supply": _("Current"),
        "supply_source": _("Current, by"),
        "power_w": _("Power (W)"),
        "power_source": _("Power, by"),
        "phases": _("Phases"),
    }
    return Column(titles[name], name, f"rating.{name}")


EXPORTED = (
    Column(_("Identity"), "cp_id"),
    Column(_("Name"), "name"),
    Column(_("Site"), "site"),
    Column(_("Labels"), "labels"),
    Column(_("Online"), "online"),
    Column(_("Fault"), "faulted"),
    Column(_("Connectors"), "connectors", _connectors),
    Column(_("Registration"), "registration"),
    *(_rated(name) for name in ("supply", "supply_source", "power_w", "power_source", "phases")),
    Column(_("Vendor"), "vendor"),
    Column(_("Model"), "model"),
    Column(_("Serial number"), "serial_number"),
    Column(_("Firmware"), "firmware_version"),
    Column(_("Version"), "protocol"),
    Column(_("Last seen"), "last_seen_at"),
    Column(_("Retired"), "retired_at"),
)


@page
def charge_points(request: HttpRequest) -> HttpResponseBase:
    user = person(request)
    default = default_view(user, PAGE)
    by_part = request.headers.get(LIVE_HEADER) or getattr(request, "htmx", False)
    if default is not None and default.query and not request.GET and not by_part:
        return redirect(f"{request.path}?{default.query}")
    filters = FleetFilters(request)
    rows = filtered(filters, fleet())
    if wanted(request):
        return export(request, rows, EXPORTED, "charge-points", order=("cp_id",))
    query = query_of(request.GET, KEPT)
    values = {
        "section": "charge-points",
        "filters": filters,
        "listing": Listing(request, rows, columns=COLUMNS, default="cp_id"),
        "cards": request.GET.get("view") == "cards",
        "query": query,
        "bulk_query": query_of(request.GET),
        "ocpp_url": ocpp_url(request),
    }
    if not by_part:
        seen = list(views_for(user, PAGE))
        values |= {
            "views": [(view, may_change(user, view), view.query == query) for view in seen],
            "default": default,
            "sites": known_sites(),
            "entries": [entry for entry in catalogue().values() if user.may(entry.scope)],
        }
    return render_page(request, "charge-points", values)
