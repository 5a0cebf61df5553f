"""Frames and refused handshakes through the API."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.models import RefusedHandshake
from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, frame

FRAMES = f"{API}/charge-points/CP16/frames/"
REFUSED = f"{API}/refused-handshakes/"


def test_a_frame_is_shown_verbatim(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16 = charge_point()
    text = '[2, "m1",\t"Heartbeat", {}] '
    one = frame(cp16, text=text, latency_us=None, notes="odd blanks", verdict="deviant")
    frame(charge_point("OTHER"))
    with django_assert_num_queries(5):  # token and its use, charge point, frames, their pairs
        body = bob.get(FRAMES).json()
    [row] = body["results"]
    assert row == {
        "id": str(one.pk),
        "at": "2026-03-04T12:00:00.000Z",
        "cp_id": "CP16",
        "connection_id": str(one.connection_id),
        "direction": "in",
        "message_type": 2,
        "message_id": "m1",
        "action": "Heartbeat",
        "verdict": "deviant",
        "notes": "odd blanks",
        "latency_us": None,
        "pair": None,
        "text": text,
    }
    assert set(body["window"]) == {"from", "to"}


def test_frames_are_filtered(bob: APIClient) -> None:
    cp16 = charge_point()
    frame(cp16, message_id="a", action="BootNotification")
    frame(cp16, message_id="b", direction="out", kind=3, latency_us=1500)
    frame(cp16, message_id="c", verdict="refused", id=uuid7_floor(NOON))
    cases = {
        "": ["b", "a"],
        "?direction=out": ["b"],
        "?action=BootNotification": ["a"],
        "?action=Reset": [],
        "?verdict=refused": [],
        "?verdict=refused&from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z": ["c"],
    }
    assert {q: [r["message_id"] for r in bob.get(FRAMES + q).json()["results"]] for q in cases} == cases


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("direction=up", "invalid", "direction"),
        ("verdict=good", "invalid", "verdict"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:01Z", "window_too_large", "from"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "invalid", "from"),
    ],
)
def test_a_wrong_window_is_refused(bob: APIClient, refusal: Any, query: str, code: str, field: str) -> None:
    charge_point()
    refusal(bob.get(f"{FRAMES}?{query}"), 422, code, field)


def test_who_was_turned_away_is_listed_newest_first(bob: APIClient) -> None:
    for number, identity in enumerate(["CP-A", "CP-B", "<script>"]):
        RefusedHandshake.objects.create(
            identity=identity,
            peer=f"10.0.0.{number}",
            reason="unknown" if number else "wrong_password",
            detail="nobody registered this charge point",
            http_status=404,
            count=number + 1,
            first_at=NOON,
            last_at=NOON + timedelta(minutes=number),
        )
    rows = bob.get(REFUSED).json()["results"]
    assert rows[0] == {
        "identity": "<script>",
        "peer": "10.0.0.2",
        "reason": "unknown",
        "detail": "nobody registered this charge point",
        "http_status": 404,
        "count": 3,
        "first_at": "2026-03-04T12:00:00.000Z",
        "last_at": "2026-03-04T12:02:00.000Z",
    }
    cases = {
        "?q=cp-": ["CP-B", "CP-A"],
        "?peer=10.0.0.1": ["CP-B"],
        "?reason=wrong_password": ["CP-A"],
        "?since=2026-03-04T12:01:00Z": ["<script>", "CP-B"],
    }
    assert {q: [row["identity"] for row in bob.get(REFUSED + q).json()["results"]] for q in cases} == cases
