"""The API's door to the caller: who they are, and the end of the token that they came with."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from csms.core.access.api import ANY
from csms.core.access.models import SCOPES, ApiToken, Role, User
from csms.core.access.services import revoke_api_token
from csms.core.access.throttling import limit_of
from csms.core.api_data import Moment, Shape
from csms.core.api_errors import ApiError
from csms.core.api_schema import error
from csms.core.api_views import ApiView


class Scope(serializers.ChoiceField):
    """One of the scopes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=SCOPES, **options)


class MeShape(Shape):
    """Who calls."""

    kind = serializers.ChoiceField(["token", "person"])
    name = serializers.CharField()
    scopes = serializers.ListField(child=Scope())
    role = serializers.ChoiceField(Role.choices, allow_null=True, help_text="Of a person.")
    token_id = serializers.IntegerField(allow_null=True)
    token_hint = serializers.CharField(allow_null=True)
    expires_at = Moment(allow_null=True, help_text="Of a token; null: never.")
    rate = serializers.IntegerField(allow_null=True, help_text="Requests a minute; null: no limit.")
    burst = serializers.IntegerField(
        allow_null=True, help_text="Requests that may come at once; null: no limit."
    )


class Me(ApiView):
    """Who calls."""

    chapter = "Access"
    look_scope = ANY

    @extend_schema(
        operation_id="get_me",
        summary="Who am I?",
        description="The caller, what they may, and how often. Any scope will do.",
        responses={200: MeShape},
    )
    def get(self, request: Request) -> Response:
        """Show the caller."""
        user: Any = request.user
        token = request.auth if isinstance(request.auth, ApiToken) else None
        limit = limit_of(token)
        shown = {
            "kind": "token" if token else "person",
            "name": token.name if token else str(user),
            "scopes": [scope for scope in SCOPES if user.may(scope)],
            "role": user.role if isinstance(user, User) else None,
            "token_id": token.pk if token else None,
            "token_hint": token.hint if token else None,
            "expires_at": token.expires_at if token else None,
            "rate": limit.rate if limit else None,
            "burst": limit.burst if limit else None,
        }
        return Response(MeShape(shown).data)


class RevokeMe(ApiView):
    """The end of the token that a request came with."""

    chapter = "Access"
    scope = ANY

    @extend_schema(
        operation_id="revoke_me",
        summary="Revoke the token of this request",
        description="For whoever is done with it, or has lost it. From the next request on its key is refused, for "
        "good. Any scope will do.",
        request=None,
        responses={
            204: OpenApiResponse(description="It is revoked."),
            409: error("A person has no token; they sign out.", {"no_token": "alice came without a token"}),
        },
    )
    def post(self, request: Request) -> Response:
        """Revoke it."""
        if not isinstance(request.auth, ApiToken):
            raise ApiError(409, "no_token", f"{request.user} came without a token")
        revoke_api_token(request.auth.name, now=timezone.now(), by=str(request.user))
        return Response(status=204)
