"""The API's door to stuck sessions: how many there are, which, and what people and programs did about them."""

from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.commands.sending_api import author_of
from csms.core.api_data import Body, Moment, Query, Shape, Word, read_body
from csms.core.api_errors import refusals
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery
from transactions.models import Transaction
from transactions.stuck.cases import COUNTED, READINGS_LOOKED_AT, READINGS_LOOKED_BACK, SHOWN, Case, cases
from transactions.stuck.counting import counts
from transactions.stuck.models import Correction, Kind
from transactions.stuck.services import correct_transaction

KINDS = [(kind, kind.label) for kind in Kind]
OF_TRANSACTIONS = [(kind, kind.label) for kind in Kind if kind != Kind.UNMATCHED]
HERE = [
    (step, label)
    for step, label in Correction.Step.choices
    if step in (Correction.Step.ENDED, Correction.Step.DISMISSED)
]
EVIDENCE = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
        "additionalProperties": True,
    },
}
EVIDENCE_HELP = "What speaks for it: a word each, with the times and values that belong to it."


class StuckShape(Shape):
    """A session that is stuck."""

    kind = serializers.ChoiceField(KINDS)
    cp_id = serializers.CharField(source="charge_point.cp_id")
    transaction = serializers.UUIDField(
        source="transaction.pk", default=None, allow_null=True, help_text="Null: of readings that have none."
    )
    transaction_id = serializers.SerializerMethodField(help_text="The id on the wire.")
    connector_id = serializers.IntegerField(source="connector_number", allow_null=True)
    since = Moment(allow_null=True, help_text="Since when it is so, as far as that is known.")
    energy_wh = serializers.IntegerField(allow_null=True, help_text="Delivered, by the last register.")
    evidence = serializers.SerializerMethodField(help_text=EVIDENCE_HELP)
    steps = serializers.ListField(
        child=serializers.ChoiceField(Correction.Step.choices),
        help_text="What may be done; what is proposed comes first.",
    )

    def get_transaction_id(self, case: Case) -> str:
        """Return the id that the charge point knows."""
        return case.transaction.transaction_id if case.transaction else case.claimed_id

    @extend_schema_field(EVIDENCE)
    def get_evidence(self, case: Case) -> list[dict[str, Any]]:
        """Return what speaks for it."""
        return [evidence.plain for evidence in case.evidence]


class StuckCountsShape(Shape):
    """How many sessions are stuck, by kind."""

    zombie = serializers.IntegerField()
    eternal = serializers.IntegerField()
    zero_energy = serializers.IntegerField()
    no_stop = serializers.IntegerField()
    orphan = serializers.IntegerField()
    unmatched = serializers.IntegerField()


class StuckSessionsShape(Shape):
    """Sessions that are stuck, and how many there are."""

    counts = StuckCountsShape(
        help_text=f"Of each kind, some seconds old; {COUNTED + 1} stands for more than {COUNTED}. Those without a "
        f"transaction are of the newest {READINGS_LOOKED_AT} such readings of {READINGS_LOOKED_BACK.days} days."
    )
    results = StuckShape(many=True, help_text=f"Of each kind at most {SHOWN}, those that began first.")


class StuckQuery(Query):
    """Which kind is listed."""

    kind = serializers.ChoiceField(
        KINDS,
        required=False,
        help_text="Without it: all.\n" + "\n".join(f"* `{kind}`: {label}" for kind, label in KINDS),
    )


class CorrectionShape(Shape):
    """What somebody did about a stuck session. The charge point's own claims stay as they are."""

    id = serializers.UUIDField()
    at = Moment()
    by = serializers.CharField(help_text="A person or an API token.")
    kind = serializers.ChoiceField(KINDS)
    step = serializers.ChoiceField(Correction.Step.choices)
    reason = serializers.CharField()
    evidence = serializers.SerializerMethodField(help_text=EVIDENCE_HELP)
    before = serializers.DictField(allow_null=True, help_text="The end of the transaction before it.")
    after = serializers.DictField(allow_null=True, help_text="The end of the transaction after it.")
    command_id = serializers.UUIDField(allow_null=True)
    until = Moment(allow_null=True, help_text="When what was left as it is, is listed again; null: never.")

    @extend_schema_field(EVIDENCE)
    def get_evidence(self, correction: Correction) -> Any:
        """Return what spoke for it."""
        return correction.evidence


class NewCorrection(Body):
    """A step about a stuck transaction."""

    kind = serializers.ChoiceField(OF_TRANSACTIONS, help_text="In which way it is stuck.")
    step = serializers.ChoiceField(
        HERE,
        help_text="`ended`: it is ended with the last register that can be believed, or its inferred end is confirmed, "
        "or settled again by later readings; the real end replaces it. `dismissed`: it is left as it is.",
    )
    reason = Word(max_length=500, help_text="For whoever looks at it later.")


class CorrectionQuery(PageQuery):
    """The query string of the corrections of a transaction."""

    sortable: ClassVar = {"at": ("at", "pk")}


class StuckSessions(ApiView):
    """The sessions that are stuck."""

    chapter = "Transactions"
    query = StuckQuery

    @extend_schema(
        operation_id="list_stuck_sessions",
        summary="List the sessions that are stuck",
        description="Those of one kind or of all, and how many there are of each.",
        responses={200: StuckSessionsShape},
    )
    def get(self, request: Request) -> Response:
        """List stuck sessions."""
        now = timezone.now()
        kinds = [Kind(self.asked["kind"])] if "kind" in self.asked else list(Kind)
        results = [case for kind in kinds for case in cases(kind, now=now)]
        shown = {"counts": counts(now=now), "results": results}
        return Response(StuckSessionsShape(shown).data)


class Corrections(ApiView):
    """What was done about one transaction that was stuck."""

    chapter = "Transactions"
    query = CorrectionQuery

    @extend_schema(
        operation_id="list_transaction_corrections",
        summary="List the corrections of a transaction",
        description="The newest first.",
        responses={200: paged(CorrectionShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List corrections."""
        rows = Correction.objects.filter(transaction=self._of(id))
        return self.page(rows, order=("-pk",), shape=CorrectionShape)

    @extend_schema(
        operation_id="correct_transaction",
        summary="Put a stuck transaction right",
        description="It is looked at again first: what the charge point has said meanwhile goes before what the caller "
        "knew. Idempotent. To ask the charge point itself, send it a command. Scope `write`.",
        request=NewCorrection,
        responses={
            201: CorrectionShape,
            409: error(
                "It is not stuck in this way.",
                {
                    "not_stuck": "It is not stuck in this way any more (open for too long).",
                    "reported": "The charge point has reported the end of it meanwhile; that one stands.",
                    "charging": "Its register rose, or it told of power, within the last minutes: it still charges. "
                    "Ask it to stop.",
                    "no_such_step": "There is no such step for a session that is stuck in this way.",
                },
            ),
        },
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Take a step."""
        transaction = self._of(id)
        body = read_body(request, NewCorrection)
        with refusals():
            correction = correct_transaction(
                transaction,
                Kind(body["kind"]),
                Correction.Step(body["step"]),
                author=author_of(request),
                reason=body["reason"],
                now=timezone.now(),
            )
        return made(CorrectionShape(correction).data, "api-transaction-corrections", transaction.pk)

    def _of(self, id: UUID) -> Transaction:
        transaction: Transaction = found(Transaction.objects.filter(pk=id).first(), "transaction", id)
        return transaction


urlpatterns = [
    path("stuck-sessions/", StuckSessions.as_view(), name="api-stuck-sessions"),
    path("transactions/<uuid:id>/corrections/", Corrections.as_view(), name="api-transaction-corrections"),
]
