"""Tokens are made, changed and ended by API; dora administers, alice operates, bob may only look."""

import logging
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from csms.core.access.models import ApiToken, TokenChange, User
from csms.core.access.services import create_api_token, find_api_token, revoke_api_token, signing_secrets
from csms.core.config import get_config
from csms.core.idempotency.models import KeptAnswer
from tests.api.cast import API, NOON, PAST, client_of

TOKENS = f"{API}/api-tokens/"
LATER = "2099-01-01T00:00:00.000Z"


@pytest.fixture
def dora(db: None) -> APIClient:
    """Administers, and may everything else."""
    return client_of("dora", "read", "command", "write", "admin")


@pytest.fixture
def billing(db: None) -> ApiToken:
    """The token of a program."""
    return create_api_token("billing", scopes=["read", "write"], now=NOON)[0]


def own(name: str) -> str:
    return f"{TOKENS}{ApiToken.objects.get(name=name).pk}/"


def person(role: str) -> APIClient:
    client = APIClient()
    user = User.objects.create_user(f"the {role}", password="x", role=role)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


# --- made -------------------------------------------------------------------------------------------------------------


def test_a_token_is_made_and_its_secrets_are_shown_once(dora: APIClient) -> None:
    body = {"name": "billing", "scopes": ["write", "read", "read"], "expires_at": LATER, "rate": 600}
    answer = dora.post(TOKENS, body)
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    token = ApiToken.objects.get(name="billing")
    assert answer["Location"] == f"{TOKENS}{token.pk}/"
    assert signing_secrets(token, now=timezone.now()) == [
        b64decode(made["signing_secret"].removeprefix("whsec_"))
    ]
    shown = dora.get(answer["Location"]).json()
    assert {**shown, "key": made["key"], "signing_secret": made["signing_secret"]} == made
    assert shown == {
        "id": token.pk,
        "name": "billing",
        "hint": made["key"][:8],
        "scopes": ["read", "write"],
        "state": "live",
        "rate": 600,
        "created_at": shown["created_at"],
        "created_by": "token dora",
        "expires_at": LATER,
        "revoked_at": None,
        "last_used_at": None,
        "signs": True,
        "older_signs_until": None,
    }
    assert find_api_token(made["key"], now=timezone.now()) == token
    for secret in (made["key"], made["signing_secret"].removeprefix("whsec_")):
        assert secret not in dora.get(TOKENS).content.decode()
        assert secret not in repr(
            [vars(row) for row in (*ApiToken.objects.all(), *TokenChange.objects.all())]
        )


def test_what_was_made_works(dora: APIClient) -> None:
    key = dora.post(TOKENS, {"name": "billing", "scopes": ["read"]}).json()["key"]
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert client.get(f"{API}/charge-points/").status_code == 200
    assert client.post(f"{API}/id-tokens/", {"id_token": "x"}).status_code == 403
    assert dora.get(own("billing")).json()["last_used_at"] is not None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "bell\a"}, "name"),
        ({"name": "csms_x"}, "name"),
        ({"name": "dora"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"scopes": "read"}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"rate": -1}, "rate"),
        ({"rate": 1_000_001}, "rate"),
        ({"rate": "fast"}, "rate"),
        ({"key": "csms_mine"}, "key"),
    ],
)
def test_a_bad_token_is_refused(dora: APIClient, refusal: Any, changed: dict[str, Any], field: str) -> None:
    refusal(dora.post(TOKENS, {"name": "billing", "scopes": ["read"], **changed}), 422, "invalid", field)
    assert ApiToken.objects.count() == 1


def test_a_repeat_shows_the_same_key_which_is_nowhere_in_the_clear(dora: APIClient) -> None:
    body = {"name": "billing", "scopes": ["read"]}
    first, again = (dora.post(TOKENS, body, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert ApiToken.objects.filter(name="billing").count() == 1
    kept = repr(vars(KeptAnswer.objects.get()))
    assert first.json()["key"] not in kept
    assert first.json()["signing_secret"][6:] not in kept


# --- nobody gives more than they have ---------------------------------------------------------------------------------


def test_only_administrators_see_and_make_tokens(alice: APIClient, refusal: Any, billing: ApiToken) -> None:
    one = f"{TOKENS}{billing.pk}/"
    for answer in (
        alice.get(TOKENS),
        alice.get(one),
        alice.get(f"{one}changes/"),
        alice.post(TOKENS, {"name": "x", "scopes": ["read"]}),
        alice.patch(one, {"rate": 1}),
        alice.delete(one),
        alice.post(f"{one}signing-secret/"),
        person("operator").get(TOKENS),
    ):
        assert "'admin'" in refusal(answer, 403, "forbidden")["detail"]
    billing.refresh_from_db()
    assert billing.state(timezone.now()) == "live"


def test_a_token_gives_no_scope_that_it_has_not(db: None, refusal: Any, billing: ApiToken) -> None:
    clerk = client_of("clerk", "admin", "read")
    assert clerk.post(TOKENS, {"name": "a", "scopes": ["read", "admin"]}).status_code == 201
    said = refusal(clerk.post(TOKENS, {"name": "b", "scopes": ["read", "write"]}), 403, "scope_not_held")
    assert "'write'" in said["detail"]
    one = f"{TOKENS}{billing.pk}/"
    refusal(
        clerk.patch(one, {"expires_at": None}), 403, "scope_not_held"
    )  # it has 'write', and would have it longer
    refusal(clerk.post(f"{one}signing-secret/"), 403, "scope_not_held")
    refusal(clerk.patch(own("clerk"), {"scopes": ["admin", "command"]}), 403, "scope_not_held")
    assert clerk.patch(one, {"scopes": ["read"]}).status_code == 200  # taking away is not giving
    assert clerk.delete(one).status_code == 204
    assert not ApiToken.objects.filter(name="b").exists()


def test_an_administrator_in_the_console_may_all(db: None) -> None:
    made = person("administrator").post(
        TOKENS, {"name": "x", "scopes": ["read", "command", "write", "admin"]}
    )
    assert (made.status_code, made.json()["created_by"]) == (201, "the administrator")


# --- looked at --------------------------------------------------------------------------------------------------------


def test_tokens_are_listed_by_state(dora: APIClient) -> None:
    now = timezone.now()
    for name in ("a-live", "b-expired", "c-revoked"):
        create_api_token(name, scopes=["read"], now=NOON, expires_at=PAST if "expired" in name else None)
    create_api_token("d-soon", scopes=["read"], now=NOON, expires_at=now + timedelta(days=1))
    revoke_api_token("c-revoked", now=now)

    def names(query: str = "") -> list[tuple[str, str]]:
        return [(row["name"], row["state"]) for row in dora.get(TOKENS + query).json()["results"]]

    assert names() == [
        ("a-live", "live"),
        ("b-expired", "expired"),
        ("c-revoked", "revoked"),
        ("d-soon", "live"),
        ("dora", "live"),
    ]
    assert [name for name, _ in names("?state=live")] == ["a-live", "d-soon", "dora"]
    assert names("?state=expired") == [("b-expired", "expired")]
    assert names("?state=revoked") == [("c-revoked", "revoked")]
    assert [name for name, _ in names("?sort=-name&limit=1")] == ["dora"]


def test_a_list_is_one_query_however_long(
    dora: APIClient, django_assert_num_queries: Callable[[int], Any]
) -> None:
    for number in range(20):
        create_api_token(f"t{number}", scopes=["read"], now=NOON)
    dora.get(TOKENS)  # notes the use of the token
    with django_assert_num_queries(2):  # who asks, and the page
        assert len(dora.get(TOKENS).json()["results"]) == 21


@pytest.mark.parametrize("id", ["0", "999999999", "9" * 30])
def test_a_token_that_nobody_knows_is_404(dora: APIClient, refusal: Any, id: str) -> None:
    for answer in (
        dora.get(f"{TOKENS}{id}/"),
        dora.patch(f"{TOKENS}{id}/", {}),
        dora.delete(f"{TOKENS}{id}/"),
        dora.post(f"{TOKENS}{id}/signing-secret/"),
        dora.get(f"{TOKENS}{id}/changes/"),
    ):
        refusal(answer, 404, "unknown_api_token")


# --- changed ----------------------------------------------------------------------------------------------------------


def test_a_change_counts_from_the_next_request_on(dora: APIClient) -> None:
    made = dora.post(TOKENS, {"name": "billing", "scopes": ["read", "write"]}).json()
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {made['key']}")
    changed = dora.patch(own("billing"), {"scopes": ["write"], "expires_at": LATER, "rate": 0}).json()
    assert (changed["scopes"], changed["expires_at"], changed["rate"]) == (["write"], LATER, 0)
    assert client.get(f"{API}/charge-points/").status_code == 403
    dora.patch(own("billing"), {"expires_at": None, "rate": None})
    shown = dora.get(own("billing")).json()
    assert (shown["expires_at"], shown["rate"], shown["scopes"]) == (None, None, ["write"])
    assert dora.patch(own("billing"), {}).status_code == 200


def test_the_own_token_does_not_lose_admin_by_accident(dora: APIClient, refusal: Any) -> None:
    refusal(dora.patch(own("dora"), {"scopes": ["read"]}), 409, "own_token")
    assert dora.patch(own("dora"), {"scopes": ["read", "admin"]}).status_code == 200


def test_a_revoked_token_is_not_changed(dora: APIClient, refusal: Any, billing: ApiToken) -> None:
    revoke_api_token("billing", now=NOON)
    refusal(dora.patch(own("billing"), {"rate": 1}), 409, "revoked")
    refusal(dora.post(f"{own('billing')}signing-secret/"), 409, "revoked")


def test_a_signing_secret_is_rotated_and_the_one_before_signs_for_a_day(
    dora: APIClient, billing: ApiToken
) -> None:
    now = timezone.now()
    [old] = signing_secrets(billing, now=now)
    said = dora.post(f"{own('billing')}signing-secret/").json()
    billing.refresh_from_db()
    new = b64decode(said["signing_secret"].removeprefix("whsec_"))
    assert signing_secrets(billing, now=now) == [new, old]
    assert signing_secrets(billing, now=now + timedelta(hours=25)) == [new]
    assert dora.get(own("billing")).json()["older_signs_until"] == said["older_signs_until"]


# --- ended ------------------------------------------------------------------------------------------------------------


def test_a_token_is_revoked_for_good_and_again_without_harm(dora: APIClient, refusal: Any) -> None:
    key = dora.post(TOKENS, {"name": "billing", "scopes": ["read"]}).json()["key"]
    one = own("billing")
    assert dora.delete(one).status_code == 204
    refusal(APIClient(HTTP_AUTHORIZATION=f"Bearer {key}").get(f"{API}/me/"), 401, "unauthenticated")
    revoked_at = dora.get(one).json()["revoked_at"]
    assert revoked_at is not None
    assert dora.delete(one).status_code == 204
    assert dora.get(one).json()["revoked_at"] == revoked_at
    refusal(dora.post(TOKENS, {"name": "billing", "scopes": ["read"]}), 422, "invalid", "name")


def test_the_own_token_is_not_revoked_by_accident_but_by_intent(dora: APIClient, refusal: Any) -> None:
    said = refusal(dora.delete(own("dora")), 409, "own_token")
    assert "me/revoke/" in said["detail"]
    assert dora.post(f"{API}/me/revoke/").status_code == 204
    refusal(dora.get(f"{API}/me/"), 401, "unauthenticated")
    assert ApiToken.objects.get(name="dora").revoked_at is not None


def test_whoever_holds_a_token_can_end_it(bob: APIClient, refusal: Any) -> None:
    assert bob.post(f"{API}/me/revoke/").status_code == 204
    refusal(bob.get(f"{API}/me/"), 401, "unauthenticated")
    refusal(person("viewer").post(f"{API}/me/revoke/"), 409, "no_token")


# --- who did it -------------------------------------------------------------------------------------------------------


def test_every_change_says_who_did_it(
    dora: APIClient,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with caplog.at_level(logging.INFO), django_capture_on_commit_callbacks(execute=True):
        made = dora.post(TOKENS, {"name": "billing", "scopes": ["read"]}).json()
        one = own("billing")
        dora.patch(one, {"scopes": ["read", "write"]})
        dora.patch(one, {"scopes": ["read", "write"]})  # changes nothing
        secret = dora.post(f"{one}signing-secret/").json()["signing_secret"]
        person("administrator").delete(one)
    rows = dora.get(f"{one}changes/").json()["results"]
    assert [(row["what"], row["by"]) for row in rows] == [
        ("revoked", "the administrator"),
        ("signing_secret_rotated", "token dora"),
        ("changed", "token dora"),
        ("created", "token dora"),
    ]
    assert rows[2]["details"] == {"scopes": ["read", "write"], "before": {"scopes": ["read"]}}
    assert rows[3]["details"] == {"scopes": ["read"], "expires_at": None, "rate": None}
    lines = [record for record in caplog.records if record.getMessage() == "api_token.changed"]
    assert [(line.of_token, line.what, line.by) for line in lines] == [  # type: ignore[attr-defined]
        ("billing", "created", "token dora"),
        ("billing", "changed", "token dora"),
        ("billing", "signing_secret_rotated", "token dora"),
        ("billing", "revoked", "the administrator"),
    ]
    for text in (made["key"], made["signing_secret"], secret):
        assert text not in repr([vars(line) for line in lines]) + repr(rows)


# --- who am I ---------------------------------------------------------------------------------------------------------


def test_a_program_asks_who_it_is(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("clerk", "admin")  # may not even look
    token = ApiToken.objects.get()
    config = get_config().model_copy(update={"api_rate": 600, "api_burst": 50})
    monkeypatch.setattr("csms.core.access.throttling.get_config", lambda: config)
    assert client.get(f"{API}/me/").json() == {
        "kind": "token",
        "name": "clerk",
        "scopes": ["admin"],
        "role": None,
        "token_id": token.pk,
        "token_hint": token.hint,
        "expires_at": None,
        "rate": 600,
        "burst": 50,
    }
    ApiToken.objects.update(rate=0, expires_at=LATER)
    mine = client.get(f"{API}/me/").json()
    assert (mine["rate"], mine["burst"], mine["expires_at"]) == (None, None, LATER)


def test_a_person_asks_who_they_are(db: None) -> None:
    mine = person("operator").get(f"{API}/me/").json()
    assert (mine["kind"], mine["name"], mine["role"]) == ("person", "the operator", "operator")
    assert mine["scopes"] == ["read", "command", "write"]
    assert (mine["token_id"], mine["token_hint"], mine["expires_at"]) == (None, None, None)


# --- by command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "scopes"),
    [
        ([], ["read", "command", "write"]),
        (["--scope", "read", "--scope", "command"], ["read", "command"]),  # as docs/api/README.md has it
        (["--scopes", "read,admin"], ["read", "admin"]),
        (["--scopes=read,write", "--scope=admin"], ["read", "write", "admin"]),
    ],
)
def test_the_command_gives_every_scope_that_it_is_told(
    db: None, options: list[str], scopes: list[str]
) -> None:
    call_command("create_api_token", "billing", *options)
    assert set(ApiToken.objects.get(name="billing").scopes) == set(scopes)
