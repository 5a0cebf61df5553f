"""A setting that is overridden holds for connections that are open, too: patience, silence, and how fast they talk."""

from typing import Any

from csms.core.config import get_config, override_config
from tests.support.charger import RawCharger, eventually
from tests.support.house import House, known


async def test_open_connections_adopt_what_is_overridden_and_what_is_reset(house: House) -> None:
    row = known("CP-OVER")
    async with RawCharger.connect(house.ocpp_url, "CP-OVER") as charger:
        await charger.boot()
        consumer: Any = house.gateway.held[row.pk]

        def now() -> tuple[float, int, float]:
            return consumer.session._timeout, consumer.liveness, consumer._budget.rate

        before, config = now(), get_config()
        assert before == (config.call_timeout, config.liveness_seconds, config.charge_point_frame_rate)
        try:
            override_config({"call_timeout": 7, "heartbeat_interval": 1000, "charge_point_frame_rate": 3})
            await eventually(lambda: now() == (7, 3000, 3))
        finally:
            override_config({})
        await eventually(lambda: now() == before)
