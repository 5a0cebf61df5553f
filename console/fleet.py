"""The fleet as people ask for it: which filters there are, what they let through, and what was chosen of it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chargers.bulk.choosing import COLUMNS as BULK_COLUMNS
from chargers.bulk.choosing import TARGETS_MAX, BadChoice, chosen_by_id
from chargers.labels import wrong_name
from chargers.models import ChargePoint, Connector, Registration
from chargers.protocol.versions import Version
from chargers.ratings.models import Rating
from chargers.selectors import FAULT, charge_points_where, matching
from console.listing import Filters
from console.words import CONNECTOR_STATUS, REGISTRATION

UNKNOWN = "unknown"


class FleetFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("identity, name, site, vendor, model, serial…")}
        ),
    )
    online = forms.ChoiceField(
        label=_("Connection"), choices=[("", _("Any")), ("yes", _("Online")), ("no", _("Offline"))]
    )
    status = forms.ChoiceField(
        label=_("A connector is"),
        choices=[
            ("", _("Anything")),
            *((value, word.label) for value, word in CONNECTOR_STATUS.items()),
        ],
    )
    registration = forms.ChoiceField(
        label=_("Registration"),
        choices=[("", _("Any")), *((value, REGISTRATION[value].label) for value in Registration.values)],
    )
    supply = forms.ChoiceField(
        label=_("Current"),
        choices=[
            ("", _("Any")),
            ("AC", "AC"),
            ("DC", "DC"),
            ("AC+DC", _("AC and DC")),
            (UNKNOWN, _("Unknown")),
        ],
    )
    version = forms.ChoiceField(
        label=_("Version"), choices=[("", _("Any")), *((version.value, version.label) for version in Version)]
    )
    vendor = forms.CharField(label=_("Vendor"), max_length=100)
    model = forms.CharField(label=_("Model"), max_length=100)
    firmware = forms.CharField(label=_("Firmware"), max_length=100)
    site = forms.CharField(
        label=_("Site"), max_length=100, widget=forms.TextInput(attrs={"list": "filter-sites"})
    )
    label = forms.CharField(
        label=_("Label"),
        max_length=255,
        widget=forms.TextInput(attrs={"placeholder": _("name or name:value")}),
    )
    service = forms.ChoiceField(
        label=_("Service"), choices=[("", _("In service")), ("retired", _("Retired"))]
    )
    faults = forms.BooleanField(label=_("Only with faults"))

    FIRST = ("q", "online", "status", "faults")

    def clean_label(self) -> str:
        """Leave a label out that no charge point can have."""
        label = str(self.cleaned_data["label"])
        return label if label and wrong_name(label.partition(":")[0]) is None else ""

    @property
    def first(self) -> list[forms.BoundField]:
        """The filters that are always shown."""
        return [self[name] for name in self.FIRST]

    @property
    def more(self) -> list[forms.BoundField]:
        """The others."""
        return [field for field in self.visible_fields() if field.name not in self.FIRST]

    @property
    def more_used(self) -> int:
        """How many of the others are used."""
        return sum(field.name in self.values for field in self.more)

    @classmethod
    def of(cls, query: str) -> "FleetFilters":
        """Return the filters of an address's query string."""
        request = HttpRequest()
        request.GET = QueryDict(query)
        return cls(request)


def fleet() -> QuerySet[ChargePoint]:
    """Return the charge points as lists show them: `online`, `faulted`, their connectors and what they give.

    Without what only one page of each shows: deep pages would work it out for all rows before them. Two queries.
    """
    faults = Connector.objects.filter(FAULT, charge_point=OuterRef("pk"))
    rows = ChargePoint.objects.annotate(online=Q(connection_id__isnull=False), faulted=Exists(faults))
    return rows.select_related("rating").prefetch_related("connectors")


def filtered(filters: FleetFilters, rows: QuerySet[ChargePoint]) -> QuerySet[ChargePoint]:
    """Return those of the charge points that the filters let through."""
    asked: dict[str, Any] = filters.values
    rows = charge_points_where(
        rows,
        retired="service" in asked,
        online=asked["online"] == "yes" if "online" in asked else None,
        registration=asked.get("registration"),
        status=asked.get("status"),
        faulted=True if "faults" in asked else None,
        protocol=asked.get("version"),
        site=asked.get("site"),
        label=asked.get("label"),
    )
    for name, column in (("vendor", "vendor"), ("model", "model"), ("firmware", "firmware_version")):
        if name in asked:
            rows = rows.filter(**{f"{column}__icontains": asked[name]})
    if asked.get("supply") == UNKNOWN:
        rows = rows.filter(Q(rating=None) | Q(rating__supply=""))
    elif "supply" in asked:
        rows = rows.filter(rating__supply__in=_giving(asked["supply"]))
    for word in asked.get("q", "").split():
        rows = matching(rows, word)
    return rows


def _giving(supply: str) -> Collection[str]:
    """Return the kinds of charge points that give a current: those that give both give each."""
    both = Rating.Supply.BOTH.value
    return {supply, both}


def query_of(values: QueryDict, keep: Collection[str] = ()) -> str:
    """Return what a view of the fleet is made of, in one order: its filters, and of the rest what is to be kept."""
    names = sorted({*FleetFilters.base_fields, *keep})
    query = QueryDict(mutable=True)
    for name in names:
        if value := values.get(name, ""):
            query[name] = value
    return query.urlencode()


SITES_OFFERED = 200


def known_sites() -> list[str]:
    """Return the first sites by name, to be offered."""
    rows = ChargePoint.objects.filter(retired_at=None).exclude(site="").order_by("site")
    return list(rows.values_list("site", flat=True).distinct()[:SITES_OFFERED])


@dataclass
class Selection:
    """What was chosen of the fleet: some by their identities, or all that filters let through."""

    cp_ids: list[str]
    query: str | None = None

    @classmethod
    def of(cls, posted: QueryDict) -> "Selection":
        """Return what a form chose."""
        if posted.get("bulk_all"):
            return cls([], query_of(QueryDict(posted.get("bulk_query", ""))))
        return cls(list(dict.fromkeys(posted.getlist("cp"))))

    @cached_property
    def charge_points(self) -> list[ChargePoint]:
        """The charge points, by identity. Raises BadChoice for none, too many, or one that nobody knows."""
        if self.query is None:
            if not self.cp_ids:
                raise BadChoice(
                    "cp_ids", gettext("Nothing is chosen: tick charge points, or all that match.")
                )
            return chosen_by_id(self.cp_ids)
        rows = filtered(FleetFilters.of(self.query), ChargePoint.objects.only(*BULK_COLUMNS))
        chosen = list(rows.order_by("cp_id")[: TARGETS_MAX + 1])
        if not chosen:
            raise BadChoice("filter", gettext("No charge point matches any more."))
        if len(chosen) > TARGETS_MAX:
            text = gettext("More than %(most)s charge points match; a job has no more. Narrow the filters.")
            raise BadChoice("filter", text % {"most": f"{TARGETS_MAX:,}"})
        return chosen

    @property
    def fingerprint(self) -> str:
        """What is the same as long as it is the same charge points, however many there are and in whatever order."""
        keys = sorted(row.pk for row in self.charge_points)
        return sha256(",".join(map(str, keys)).encode()).hexdigest()

    @property
    def conditions(self) -> dict[str, Any] | None:
        """What the job keeps of how its targets were chosen; None for a list of them."""
        return None if self.query is None else FleetFilters.of(self.query).values
