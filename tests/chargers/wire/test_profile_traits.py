"""Two whole sessions of the `ocpp` package's charge point, which validates what it hears.

It is strict and its charge point is tolerated with its deviations counted; it deviates and is refused where strictness
was asked for.
"""

import asyncio
from typing import Any

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v16 import call

from chargers.models import Connector
from chargers.traits.models import Deviation
from chargers.traits.services import remove_charge_point_traits, set_charge_point_traits
from tests.chargers.wire.test_conversation import Station, station
from tests.conformance.v16.cast import token
from tests.support.charger import eventually
from tests.support.house import House, fresh
from tests.support.house import now as moment

MODEL = "Model of 31 characters, too long"


async def unchecked(charger: Station, payload: Any) -> Any:
    """Send what the package's own schemas would not let go."""
    return await charger.call(payload, suppress=False, skip_schema_validation=True)


async def say(charger: Station, leniency: str, house: House) -> None:
    set_charge_point_traits(charger.row, {"leniency": leniency}, note="for the test", now=moment())
    held = house.gateway.held[charger.row.pk]
    await eventually(lambda: held.holder.traits.leniency == leniency)


async def test_a_tolerated_charge_point_charges_and_its_deviations_are_counted(house: House):
    token("ALICE")
    async with station(house, "TOLERATED") as charger:
        boot = call.BootNotification(
            charge_point_vendor="Acme", charge_point_model=MODEL, firmware_version="7.7"
        )
        assert (await unchecked(charger, boot)).status == "Accepted"
        odd = call.StatusNotification(
            connector_id=1, error_code="Overheated", status="Napping", info="i" * 70
        )
        for _ in range(3):
            await unchecked(charger, odd)
        number, verdict = await charger.begin()
        assert verdict == "Accepted"
        await charger.meter(500, number)
        await charger.stop(number, 1000)
        await charger.status("Available")

        def counts() -> dict[str, int]:
            rows = Deviation.objects.filter(vendor="Acme", model=MODEL, firmware="7.7")
            return dict(rows.values_list("field", "count"))

        await eventually(lambda: counts() == {"chargePointModel": 1, "errorCode": 3, "status": 3, "info": 3})
        example = Deviation.objects.get(model=MODEL, field="info")
        assert example.last_cp_id == "TOLERATED"
        assert charger.row.frame_set.get(pk=example.last_frame_id).verdict == "deviant"
        assert Connector.objects.get(charge_point=charger.row, number=1).status == "Available"


async def test_a_strict_one_is_refused_its_deviations_and_served_all_else(house: House):
    token("ALICE")
    async with station(house, "STRICT") as charger:
        assert (await charger.boot()).status == "Accepted"
        await say(charger, "strict", house)
        odd = call.StatusNotification(connector_id=1, error_code="NoError", status="Napping")
        with pytest.raises(OCPPError) as refused:
            await unchecked(charger, odd)
        assert refused.value.code == "PropertyConstraintViolation"
        extra = call.DataTransfer(vendor_id="v" * 300)
        with pytest.raises(OCPPError):
            await unchecked(charger, extra)
        assert not Connector.objects.filter(charge_point=charger.row).exists()

        number, verdict = await charger.begin()
        assert verdict == "Accepted"
        await charger.stop(number, 1000)
        refusals = await eventually(
            lambda: list(
                Deviation.objects.filter(last_cp_id="STRICT", verdict="refused").values_list(
                    "field", flat=True
                )
            )
        )
        assert "status" in refusals

        remove_charge_point_traits(charger.row, now=moment())
        held = house.gateway.held[charger.row.pk]
        await eventually(lambda: held.holder.traits.leniency == "tolerant")
        async with asyncio.timeout(15):
            await unchecked(charger, odd)
        assert fresh(Connector.objects.get(charge_point=charger.row, number=1)).status == "Napping"
