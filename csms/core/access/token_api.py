"""The API's door to the tokens that open it."""

from typing import Any, NoReturn

from django.db.models import Q
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.access.me_api import Me, RevokeMe, Scope
from csms.core.access.models import SCOPES, ApiToken, TokenChange
from csms.core.access.services import (
    RATE_MAX,
    change_api_token,
    create_api_token,
    revoke_api_token,
    rotate_signing_secret,
    signing_secret_text,
)
from csms.core.api_data import Body, Moment, Shape, Whole, Word, read_body
from csms.core.api_errors import ApiError, invalid
from csms.core.api_schema import error
from csms.core.api_views import ApiView, found, made, paged
from csms.core.paging import PageQuery

STATES = ("live", "expired", "revoked")


# --- shapes -----------------------------------------------------------------------------------------------------------


class TokenState(serializers.ChoiceField):
    """What becomes now of who presents the key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=STATES, source="*", **options)

    def to_representation(self, value: Any) -> Any:
        """Return the state."""
        return value.state(timezone.now())


class ApiTokenShape(Shape):
    """A program's token, without its key."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="The first characters of the key.")
    scopes = serializers.ListField(child=Scope())
    state = TokenState()
    rate = serializers.IntegerField(
        allow_null=True, help_text="Requests a minute; 0: no limit; null: as for all (CSMS_API_RATE)."
    )
    created_at = Moment()
    created_by = serializers.CharField(help_text="Who made it; empty for tokens of old.")
    expires_at = Moment(allow_null=True, help_text="Null: never.")
    revoked_at = Moment(allow_null=True)
    last_used_at = Moment(allow_null=True, help_text="To the minute.")
    signs = serializers.SerializerMethodField(
        help_text="Whether it has a signing secret; a token of old gets one by its first rotation."
    )
    older_signs_until = Moment(
        allow_null=True,
        help_text="Until then what is posted for this token is signed with the signing secret before this one, too.",
    )

    def get_signs(self, token: ApiToken) -> bool:
        """Return whether it has a signing secret."""
        return bool(token.signing_secret)


class NewApiTokenShape(ApiTokenShape):
    """A token that was made, with its key and its signing secret: they are shown this once."""

    key = serializers.CharField(help_text="For `Authorization: Bearer …`. Kept only as a hash.")
    signing_secret = serializers.SerializerMethodField(
        help_text="`whsec_<base64>`: verifies the signature of callbacks (Standard Webhooks)."
    )

    def get_signing_secret(self, token: ApiToken) -> str:
        """Return the secret as its owner is shown it."""
        return signing_secret_text(token)


class SigningSecretShape(Shape):
    """A new signing secret: it is shown this once."""

    signing_secret = serializers.CharField(help_text="`whsec_<base64>`.")
    older_signs_until = Moment(
        allow_null=True, help_text="Until then there is a second signature, with the secret before this one."
    )


class TokenChangeShape(Shape):
    """What was done to a token, and by whom."""

    at = Moment()
    what = serializers.ChoiceField(TokenChange.What.choices)
    by = serializers.CharField()
    details = serializers.DictField(help_text="The values since then, and in `before` those until then.")


class ApiTokenQuery(PageQuery):
    """Which tokens are listed."""

    sortable = {
        "name": ("name",),
        "created_at": ("created_at", "pk"),
        "expires_at": ("expires_at", "pk"),
        "last_used_at": ("last_used_at", "pk"),
    }
    state = serializers.ChoiceField(STATES, required=False)


class TokenChanges(Body):
    """What may be changed of a token."""

    scopes = serializers.ListField(child=Scope(), required=False, allow_empty=False, max_length=len(SCOPES))
    expires_at = Moment(required=False, allow_null=True, help_text="Later than now; null: never.")
    rate = Whole(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=RATE_MAX,
        help_text="Requests a minute; 0: no limit; null: as for all (CSMS_API_RATE).",
    )

    def validate_expires_at(self, value: Any) -> Any:
        """Refuse a time that is over."""
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("It is over already; to end a token, revoke it.")
        return value


class NewToken(TokenChanges):
    """A token to make."""

    name = Word(max_length=64, help_text="What will use it; no other token, revoked or not, has this name.")
    scopes = serializers.ListField(child=Scope(), allow_empty=False, max_length=len(SCOPES))


# --- views ------------------------------------------------------------------------------------------------------------


def token_or_404(id: int) -> ApiToken:
    """Return the token. Raises 404."""
    token: ApiToken = found(ApiToken.objects.filter(pk=id).first(), "api_token", id)
    return token


def refuse_giving(request: Request, scopes: Any) -> None:
    """Refuse to give what the caller has not. Raises 403."""
    user: Any = request.user
    if lacking := [scope for scope in scopes if not user.may(scope)]:
        listed = ", ".join(f"'{scope}'" for scope in lacking)
        raise ApiError(403, "scope_not_held", f"nobody gives a scope that they have not: {listed}")


def is_own(request: Request, token: ApiToken) -> bool:
    """Return whether the caller came in with this token."""
    return isinstance(request.auth, ApiToken) and request.auth.pk == token.pk


def _revoked(problem: ValueError) -> NoReturn:
    raise ApiError(409, "revoked", str(problem)) from problem


REVOKED = {"revoked": "the token 'billing' is revoked"}
OWN = {"own_token": "this is the token that you are using; POST /api/v1/me/revoke/ ends it"}
NOT_HELD = error(
    "The caller has not the scope `admin`, or has not a scope that the token would have.",
    {
        "forbidden": "this needs the scope 'admin'",
        "scope_not_held": "nobody gives a scope that they have not: 'write'",
    },
)


class Administered(ApiView):
    """The base of the views that are for administrators."""

    chapter = "Access"
    scope = look_scope = "admin"


class ApiTokens(Administered):
    """All tokens."""

    query = ApiTokenQuery

    @extend_schema(
        operation_id="list_api_tokens",
        summary="List API tokens",
        description="By name. Revoked ones stay in the list. Scope `admin`.",
        responses={200: paged(ApiTokenShape)},
    )
    def get(self, request: Request) -> Response:
        """List tokens."""
        rows, now = ApiToken.objects.all(), timezone.now()
        expired = Q(expires_at__lte=now)
        match self.asked.get("state"):
            case "live":
                rows = rows.filter(~expired | Q(expires_at=None), revoked_at=None)
            case "expired":
                rows = rows.filter(expired, revoked_at=None)
            case "revoked":
                rows = rows.exclude(revoked_at=None)
        return self.page(rows, order=("name",), shape=ApiTokenShape)

    @extend_schema(
        operation_id="create_api_token",
        summary="Make an API token",
        description="Key and signing secret are in this answer and never shown again. With an `Idempotency-Key` a "
        "repeat shows them, too: for as long, the answer is kept sealed. Nobody gives a scope that they have not. "
        "Scope `admin`.",
        request=NewToken,
        responses={201: NewApiTokenShape, 403: NOT_HELD},
        examples=[
            OpenApiExample(
                "for billing", value={"name": "billing", "scopes": ["read"], "rate": 600}, request_only=True
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Make a token."""
        body = read_body(request, NewToken)
        refuse_giving(request, body["scopes"])
        try:
            token, key = create_api_token(body.pop("name"), now=timezone.now(), by=str(request.user), **body)
        except ValueError as problem:
            raise invalid({"name": [str(problem)]}) from problem
        token.key = key  # type: ignore[attr-defined]  # for the answer; no column has it
        return made(NewApiTokenShape(token).data, "api-api-token", token.pk)


class OneApiToken(Administered):
    """One token."""

    @extend_schema(
        operation_id="get_api_token",
        summary="Show an API token",
        description="Scope `admin`.",
        responses={200: ApiTokenShape},
    )
    def get(self, request: Request, id: int) -> Response:
        """Show a token."""
        return Response(ApiTokenShape(token_or_404(id)).data)

    @extend_schema(
        operation_id="change_api_token",
        summary="Change an API token",
        description="Counts from its next request on. The caller must have all scopes that the token then has; the "
        "own token keeps the scope `admin`. Scope `admin`.",
        request=TokenChanges,
        responses={
            200: ApiTokenShape,
            403: NOT_HELD,
            409: error("It was revoked, or is the caller's own.", REVOKED | OWN),
        },
        examples=[OpenApiExample("look only", value={"scopes": ["read"]}, request_only=True)],
    )
    def patch(self, request: Request, id: int) -> Response:
        """Change a token."""
        token = token_or_404(id)
        changes = read_body(request, TokenChanges)
        scopes = changes.get("scopes", token.scopes)
        refuse_giving(request, scopes)
        if is_own(request, token) and "admin" not in scopes:
            raise ApiError(409, "own_token", "this is the token that you are using; it would lose 'admin'")
        try:
            token = change_api_token(token, changes, now=timezone.now(), by=str(request.user))
        except ValueError as problem:
            _revoked(problem)
        return Response(ApiTokenShape(token).data)

    @extend_schema(
        operation_id="revoke_api_token",
        summary="Revoke an API token",
        description="From now on its key is refused, for good; its name stays taken. Of one that is revoked already, "
        "nothing changes. The own token is not revoked here, where it could be meant for another: see `me/revoke/`. "
        "Scope `admin`.",
        responses={204: None, 409: error("It is the caller's own.", OWN)},
    )
    def delete(self, request: Request, id: int) -> Response:
        """Revoke a token."""
        token = token_or_404(id)
        if is_own(request, token):
            raise ApiError(409, "own_token", OWN["own_token"])
        revoke_api_token(token.name, now=timezone.now(), by=str(request.user))
        return Response(status=204)


class SigningSecret(Administered):
    """The signing secret of a token."""

    @extend_schema(
        operation_id="rotate_signing_secret",
        summary="Give an API token a new signing secret",
        description="What is posted for the token has two signatures for 24 hours, with the new secret and with the "
        "one before; a third, older one ends at once. The caller must have all scopes of the token. Scope `admin`.",
        request=None,
        responses={200: SigningSecretShape, 403: NOT_HELD, 409: error("It was revoked.", REVOKED)},
    )
    def post(self, request: Request, id: int) -> Response:
        """Rotate the secret."""
        token = token_or_404(id)
        refuse_giving(request, token.scopes)
        try:
            token = rotate_signing_secret(token, now=timezone.now(), by=str(request.user))
        except ValueError as problem:
            _revoked(problem)
        shown = {"signing_secret": signing_secret_text(token), "older_signs_until": token.older_signs_until}
        return Response(SigningSecretShape(shown).data)


class TokenChangeList(Administered):
    """What was done to a token."""

    query = PageQuery

    @extend_schema(
        operation_id="list_api_token_changes",
        summary="List what was done to an API token, and by whom",
        description="The newest first. Scope `admin`.",
        responses={200: paged(TokenChangeShape)},
    )
    def get(self, request: Request, id: int) -> Response:
        """List changes."""
        rows = TokenChange.objects.filter(token=token_or_404(id))
        return self.page(rows, order=("-pk",), shape=TokenChangeShape)


urlpatterns = [
    path("me/", Me.as_view(), name="api-me"),
    path("me/revoke/", RevokeMe.as_view(), name="api-revoke-me"),
    path("api-tokens/", ApiTokens.as_view(), name="api-api-tokens"),
    path("api-tokens/<int:id>/", OneApiToken.as_view(), name="api-api-token"),
    path("api-tokens/<int:id>/signing-secret/", SigningSecret.as_view(), name="api-signing-secret"),
    path("api-tokens/<int:id>/changes/", TokenChangeList.as_view(), name="api-token-changes"),
]
