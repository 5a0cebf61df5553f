"""What was published against central systems and a charge point can try on the wire: nothing breaks, all is told."""

import asyncio
import json
from time import monotonic
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from chargers.budget import Bucket
from chargers.models import ChargePoint, Command, Connection, Connector, Frame
from chargers.services import set_password
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, STATUS, cp16, eventually, fresh, known
from tests.support.charger import RawCharger
from tests.support.house import House

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}


async def lives(charger: CP16) -> None:
    """The connection that was attacked serves on."""
    assert "currentTime" in await charger.call("Heartbeat")


async def test_attack_02_an_empty_boot_is_refused_and_changes_nothing(house: House):
    async with cp16(house) as charger:
        before = fresh(charger.row)
        for payload in ({}, None, []):
            error = await charger.wire.call("BootNotification", payload)
            assert error[:1] == [4]
            assert error[2] == "ProtocolError"
        after = fresh(charger.row)
        assert (after.vendor, after.booted_at) == (before.vendor, before.booted_at)
        await lives(charger)


@pytest.mark.parametrize(
    "text",
    [
        "é" * 30,
        "桩" * 300,
        "'; DROP TABLE chargers_frame; --",
        "\u202eLTR",
        "<script>alert(1)</script>",
        "x" * 9000,
    ],
)
async def test_attack_03_over_long_and_non_ascii_texts_are_kept_and_cut_nowhere(house: House, text: str):
    async with cp16(house, booted=False) as charger:
        facts = {"chargePointModel": text, "chargePointSerialNumber": text, "iccid": text, "imsi": text}
        assert (await charger.boot(**facts))["status"] == "Accepted"
        row = fresh(charger.row)
        assert [row.model, row.serial_number, row.iccid, row.imsi] == [text] * 4
        await charger.status("Available", info=text, vendorId=text, vendorErrorCode=text)
        assert Connector.objects.get(charge_point=charger.row, number=1).info == text
        await lives(charger)


async def test_attack_03_iccid_and_imsi_over_20_characters(house: House):
    async with cp16(house, booted=False) as charger:
        assert (await charger.boot(iccid="8" * 21, imsi="9" * 21))["status"] == "Accepted"
        row = fresh(charger.row)
        assert (row.iccid, row.imsi) == ("8" * 21, "9" * 21)


@pytest.mark.parametrize("path", ["%00", "a%00b", "%FF", "..%2F..", "x" * 5000, "%E2%80%AE%0A"])
async def test_attack_03_identities_that_are_none_get_no_connection(house: House, path: str):
    before = ChargePoint.objects.count()
    with pytest.raises(InvalidStatus):
        async with RawCharger.connect(house.ocpp_url, path):
            pass
    assert ChargePoint.objects.count() == before


async def test_attack_03_nul_never_reaches_the_store(house: House):
    async with cp16(house, booted=False) as charger:
        assert (await charger.boot(chargePointModel="O\x00ne"))["status"] == "Accepted"
        assert fresh(charger.row).model == "One"


async def test_attack_10_duplicate_and_additional_members_mean_one_thing(house: House):
    async with cp16(house) as charger:
        await charger.wire.send(
            '[2,"d","StatusNotification",{"connectorId":1,"connectorId":2,"errorCode":"NoError",'
            '"status":"Available","__proto__":{"admin":true},"charge_point_id":1,"registration":"accepted"}]'
        )
        assert await charger.wire.receive() == [3, "d", {}]
        assert list(charger.row.connectors.values_list("number", flat=True)) == [2]
        notes = Frame.objects.get(charge_point=charger.row, message_id="d", direction="in").notes
        assert "'connectorId': given twice" in notes
        assert "__proto__" in notes


@pytest.mark.parametrize("depth", [200, 1_000, 100_000])
@pytest.mark.parametrize("shape", ["[", '{"a":'])
async def test_attack_15_deep_nesting_is_refused(house: House, depth: int, shape: str):
    async with cp16(house) as charger:
        closing = {"[": "]", '{"a":': "}"}[shape]
        nested = shape * depth + "1" + closing * depth
        await charger.wire.send(f'[2,"n","DataTransfer",{{"vendorId":"v","data":{nested}}}]')
        answer = await charger.wire.receive()
        assert answer[0] in (3, 4)
        await lives(charger)


@pytest.mark.parametrize(
    "number", ["9" * 400, "1e400", "-1e400", str(2**63), "-0", "1e-400", "NaN", "Infinity"]
)
async def test_attack_15_huge_numbers_are_refused_or_read_never_stored_wrong(house: House, number: str):
    async with cp16(house) as charger:
        await charger.wire.send(
            f'[2,"n","StatusNotification",{{"connectorId":{number},"errorCode":"NoError","status":"Available"}}]'
        )
        answer = await charger.wire.receive()
        assert answer[0] in (3, 4)
        assert answer[0] == 4 or set(charger.row.connectors.values_list("number", flat=True)) <= {
            0,
            2**31 - 1,
        }
        await lives(charger)


async def test_attack_11_first_status_notifications_all_at_once(house: House):
    rows = [known(f"A-11-{number}") for number in range(8)]

    async def crowd(row: ChargePoint) -> list[Any]:
        async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
            for number in range(20):
                await charger.send([2, f"s{number}", "StatusNotification", {**STATUS, "connectorId": number}])
            return [await charger.receive(30) for _ in range(20)]

    async with asyncio.timeout(60):
        answers = await asyncio.gather(*map(crowd, rows))
    assert answers == [[[3, f"s{number}", {}] for number in range(20)]] * len(rows)
    assert Connector.objects.filter(charge_point__in=rows).count() == 8 * 20


async def test_attack_12_a_second_connection_without_a_password_is_seen(house: House):
    async with cp16(house, "A-12") as victim:
        held = Connection.objects.get(charge_point=victim.row, closed_at=None)
        Connection.objects.filter(pk=held.pk).update(peer="192.0.2.7")  # the victim's address is another one
        async with RawCharger.connect(house.ocpp_url, "A-12"):
            assert await victim.wire.closed() == 4000
            replaced = fresh(held)
            assert replaced.close_reason == (
                "replaced by a newer connection from 127.0.0.1, which showed no password"
            )
            told = Event.objects.filter(cp_id="A-12", type="cp.disconnected").latest("pk")
            assert "showed no password" in json.dumps(told.payload)


async def test_attack_12_with_a_password_nobody_takes_its_place(house: House):
    async with cp16(house, "A-12-SAFE") as victim:
        set_password(victim.row, "sixteen-bytes-key", by="alice", now=timezone.now())
        with pytest.raises(InvalidStatus) as refused:
            async with RawCharger.connect(house.ocpp_url, "A-12-SAFE"):
                pass
        assert refused.value.response.status_code == 401
        await lives(victim)


async def test_attack_13_no_error_text_over_255_characters_leaves(house: House):
    async with cp16(house) as charger:
        long = "x" * 20_000
        for action, payload in (
            (long, {}),
            ("Authorize", {"idTag": {long: long}}),
            ("StatusNotification", {**STATUS, "connectorId": long}),
            ("BootNotification", {long: long}),
        ):
            error = await charger.wire.call(action, payload)
            assert error[0] == 4
            assert len(error[3]) <= 255
            assert error[4] == {}


async def test_attack_13_nor_is_one_of_the_charge_point_cut_when_it_comes(house: House):
    async with cp16(house) as charger:
        command = charger.order("clear-cache")
        await charger.expect("ClearCache")
        await charger.refuse("InternalError", "y" * 5000)
        failed = await charger.settled(command)
        assert (failed.status, failed.error_description) == (Command.Status.FAILED, "y" * 5000)


async def test_attack_14_a_flood_is_slowed_down_and_nothing_of_it_is_lost(house: House):
    """Twenty frames a second for this one; a minute's worth has been spent."""
    async with cp16(house) as flood, cp16(house) as calm:
        held = house.gateway.held[flood.row.pk]
        held._budget = bucket = Bucket(20, monotonic())
        bucket._left = 0
        begun = monotonic()
        for number in range(40):
            await flood.wire.send([2, f"f{number}", "Heartbeat", {}])
        await calm.call("Heartbeat")  # who is calm does not wait
        answers = [(await flood.wire.receive(30))[1] for _ in range(40)]
        assert answers == [f"f{number}" for number in range(40)]
        assert monotonic() - begun >= 1.5  # 40 frames at 20 a second, less what the clock's grain forgives


async def test_attack_14_a_new_connection_gets_no_new_budget(house: House):
    async with cp16(house, "A-BUDGET") as charger:
        budget = house.gateway.held[charger.row.pk]._budget
        budget._left = -5
    await eventually(lambda: fresh(charger.row).connection_id is None)
    async with cp16(house, "A-BUDGET-X"), RawCharger.connect(house.ocpp_url, "A-BUDGET"):
        assert house.gateway.held[charger.row.pk]._budget is budget
