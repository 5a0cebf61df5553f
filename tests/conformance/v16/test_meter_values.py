"""MeterValues: every sample is kept as it came, and its main figures are read: 1.6 sections 3.16, 4.7 and 7.44."""

import json
from datetime import datetime
from typing import Any

import pytest

from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, at, cp16, stamp, token
from tests.support.house import House
from transactions.models import MeterValue, Transaction


def readings(charger: CP16) -> list[MeterValue]:
    return list(MeterValue.objects.filter(charge_point=charger.row).order_by("pk"))


async def send(charger: CP16, *samples: dict[str, Any], connector: int = 1, **more: Any) -> None:
    value = {"timestamp": more.pop("timestamp", at()), "sampledValue": list(samples)}
    payload = {"connectorId": connector, "meterValue": [value]} | more
    assert await charger.call("MeterValues", payload) == {}


async def test_msg_meter_values(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        samples = [
            {"value": "1500", "unit": "Wh", "measurand": "Energy.Active.Import.Register"},
            {"value": "7.2", "unit": "kW", "measurand": "Power.Active.Import", "context": "Sample.Clock"},
            {"value": "31", "unit": "A", "measurand": "Current.Import", "phase": "L1"},
            {"value": "230.1", "unit": "V", "measurand": "Voltage", "phase": "L1-N"},
            {"value": "64", "unit": "Percent", "measurand": "SoC", "location": "EV"},
            {"value": "30", "unit": "Celsius", "measurand": "Temperature", "location": "Body"},
        ]
        await send(charger, *samples, transactionId=number)
        await send(charger, {"value": "1"})
        mine, other = readings(charger)
        assert mine.transaction.number == number
        assert (mine.energy_wh, mine.power_w, mine.current_a, mine.voltage_v) == (1500, 7200, 31, 230.1)
        assert (mine.soc_percent, mine.context, mine.power_derived) == (64, "Sample.Clock", False)
        assert json.loads(mine.samples) == samples, "all are kept"
        assert other.transaction_id is None
        assert Event.objects.filter(cp_id=charger.row.cp_id, type="cp.meter").count() == 2


async def test_s16_09_meter_values_outside_of_a_transaction(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        await send(charger, {"value": "900000"}, connector=0)
        await send(charger, {"value": "20"}, connector=2)
        await send(charger, {"value": "30"}, connector=1, transactionId=4711)
        assert [(r.connector_number, r.energy_wh, r.claimed_transaction_id) for r in readings(charger)] == [
            (0, 900_000, ""),
            (2, 20, ""),
            (1, 30, "4711"),
        ]
        assert all(r.transaction_id is None for r in readings(charger))
        await charger.stop(number, 10)
        assert Transaction.objects.get(number=number).energy_wh == 10, "never billed"


async def test_s16_10_defaults_of_sampled_value(house: House):
    signed = "AAEC+/8=" * 400 + '\u00e9 \\ " /'
    samples = [{"value": "1234"}, {"value": signed, "format": "SignedData", "context": "Transaction.End"}]
    async with cp16(house) as charger:
        await send(charger, samples[0])
        await send(charger, samples[1])
        plain, sealed = readings(charger)
        assert (plain.energy_wh, plain.context) == (1234, "")  # Sample.Periodic, Wh, at the outlet
        assert (sealed.energy_wh, sealed.context) == (None, "Transaction.End")
        assert json.loads(sealed.samples)[0]["value"] == signed, "signed data are kept byte for byte"


async def test_s16_12_meter_values_after_the_stop(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        number = (await charger.start(timestamp=at(minutes=30)))["transactionId"]
        await charger.stop(number, timestamp=at(minutes=5))
        await send(charger, {"value": "990"}, transactionId=number, timestamp=(when := at(minutes=6)))
        (late,) = readings(charger)
        assert (late.transaction.number, late.sampled_at) == (number, datetime.fromisoformat(when))
        transaction = Transaction.objects.get(number=number)
        assert (transaction.energy_wh, transaction.anomalies) == (1000, [])


@pytest.mark.parametrize(
    "body",
    [
        {"values": [{"timestamp": "T", "values": [{"value": "1500", "unit": "Wh"}]}]},
        {"values": [{"timestamp": "T", "value": [{"value": "1500"}]}]},
        {"values": {"timestamp": "T", "value": {"value": 1500}}},
        {"meterValue": [{"timestamp": "T", "value": [{"value": "1500"}]}]},
    ],
)
async def test_quirk_v11_meter_values_as_in_ocpp_1_5(house: House, body: dict[str, Any]):
    text = json.dumps({"connectorId": 1} | body).replace('"T"', json.dumps(stamp()))
    async with cp16(house) as charger:
        assert await charger.call("MeterValues", json.loads(text)) == {}
        reading = MeterValue.objects.get(charge_point=charger.row)
        assert reading.energy_wh == 1500
