"""Meter values, signatures and costs with the `ocpp` package's charge point of 2.0.1, an independent client."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result

from chargers.models import Command
from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, order
from tests.tariffs.cast import assigned, tariff
from transactions.models import IdToken, MeterValue, Transaction
from transactions.signed.models import SignedReading
from transactions.tariffs.models import Assignment, Cost, LiveCost, Tariff


@pytest.fixture
def house201(house: House) -> Iterator[House]:
    """Half a euro is asked for a kWh."""
    IdToken.objects.get_or_create(id_token="CAR", defaults={"created_at": datetime.now(UTC)})
    row = tariff("Independent", energy_price="0.40", tax_percent="25")
    assigned(row)
    yield house
    for model in (LiveCost, Cost, Assignment, Tariff):
        model.objects.all().delete()


class Metered(ChargePoint):
    """A station whose meter signs, and whose display shows costs."""

    shown: list[Any]

    @on("CostUpdated")
    def cost(self, total_cost: Any, transaction_id: str, **_: Any) -> call_result.CostUpdated:
        self.shown.append((transaction_id, total_cost))
        return call_result.CostUpdated()

    async def event(self, kind: str, number: int, **told: Any) -> Any:
        return await self.call(
            call.TransactionEvent(
                event_type=kind,
                timestamp=told.pop("time", now()),
                trigger_reason=told.pop("trigger", "MeterValuePeriodic"),
                seq_no=number,
                transaction_info={"transaction_id": "IND-1"} | told.pop("info", {}),
                **told,
            )
        )


def value(wh: float, context: str, time: str) -> dict[str, Any]:
    signed = {
        "signed_meter_data": f"OCMF|{wh}",
        "signing_method": "",
        "encoding_method": "OCMF",
        "public_key": "a2V5" if context == "Transaction.Begin" else "",
    }
    unit = {"unit": "kWh", "multiplier": 0}
    sample = {"value": wh, "context": context, "unit_of_measure": unit, "signed_meter_value": signed}
    return {"timestamp": time, "sampled_value": [sample]}


async def test_what_is_metered_is_signed_and_costs_what_is_told(house201: House):
    begun = (datetime.now(UTC) - timedelta(minutes=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    options = {"subprotocol": "ocpp2.0.1", "response_timeout": 15}
    async with independent(house201, "METERED", Metered, **options) as station:
        station.shown = []
        main = {"timestamp": now(), "sampled_value": [{"value": 7.5, "context": "Sample.Clock"}]}
        await station.call(call.MeterValues(evse_id=0, meter_value=[main]))
        await station.event(
            "Started",
            0,
            time=begun,
            trigger="Authorized",
            evse={"id": 1, "connector_id": 1},
            id_token={"id_token": "CAR", "type": "ISO14443"},
            info={"charging_state": "Charging"},
            meter_value=[value(1.0, "Transaction.Begin", begun)],
        )
        running = await station.event("Updated", 1, meter_value=[value(3.05, "Sample.Periodic", now())])
        assert running.total_cost == 1.03
        command = order(station.row, "cost-updated", transaction_id="IND-1", total_cost="1.2345")
        await eventually(lambda: fresh(command).status == Command.Status.ACCEPTED)
        assert station.shown == [("IND-1", 1.2345)]
        end = [value(5.0, "Transaction.End", now())]
        told = {"trigger": "EVDeparted", "info": {"stopped_reason": "EVDisconnected"}}
        final = await station.event("Ended", 2, meter_value=end, **told)
        assert final.total_cost == 2
    session = Transaction.objects.get(transaction_id="IND-1")
    assert (session.energy_wh, session.meter_start_wh, session.cost.total) == (4000, 1000, 2)  # type: ignore[attr-defined]
    assert MeterValue.objects.get(charge_point=session.charge_point, transaction=None).connector_number == 0
    kept = SignedReading.objects.filter(transaction=session).order_by("pk")
    assert [row.data for row in kept] == ["OCMF|1.0", "OCMF|3.05", "OCMF|5.0"]
