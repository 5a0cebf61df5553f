"""Whether a charge point is online, as its row has it."""

from chargers.models import ChargePoint
from tests.support.charger import eventually
from tests.support.house import fresh


def online(charge_point: ChargePoint) -> bool:
    return fresh(charge_point).connection_id is not None


async def offline(charge_point: ChargePoint) -> None:
    await eventually(lambda: not online(charge_point))
