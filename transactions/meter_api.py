"""The API's door to meter values: those of a transaction and those of a charge point."""

from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from csms.core.api_data import Moment, Shape, Whole
from csms.core.api_errors import invalid
from csms.core.api_views import ApiView, WindowQuery, found, paged
from csms.core.paging import PageQuery
from transactions import selectors
from transactions.models import MeterValue, Transaction
from transactions.sampled import DEFAULTS, PERIODIC, HasSample, Wanted

METER_VALUES_WINDOW = selectors.METER_VALUES_WINDOW
ORDERS = {"newest": ("-pk",), "oldest": ("pk",)}

# Words of OCPP, of all versions.
CONTEXTS = [
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Sample.Clock",
    PERIODIC,
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
]
LOCATIONS = ["Body", "Cable", "EV", "Inlet", "Outlet", "Upstream"]
NO_PHASE = "none"
PHASES = ["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1", NO_PHASE]
MEASURANDS_MAX = 10
ANYTHING = Wanted()
ALL = "*"


# --- what is asked ----------------------------------------------------------------------------------------------------


def check_measurands(text: str) -> None:
    """Refuse a list of measurands that is none, or too long. Raises ValidationError."""
    names = text.split(",")
    if len(names) > MEASURANDS_MAX:
        raise serializers.ValidationError(f"At most {MEASURANDS_MAX} measurands can be asked for at a time.")
    if not all(name.strip() for name in names):
        raise serializers.ValidationError("Between the commas there is a name missing.")


def sample_fields() -> dict[str, Any]:
    """Return the parameters that choose sampled values by their labels."""
    return {
        "measurand": serializers.CharField(
            required=False,
            max_length=1000,
            validators=[check_measurands],
            help_text="With this measurand, such as `Voltage`; several with commas between them, `*` for all. A value "
            f"without one is of `{DEFAULTS['measurand']}`.",
        ),
        "phase": serializers.ChoiceField(
            PHASES,
            required=False,
            help_text=f"Of this phase; `{NO_PHASE}` for what names none, as totals do.",
        ),
        "context": serializers.ChoiceField(
            CONTEXTS, required=False, help_text=f"In this context; a value without one has `{PERIODIC}`."
        ),
        "location": serializers.ChoiceField(
            LOCATIONS, required=False, help_text="Measured here; a value without one is of the `Outlet`."
        ),
    }


def wanted_samples(asked: dict[str, Any]) -> Wanted:
    """Return which sampled values are asked for."""
    phase = asked.get("phase")
    names = tuple(name.strip() for name in asked.get("measurand", ALL).split(","))
    return Wanted(
        measurand=() if ALL in names else names,
        phase=() if phase is None else ("" if phase == NO_PHASE else phase,),
        context=(asked["context"],) if "context" in asked else (),
        location=(asked["location"],) if "location" in asked else (),
    )


def order_field() -> serializers.ChoiceField:
    """Return the parameter that chooses one of ORDERS."""
    return serializers.ChoiceField(
        list(ORDERS), default="newest", help_text="By time of receipt: newest first, or oldest first."
    )


def connector_field() -> Whole:
    """Return the parameter that chooses a connector."""
    return Whole(required=False, min_value=0, max_value=2**31 - 1, help_text="0 is the charge point itself.")


def transaction_field() -> serializers.CharField:
    """Return the parameter that chooses a transaction of a charge point."""
    return serializers.CharField(
        required=False,
        max_length=36,
        help_text="Of this transaction: its `id`, or the id on the wire, which also finds readings that came with "
        "it and belong to no transaction that is known.",
    )


def check_bounds(asked: dict[str, Any], since: str = "from", until: str = "to") -> None:
    """Refuse a window that is empty. Raises 422."""
    if since in asked and until in asked and asked[since] >= asked[until]:
        raise invalid({since: [f"It is not before `{until}`."]})


class MeterValueQuery(PageQuery):
    """Which meter values of a transaction are listed, and in which order."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        return {
            **sample_fields(),
            "from": Moment(required=False, help_text="Received at or after this time."),
            "to": Moment(required=False, help_text="Received before this time."),
            "order": order_field(),
            **super().get_fields(),
        }


class MeterValueWindowQuery(WindowQuery):
    """Which meter values of a charge point are listed."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            **sample_fields(),
            "connector_id": connector_field(),
            "transaction": transaction_field(),
            "order": order_field(),
            **super().get_fields(),
        }


# --- shapes -----------------------------------------------------------------------------------------------------------


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
class Samples(serializers.Field):  # type: ignore[type-arg]  # its parameters mean nothing at run time
    """The sampled values as they came, those that were asked for."""

    wanted = ANYTHING

    def to_representation(self, value: str) -> Any:
        """Return the stored JSON, decoded."""
        samples = orjson.loads(value)
        return self.wanted.among(samples) if self.wanted else samples


class MeterValueShape(Shape):
    """One reading: its main figures, and every sample as the charge point wrote it."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    connector_id = serializers.IntegerField(source="connector_number")
    transaction = serializers.UUIDField(
        source="transaction_id", allow_null=True, help_text="The `id` of its transaction, if it has one."
    )
    claimed_transaction_id = serializers.CharField(
        help_text="The id it came with, when that was not the id of its transaction."
    )
    sampled_at = Moment(help_text="By the charge point's clock if believable, else when it was received.")
    received_at = Moment(help_text="By our clock.")
    context = serializers.SerializerMethodField(  # type: ignore[assignment]  # DRF takes fields out of the class
        help_text=f"Such as `{PERIODIC}`."
    )
    energy_wh = serializers.IntegerField(allow_null=True, help_text="The register, in whole Wh.")
    power_w = serializers.FloatField(allow_null=True)
    power_derived = serializers.BooleanField(
        help_text="Current by voltage, since the charge point reported no power."
    )
    current_a = serializers.FloatField(allow_null=True)
    voltage_v = serializers.FloatField(allow_null=True)
    soc_percent = serializers.FloatField(allow_null=True)
    offline = serializers.BooleanField(help_text="It was received long after it was measured.")
    samples = Samples(
        help_text="The sampled values of the message, verbatim; of a filtered list those that match."
    )

    def __init__(self, *args: Any, wanted: Wanted = ANYTHING, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["samples"].wanted = wanted  # type: ignore[attr-defined]

    def get_context(self, reading: MeterValue) -> str:
        """Return the reading's context."""
        return reading.context or PERIODIC


# --- views ------------------------------------------------------------------------------------------------------------

MATCHING = (
    "With `measurand`, `phase`, `context` or `location` only the sampled values that have all of these labels are "
    "returned, and readings without any are left out; labels that are absent have OCPP's defaults."
)


class MeterValues(ApiView):
    """The base of both lists."""

    def answer(self, rows: QuerySet[MeterValue], **options: Any) -> Response:
        """Answer with a page of the readings that have what was asked for."""
        wanted = wanted_samples(self.asked)
        if wanted:
            rows = rows.filter(HasSample(wanted))
        shape = partial(MeterValueShape, wanted=wanted) if wanted else MeterValueShape
        return self.page(rows, order=ORDERS[self.asked["order"]], shape=shape, **options)


class TransactionMeterValues(MeterValues):
    """The readings of one transaction."""

    chapter = "Transactions"
    query = MeterValueQuery

    @extend_schema(
        operation_id="list_transaction_meter_values",
        summary="List the meter values of a transaction",
        description=MATCHING,
        responses={200: paged(MeterValueShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List meter values."""
        check_bounds(self.asked)
        transaction = found(Transaction.objects.filter(pk=id).first(), "transaction", id)
        rows = selectors.transaction_readings(transaction)
        return self.answer(selectors.received(rows, self.asked.get("from"), self.asked.get("to")))


class ChargePointMeterValues(MeterValues):
    """The readings of one charge point, with and without transaction."""

    chapter = "Charge points"
    query = MeterValueWindowQuery

    @extend_schema(
        operation_id="list_charge_point_meter_values",
        summary="List the meter values of a charge point",
        description=f"Those received in a window of at most {METER_VALUES_WINDOW.days} days, by our clock. {MATCHING}",
        responses={200: paged(MeterValueShape, window=True)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List meter values."""
        charge_point = charge_point_or_404(cp_id)
        since, until = window = self.window(now=timezone.now(), at_most=METER_VALUES_WINDOW)
        rows = selectors.charge_point_readings(charge_point, since=since, until=until)
        return self.answer(rows.filter(place(charge_point.pk, self.asked)), window=window)


def place(charge_point_id: int, asked: dict[str, Any]) -> Q:
    """Return the condition for readings of the connector and of the transaction that are asked for."""
    where = Q()
    if "connector_id" in asked:
        where &= Q(connector_number=asked["connector_id"])
    if "transaction" in asked:
        where &= selectors.of_transaction(charge_point_id, asked["transaction"])
    return where
