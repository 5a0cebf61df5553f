"""Who comes in at the API's door, and what they are told when they do not."""

import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from csms.api_urls import urlpatterns
from csms.core.access.models import User
from csms.core.access.services import create_api_token, revoke_api_token
from csms.core.api_views import ApiView
from tests.api.cast import API, charge_point, client_of, command, ended

# The documentation: open or not as CSMS_API_DOCS has it. And what is said where there is nothing.
PUBLIC = {"api-schema", "api-docs", "api-reference"}
FOR_ALL = {"api-me", "api-revoke-me"}  # of those who are somebody
NOWHERE = "00000000-0000-7000-8000-000000000000"
PARTS = {"uuid": NOWHERE, "int": "1"}


def routes() -> Iterator[tuple[str, str, str]]:
    """Every route of the API: method, a path of it, and its name."""
    for pattern in urlpatterns:
        if pattern.name in PUBLIC or pattern.lookup_str == "csms.api_docs.Nothing":
            continue
        view = pattern.callback.view_class  # what is no view of the framework has none, and fails here
        path = re.sub(r"<(?:(\w+):)?\w+>", lambda part: PARTS.get(part[1], "CP16"), pattern.pattern._route)
        for method in ("get", "head", "post", "put", "patch", "delete"):
            if hasattr(view, "get" if method == "head" else method):
                yield method, path, pattern.name or path


ROUTES = list(routes())


def told(answer: Any, method: str, status: int, code: str) -> bool:
    return answer.status_code == status and (method == "head" or answer.json()["error"]["code"] == code)


def test_there_are_routes_of_every_kind() -> None:
    assert len(ROUTES) > 95
    assert {method for method, _, _ in ROUTES} == {"get", "head", "post", "put", "patch", "delete"}


def test_nobody_comes_in_without_a_live_token_whatever_the_route(
    charlie: APIClient, late_alice: APIClient
) -> None:
    revoked = client_of("revoked", "read", "write", "command", "admin")
    revoke_api_token("revoked", now=timezone.now())
    unknown = APIClient(HTTP_AUTHORIZATION="Bearer csms_nonsense")
    malformed = APIClient(HTTP_AUTHORIZATION="Bearer a b")
    others = cycle((late_alice, revoked, unknown, malformed))
    let_in = []
    for method, path, name in ROUTES:
        for client in (charlie, next(others)):
            answer = getattr(client, method)(f"{API}/{path}")
            challenged = answer.headers.get("WWW-Authenticate") == 'Bearer realm="csms"'
            if not told(answer, method, 401, "unauthenticated") or not challenged:
                let_in.append((name, method, path, answer.status_code))
    assert not let_in


def test_who_has_no_fitting_scope_is_refused_whatever_the_route(db: None) -> None:
    charge_point()
    looker, blind = client_of("looker", "read"), client_of("blind", "command", "write")
    let_in = []
    for method, path, name in ROUTES:
        client = blind if method in ("get", "head") else looker
        if name not in FOR_ALL and not told(
            getattr(client, method)(f"{API}/{path}", {}), method, 403, "forbidden"
        ):
            let_in.append((name, method, path))
    assert not let_in


@pytest.mark.parametrize("scope", ["read", "command", "write", "admin"])
def test_who_has_any_scope_may_ask_who_they_are_and_end_their_token(db: None, scope: str) -> None:
    client = client_of("somebody", scope)
    assert client.get(f"{API}/me/").status_code == 200
    assert client.post(f"{API}/me/revoke/").status_code == 204
    assert client.get(f"{API}/me/").status_code == 401


def test_administrators_are_needed_for_tokens(db: None) -> None:
    operator = client_of("operator", "read", "command", "write")
    tokens = [route for route in ROUTES if route[1].startswith("api-tokens/")]
    assert len(tokens) >= 9
    for method, path, _ in tokens:
        assert told(getattr(operator, method)(f"{API}/{path}", {}), method, 403, "forbidden"), path


def test_a_new_view_lets_nobody_in_who_is_not_told_otherwise(db: None) -> None:
    class Forgotten(ApiView):
        def get(self, request: Any) -> Response:
            return Response({})

        post = get

    view = Forgotten.as_view()
    asked = APIRequestFactory()
    key = create_api_token("commander", scopes=["command", "admin"], now=timezone.now())[1]
    for method in (asked.get, asked.post):
        assert view(method("/")).status_code == 401
        assert view(method("/", HTTP_AUTHORIZATION=f"Bearer {key}")).status_code == 403


def test_who_may_write_may_not_therefore_command(db: None, refusal: Any) -> None:
    charge_point()
    writer, commander = client_of("w", "read", "write"), client_of("c", "read", "command")
    refusal(writer.post(f"{API}/charge-points/CP16/commands/reset/", {}), 403, "forbidden")
    refusal(commander.patch(f"{API}/charge-points/CP16/", {"name": "x"}), 403, "forbidden")
    refusal(commander.post(f"{API}/charge-points/CP16/commands/reset/", {}), 503, "offline")


def test_people_come_in_with_their_session_and_its_csrf_token(db: None, refusal: Any) -> None:
    charge_point()
    person = User.objects.create_user("alice", password="x", role="operator")
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(f"{API}/charge-points/").status_code == 200
    refusal(browser.patch(f"{API}/charge-points/CP16/", {"name": "x"}), 403, "csrf_failed")
    person.role = "viewer"
    person.save()
    looker = APIClient()
    looker.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    refusal(looker.patch(f"{API}/charge-points/CP16/", {"name": "x"}), 403, "forbidden")
    person.is_active = False
    person.save()
    refusal(looker.get(f"{API}/charge-points/"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("charge-points/NOBODY/", "unknown_charge_point"),
        ("charge-points/NOBODY/frames/", "unknown_charge_point"),
        ("charge-points/NOBODY/meter-values/", "unknown_charge_point"),
        ("charge-points/NOBODY/commands/", "unknown_charge_point"),
        (f"transactions/{NOWHERE}/", "unknown_transaction"),
        (f"transactions/{NOWHERE}/meter-values/", "unknown_transaction"),
        ("id-tokens/NOBODY/", "unknown_id_token"),
        (f"commands/{NOWHERE}/", "unknown_command"),
        ("transactions/7/", "not_found"),
        ("commands/x/", "not_found"),
        ("nothing/", "not_found"),
        ("charge-points", "not_found"),
    ],
)
def test_what_is_not_there_is_404_with_its_code(bob: APIClient, refusal: Any, path: str, code: str) -> None:
    refusal(bob.get(f"{API}/{path}"), 404, code)


LISTS = {
    "charge-points/": (),
    "charge-points/CP16/frames/": (),
    "charge-points/CP16/meter-values/": (),
    "transactions/": (),
    "id-tokens/": (),
    "commands/ledger/": (),
    "refused-handshakes/": (),
}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=1.0", "limit"),
        ("limit=" + "9" * 400, "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=W10", "cursor"),  # []
        ("cursor=WyItcGsiLCJ4Il0", "cursor"),  # ["-pk","x"]
        ("cursor=WyItcGsiLDFlOTld", "cursor"),  # ["-pk",1e99]
        ("cursor=%00", "cursor"),
        ("cursor=" + "A" * 1001, "cursor"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_every_list_refuses_a_bad_page(
    bob: APIClient, refusal: Any, path: str, query: str, field: str
) -> None:
    charge_point()
    refusal(bob.get(f"{API}/{path}?{query}"), 422, "invalid", field)


def test_a_cursor_of_another_list_is_refused(bob: APIClient, refusal: Any) -> None:
    cp16 = charge_point()
    for _ in range(2):
        ended(cp16)
        command(cp16)
    cursor = bob.get(f"{API}/transactions/?limit=1").json()["next_cursor"]
    refusal(bob.get(f"{API}/commands/ledger/?cursor={cursor}"), 422, "invalid", "cursor")
