"""How traits, clocks and deviations reach open connections, pages, the API and the metrics."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from prometheus_client import generate_latest

from chargers.models import ChargePoint, Command
from chargers.traits import selectors, services
from chargers.traits.ledger import RULES_SHOWN, Ledger
from chargers.traits.models import Deviation, ModelTraits
from csms.core.access.models import Role, User
from tests.api.cast import client_of
from tests.conformance.v16.cast import cp16, eventually, fresh
from tests.support.charger import RawCharger
from tests.support.house import House, now, settings_are

API = "/api/v1"


def traits(house: House, row: ChargePoint) -> Any:
    return house.gateway.held[row.pk].holder.traits


async def asked(method: str, path: str, body: Any = None, scopes: tuple[str, ...] = ("read", "admin")) -> Any:
    """Ask the API, in a thread: its views are no coroutines."""

    def ask() -> Any:
        client = client_of(f"alice {now().timestamp()}", *scopes)
        return client.generic(
            method, API + path, body if body is None else json.dumps(body), "application/json"
        )

    return await asyncio.to_thread(ask)


@pytest.fixture
def no_models(house: House):
    yield
    ModelTraits.objects.all().delete()
    selectors.forget_rules()


async def test_what_is_said_of_a_model_reaches_its_open_connections(house: House, no_models: None):
    async with cp16(house) as charger, cp16(house, booted=False) as other:
        await other.boot(chargePointVendor="Other")
        row = services.set_model_traits("acme", traits={"call_timeout": 77}, now=now())
        await eventually(lambda: traits(house, charger.row).call_timeout == 77)
        assert traits(house, other.row).call_timeout == 0
        services.remove_model_traits(row, now=now())
        await eventually(lambda: traits(house, charger.row).call_timeout == 0)


async def test_a_boot_as_another_model_or_firmware_brings_other_traits(house: House, no_models: None):
    services.set_model_traits("Acme", "*", "9.*", traits={"energy_factor": "1000"}, now=now())
    async with cp16(house) as charger:
        assert traits(house, charger.row).energy_factor == 1
        await charger.boot(firmwareVersion="9.1")
        await eventually(lambda: traits(house, charger.row).energy_factor == 1000)


async def test_a_lost_bell_is_made_good(house: House, no_models: None):
    async with cp16(house) as charger:
        ModelTraits.objects.create(vendor="Acme", traits={"call_timeout": 55}, changed_at=now())
        house.on_loop(house.gateway.traits.look)
        await eventually(lambda: traits(house, charger.row).call_timeout == 55)


async def test_the_time_for_an_answer_is_the_charge_points_own(house: House):
    async with cp16(house) as charger:
        services.set_charge_point_traits(charger.row, {"call_timeout": 600}, now=now())
        await eventually(lambda: traits(house, charger.row).call_timeout == 600)
        slow = charger.order("clear-cache")
        await charger.expect("ClearCache")
        pending = house.gateway.held[charger.row.pk].session.pending
        assert 590 < pending.deadline - pending.sent_at <= 600
        await charger.answer(status="Accepted")
        assert (await charger.settled(slow)).status == Command.Status.ACCEPTED


async def test_alice_says_over_the_api_what_is_peculiar_and_bob_may_not(house: House):
    async with cp16(house) as charger:
        path = f"/charge-points/{charger.row.cp_id}/traits/"
        for scopes in (("read",), ("read", "write"), ("read", "command", "write")):
            assert (await asked("PUT", path, {"traits": {}}, scopes)).status_code == 403
        answer = await asked("PUT", path, {"traits": {"energy_factor": "1000"}, "note": "kWh called Wh"})
        assert answer.status_code == 200, answer.content
        body = answer.json()
        assert body["traits"] == {"energy_factor": "1000"}
        assert body["note"] == "kWh called Wh"
        assert (body["in_force"]["leniency"], body["in_force"]["max_stack_level"]) == ("tolerant", None)
        await eventually(lambda: traits(house, charger.row).energy_factor == 1000)
        for wrong in ({"naive_time_zone": "Mars"}, {"nonsense": 1}, {"call_timeout": "5"}):
            refused = await asked("PUT", path, {"traits": wrong})
            assert refused.status_code == 422
            assert any(next(iter(wrong)) in name for name in refused.json()["error"]["errors"])
        assert (await asked("DELETE", path)).status_code == 204
        await eventually(lambda: traits(house, charger.row).energy_factor == 1)


async def test_models_and_aliases_are_listed_and_removed(house: House, no_models: None):
    async with cp16(house) as charger:
        made = await asked("POST", "/model-traits/", {"vendor": "Zed*", "traits": {"leniency": "strict"}})
        assert made.status_code == 201
        listed = (await asked("GET", "/model-traits/")).json()["results"]
        assert [(row["vendor"], row["model"], row["traits"]) for row in listed] == [
            ("Zed*", "*", {"leniency": "strict"})
        ]
        assert (await asked("DELETE", f"/model-traits/{made.json()['id']}/")).status_code == 204
        assert (await asked("DELETE", f"/model-traits/{made.json()['id']}/")).status_code == 404

        path = f"/charge-points/{charger.row.cp_id}/aliases/"
        assert (await asked("POST", path, {"identity": "TWICE_SN"})).status_code == 201
        assert (await asked("POST", path, {"identity": charger.row.cp_id})).status_code == 422
        assert [row["identity"] for row in (await asked("GET", path)).json()["results"]] == ["TWICE_SN"]
        assert (await asked("DELETE", f"{path}twice_sn/")).status_code == 204
        assert (await asked("GET", path)).json()["results"] == []


async def test_a_vendor_report_can_be_made_of_the_ledger(house: House):
    async with cp16(house, booted=False) as charger:
        await charger.boot(chargePointVendor="Reporter", chargePointModel="R1", firmwareVersion="0.9")
        for _ in range(4):
            await charger.wire.call("StatusNotification", {"connectorId": 1, "status": "Available"})
        await eventually(lambda: Deviation.objects.filter(vendor="Reporter", count=4).exists())
        listed = (await asked("GET", "/deviations/?vendor=reporter&model=r1", scopes=("read",))).json()
        [entry] = listed["results"]
        assert (entry["action"], entry["field"], entry["count"]) == ("StatusNotification", "errorCode", 4)
        assert entry["rule"] == "required, but missing, read as …"
        assert entry["cp_id"] == charger.row.cp_id
        assert charger.row.frame_set.filter(pk=entry["frame_id"]).exists()
        assert (await asked("GET", "/deviations/?vendor=nobody")).json()["results"] == []


async def test_a_clock_that_is_off_is_shown_wherever_the_charge_point_is(house: House):
    async with cp16(house) as charger:
        house.gateway.held[charger.row.pk].clock.seconds = -7199.6
        await eventually(lambda: fresh(charger.row).clock_skew_seconds == -7200, 40)
        body = (await asked("GET", f"/charge-points/{charger.row.cp_id}/")).json()
        assert (body["clock_skew_seconds"], body["clock_is_off"]) == (-7200, True)
        assert body["clock_measured_at"]
        assert b"csms_charge_points_clock_off 1.0" in generate_latest()

        def page() -> str:
            bob = User.objects.get_or_create(username="bob", defaults={"role": Role.VIEWER})[0]
            client = Client()
            client.force_login(bob)
            return client.get(f"/inspect/charge-points/{charger.row.cp_id}").content.decode()

        text = await asyncio.to_thread(page)
        assert "2 h 0 min behind: perhaps it writes UTC-02:00 as UTC" in text


def series() -> int:
    """How many series the counter of deviations has; other tests of this process have theirs among them."""
    return generate_latest().count(b"csms_ocpp_deviations_total{")


async def test_metrics_of_deviations_are_bounded(house: House):
    async with cp16(house) as charger:
        before = series()
        for number in range(200):
            odd = {"connectorId": 1, "errorCode": "NoError", "status": "Available", f"evil {number}": 1}
            await charger.call("StatusNotification", odd)
        assert series() <= before + 1, "names that a charge point makes up are no rules"


def test_the_series_of_a_ledger_are_bounded_whatever_rules_there_are():
    ledger, before = Ledger(), series()
    for number in range(3 * RULES_SHOWN):
        ledger.count(1, "Heartbeat", [f"payload: rule {number}x"], "deviant", "", datetime.now(UTC))
    assert before < series() <= before + RULES_SHOWN + 1


async def test_a_stranger_that_waits_for_approval_is_not_in_the_ledger(house: House):
    with settings_are(CSMS_UNKNOWN_CHARGE_POINTS="pending"):
        async with RawCharger.connect(house.ocpp_url, "STRANGER-LEDGER") as charger:
            await charger.result("BootNotification", {"chargePointVendor": "x" * 99, "chargePointModel": "y"})
    async with cp16(house) as known:
        await known.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "Odd"})
        await eventually(lambda: Deviation.objects.filter(last_cp_id=known.row.cp_id).exists())
    assert not Deviation.objects.filter(last_cp_id="STRANGER-LEDGER").exists()
