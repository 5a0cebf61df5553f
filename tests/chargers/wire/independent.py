"""A charge point of the `ocpp` package on the house's wire, for one session of a profile."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

import websockets
from ocpp.charge_point import ChargePoint

from chargers.services import find_charge_point
from tests.support.house import House, known

Kind = TypeVar("Kind", bound=ChargePoint)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def independent(
    house: House,
    cp_id: str,
    kind: type[Kind],
    *,
    subprotocol: str = "ocpp1.6",
    headers: Mapping[str, str] = MappingProxyType({}),
    password: str = "",
    **options: Any,
) -> AsyncIterator[Kind]:
    """A station of this class on the wire; registered when it comes for the first time. `row` is its charge point."""
    row = find_charge_point(cp_id) or known(cp_id)
    login = base64.b64encode(f"{cp_id}:{password}".encode()).decode()
    signed_in = {"Authorization": f"Basic {login}"} if password else {}
    url, how = f"{house.ocpp_url}/{cp_id}", {"subprotocols": [subprotocol]}
    async with websockets.connect(url, **how, additional_headers={**headers, **signed_in}) as socket:
        station = kind(cp_id, socket, **options)
        station.row = row
        task = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await task
