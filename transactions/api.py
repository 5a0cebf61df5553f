"""The API's door to transactions and meter values."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.services import find_charge_point
from csms.core.api_data import Flag, Moment, Shape, Whole
from csms.core.api_errors import invalid
from csms.core.api_views import ApiView, WindowQuery, found, paged
from csms.core.paging import PageQuery
from transactions import selectors
from transactions.models import ANOMALIES, EVIDENCE, MeterValue, Transaction

METER_VALUES_WINDOW = timedelta(days=31)
PERIODIC = "Sample.Periodic"  # what an absent context means (1.6, 7.44)


class LiveShape(Shape):
    """What the newest readings of an active transaction say; power and state of charge are left out when stale."""

    energy_wh = serializers.SerializerMethodField(help_text="Delivered so far.")
    power_w = serializers.FloatField(
        source="live_power_w", allow_null=True, help_text="Of the last 15 minutes."
    )
    soc_percent = serializers.FloatField(
        source="live_soc_percent", allow_null=True, help_text="Of the last 15 minutes."
    )
    read_at = Moment(source="live_read_at", allow_null=True, help_text="Time of the newest reading.")

    @extend_schema_field({"type": ["integer", "null"]})
    def get_energy_wh(self, transaction: Transaction) -> int | None:
        """Return the energy so far."""
        return selectors.energy_so_far(transaction)

    def to_representation(self, instance: Transaction) -> dict[str, Any] | None:  # type: ignore[override]
        """Return the figures; None once the transaction has ended."""
        if instance.status == Transaction.Status.ENDED:
            return None
        return super().to_representation(instance)


class TransactionShape(Shape):
    """A charging session, from the claim of its start to the claim of its end. Energy is in whole Wh."""

    id = serializers.UUIDField()
    transaction_id = serializers.CharField(help_text="The id on the wire.")
    cp_id = serializers.CharField(source="charge_point.cp_id")
    connector_id = serializers.IntegerField(source="connector_number", allow_null=True)
    status = serializers.ChoiceField(Transaction.Status.choices)
    id_token = serializers.CharField(help_text="As the charge point gave it.")
    authorization = serializers.CharField(
        help_text="Our verdict on the token at the start: Accepted, Blocked, Expired, Invalid, ConcurrentTx."
    )
    reservation_id = serializers.IntegerField(allow_null=True)
    started_at = Moment(help_text="By the charge point's clock if believable, else when it was received.")
    start_received_at = Moment(allow_null=True, help_text="By our clock; null while the start is missing.")
    meter_start_wh = serializers.IntegerField(allow_null=True)
    stopped_at = Moment(allow_null=True)
    stop_received_at = Moment(allow_null=True)
    meter_stop_wh = serializers.IntegerField(allow_null=True)
    energy_wh = serializers.IntegerField(
        allow_null=True, help_text="What is to be billed; null until it has ended."
    )
    live = LiveShape(source="*", allow_null=True)
    stop_reason = serializers.CharField()
    stop_id_token = serializers.CharField()
    claimed_transaction_id = serializers.CharField(
        help_text="The id that its end carried, when that was not its own."
    )
    orphan = serializers.BooleanField(help_text="Known only from its end.")
    offline = serializers.BooleanField(
        help_text="Its start or its end was told long after it happened; a clock that is known to be behind counts."
    )
    end_source = serializers.ChoiceField(
        [("", "It is active"), *Transaction.EndSource.choices],
        help_text="Whether its end was reported, or inferred from what else was seen; empty while it is active.",
    )
    end_seen_at = Moment(
        allow_null=True, help_text="Since when something says that it is over, though no end was reported."
    )
    end_evidence = serializers.ChoiceField(
        [("", "nothing"), *((word, word) for word in EVIDENCE)],
        help_text="What says so.\n"
        + "\n".join(f"* `{word}`: {meaning}" for word, meaning in EVIDENCE.items()),
    )
    anomalies = serializers.ListField(
        child=serializers.ChoiceField([(word, word) for word in ANOMALIES]),
        help_text="\n".join(f"* `{word}`: {meaning}" for word, meaning in ANOMALIES.items()),
    )


class InferredEndShape(Shape):
    """An end as it was inferred; kept beside the real one, if that came later."""

    evidence = serializers.CharField(help_text="A word as of `end_evidence`.")
    seen_at = serializers.DateTimeField(help_text="When the evidence came.")
    stopped_at = serializers.DateTimeField()
    meter_stop_wh = serializers.IntegerField(allow_null=True)
    energy_wh = serializers.IntegerField(allow_null=True)


class TransactionDetailShape(TransactionShape):
    """A charging session with what the charge point itself claimed, word for word."""

    inferred_end = InferredEndShape(
        allow_null=True, help_text="The end as inferred, also once it was replaced."
    )
    start_claim = serializers.SerializerMethodField(
        help_text="The payload of its start; null while it is missing."
    )
    stop_claims = serializers.SerializerMethodField(
        help_text="The payloads of its end: the first stands, the others differed from it."
    )

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
    def get_start_claim(self, transaction: Transaction) -> Any:
        """Return the claim of the start."""
        return orjson.loads(transaction.raw_start) if transaction.raw_start else None

    @extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
    def get_stop_claims(self, transaction: Transaction) -> list[Any]:
        """Return the claims of the end."""
        claims = orjson.loads(transaction.raw_stop or "[]")
        return claims if isinstance(claims, list) else [claims]


class TransactionQuery(PageQuery):
    """Which transactions are listed."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        return {
            "q": serializers.CharField(
                required=False,
                help_text="Start of a transaction id, or text in a charge point's identity or a token.",
            ),
            "cp_id": serializers.CharField(
                required=False, help_text="Case does not matter; one that nobody knows has no transactions."
            ),
            "id_token": serializers.CharField(required=False, help_text="Case does not matter."),
            "status": serializers.ChoiceField(Transaction.Status.choices, required=False),
            "orphan": Flag(required=False, help_text="Known only from its end, or not."),
            "from": Moment(required=False, help_text="Started at or after this time."),
            "to": Moment(required=False, help_text="Started before this time."),
            **super().get_fields(),
        }


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
class Samples(serializers.Field):  # type: ignore[type-arg]  # its parameters mean nothing at run time
    """The sampled values as they came."""

    def to_representation(self, value: str) -> Any:
        """Return the stored JSON, decoded."""
        return orjson.loads(value)


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
    samples = Samples(help_text="The sampled values of the message, verbatim.")

    def get_context(self, reading: MeterValue) -> str:
        """Return the reading's context."""
        return reading.context or PERIODIC


ORDERS = {"newest": ("-pk",), "oldest": ("pk",)}


def order_field() -> serializers.ChoiceField:
    """Return the parameter that chooses one of ORDERS."""
    return serializers.ChoiceField(
        list(ORDERS), default="newest", help_text="By time of receipt: newest first, or oldest first."
    )


class MeterValueQuery(PageQuery):
    """In which order the meter values of a transaction are listed."""

    order = order_field()


class MeterValueWindowQuery(WindowQuery):
    """Which meter values of a charge point are listed."""

    order = order_field()
    connector_id = Whole(required=False, min_value=0, max_value=2**31 - 1)


# --- views ------------------------------------------------------------------------------------------------------------


class Transactions(ApiView):
    """All transactions."""

    chapter = "Transactions"
    query = TransactionQuery

    @extend_schema(
        operation_id="list_transactions",
        summary="List transactions",
        description="The last started first.",
        responses={200: paged(TransactionShape)},
    )
    def get(self, request: Request) -> Response:
        """List transactions."""
        asked = self.asked
        columns = {"status": "status", "orphan": "orphan", "from": "started_at__gte", "to": "started_at__lt"}
        if "from" in asked and "to" in asked and asked["from"] >= asked["to"]:
            raise invalid({"from": ["It is not before `to`."]})
        rows = selectors.with_live_figures(selectors.transactions(), now=timezone.now())
        rows = rows.filter(**{column: asked[name] for name, column in columns.items() if name in asked})
        if "q" in asked:
            rows = selectors.matching(rows, asked["q"])
        if "cp_id" in asked:
            rows = rows.filter(charge_point=find_charge_point(asked["cp_id"]))
        if "id_token" in asked:
            rows = selectors.of_token(rows, asked["id_token"])
        return self.page(rows, order=("-started_at", "-pk"), shape=TransactionShape)


class OneTransaction(ApiView):
    """One transaction."""

    chapter = "Transactions"

    @extend_schema(
        operation_id="get_transaction", summary="Show a transaction", responses={200: TransactionDetailShape}
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a transaction."""
        rows = selectors.with_live_figures(selectors.transactions(), now=timezone.now())
        return Response(TransactionDetailShape(found(rows.filter(pk=id).first(), "transaction", id)).data)


class TransactionMeterValues(ApiView):
    """The readings of one transaction."""

    chapter = "Transactions"
    query = MeterValueQuery

    @extend_schema(
        operation_id="list_transaction_meter_values",
        summary="List the meter values of a transaction",
        responses={200: paged(MeterValueShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List meter values."""
        transaction = found(Transaction.objects.filter(pk=id).first(), "transaction", id)
        rows = selectors.transaction_readings(transaction)
        return self.page(rows, order=ORDERS[self.asked["order"]], shape=MeterValueShape)


class ChargePointMeterValues(ApiView):
    """The readings of one charge point, with and without transaction."""

    chapter = "Charge points"
    query = MeterValueWindowQuery

    @extend_schema(
        operation_id="list_charge_point_meter_values",
        summary="List the meter values of a charge point",
        description=f"Those received in a window of at most {METER_VALUES_WINDOW.days} days, by our clock.",
        responses={200: paged(MeterValueShape, window=True)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List meter values."""
        charge_point = charge_point_or_404(cp_id)
        since, until = window = self.window(now=timezone.now(), at_most=METER_VALUES_WINDOW)
        rows = selectors.charge_point_readings(charge_point, since=since, until=until)
        if "connector_id" in self.asked:
            rows = rows.filter(connector_number=self.asked["connector_id"])
        order = ORDERS[self.asked["order"]]
        return self.page(rows, order=order, shape=MeterValueShape, window=window)
