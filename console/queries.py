"""The questions that an open page may follow by name on its socket: their parameters, what they read, what rings them.

Whoever may see the pages may ask: the socket lets in nobody else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import orjson
from django.db.models import Q
from rest_framework import serializers

from chargers import selectors
from chargers.history.api import StatusReportShape
from chargers.history.frames_api import FRAME_COLUMNS, FrameFilter
from chargers.models import ChargePoint, Frame, StatusReport
from chargers.protocol.versions import MAX_IDENTITY
from chargers.services import find_charge_point
from chargers.shapes import SORTED_BY, ChargePointConditions, ChargePointShape
from console.feeds import ROWS_MAX, Refused, Source
from console.sources import (
    JSON_MAX,
    TEXT_MAX,
    Events,
    History,
    Rows,
    frames_written,
    readings_written,
    with_charge_point,
    with_excerpt,
    written,
)
from csms.core.api_data import Flag, Query, Several, Shape, Whole, Word
from csms.core.api_errors import ApiError, flattened
from csms.core.events.catalogue import EVENT_TYPES, matches
from csms.core.paging import page, sorted_by
from transactions.models import MeterValue, Transaction
from transactions.transaction_api import NEWEST, TransactionShape
from transactions.transaction_api import shown as transactions

PARAMS_MAX = 8000  # bytes


def known(cp_id: str) -> ChargePoint:
    """Return the charge point of an identity. Raises Refused."""
    found = find_charge_point(cp_id) if cp_id.isprintable() else None
    if found is None:
        raise Refused("unknown_charge_point", f"there is no charge point {cp_id!r}")
    return found


# --- parameters -------------------------------------------------------------------------------------------------------


class Identity(Query):
    """One charge point."""

    cp_id = Word(max_length=MAX_IDENTITY, trim_whitespace=False)


class MaybeIdentity(Query):
    """One charge point, or all."""

    cp_id = Word(max_length=MAX_IDENTITY, trim_whitespace=False, required=False)


def limit() -> Whole:
    """Return the parameter that says how many rows."""
    return Whole(default=ROWS_MAX, min_value=1, max_value=ROWS_MAX)


class FleetParams(ChargePointConditions):
    """Which charge points, in which order: the first of them, or those that a page names."""

    limit = limit()
    retired = Flag(default=False)
    sort = serializers.ChoiceField(
        [way + name for name in ("cp_id", *SORTED_BY) for way in ("", "-")], default="cp_id"
    )
    cp_ids = Several(child=Word(max_length=MAX_IDENTITY), required=False, max_length=ROWS_MAX)
    sortable: ClassVar = {name: (name, "pk") for name in SORTED_BY} | {"cp_id": ("cp_id",)}


class ActiveParams(MaybeIdentity):
    """Which active transactions."""

    limit = limit()


class EventParams(MaybeIdentity):
    """Which events: `cp.*` among the types covers what begins so."""

    types = Several(child=Word(max_length=64), required=False, max_length=50)


class FrameParams(FrameFilter, MaybeIdentity):
    """Which frames."""

    text = Word(required=False, max_length=200)
    message_id = Word(required=False, max_length=100)
    action = Word(required=False, max_length=100)


# --- what answers them ------------------------------------------------------------------------------------------------

UNSTEADY = ("last_seen_at", "clock_skew_seconds", "clock_measured_at")


def fleet(params: dict[str, Any]) -> Source:
    """Charge points in an order."""
    most, named, sort = params.pop("limit"), params.pop("cp_ids", None), params.pop("sort")

    def rows() -> Iterable[ChargePoint]:
        found = selectors.charge_points_where(selectors.charge_points(), **params)
        if named is not None:
            found = found.filter(cp_id__in=named)
        return page(found, order=sorted_by(FleetParams, sort), limit=most).rows  # type: ignore[arg-type]

    return Rows("cp_id", frozenset({"fleet"}), rows, ChargePointShape, UNSTEADY)


def charge_point(params: dict[str, Any]) -> Source:
    """One charge point."""
    pk = known(params["cp_id"]).pk
    topics = frozenset({f"charge-point:{pk}"})
    return Rows("cp_id", topics, lambda: selectors.charge_points().filter(pk=pk), ChargePointShape)


def active(params: dict[str, Any]) -> Source:
    """The transactions that are going on, the last started first."""
    stored: dict[str, Any] = {"status": Transaction.Status.ACTIVE}
    topics = frozenset({"transactions", "meter"})
    if "cp_id" in params:
        pk = known(params["cp_id"]).pk
        stored["charge_point"], topics = pk, frozenset({f"charge-point:{pk}"})

    def rows() -> Iterable[Transaction]:
        return transactions().filter(**stored).order_by(*NEWEST)[: params["limit"]]

    return Rows("id", topics, rows, TransactionShape, pause=1.0)


def readings(params: dict[str, Any]) -> Source:
    """What the meters of a charge point said."""
    pk = known(params["cp_id"]).pk
    stored = MeterValue.objects.filter(charge_point=pk)
    topics = frozenset({f"charge-point:{pk}"})
    dress = with_excerpt("samples", JSON_MAX)
    return History(stored, dress, Q(), readings_written, topics, timedelta(days=1))


def statuses(params: dict[str, Any]) -> Source:
    """What the connectors of a charge point reported."""
    pk = known(params["cp_id"]).pk
    stored = StatusReport.objects.filter(charge_point=pk)
    topics = frozenset({f"charge-point:{pk}"})
    write = partial(written, StatusReportShape)
    return History(stored, with_charge_point, Q(), write, topics, timedelta(days=7))


def events(params: dict[str, Any]) -> Source:
    """What leaves the house, of one charge point or of all."""
    cp_id = known(params["cp_id"]).cp_id if "cp_id" in params else None
    patterns = params.get("types")
    if patterns is None:
        return Events(cp_id, None)
    return Events(cp_id, frozenset(t for t in EVENT_TYPES if any(matches(p, t) for p in patterns)))


def frames(params: dict[str, Any]) -> Source:
    """What goes over the wire, of one charge point or of all."""
    stored = Frame.objects.all()
    window, look = timedelta(hours=1), 1.0  # nothing rings for a frame
    if "cp_id" in params:
        stored, window = stored.filter(charge_point=known(params.pop("cp_id")).pk), timedelta(days=1)
    wanted = Q(**{FRAME_COLUMNS[name]: value for name, value in params.items()})
    dress = with_excerpt("text", TEXT_MAX)
    return History(stored, dress, wanted, frames_written, frozenset(), window, look=look)


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Named:
    """A question by name: the shape of its parameters, and what answers it, made in a thread."""

    params: type[Shape]
    source: Callable[[dict[str, Any]], Source]


QUERIES: dict[str, Named] = {
    "charge-points": Named(FleetParams, fleet),
    "charge-point": Named(Identity, charge_point),
    "transactions-active": Named(ActiveParams, active),
    "meter-history": Named(Identity, readings),
    "status-history": Named(Identity, statuses),
    "device-events": Named(EventParams, events),
    "frames": Named(FrameParams, frames),
}


def read_question(name: Any, given: Any) -> tuple[bytes, Callable[[], Source]]:
    """Return what a question is known by, and what makes its source. Raises Refused."""
    query = QUERIES.get(name) if isinstance(name, str) else None
    if query is None:
        raise Refused("unknown_query", f"there is no such query; there are {', '.join(QUERIES)}")
    given = {} if given is None else given
    if not isinstance(given, dict) or len(orjson.dumps(given)) > PARAMS_MAX:
        raise Refused("invalid", "the parameters are an object of a few names")
    reader = query.params(data=given)
    if unknown := [name for name in given if name not in reader.fields]:
        raise Refused("invalid", f"unknown parameter {unknown[0][:100]!r}")
    try:
        reader.is_valid(raise_exception=True)
    except (serializers.ValidationError, ApiError) as error:
        problems = flattened(error.detail) if isinstance(error, serializers.ValidationError) else {}
        text = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in problems.items())
        raise Refused("invalid", text[:500] or "the parameters are wrong") from error
    values = dict(reader.validated_data)
    question = orjson.dumps([name, values], option=orjson.OPT_SORT_KEYS, default=str)
    return question, lambda: query.source(dict(values))
