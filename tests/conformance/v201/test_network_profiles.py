"""Network profiles of OCPP 2.0.1: SetNetworkProfile (B09), and how a station keeps its way back (B10)."""

from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.models import Command
from chargers.network.models import NetworkProfile
from chargers.network.selectors import held
from chargers.services import set_password
from tests.conformance.v201.cast import CS201, cs201, fresh
from tests.network.cast import says, with_slots
from tests.support.house import House, now

URL = "wss://csms.example.org/ocpp"
PROFILE = {"slot": 2, "url": URL, "security_profile": 2, "interface": "Wired0", "prerequisites_met": True}


def able(cs: CS201, allowed: str = "1,2,3", priority: str = "1") -> CS201:
    """It has a password and has reported its slots."""
    set_password(fresh(cs.row), "sixteen characters", by="alice", now=now())
    with_slots(cs.row, allowed, priority)
    return cs


async def test_tc_b_42_set_network_profile_accepted(house: House):
    async with cs201(house) as cs:
        command = able(cs).order("set-network-profile", **PROFILE)
        assert await cs.expect("SetNetworkProfile") == {
            "configurationSlot": 2,
            "connectionData": {
                "messageTimeout": 30,
                "ocppCsmsUrl": URL,
                "ocppInterface": "Wired0",
                "ocppTransport": "JSON",
                "ocppVersion": "OCPP20",
                "securityProfile": 2,
            },
        }
        await cs.answer(status="Accepted")
        assert (await cs.settled(command)).status == Command.Status.ACCEPTED
        assert held(cs.row)[2].url == URL


async def test_tc_b_44_set_network_profile_failed(house: House):
    async with cs201(house) as cs:
        before = await able(cs).hears("set-network-profile", **PROFILE)
        failed = await cs.hears("set-network-profile", {"status": "Failed"}, **PROFILE | {"url": f"{URL}/2"})
        assert failed.status == Command.Status.REJECTED
        assert held(cs.row)[2].command_id == before.pk, "it holds what it held"
        assert Command.objects.filter(charge_point=cs.row, type="set-network-profile").count() == 2
        assert await cs.call("Heartbeat"), "and nothing else was sent"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"status": "Accepted"}, NetworkProfile.State.ACCEPTED),
        ({"status": "Rejected"}, NetworkProfile.State.REJECTED),
        ({"status": "Failed", "statusInfo": {"reasonCode": "X"}}, NetworkProfile.State.FAILED),
    ],
)
async def test_msg_set_network_profile_keeps_what_became_of_it(
    house: House, answer: dict[str, Any], state: str
):
    async with cs201(house) as cs:
        command = await able(cs).hears("set-network-profile", answer, **PROFILE)
        assert NetworkProfile.objects.get(command_id=command.pk).state == state


async def test_uc_2_0_1_b10_migrate_to_another_central_system(house: House):
    async with cs201(house) as cs:
        theirs = PROFILE | {"url": "wss://another.example.net/ocpp"}
        await able(cs).hears("set-network-profile", **theirs)
        name = "OCPPCommCtrlr/NetworkConfigurationPriority"
        command = cs.order("change-configuration", key=name, value="2,1")
        [entry] = (await cs.expect("SetVariables"))["setVariableData"]
        assert entry["attributeValue"] == "2,1", "the slot that leads here stays the way back"
        named = {part: entry[part] for part in ("component", "variable")}
        await cs.answer(setVariableResult=[{"attributeStatus": "RebootRequired", **named}])
        assert (await cs.settled(command)).status == Command.Status.ACCEPTED
        assert held(cs.row)[2].url == "wss://another.example.net/ocpp"


async def test_s2_56_the_order_of_slots_keeps_the_one_in_use(house: House):
    async with cs201(house) as cs:
        says(able(cs).row, "OCPPCommCtrlr/ActiveNetworkProfile", "1")
        name = "OCPPCommCtrlr/NetworkConfigurationPriority"
        orders = (
            lambda value: cs.order("change-configuration", key=name.upper(), value=value),
            lambda value: cs.order("set-variables", values=[{"key": name, "value": value}]),
        )
        for give in orders:
            for value in ("2", "2,3", "", "11"):
                with pytest.raises(CommandRefused, match="it is the way back"):
                    give(value)
        assert not Command.objects.filter(charge_point=cs.row).exists()
        orders[0]("2,1")
        [entry] = (await cs.expect("SetVariables"))["setVariableData"]
        assert entry["attributeValue"] == "2,1"


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"slot": 1}, "would not find the way back"),
        ({"slot": 7}, "it has the slots 1, 2, 3"),
        ({"ocpp_version": "OCPP201"}, "OCPP20"),
    ],
)
async def test_s2_56_the_slot_is_one_that_it_has_and_does_not_use(
    house: House, values: dict[str, Any], match: str
):
    async with cs201(house) as cs:
        able(cs)
        with pytest.raises(CommandRefused, match=match):
            cs.order("set-network-profile", **PROFILE | values)
        assert not Command.objects.filter(charge_point=cs.row, type="set-network-profile").exists()
