"""What charge points report: states of connectors, clocks, lists, deviations."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from alerts.conditions.service import doubtful_before
from alerts.conditions.table import condition
from alerts.conditions.words import minutes, of_charge_point, of_connector, said, serving, where
from alerts.finding import Found, Param, Params, Scope
from chargers.models import CLOCK_OFF_SECONDS, ChargePoint, Connector, ConnectorStatus, Frame
from chargers.selectors import FAULT
from chargers.topology.places import has_evses
from csms.core.ids import uuid7_floor
from transactions.local_lists.models import LocalList

FRAMES_LOOKED_AT = 20_000
"""Of all charge points, the newest that are not as the standard has them: who sends the most is among them."""


def _why(words: Iterable[str]) -> str:
    return ", ".join(said(word) for word in words if word and word != "NoError")


def _connectors(rows: QuerySet[Connector], now: datetime) -> Iterator[Any]:
    """Yield what is known of each, with since when, and whether it is certain: a state may change while we are away."""
    columns = ("charge_point_id", "charge_point__cp_id", "charge_point__name", "number")
    place = ("charge_point__protocol", "evse_number", "evse_connector")
    told: list[Any] = list(
        rows.order_by().values_list(
            *columns, *place, "received_at", "status", "error_code", "vendor_error_code", "info"
        )
    )
    doubt = doubtful_before(now) if told else None
    for *who, protocol, evse, outlet, since, status, error_code, vendor_code, info in told:
        certain = doubt is None or (since or now) >= doubt
        at = (evse, outlet) if has_evses(protocol) else (None, None)
        yield (*who, *at), since or now, certain, status, error_code, vendor_code, info


@condition("faulted", "A connector, or a station, is Faulted by its last report", retold=True)
def faulted(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """The words of the report stand in the text."""
    # The state is also looked for as the index of the few has it.
    rows = Connector.objects.filter(serving(scope, "charge_point__"), FAULT, status=ConnectorStatus.FAULTED)
    for who, since, certain, _, *words in _connectors(rows, now):
        why = _why(words)
        text = f"is faulted: {why}" if why else "is faulted, and does not say why."
        yield of_connector(*who, began_at=since, text=text, certain=certain)


@condition(
    "connector-warns", "A connector, or a station, works and reports an error with its state", retold=True
)
def warning(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """1.6, 4.9: an error code beside another state than Faulted is a warning."""
    rows = Connector.objects.filter(serving(scope, "charge_point__"), FAULT).exclude(
        status=ConnectorStatus.FAULTED
    )
    for who, since, certain, status, *words in _connectors(rows, now):
        text = f"is {said(status) or 'in no known state'} and warns: {_why(words)}"
        yield of_connector(*who, began_at=since, text=text, certain=certain)


@condition(
    "connector-in-state",
    "A connector, or a station, is in a state by its last report",
    Param(
        "status",
        "",
        ConnectorStatus.UNAVAILABLE.value,
        choices=(*ConnectorStatus.values, "Occupied"),
        title="In OCPP's words",
    ),
    retold=True,
)
def in_state(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """How long it lasts is said by the rule."""
    rows = Connector.objects.filter(serving(scope, "charge_point__"), status=params["status"])
    for who, since, certain, status, *words in _connectors(rows, now):
        why = _why(words)
        text = f"is {status}: {why}" if why else f"is {status}."
        yield of_connector(*who, began_at=since, text=text, certain=certain)


@condition(
    "clock-off",
    "The clock of a charge point is off, as it was last measured",
    Param("seconds", "s", CLOCK_OFF_SECONDS, 10, 86_400, title="More than so much, fast or slow"),
    retold=True,
)
def clock_off(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Times that it tells mislead people by as much."""
    off = Q(clock_skew_seconds__gt=params["seconds"]) | Q(clock_skew_seconds__lt=-params["seconds"])
    rows: list[Any] = list(
        ChargePoint.objects.filter(serving(scope), off)
        .order_by()
        .values_list("pk", "cp_id", "name", "clock_skew_seconds", "clock_measured_at")
    )
    doubt = doubtful_before(now) if rows else None
    for pk, cp_id, name, seconds, since in rows:
        how = "fast" if seconds > 0 else "slow"
        text = f"The clock of {where(cp_id, name)} is {abs(seconds)} s {how}."
        certain = doubt is None or (since or now) >= doubt
        yield of_charge_point(pk, cp_id, began_at=since or now, text=text, certain=certain)


@condition(
    "local-list-drifts", "The authorization list of a charge point is not the one it should have", retold=True
)
def local_list_drift(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Lists that nobody keeps up to date do not count. It begins when a look first finds it: we mend it ourselves."""
    rows: Iterable[Any] = (
        LocalList.objects.filter(serving(scope, "charge_point__"), full_needed=True)
        .exclude(policy=LocalList.Policy.OFF)
        .order_by()
        .values_list("charge_point", "charge_point__cp_id", "charge_point__name", "version", "failures")
    )
    for pk, cp_id, name, version, failures in rows:
        text = f"The authorization list of {where(cp_id, name)} is not version {version}, as it should be"
        text += f"; {failures} updates failed in a row." if failures else "."
        yield of_charge_point(pk, cp_id, began_at=now, text=text)


@condition(
    "deviations",
    "A charge point deviates from the standard again and again",
    Param("count", "messages", 200, 1, FRAMES_LOOKED_AT, title="Repaired, refused or unusable messages"),
    Param("minutes", "min", 60, 5, 1440, title="Within so much time"),
    retold=True,
)
def deviations(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """The newest 20,000 such messages of all charge points are looked at."""
    odd = (Frame.Verdict.DEVIANT, Frame.Verdict.REFUSED, Frame.Verdict.IGNORED)
    since = now - minutes(params["minutes"])
    newest = Frame.objects.exclude(verdict=Frame.Verdict.OK).filter(pk__gte=uuid7_floor(since))
    looked_at = newest.order_by("-pk").values_list("charge_point_id", "verdict")[:FRAMES_LOOKED_AT]
    counts = Counter(pk for pk, verdict in looked_at if verdict in odd)
    many = {pk: count for pk, count in counts.items() if count >= params["count"]}
    rows = ChargePoint.objects.filter(serving(scope), pk__in=many)
    for pk, cp_id, name in rows.order_by().values_list("pk", "cp_id", "name"):
        text = (
            f"{many[pk]} messages of {where(cp_id, name)} within {params['minutes']} minutes were not as the "
            "standard has them."
        )
        yield of_charge_point(pk, cp_id, began_at=now, text=text)
