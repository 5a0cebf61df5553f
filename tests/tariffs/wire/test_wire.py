"""A charge point tells of a session on its socket, and the API says what it cost."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from csms.core.events.models import Event
from tests.api.cast import API, client_of
from tests.support.charger import RawCharger
from tests.support.house import House, known, now
from tests.tariffs.cast import assigned, tariff
from transactions.models import IdToken, Transaction
from transactions.tariffs.models import Assignment, Cost, Tariff


@pytest.fixture
def harbour(house: House) -> Any:
    """Prices of the harbour, for as long as the test runs."""
    IdToken.objects.create(id_token="WIRED", created_at=now())
    prices = {"energy_price": "0.45", "charging_price": "1.20", "parking_price": "6", "tax_percent": "19"}
    row = tariff("Wired", parking_grace_seconds=600, **prices)
    assigned(row, site="Harbour")
    yield row
    Cost.objects.all().delete()
    Assignment.objects.all().delete()
    Tariff.objects.all().delete()


async def test_a_session_on_the_wire_costs_what_was_used(house: House, harbour: Tariff) -> None:
    cp = known("CP-PRICED")
    cp.site = "Harbour"
    cp.save()
    noon = (now() - timedelta(minutes=90)).replace(microsecond=0)

    def at(minute: int) -> str:
        return (noon + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")

    def status(word: str, minute: int) -> dict[str, Any]:
        return {"connectorId": 1, "status": word, "errorCode": "NoError", "timestamp": at(minute)}

    async with RawCharger.connect(house.ocpp_url, "CP-PRICED") as charger:
        await charger.boot()
        await charger.result("StatusNotification", status("Preparing", -1))
        start = {"connectorId": 1, "idTag": "WIRED", "meterStart": 1000, "timestamp": at(0)}
        number = (await charger.result("StartTransaction", start))["transactionId"]
        await charger.result("StatusNotification", status("Charging", 0))
        sample = {"timestamp": at(15), "sampledValue": [{"value": "5000"}]}
        reading = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
        await charger.result("MeterValues", reading)
        await charger.result("StatusNotification", status("SuspendedEV", 30))
        stop = {"transactionId": number, "meterStop": 13_345, "timestamp": at(60), "idTag": "WIRED"}
        await charger.result("StopTransaction", stop)
        await charger.result("StopTransaction", stop)

    run = Transaction.objects.get(number=number)

    def asked() -> Any:
        return client_of(f"bob {now().timestamp()}", "read").get(f"{API}/transactions/{run.pk}/cost/").json()

    shown = await asyncio.to_thread(asked)
    lines = [(line["kind"], line["quantity"], line["amount"]) for line in shown["components"]]
    assert lines == [
        ("energy", "12.345", "5.56"),
        ("charging_time", "0.5", "0.60"),
        ("parking_time", "0.333333", "2.00"),
    ]
    assert (shown["net"], shown["tax"], shown["total"], shown["currency"]) == ("8.16", "1.55", "9.71", "EUR")
    assert (shown["charging_seconds"], shown["parking_seconds"]) == (1800, 1800)
    assert shown["priced_at"] is not None
    [told] = Event.objects.filter(cp_id="CP-PRICED", type="tx.priced")
    assert json.loads(told.payload)["total"] == "9.71"
