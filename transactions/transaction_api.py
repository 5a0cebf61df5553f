"""The API's door to transactions: all, those of a charge point, one of them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.api import charge_point_or_404
from chargers.services import find_charge_point
from csms.core.api_data import Flag, Moment, Shape, Whole
from csms.core.api_errors import invalid
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery
from transactions import selectors
from transactions.meter_api import check_bounds
from transactions.models import ANOMALIES, EVIDENCE, Transaction
from transactions.tariffs.shapes import CostShape

ANY = "any"
ENERGY_MAX = 10**13  # Wh; what no meter counts to


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
    evse_id = serializers.IntegerField(
        source="evse_number", allow_null=True, help_text="As OCPP 2.x numbers it; null in 1.6."
    )
    status = serializers.ChoiceField(Transaction.Status.choices)
    charging_state = serializers.CharField(
        help_text="What charging does, in OCPP 2.x's words, as last told; empty in 1.6."
    )
    id_token = serializers.CharField(help_text="As the charge point gave it.")
    token_type = serializers.CharField(help_text="In OCPP 2.x's words; empty in 1.6.")
    authorization = serializers.CharField(
        help_text="Our verdict on the token at the start: Accepted, Blocked, Expired, Invalid, ConcurrentTx; "
        "in OCPP 2.x also Unknown, NotAtThisLocation and what else the backend may say."
    )
    authorization_rule = serializers.CharField(
        help_text="What decided that: `registered`, `blocked`, `expired`, `master_group`, `place`, `busy`, "
        "`unregistered`, `everybody`, `empty`, `given`, `nobody`, `backend`, `backend_before`, `backend_expired`, "
        "`fallback_reject` or `fallback_accept`; empty where it was not noted."
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
    duration_seconds = serializers.IntegerField(
        allow_null=True, help_text="Whole seconds from start to end; null until it has ended."
    )
    live = LiveShape(source="*", allow_null=True)
    cost = CostShape(allow_null=True, help_text="Null while it is active, and where no tariff held.")
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
    complete = serializers.SerializerMethodField(
        help_text="False while numbered events of it are missing and waited for: what it delivered may still change."
    )
    missing_events = serializers.ListField(
        source="gaps",
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="Runs of numbers of events that have not come, each with its first and its last. OCPP 2.x only.",
    )
    anomalies = serializers.ListField(
        child=serializers.ChoiceField([(word, word) for word in ANOMALIES]),
        help_text="\n".join(f"* `{word}`: {meaning}" for word, meaning in ANOMALIES.items()),
    )

    def get_complete(self, transaction: Transaction) -> bool:
        """Return whether nothing is waited for."""
        return transaction.waits_until is None


class InferredEndShape(Shape):
    """An end as it was inferred; kept beside the real one, if that came later."""

    evidence = serializers.CharField(help_text="A word as of `end_evidence`.")
    seen_at = serializers.DateTimeField(help_text="When the evidence came.")
    stopped_at = serializers.DateTimeField()
    meter_stop_wh = serializers.IntegerField(allow_null=True)
    energy_wh = serializers.IntegerField(allow_null=True)


class ExplanationShape(Shape):
    """What a word of `anomalies` means."""

    anomaly = serializers.ChoiceField([(word, word) for word in ANOMALIES])
    meaning = serializers.CharField(help_text="For people; may change.")


class TransactionDetailShape(TransactionShape):
    """A charging session with what was odd about it, and what the charge point itself claimed, word for word."""

    explanations = serializers.SerializerMethodField(help_text="The anomalies, in words for people.")
    inferred_end = InferredEndShape(
        allow_null=True, help_text="The end as inferred, also once it was replaced."
    )
    start_claim = serializers.SerializerMethodField(
        help_text="The payload of its start; null while it is missing."
    )
    stop_claims = serializers.SerializerMethodField(
        help_text="The payloads of its end: the first stands, the others differed from it."
    )

    @extend_schema_field(ExplanationShape(many=True))
    def get_explanations(self, transaction: Transaction) -> list[dict[str, str]]:
        """Return the anomalies with their meaning."""
        return [{"anomaly": word, "meaning": ANOMALIES.get(word, "")} for word in transaction.anomalies]

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
    def get_start_claim(self, transaction: Transaction) -> Any:
        """Return the claim of the start."""
        return orjson.loads(transaction.raw_start) if transaction.raw_start else None

    @extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
    def get_stop_claims(self, transaction: Transaction) -> list[Any]:
        """Return the claims of the end."""
        claims = orjson.loads(transaction.raw_stop or "[]")
        return claims if isinstance(claims, list) else [claims]


# --- what is asked ----------------------------------------------------------------------------------------------------


class ChargePointTransactionQuery(PageQuery):
    """Which transactions of a charge point are listed."""

    sortable = {name: (name, "pk") for name in ("started_at", "stopped_at", "energy_wh", "duration_seconds")}

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; `from` is no name for an attribute."""
        return {
            "status": serializers.ChoiceField(Transaction.Status.choices, required=False),
            "connector_id": Whole(required=False, min_value=0, max_value=2**31 - 1),
            "evse_id": Whole(required=False, min_value=1, max_value=2**31 - 1, help_text="OCPP 2.x only."),
            "token_type": serializers.CharField(
                required=False, max_length=20, help_text="In OCPP 2.x's words, such as `ISO14443`."
            ),
            "charging_state": serializers.CharField(
                required=False, max_length=20, help_text="In OCPP 2.x's words, such as `SuspendedEV`."
            ),
            "complete": Flag(required=False, help_text="No events are waited for, or some are."),
            "id_token": serializers.CharField(
                required=False, help_text="In whatever form it is written; case does not matter."
            ),
            "orphan": Flag(required=False, help_text="Known only from its end, or not."),
            "offline": Flag(required=False, help_text="Told long after it happened, or not."),
            "anomalies": serializers.ChoiceField(
                [ANY, *ANOMALIES], required=False, help_text=f"Has this one; `{ANY}`: has one at all."
            ),
            "reserved": Flag(required=False, help_text="Its start named a reservation, or not."),
            "end_source": serializers.ChoiceField(Transaction.EndSource.choices, required=False),
            "stop_reason": serializers.CharField(
                required=False,
                max_length=64,
                help_text="As the charge point wrote it, such as `EVDisconnected`.",
            ),
            "from": Moment(required=False, help_text="Started at or after this time."),
            "to": Moment(required=False, help_text="Started before this time."),
            "stopped_from": Moment(required=False, help_text="Ended at or after this time."),
            "stopped_to": Moment(required=False, help_text="Ended before this time."),
            "energy_min_wh": Whole(
                required=False,
                min_value=0,
                max_value=ENERGY_MAX,
                help_text="Has ended with at least this energy.",
            ),
            "energy_max_wh": Whole(
                required=False,
                min_value=0,
                max_value=ENERGY_MAX,
                help_text="Has ended with at most this energy.",
            ),
            **super().get_fields(),
        }


class TransactionQuery(ChargePointTransactionQuery):
    """Which transactions are listed."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "q": serializers.CharField(
                required=False,
                help_text="Start of a transaction id, or text in a charge point's identity or a token.",
            ),
            "cp_id": serializers.CharField(
                required=False, help_text="Case does not matter; one that nobody knows has no transactions."
            ),
            "site": serializers.CharField(
                required=False,
                max_length=100,
                help_text="Of the charge points at this site, as it is written there.",
            ),
            **super().get_fields(),
        }


Rows = QuerySet[Transaction]
# How each parameter chooses.
FILTERS: dict[str, Callable[[Rows, Any], Rows]] = {
    "status": lambda rows, word: rows.filter(status=word),
    "connector_id": lambda rows, number: rows.filter(connector_number=number),
    "evse_id": lambda rows, number: rows.filter(evse_number=number),
    "token_type": lambda rows, word: rows.filter(token_type=word),
    "charging_state": lambda rows, word: rows.filter(charging_state=word),
    "complete": lambda rows, flag: rows.filter(waits_until__isnull=flag),
    "id_token": selectors.of_token,
    "orphan": lambda rows, flag: rows.filter(orphan=flag),
    "offline": lambda rows, flag: rows.filter(offline=flag),
    "anomalies": lambda rows, word: selectors.odd(rows, None if word == ANY else word),
    "reserved": lambda rows, flag: rows.filter(reservation_id__isnull=not flag),
    "end_source": lambda rows, word: rows.filter(end_source=word),
    "stop_reason": lambda rows, text: rows.filter(stop_reason=text),
    "from": lambda rows, at: rows.filter(started_at__gte=at),
    "to": lambda rows, at: rows.filter(started_at__lt=at),
    "stopped_from": lambda rows, at: rows.filter(stopped_at__gte=at),
    "stopped_to": lambda rows, at: rows.filter(stopped_at__lt=at),
    "energy_min_wh": lambda rows, energy: rows.filter(energy_wh__gte=energy),
    "energy_max_wh": lambda rows, energy: rows.filter(energy_wh__lte=energy),
    "q": selectors.matching,
    "cp_id": lambda rows, cp_id: rows.filter(charge_point=find_charge_point(cp_id)),
    "site": lambda rows, site: rows.filter(charge_point__site=site),
}


def chosen(rows: Rows, asked: dict[str, Any]) -> Rows:
    """Keep the transactions that are asked for. Raises 422 for bounds of which nothing can lie between."""
    check_bounds(asked)
    check_bounds(asked, "stopped_from", "stopped_to")
    if asked.get("energy_min_wh", 0) > asked.get("energy_max_wh", ENERGY_MAX):
        raise invalid({"energy_min_wh": ["It is more than `energy_max_wh`."]})
    for name, choose in FILTERS.items():
        if name in asked:
            rows = choose(rows, asked[name])
    return rows


def shown() -> Rows:
    """Return the transactions with all that their shapes show."""
    rows = selectors.transactions().select_related("cost__tariff")
    return selectors.with_live_figures(rows, now=timezone.now())


# --- views ------------------------------------------------------------------------------------------------------------

NEWEST = ("-started_at", "-pk")


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
        return self.page(chosen(shown(), self.asked), order=NEWEST, shape=TransactionShape)


class ChargePointTransactions(ApiView):
    """The transactions of one charge point."""

    chapter = "Charge points"
    query = ChargePointTransactionQuery

    @extend_schema(
        operation_id="list_charge_point_transactions",
        summary="List the transactions of a charge point",
        description="The last started first.",
        responses={200: paged(TransactionShape)},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List transactions."""
        rows = shown().filter(charge_point=charge_point_or_404(cp_id))
        return self.page(chosen(rows, self.asked), order=NEWEST, shape=TransactionShape)


class OneTransaction(ApiView):
    """One transaction."""

    chapter = "Transactions"

    @extend_schema(
        operation_id="get_transaction", summary="Show a transaction", responses={200: TransactionDetailShape}
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a transaction."""
        return Response(TransactionDetailShape(found(shown().filter(pk=id).first(), "transaction", id)).data)
