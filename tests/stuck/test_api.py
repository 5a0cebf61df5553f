"""The API's door to stuck sessions."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.api.cast import charge_point, client_of, online, session
from transactions.models import Transaction
from transactions.stuck.models import Correction

pytestmark = pytest.mark.django_db


@pytest.fixture
def eternal() -> Transaction:
    long_ago = timezone.now() - timedelta(days=3)
    return session(online(charge_point()), started_at=long_ago, start_received_at=long_ago)


def test_stuck_sessions_are_listed_with_evidence_and_counts(eternal: Transaction) -> None:
    reader = client_of("reader", "read")
    answer = reader.get("/api/v1/stuck-sessions/", {"kind": "eternal"}).json()
    assert answer["counts"]["eternal"] == 1
    [row] = answer["results"]
    assert (row["kind"], row["transaction"]) == ("eternal", str(eternal.pk))
    assert row["evidence"][0]["word"] == "open_since"
    assert row["steps"][0] == "stop_ordered"
    everything = reader.get("/api/v1/stuck-sessions/").json()
    assert row in everything["results"]


def test_a_program_ends_one_and_says_why(eternal: Transaction) -> None:
    writer = client_of("writer", "read", "write")
    path = f"/api/v1/transactions/{eternal.pk}/corrections/"
    body = {"kind": "eternal", "step": "ended", "reason": "it is gone"}
    answer = writer.post(path, body, format="json")
    assert answer.status_code == 201
    assert answer.json()["after"]["end_evidence"] == "person"
    eternal.refresh_from_db()
    assert eternal.status == "ended"
    again = writer.post(path, body, format="json")
    assert again.json() == answer.json()
    assert Correction.objects.count() == 1
    [row] = writer.get(path).json()["results"]
    assert row == answer.json()


def test_what_is_not_stuck_is_refused_and_who_may_not_is_too(eternal: Transaction) -> None:
    path = f"/api/v1/transactions/{eternal.pk}/corrections/"
    body = {"kind": "zombie", "step": "ended", "reason": "x"}
    writer = client_of("writer", "read", "write")
    refused = writer.post(path, body, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_stuck")
    assert client_of("reader", "read").post(path, body, format="json").status_code == 403
    for wrong in (
        {"step": "ended"},
        body | {"kind": "unmatched"},
        body | {"step": "stop_ordered"},
        body | {"reason": ""},
    ):
        assert writer.post(path, wrong, format="json").status_code == 422
