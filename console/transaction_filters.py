"""Which transactions the list shows, in which order, and what they come to together: all of it in the address."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.days import day_field
from console.listing import Column, Filters
from console.transaction_words import anomaly_title
from transactions.models import ANOMALIES, Transaction
from transactions.selectors import matching, odd, of_token, transactions
from transactions.tariffs.models import Cost
from transactions.tariffs.pricing import in_currency

Rows = QuerySet[Transaction]
ANY = "any"
ENERGY_MAX_KWH = 10**9
SUMMED_MAX = 5_000  # of the newest that match

# The words of `sort`: the column, and whether it may be empty.
SORTABLE: dict[str, tuple[str, bool]] = {
    "started": ("started_at", False),
    "ended": ("stopped_at", True),
    "energy": ("energy_wh", True),
    "duration": ("duration_seconds", True),
    "charge_point": ("charge_point__cp_id", False),
}
DEFAULT_SORT = "-started"

# What tables show of a row; the claims and the keys of messages, which they do not, are most of it.
TABLE = (
    "transaction_id",
    "charge_point__cp_id",
    "charge_point__connection_id",
    "connector_number",
    "evse_number",
    "id_token",
    "status",
    "authorization",
    "orphan",
    "anomalies",
    "started_at",
    "stopped_at",
    "duration_seconds",
    "energy_wh",
    "meter_start_wh",
)


def _anomaly_choices() -> list[tuple[str, Any]]:
    return [("", _("Any or none")), (ANY, _("Any")), *((word, anomaly_title(word)) for word in ANOMALIES)]


def _energy(label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=0,
        max_value=ENERGY_MAX_KWH,
        decimal_places=3,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )


class TransactionFilters(Filters):
    """The fields above the list; those of MORE are folded away until one of them is used."""

    MORE = ("site", "token", "anomaly", "cost", "energy_min", "energy_max", "odd")

    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("transaction, charge point or token…")}
        ),
    )
    status = forms.ChoiceField(
        label=_("State"), choices=[("", _("Any")), ("active", _("Active")), ("ended", _("Ended"))]
    )
    charge_point = forms.CharField(label=_("Charge point"))
    since = day_field(_("Started from"))
    until = day_field(_("to (included)"))
    site = forms.CharField(label=_("Site"))
    token = forms.CharField(label=_("Id token"))
    anomaly = forms.ChoiceField(label=_("Oddity"), choices=_anomaly_choices)
    cost = forms.ChoiceField(
        label=_("Cost"), choices=[("", _("Any")), ("yes", _("Priced")), ("no", _("Ended and not priced"))]
    )
    energy_min = _energy(_("At least kWh"))
    energy_max = _energy(_("At most kWh"))
    odd = forms.BooleanField(label=_("Only odd ones"))

    @property
    def first_fields(self) -> list[forms.BoundField]:
        """Return what is always shown."""
        return [field for field in self if field.name not in self.MORE]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        """Return what is folded away."""
        return [self[name] for name in self.MORE]

    @property
    def more_used(self) -> bool:
        """Whether one of those is used."""
        return any(name in self.values for name in self.MORE)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _wh(kwh: Decimal) -> int:
    return int(kwh * 1000)


CHOOSE: Mapping[str, Callable[[Rows, Any], Rows]] = {
    "q": matching,
    "status": lambda rows, word: rows.filter(status=word),
    "charge_point": lambda rows, cp_id: rows.filter(charge_point__cp_id__iexact=cp_id),
    "site": lambda rows, site: rows.filter(charge_point__site__iexact=site),
    "token": of_token,
    "since": lambda rows, day: rows.filter(started_at__gte=_midnight(day)),
    "until": lambda rows, day: rows.filter(started_at__lt=_midnight(day + timedelta(days=1))),
    "anomaly": lambda rows, word: odd(rows, None if word == ANY else word),
    "cost": lambda rows, word: rows.filter(
        Q(cost__isnull=False) if word == "yes" else Q(cost__isnull=True, status=Transaction.Status.ENDED)
    ),
    "energy_min": lambda rows, kwh: rows.filter(energy_wh__gte=_wh(kwh)),
    "energy_max": lambda rows, kwh: rows.filter(energy_wh__lte=_wh(kwh)),
    "odd": lambda rows, _yes: rows.exclude(anomalies=[], orphan=False),
}


def filtered(filters: TransactionFilters) -> Rows:
    """Return the transactions that the filters let through."""
    rows = transactions()
    for name, value in filters.values.items():
        rows = CHOOSE[name](rows, value)
    return rows


@dataclass(frozen=True, slots=True)
class Sort:
    """The order that the address asks for."""

    word: str

    @classmethod
    def of(cls, asked: str | None) -> "Sort":
        """Return the order of this name; one that nobody knows is the usual one."""
        known = asked is not None and asked.removeprefix("-") in SORTABLE
        return cls(asked if known and asked else DEFAULT_SORT)

    @property
    def names(self) -> tuple[str, str]:
        """Return the columns, the last of them unique."""
        sign = "-" if self.word.startswith("-") else ""
        return f"{sign}{SORTABLE[self.word.removeprefix('-')][0]}", f"{sign}pk"

    def parts(self, rows: Rows) -> list[Rows]:
        """Return the rows in order: those without a value last, which an index alone could not do."""
        column, may_be_empty = SORTABLE[self.word.removeprefix("-")]
        if not may_be_empty:
            return [rows.order_by(*self.names)]
        valued = rows.filter(**{f"{column}__isnull": False}).order_by(*self.names)
        return [valued, rows.filter(**{f"{column}__isnull": True}).order_by("-started_at", "-pk")]

    @property
    def headings(self) -> dict[str, Column]:
        """Return the headings with the links that sort."""
        return {word: self._heading(word) for word in SORTABLE}

    def _heading(self, word: str) -> Column:
        if self.word == word:
            return Column(f"-{word}", "ascending", "sorted")
        if self.word == f"-{word}":
            return Column(word, "descending", "sorted-down")
        return Column(word if word == "charge_point" else f"-{word}")


@dataclass(frozen=True, slots=True)
class Sums:
    """What the newest of some transactions come to together; `capped` if there are more than were summed."""

    count: int
    active: int
    energy_wh: int
    without_energy: int
    seconds: int
    costs: tuple[tuple[str, Decimal], ...]
    capped: bool


def sums(rows: Rows) -> Sums:
    """Sum the newest SUMMED_MAX of the rows. One query, and one more where they were priced in several currencies."""
    newest = rows.order_by("-started_at", "-pk")[:SUMMED_MAX]
    ended = Q(status=Transaction.Status.ENDED)
    found = newest.aggregate(
        all=Count("pk"),
        active=Count("pk", filter=~ended),
        energy=Sum("energy_wh"),
        without=Count("pk", filter=ended & Q(energy_wh=None)),
        seconds=Sum("duration_seconds"),
        total=Sum("cost__total"),
        currency=Min("cost__currency"),
        another=Max("cost__currency"),
    )
    costs: Iterable[tuple[str, Decimal]] = ()
    if found["currency"] != found["another"]:
        priced = Cost.objects.filter(transaction__in=newest.values("pk")).order_by("currency")
        costs = priced.values_list("currency").annotate(Sum("total"))
    elif found["currency"] is not None:
        costs = [(found["currency"], found["total"])]
    return Sums(
        found["all"],
        found["active"],
        int(found["energy"] or 0),
        found["without"],
        int(found["seconds"] or 0),
        tuple((currency, in_currency(total, currency)) for currency, total in costs),
        found["all"] == SUMMED_MAX,
    )
