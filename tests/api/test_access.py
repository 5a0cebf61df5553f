"""Who comes in at the API's door, and what they are told when they do not."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from csms.core.access.models import User
from csms.core.access.services import revoke_api_token
from tests.api.cast import API, charge_point, client_of, command, ended

NOWHERE = "00000000-0000-7000-8000-000000000000"
READS = [
    "charge-points/",
    "charge-points/CP16/",
    "charge-points/CP16/commands/",
    "charge-points/CP16/frames/",
    "charge-points/CP16/meter-values/",
    "transactions/",
    f"transactions/{NOWHERE}/",
    f"transactions/{NOWHERE}/meter-values/",
    "id-tokens/",
    "id-tokens/ALICE/",
    "commands/",
    "commands/ledger/",
    f"commands/{NOWHERE}/",
    "refused-handshakes/",
]
WRITES = [
    ("post", "charge-points/", "write"),
    ("patch", "charge-points/CP16/", "write"),
    ("post", "charge-points/CP16/approve/", "write"),
    ("post", "charge-points/CP16/reject/", "write"),
    ("post", "charge-points/CP16/retire/", "write"),
    ("put", "charge-points/CP16/password/", "write"),
    ("delete", "charge-points/CP16/password/", "write"),
    ("post", "id-tokens/", "write"),
    ("patch", "id-tokens/ALICE/", "write"),
    ("delete", "id-tokens/ALICE/", "write"),
    ("post", "charge-points/CP16/commands/remote-start/", "command"),
    ("post", "charge-points/CP16/commands/remote-stop/", "command"),
    ("post", "charge-points/CP16/commands/reset/", "command"),
    ("post", "charge-points/CP16/commands/trigger-message/", "command"),
]


@pytest.mark.parametrize(("method", "path"), [("get", path) for path in READS] + [w[:2] for w in WRITES])
def test_nobody_comes_in_without_a_live_token(
    charlie: APIClient, late_alice: APIClient, refusal: Any, method: str, path: str
) -> None:
    revoked = client_of("revoked", "read", "write", "command")
    revoke_api_token("revoked", now=timezone.now())
    unknown = APIClient(HTTP_AUTHORIZATION="Bearer csms_nonsense")
    malformed = APIClient(HTTP_AUTHORIZATION="Bearer a b")
    for client in (charlie, late_alice, revoked, unknown, malformed):
        answer = getattr(client, method)(f"{API}/{path}")
        refusal(answer, 401, "unauthenticated")
        assert answer["WWW-Authenticate"] == 'Bearer realm="csms"'


@pytest.mark.parametrize(("method", "path", "scope"), WRITES)
def test_bob_may_only_look(bob: APIClient, refusal: Any, method: str, path: str, scope: str) -> None:
    said = refusal(getattr(bob, method)(f"{API}/{path}", {}), 403, "forbidden")
    assert scope in said["detail"]


@pytest.mark.parametrize("path", READS)
def test_a_token_without_read_sees_nothing(db: None, refusal: Any, path: str) -> None:
    refusal(client_of("blind", "command", "write").get(f"{API}/{path}"), 403, "forbidden")


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
