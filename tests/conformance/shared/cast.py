"""What the versions call otherwise, where a rule holds for all of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from chargers.protocol.versions import Version
from tests.conformance.v16.cast import cp16
from tests.conformance.v201 import cast as v201
from tests.support.charger import RawCharger
from tests.support.house import House


@dataclass(frozen=True)
class Spoken:
    """One version: how its stations are opened, how they boot, and the words of its errors and resets."""

    version: Version
    station: Callable[..., AbstractAsyncContextManager[Any]]
    """Of a house: a station of its own, connected and booted."""
    boot: dict[str, Any]
    no_frame: str
    """The error code of what is no CALL (T-054)."""
    missing: str
    gently: str
    """The word for a reset that waits."""

    def knock(self, house: House, path: str, **options: Any) -> Any:
        """Connect as whoever the path names, offering this version."""
        options.setdefault("subprotocols", [self.version.value])
        return RawCharger.connect(house.ocpp_url, path, **options)

    async def boots(self, wire: RawCharger) -> dict[str, Any]:
        """Boot, and return the answer."""
        return await wire.result("BootNotification", self.boot)


V16 = Spoken(
    Version.V16,
    cp16,
    {"chargePointVendor": "Acme", "chargePointModel": "One"},
    "FormationViolation",
    "ProtocolError",
    "Soft",
)
V201 = Spoken(
    Version.V201, v201.cs201, v201.BOOT, "RpcFrameworkError", "OccurrenceConstraintViolation", "OnIdle"
)


@pytest.fixture(params=[V16, V201], ids=["v16", "v201"])
def said(request: pytest.FixtureRequest) -> Spoken:
    """Each version in its turn."""
    spoken: Spoken = request.param
    return spoken
