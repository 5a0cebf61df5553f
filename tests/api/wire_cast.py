"""The cast of the wire: frames that passed, and their answers."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from rest_framework.test import APIClient

from chargers.models import ChargePoint, Frame
from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, frame

FRAMES = f"{API}/charge-points/CP16/frames/"
ALL_FRAMES = f"{API}/frames/"
DAY = "from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z"
LINK = uuid4()


def passed(charger: ChargePoint, seconds: float, text: str = "", **values: Any) -> Frame:
    """A frame that passed so many seconds after noon, on one connection."""
    moment = NOON + timedelta(seconds=seconds)
    # Frames of one millisecond are told apart by the order in which they were made.
    pk = UUID(int=uuid7_floor(moment).int + Frame.objects.count())
    values = {"connection_id": LINK, "at": moment} | values
    return frame(charger, id=pk, text=text or "[]", **values)


def answer(charger: ChargePoint, seconds: float, text: str = "", **values: Any) -> Frame:
    values = {"direction": "out", "kind": 3, "latency_us": 1500} | values
    return passed(charger, seconds, text, **values)


def ids(client: APIClient, url: str) -> list[str]:
    body = client.get(url).json()
    assert "results" in body, body
    return [row["id"] for row in body["results"]]


def names(client: APIClient, url: str) -> str:
    body = client.get(url).json()
    assert "results" in body, body
    return "".join(row["notes"] for row in body["results"])
