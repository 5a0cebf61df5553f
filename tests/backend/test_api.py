"""What the backend was told of sessions, at the API's door."""

from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from tests.api.cast import API, client_of, session_report

SESSIONS = f"{API}/backend/sessions/"

pytestmark = pytest.mark.django_db


def test_what_was_given_up_is_seen_and_why(bob: APIClient) -> None:
    dead = session_report()
    session_report("delivered", transaction_id="4712", kind="close")
    waits = session_report("pending", cp_id="CS201")
    assert [row["state"] for row in bob.get(SESSIONS).json()["results"]] == ["pending", "delivered", "dead"]
    [row] = bob.get(SESSIONS, {"state": "dead"}).json()["results"]
    assert (row["id"], row["kind"], row["attempts"]) == (str(dead.pk), "open", 3)
    assert (row["last_error"], row["next_attempt_at"]) == ("it said no", None)
    [row] = bob.get(SESSIONS, {"cp_id": "CS201"}).json()["results"]
    assert row["id"] == str(waits.pk)
    assert row["next_attempt_at"] is not None
    [row] = bob.get(SESSIONS, {"transaction_id": "4712", "kind": "close"}).json()["results"]
    assert row["state"] == "delivered"
    assert bob.get(SESSIONS, {"state": "lost"}).status_code == 422


def test_an_administrator_has_what_was_given_up_told_again() -> None:
    dora = client_of("dora", "admin", "read")
    dead, waits = session_report(), session_report("pending")
    answer = dora.post(f"{SESSIONS}{dead.pk}/replay/")
    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    for row in (dead, waits):
        refused = dora.post(f"{SESSIONS}{row.pk}/replay/")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_dead")
    assert dora.post(f"{SESSIONS}{uuid4()}/replay/").status_code == 404
    session_report()
    session_report()
    assert dora.post(f"{SESSIONS}replay/").json() == {"replayed": 2}
    assert dora.post(f"{SESSIONS}replay/").json() == {"replayed": 0}


def test_nobody_else_does(alice: APIClient, bob: APIClient, charlie: APIClient) -> None:
    dead = session_report()
    for path in (f"{SESSIONS}{dead.pk}/replay/", f"{SESSIONS}replay/"):
        assert [client.post(path).status_code for client in (alice, bob, charlie)] == [403, 403, 401]
    assert charlie.get(SESSIONS).status_code == 401
    dead.refresh_from_db()
    assert dead.state == "dead"
