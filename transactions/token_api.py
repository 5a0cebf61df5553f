"""The API's door to id tokens."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.api_data import Body, Flag, Moment, Query, Shape, Whole, Word, read_body
from csms.core.api_errors import refusals
from csms.core.api_views import ApiView, found, made, paged
from csms.core.id_tokens import TYPES
from csms.core.paging import PageQuery
from transactions import selectors, tokens
from transactions.authorization import find_registered
from transactions.models import IdToken
from transactions.token_places import PLACE_MAX, PLACES_MAX

PLACES = "`CP-1`: a charge point; `CP-1/2`: its EVSE 2; `2`: the EVSE 2 of any."

# mypy takes fields named label and parent for attributes of the serializer; DRF moves fields out of their way.


class IdTokenShape(Shape):
    """A driver's means of identification (the idTag of OCPP 1.6)."""

    id_token = serializers.CharField(
        help_text="Compared without regard to case. Of a key code it is the name: nobody can read the code."
    )
    type = serializers.CharField(help_text="In the words of OCPP 2.x; empty: any, as in 1.6.")
    label = serializers.CharField(help_text="Whose it is; for people.")  # type: ignore[assignment]
    parent = serializers.CharField(help_text="The group whose members may stop each other's transactions.")  # type: ignore[assignment]
    blocked = serializers.BooleanField()
    expires_at = Moment(allow_null=True, help_text="Null: never.")
    max_active = serializers.IntegerField(
        allow_null=True, help_text="Transactions at a time; null: no limit."
    )
    evses = serializers.ListField(
        child=serializers.CharField(), help_text=f"Where it may be used; empty: everywhere. {PLACES}"
    )
    language = serializers.CharField(help_text="Of its driver (RFC 5646); empty: unknown.")
    personal_message = serializers.CharField(
        help_text="That charge points of OCPP 2.x which show texts tell its driver."
    )
    created_at = Moment()
    updated_at = Moment(allow_null=True)
    warnings = serializers.SerializerMethodField(help_text="Where it will not work, in words.")

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_warnings(self, token: IdToken) -> list[str]:
        """Return what people should know of the token."""
        return tokens.id_token_warnings(token.id_token, token.type)


class IdTokenChanges(Body):
    """What may be changed of a token."""

    label = Word(required=False, allow_blank=True, max_length=tokens.LABEL_MAX)  # type: ignore[assignment]
    parent = Word(required=False, allow_blank=True, trim_whitespace=False, max_length=tokens.ID_TOKEN_MAX)  # type: ignore[assignment]
    blocked = Flag(required=False)
    expires_at = Moment(required=False, allow_null=True)
    max_active = Whole(required=False, allow_null=True, min_value=0, max_value=tokens.ACTIVE_MAX)
    evses = serializers.ListField(
        child=Word(max_length=PLACE_MAX), required=False, max_length=PLACES_MAX, help_text=PLACES
    )
    language = Word(required=False, allow_blank=True, max_length=8, help_text="As in de or de-CH.")
    personal_message = Word(required=False, allow_blank=True, max_length=tokens.MESSAGE_MAX)


class NewIdToken(IdTokenChanges):
    """A token to register."""

    type = serializers.ChoiceField(
        [("", "Any"), *((word, word) for word in TYPES)],
        default="",
        help_text="In the words of OCPP 2.x. A token of one type is found by this type only (and by 1.6, which tells "
        "none). Of a `KeyCode` only a digest is kept, which is its `id_token` from then on.",
    )

    id_token = Word(
        max_length=tokens.ID_TOKEN_MAX,
        trim_whitespace=False,
        help_text=f"Printable; OCPP 1.6 charge points can send {tokens.ID_TAG_MAX} characters at most.",
    )


class IdTokenQuery(PageQuery):
    """Which tokens are listed."""

    q = serializers.CharField(required=False, help_text="Text in the token, its label or its parent.")
    parent = serializers.CharField(required=False, help_text="Case does not matter.")  # type: ignore[assignment]
    blocked = Flag(required=False)
    type = serializers.ChoiceField(
        [(word, word) for word in TYPES], required=False, help_text="Of this type."
    )


class OneTokenQuery(Query):
    """Which of several tokens of one text is meant."""

    type = serializers.ChoiceField(
        [(word, word) for word in TYPES],
        required=False,
        help_text="Its type, where several tokens have one text; else that of any type is meant, then a card.",
    )


def token_or_404(id_token: str, type: str = "") -> IdToken:
    """Return the token; case does not matter. Raises 404."""
    known = find_registered(id_token, type) if id_token.isprintable() else None
    token: IdToken = found(known, "id_token", id_token)
    return token


class IdTokens(ApiView):
    """All id tokens."""

    chapter = "Id tokens"
    query = IdTokenQuery

    @extend_schema(
        operation_id="list_id_tokens",
        summary="List id tokens",
        description="The last registered first.",
        responses={200: paged(IdTokenShape)},
    )
    def get(self, request: Request) -> Response:
        """List tokens."""
        asked, rows = self.asked, selectors.id_tokens()
        if "q" in asked:
            rows = selectors.tokens_matching(rows, asked["q"])
        if "parent" in asked:
            rows = rows.filter(parent__iexact=asked["parent"])
        if "blocked" in asked:
            rows = rows.filter(blocked=asked["blocked"])
        if "type" in asked:
            rows = rows.filter(type=asked["type"])
        return self.page(rows, order=("-pk",), shape=IdTokenShape)

    @extend_schema(
        operation_id="register_id_token",
        summary="Register an id token",
        description="Scope `write`.",
        request=NewIdToken,
        responses={201: IdTokenShape},
        examples=[
            OpenApiExample(
                "a card", value={"id_token": "04A2B3C4D5E680", "label": "Alice"}, request_only=True
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Register a token."""
        body: dict[str, Any] = read_body(request, NewIdToken)
        with refusals():
            token = tokens.add_id_token(
                body.pop("id_token"), now=timezone.now(), by=str(request.user), **body
            )
        return made(IdTokenShape(token).data, "api-id-token", token.id_token)


class UnknownTokenShape(Shape):
    """A token that nobody registered and that was used to charge all the same."""

    id = serializers.UUIDField()
    id_token = serializers.CharField(help_text="As it was first sent.")
    cp_id = serializers.CharField(source="charge_point.cp_id", help_text="Where it was last seen.")
    count = serializers.IntegerField(help_text="Transactions that were started with it.")
    first_at = Moment()
    last_at = Moment()


class UnknownTokens(ApiView):
    """The tokens that were used and that nobody registered."""

    chapter = "Id tokens"
    query = PageQuery

    @extend_schema(
        operation_id="list_unknown_tokens",
        summary="List unknown tokens",
        description=(
            "Tokens that nobody registered and that charge points let start transactions, offline mostly. "
            "The last seen first."
        ),
        responses={200: paged(UnknownTokenShape)},
    )
    def get(self, request: Request) -> Response:
        """List unknown tokens."""
        return self.page(selectors.unknown_tokens(), order=("-last_at", "-pk"), shape=UnknownTokenShape)


class AdmittedToken(ApiView):
    """The admission of an unknown token."""

    chapter = "Id tokens"

    @extend_schema(
        operation_id="admit_unknown_token",
        summary="Admit an unknown token",
        description="Registers it; from then on it may charge, as far as the body says. Scope `write`.",
        request=IdTokenChanges,
        responses={201: IdTokenShape},
        examples=[OpenApiExample("a card", value={"label": "Alice"}, request_only=True)],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Admit a token."""
        unknown = found(selectors.unknown_tokens().filter(pk=id).first(), "unknown_token", id)
        values = read_body(request, IdTokenChanges)
        with refusals():
            token = tokens.add_id_token(unknown.id_token, now=timezone.now(), by=str(request.user), **values)
        return made(IdTokenShape(token).data, "api-id-token", token.id_token)


class OneIdToken(ApiView):
    """One id token."""

    chapter = "Id tokens"
    query = OneTokenQuery
    write_query = OneTokenQuery

    @extend_schema(
        operation_id="get_id_token",
        summary="Show an id token",
        description="By its text, percent-encoded; case does not matter.",
        responses={200: IdTokenShape},
    )
    def get(self, request: Request, id_token: str) -> Response:
        """Show a token."""
        return Response(IdTokenShape(token_or_404(id_token, self.asked.get("type", ""))).data)

    @extend_schema(
        operation_id="change_id_token",
        parameters=[OneTokenQuery],
        summary="Change, block or unblock an id token",
        description="Running transactions go on. Scope `write`.",
        request=IdTokenChanges,
        responses={200: IdTokenShape},
        examples=[OpenApiExample("block", value={"blocked": True}, request_only=True)],
    )
    def patch(self, request: Request, id_token: str) -> Response:
        """Change a token."""
        token = token_or_404(id_token, self.asked.get("type", ""))
        changes = read_body(request, IdTokenChanges)
        with refusals():
            tokens.update_id_token(token, now=timezone.now(), by=str(request.user), **changes)
        return Response(IdTokenShape(token).data)

    @extend_schema(
        operation_id="delete_id_token",
        parameters=[OneTokenQuery],
        summary="Delete an id token",
        description="From then on it is unknown; its transactions keep its text. Scope `write`.",
        responses={204: None},
    )
    def delete(self, request: Request, id_token: str) -> Response:
        """Delete a token."""
        token = token_or_404(id_token, self.asked.get("type", ""))
        tokens.delete_id_token(token, now=timezone.now(), by=str(request.user))
        return Response(status=204)
