"""The fleet: every charge point with the state of its connectors."""

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from chargers.models import ChargePoint, ConnectorStatus, Registration
from chargers.protocol.versions import Version
from chargers.selectors import charge_points as fleet
from chargers.selectors import matching, with_connector_in
from console.listing import Filters, Listing
from console.pages import page, render_page
from console.views.dashboard import ocpp_url
from console.words import CONNECTOR_STATUS, REGISTRATION

COLUMNS = {
    "cp_id": "cp_id",
    "vendor": "vendor",
    "firmware": "firmware_version",
    "version": "protocol",
    "seen": "last_seen_at",
}


class FleetFilters(Filters):
    q = forms.CharField(
        label="Search",
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "identity, name, vendor, model, serial…"}
        ),
    )
    online = forms.ChoiceField(
        label="Connection", choices=[("", "Any"), ("yes", "Online"), ("no", "Offline")]
    )
    status = forms.ChoiceField(
        label="A connector is",
        choices=[
            ("", "Anything"),
            *((value, CONNECTOR_STATUS[value].label) for value in ConnectorStatus.values),
        ],
    )
    registration = forms.ChoiceField(
        label="Registration",
        choices=[("", "Any"), *((value, REGISTRATION[value].label) for value in Registration.values)],
    )
    version = forms.ChoiceField(
        label="Version", choices=[("", "Any"), *((version.value, version.label) for version in Version)]
    )
    service = forms.ChoiceField(label="Service", choices=[("", "In service"), ("retired", "Retired")])
    faults = forms.BooleanField(label="Only with faults")


def filtered(filters: FleetFilters) -> QuerySet[ChargePoint]:
    """Return the charge points that the filters let through."""
    asked = filters.values
    rows = fleet().filter(retired_at__isnull="service" not in asked)
    for word in asked.get("q", "").split():
        rows = matching(rows, word)
    if "online" in asked:
        rows = rows.filter(connection_id__isnull=asked["online"] == "no")
    if "registration" in asked:
        rows = rows.filter(registration=asked["registration"])
    if "version" in asked:
        rows = rows.filter(protocol=asked["version"])
    if "status" in asked:
        rows = with_connector_in(rows, asked["status"])
    if "faults" in asked:
        rows = rows.filter(Q(("faulted", True)))
    return rows


@page
def charge_points(request: HttpRequest) -> HttpResponse:
    filters = FleetFilters(request)
    listing = Listing(request, filtered(filters), columns=COLUMNS, default="cp_id")
    return render_page(
        request,
        "charge-points",
        {"section": "charge-points", "filters": filters, "listing": listing, "ocpp_url": ocpp_url(request)},
    )
