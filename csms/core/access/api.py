"""Who calls the API: a bearer token, or the session of a person in the console."""

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from csms.core.access.models import ApiToken
from csms.core.access.services import find_api_token
from csms.core.access.throttling import note_stranger

if TYPE_CHECKING:  # DRF's views import the classes of this module
    from rest_framework.views import APIView

SAFE = {"GET", "HEAD", "OPTIONS"}
ANY = "any"  # in the place of a scope


class TokenUser:
    """The program behind a token, in the place where DRF expects a user."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, token: ApiToken) -> None:
        self.token = token
        self.pk = None
        self.caller = f"token {token.pk}"  # as no other caller is named

    def __str__(self) -> str:
        return f"token {self.token.name}"

    def may(self, scope: str) -> bool:
        """Return whether the token carries `scope`."""
        return self.token.may(scope)


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer csms_…` (RFC 6750, 2.1)."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the program and its token; None when the header names another scheme."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            note_stranger(request)
            raise AuthenticationFailed("the header has the form 'Authorization: Bearer <token>'")
        token = find_api_token(parts[1].decode("latin-1"), now=timezone.now())
        if token is None:
            note_stranger(request)
            raise AuthenticationFailed("the token is unknown, expired or revoked")
        return TokenUser(token), token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge that makes a refusal 401, not 403."""
        return 'Bearer realm="csms"'


class Scoped(BasePermission):
    """A view needs its `look_scope` (default `read`) to look and its `scope` (default `write`) to change anything.

    With the scope `any` it is for everybody who is somebody.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether the caller has the scope that the method needs."""
        looks = request.method in SAFE
        scope = getattr(view, "look_scope", "read") if looks else getattr(view, "scope", "write")
        self.message = f"this needs the scope '{scope}'"
        may = getattr(request.user, "may", None)
        return may is not None and request.user.is_authenticated and (scope == ANY or bool(may(scope)))


def need(request: Request, scope: str) -> None:
    """Raise 403 unless the caller has a scope that what they ask for needs beside the view's own."""
    if not request.user.may(scope):  # type: ignore[union-attr]  # Scoped has seen to it
        raise PermissionDenied(f"this needs the scope {scope!r}")
