"""The API's door to commands: what there is to command, sending one, and what became of each."""

from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargers import selectors
from chargers.api import UNKNOWN_CHARGE_POINT, charge_point_or_404
from chargers.callbacks.shapes import CallbackShape
from chargers.commands.effects import SUBJECTS
from chargers.commands.ordering import EXACT, CommandType, Order, Params
from chargers.commands.sending import catalogue, orders, spoken_order, why_not
from chargers.models import Command
from csms.core.api_data import Flag, Moment, Shape
from csms.core.api_views import ApiView, WindowQuery, found, paged
from csms.core.ids import uuid7_floor

Status = Command.Status
SCOPE = "command"  # what a token needs to send most of them, see CommandType.scope


# --- shapes -----------------------------------------------------------------------------------------------------------


@extend_schema_field({"type": "object", "additionalProperties": True})
class JsonObject(serializers.JSONField):
    """A JSON object, as it went over the wire."""


class Part(Shape):
    """A part of a command that is null until one of the columns in `filled` is."""

    filled: ClassVar[tuple[str, ...]]

    def __init__(self, **options: Any) -> None:
        super().__init__(source="*", allow_null=True, **options)

    def to_representation(self, instance: Command) -> dict[str, Any] | None:  # type: ignore[override]
        """Return the part."""
        if not any(getattr(instance, name) for name in self.filled):
            return None
        return super().to_representation(instance)


class CommandErrorShape(Part):
    """Why there is no answer; code, description and details of a CALLERROR are the charge point's own.

    Codes of this server are `Offline`, `ConnectionLost`, `AnswerNotReadable` and `AnswerNotHandled`.
    """

    filled = ("error_code", "error_description")
    code = serializers.CharField(source="error_code")
    description = serializers.CharField(source="error_description")
    details = JsonObject(source="error_details", allow_null=True)


class LateAnswerShape(Part):
    """An answer that came after the time-out."""

    filled = ("late_at",)
    text = serializers.CharField(source="late_answer", help_text="The frame, verbatim.")
    at = Moment(source="late_at")


class EffectShape(Part):
    """What was seen to follow, whatever the charge point had answered."""

    filled = ("effect_at",)
    text = serializers.CharField(source="effect")
    kind = serializers.ChoiceField(
        ["", *SUBJECTS], source="effect_kind", help_text="What shows it; empty if nothing does but the text."
    )
    subject = serializers.CharField(
        source="effect_subject", help_text="The id of what shows it, such as the transaction that started."
    )
    url = serializers.SerializerMethodField(help_text="The path of what shows it.")
    seen_at = Moment(source="effect_at")

    @extend_schema_field({"type": ["string", "null"]})
    def get_url(self, command: Command) -> str | None:
        """Return the path of what shows the effect."""
        if command.effect_kind not in SUBJECTS:
            return None
        route, arguments = SUBJECTS[command.effect_kind]
        return reverse(route, args=arguments(command))


class CommandShape(Shape):
    """A command: who ordered it, why, and what became of it."""

    id = serializers.UUIDField()
    cp_id = serializers.CharField(source="charge_point.cp_id")
    type = serializers.CharField(
        help_text="Its name in the catalogue; `exact` for an OCPP payload that no entry can say."
    )
    params = JsonObject(help_text="In our words; secrets are masked.")
    exact = JsonObject(
        allow_null=True,
        help_text="The OCPP payload, if it was ordered word for word; secrets are masked.",
    )
    status = serializers.ChoiceField(
        Status.choices,
        help_text="`accepted` and `rejected` are the charge point's answer; `failed` has an `error`.",
    )
    by = serializers.CharField(help_text="Who ordered it: a person, `token NAME`, or `system`.")
    reason = serializers.CharField()
    created_at = Moment(help_text="When it was queued.")
    not_before = Moment(allow_null=True, help_text="It is not sent earlier.")
    expires_at = Moment(help_text="If it has not been sent by then it never will be.")
    may_wait = serializers.BooleanField(
        help_text="Whether it waits for a charge point that is offline; others fail with the connection."
    )
    sent_at = Moment(allow_null=True)
    answered_at = Moment(allow_null=True)
    action = serializers.CharField(help_text="The OCPP action; empty until it is sent.")
    message_id = serializers.CharField(help_text="Of its CALL; empty until it is sent.")
    payload = JsonObject(allow_null=True, help_text="As it was sent; secrets are masked.")
    answer = JsonObject(
        allow_null=True,
        help_text="The payload of the CALLRESULT as it was understood: what its version does not know is left out. "
        "The frames with its `message_id` have it verbatim.",
    )
    answer_status = serializers.CharField(help_text="The charge point's own word in it.")
    error = CommandErrorShape()
    late_answer = LateAnswerShape()
    effect = EffectShape()
    callback = CallbackShape(allow_null=True)


class CommandQuery(WindowQuery):
    """Which commands are listed."""

    sortable: ClassVar[dict[str, tuple[str, ...]]] = {"created_at": ("pk",)}  # ids are sorted by it
    cp_id = serializers.CharField(
        required=False, help_text="Case does not matter; 404 for one that nobody knows."
    )
    type = serializers.ChoiceField(
        [(entry.slug, entry.title) for entry in (*catalogue().values(), EXACT)], required=False
    )
    status = serializers.ChoiceField(Status.choices, required=False)
    by = serializers.CharField(
        required=False, max_length=150, help_text="Who ordered it: a user name, `token NAME`, or `system`."
    )
    effect = Flag(required=False, help_text="Those whose effect was seen, or the others.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; here the window has no bounds unless it is asked for."""
        fields = super().get_fields()
        fields["from"].help_text = "Queued at this time or later."
        fields["to"].help_text = "Queued before this time."
        return fields


class CatalogueEntryShape(Shape):
    """Something that a charge point can be told to do."""

    type = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    effect = serializers.CharField(help_text="What is seen when it has worked.")
    danger = serializers.CharField(help_text="What to ask people before; empty if it is harmless.")
    protocols = serializers.ListField(
        child=serializers.CharField(), help_text="The OCPP versions that have it, as subprotocols."
    )
    actions = serializers.DictField(
        child=serializers.CharField(), help_text="The OCPP action that says it, by subprotocol."
    )
    scope = serializers.CharField(help_text="What a person or a token needs to order it.")
    params = JsonObject(help_text="JSON Schema of its fields.")
    refusal = serializers.CharField(
        allow_null=True,
        help_text="Of a charge point: the code with which it would be refused now; null if it can be sent.",
        required=False,
    )
    warning = serializers.CharField(
        allow_null=True,
        help_text="Of a charge point: why it seems not to know the command, by its list of feature profiles or by "
        "what it answered; it can be sent all the same. Null if nothing speaks against it.",
        required=False,
    )


class CatalogueShape(Shape):
    """All there is to command."""

    results = CatalogueEntryShape(many=True)


# --- the catalogue ----------------------------------------------------------------------------------------------------


@cache  # the same for ever, and long
def _params(params: type[Params]) -> dict[str, Any]:
    return params.model_json_schema()


def _narrowed(entry: CommandType, order: Order) -> dict[str, Any]:
    """Return the schema of a command's parameters as an order can say them, with the words that are offered now."""
    schema, properties, withheld = _params(entry.params), {}, entry.withheld()
    for name, rules in schema.get("properties", {}).items():
        if order.fields is None or name in order.fields:
            words = [word for word in order.choices.get(name, ()) if word not in withheld.get(name, ())]
            changed = {"enum": words, "default": words[0]} if words and "enum" in rules else {}
            properties[name] = rules | changed
    return schema | {"properties": properties}


def _entry(entry: CommandType, order: Order | None = None) -> dict[str, Any]:
    said = {version.value: table.get(entry.slug) for version, table in orders().items()}
    actions = {version: order.action for version, order in said.items() if order is not None}
    return {
        "type": entry.slug,
        "title": entry.title,
        "description": entry.params.__doc__ or "",
        "effect": entry.effect,
        "danger": entry.danger,
        "protocols": list(actions),
        "actions": actions,
        "scope": entry.scope,
        "params": _params(entry.params) if order is None else _narrowed(entry, order),
    }


class Catalogue(ApiView):
    """What there is to command."""

    chapter = "Commands"

    @extend_schema(
        operation_id="list_command_types",
        summary="List what there is to command",
        responses={200: CatalogueShape},
    )
    def get(self, request: Request) -> Response:
        """List the catalogue."""
        return Response({"results": [_entry(entry) for entry in catalogue().values()]})


class ChargePointCatalogue(ApiView):
    """What one charge point can be told to do now."""

    chapter = "Commands"

    @extend_schema(
        operation_id="list_charge_point_command_types",
        summary="List what a charge point can be told to do now",
        description="The catalogue; `refusal` says of each entry why it would be refused, `warning` why it may fail.",
        responses={200: CatalogueShape},
    )
    def get(self, request: Request, cp_id: str) -> Response:
        """List the catalogue, judged for a charge point."""
        charge_point = charge_point_or_404(cp_id)
        refusals = {slug: why_not(charge_point, slug) for slug in catalogue()}
        judged = {
            slug: {"refusal": refusal.code if refusal else None, "warning": charge_point.warning(slug)}
            for slug, refusal in refusals.items()
        }
        entries = [
            _entry(entry, spoken_order(charge_point, slug)) | judged[slug]
            for slug, entry in catalogue().items()
        ]
        return Response({"results": entries})


# --- the ledger -------------------------------------------------------------------------------------------------------


class Ledger(ApiView):
    """All commands."""

    chapter = "Commands"
    query = CommandQuery

    @extend_schema(
        operation_id="list_commands",
        summary="List the ledger of commands",
        description="Newest first, unless another order is asked for.",
        responses={200: paged(CommandShape), 404: UNKNOWN_CHARGE_POINT},
    )
    def get(self, request: Request) -> Response:
        """List commands."""
        asked = self.asked
        wanted = {name: asked[name] for name in ("type", "status", "by") if name in asked}
        rows = selectors.commands().filter(**wanted)
        if "effect" in asked:
            rows = rows.filter(effect_at__isnull=not asked["effect"])
        if "from" in asked:
            rows = rows.filter(pk__gte=uuid7_floor(asked["from"]))
        if "to" in asked:
            rows = rows.filter(pk__lt=uuid7_floor(asked["to"]))
        if "cp_id" in asked:
            rows = rows.filter(charge_point=charge_point_or_404(asked["cp_id"]))
        return self.page(rows, order=("-pk",), shape=CommandShape)


class OneCommand(ApiView):
    """One command."""

    chapter = "Commands"

    @extend_schema(
        operation_id="get_command",
        summary="Show what became of a command",
        responses={200: CommandShape},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """Show a command."""
        command = found(selectors.commands().filter(pk=id).first(), "command", id)
        return Response(CommandShape(command).data)
