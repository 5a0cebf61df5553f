"""Connections as they were, in minutes after noon, and how they are asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.models import ChargePoint, Connection, Process
from tests.api.cast import API, NOON

CONNECTIONS = f"{API}/connections/"
OF_CP16 = f"{API}/charge-points/CP16"
DAY = "from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def wrote(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def process(db: None) -> Process:
    return Process.objects.create(host="here ab12", pid=7, started_at=NOON, seen_at=NOON)


@pytest.fixture
def connected(process: Process) -> Any:
    """Makes a connection of a charge point, in minutes after noon; without an end it holds the charge point."""

    def make(charger: ChargePoint, opened: float, closed: float | None = None, **values: Any) -> Connection:
        end = {} if closed is None else {"closed_at": at(closed), "close_code": 1000, "close_reason": "done"}
        values = {"protocol": "ocpp1.6", "peer": "10.0.0.1", "user_agent": "Acme/1"} | end | values
        row = Connection.objects.create(charge_point=charger, process=process, opened_at=at(opened), **values)
        if closed is None:
            ChargePoint.objects.filter(pk=charger.pk).update(connection_id=row.pk)
        return row

    return make


def windows(bob: APIClient, query: str = DAY) -> list[Any]:
    answer = bob.get(f"{OF_CP16}/offline-windows/?{query}")
    assert answer.status_code == 200, answer.json()
    return list(answer.json()["results"])
