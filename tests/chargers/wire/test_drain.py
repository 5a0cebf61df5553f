"""After the drain nobody comes in, whatever was under way."""

import pytest
from websockets.exceptions import InvalidStatus

from chargers.models import Process
from tests.support.charger import RawCharger
from tests.support.house import House, known


async def test_a_drained_server_refuses_and_leaves_no_process_behind(house: House):
    known("CP-LATE")
    async with RawCharger.connect(house.ocpp_url, "CP-LATE") as charger:
        await charger.boot()
        house.on_loop(lambda: house.gateway.drain(5))
        assert await charger.closed() == 1012
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused:
            async with RawCharger.connect(house.ocpp_url, "CP-LATE"):
                pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]
    assert house.gateway.draining
    assert not Process.objects.filter(ended_at=None).exists()
