"""BootNotification, Heartbeat and the gate of OCPP 2.0.1: B01 to B04, G02."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.commands.ledger import claim_next
from chargers.commands.ordering import CommandRefused
from chargers.commands.sending import send_command
from chargers.configuration.models import BootReport
from chargers.models import ChargePoint, Command, Connector, Registration
from chargers.protocol.versions import Version
from chargers.services import set_registration
from chargers.topology.models import DeviceEvent
from chargers.traits.services import set_charge_point_traits
from csms.core.backend.answers import RegistrationVerdict
from csms.core.events.models import Event
from tests.backend.cast import said
from tests.backend.charge_points_cast import backend, says
from tests.conformance.v201.cast import ALICE, Session, again, cs201, eventually, frames, fresh, stamp
from tests.support.house import ALICE as HOUSE
from tests.support.house import House, now
from tests.support.receiver import Receiver
from transactions.models import Transaction

__all__ = ["backend"]

STATUS: dict[str, Any] = {
    "timestamp": stamp(),
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}
PROBLEM: dict[str, Any] = {
    "eventId": 1,
    "timestamp": stamp(),
    "trigger": "Alerting",
    "actualValue": "true",
    "component": {"name": "ChargingStation"},
    "eventNotificationType": "HardWiredNotification",
    "variable": {"name": "Problem"},
}


async def test_msg_boot_notification_is_kept_as_it_was_told(house: House):
    async with cs201(house, booted=False) as station:
        answer = await station.boot(
            "Watchdog",
            serialNumber="S-1",
            firmwareVersion="2.0.1-rc7",
            modem={"iccid": "8949", "imsi": "26202"},
        )
        assert sorted(answer) == ["currentTime", "interval", "status"]
        row = fresh(station.row)
        told = (row.vendor, row.model, row.serial_number, row.firmware_version, row.iccid, row.imsi)
        assert told == ("Acme", "Two", "S-1", "2.0.1-rc7", "8949", "26202")
        assert (row.boot_reason, row.protocol, row.meter_type) == ("Watchdog", "ocpp2.0.1", "")
        event = Event.objects.filter(cp_id=row.cp_id, type="cp.boot").latest("pk")
        assert json.loads(event.payload)["reason"] == "Watchdog"
        await station.boot()  # what it does not tell any more is not known any more
        assert (fresh(row).serial_number, fresh(row).iccid, fresh(row).boot_reason) == ("", "", "PowerUp")


async def test_tc_b_01_cold_boot_accepted(house: House):
    async with cs201(house, booted=False) as station:
        answer = await station.boot()
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        told = datetime.fromisoformat(answer["currentTime"])
        assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)
        assert fresh(station.row).booted_at is not None
        await station.status("Available")
        events = {"generatedAt": stamp(), "seqNo": 0, "eventData": [PROBLEM]}
        assert await station.call("NotifyEvent", events) == {}
        assert "currentTime" in await station.call("Heartbeat")
        assert Connector.objects.get(charge_point=station.row, number=1).reported == "Available"
        assert DeviceEvent.objects.get(charge_point=station.row).value == "true"


async def test_tc_b_02_cold_boot_pending_then_accepted_on_the_retry(house: House):
    async with cs201(house, booted=False, registration=Registration.PENDING) as station:
        answer = await station.boot()
        assert (answer["status"], answer["interval"]) == (
            "Pending",
            7,
        )  # the house's CSMS_BOOT_RETRY_INTERVAL
        assert fresh(station.row).booted_at is None
        set_registration(station.row, Registration.ACCEPTED, now=now())
        assert (await station.boot())["status"] == "Accepted"
        assert station.wire.socket.close_code is None
        assert fresh(station.row).connection_id is not None  # it is the same socket


@pytest.mark.parametrize("word", ["Pending", "Rejected"])
async def test_tc_b_30_who_is_not_accepted_gets_security_error(house: House, backend: Receiver, word: str):
    says(backend, register=said({"registration_status": word}))
    spoken = {
        "Heartbeat": {},
        "StatusNotification": STATUS,
        "DataTransfer": {"vendorId": "v"},
        "TransactionEvent": Session().started(idToken=ALICE),
        "NotifyEvent": {"generatedAt": stamp(), "seqNo": 0, "eventData": [PROBLEM]},
    }
    async with cs201(house, booted=False, registration=Registration.PENDING) as station:
        for _ in range(2):  # before it has booted, and when it was told no
            for action, payload in spoken.items():
                assert await station.refused(action, payload) == "SecurityError"
            answer = await station.boot()
            assert (answer["status"], fresh(station.row).booted_at) == (word, None)
        for kept in (Transaction, Connector, DeviceEvent):
            assert not kept.objects.filter(charge_point=station.row).exists()
        says(backend)
        assert (await station.boot())["status"] == "Accepted"
        assert "currentTime" in await station.call("Heartbeat")


async def test_t_083_a_boot_that_the_backend_answers_rejected_is_followed_by_nothing_of_ours(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """B03: it is told nothing, whoever wants to and whatever waits, until a boot of it is answered otherwise."""
    verdicts = ["Pending", "Rejected", "Pending"]

    class Backend:
        async def register(self, **values: Any) -> RegistrationVerdict:
            return RegistrationVerdict(verdicts.pop(0), 60)  # type: ignore[arg-type]

    monkeypatch.setattr("chargers.registering.get_backend", Backend)

    def tell(**when: Any) -> Command:
        return send_command(fresh(station.row), "get-base-report", {}, author=HOUSE, now=now(), **when)

    async with cs201(house, booted=False, registration=Registration.PENDING) as station:
        assert (await station.boot())["status"] == "Pending"
        waits = tell(not_before=now() + timedelta(hours=1))
        answer = await station.boot()
        assert (answer["status"], answer["interval"]) == ("Rejected", 60)
        assert await station.refused("Heartbeat") == "SecurityError"
        for when in ({}, {"may_wait": True}):
            with pytest.raises(CommandRefused, match="answered Rejected: it is told nothing till") as refused:
                tell(**when)
            assert refused.value.code == "not_accepted"
        row = fresh(station.row)
        claim = {
            "connection_id": row.connection_id,
            "version": Version.V201,
            "now": now() + timedelta(hours=2),
        }
        Command.objects.filter(pk=waits.pk).update(expires_at=now() + timedelta(hours=3))
        assert claim_next(row.pk, **claim) is None, "also what was ordered before"
        assert (await station.boot())["status"] == "Pending"
        claimed = claim_next(row.pk, **claim)
        assert claimed is not None
        assert claimed.command_id == waits.pk


async def test_msg_heartbeat_is_the_clock(house: House):
    async with cs201(house) as station:
        before = datetime.now(UTC) - timedelta(seconds=1)
        told = datetime.fromisoformat((await station.call("Heartbeat"))["currentTime"])
        assert before <= told <= datetime.now(UTC) + timedelta(seconds=1)


async def test_t_081_pending_keeps_the_socket_and_may_be_read(house: House):
    async with cs201(house, booted=False, registration=Registration.PENDING) as station:
        await station.boot()
        assert await station.refused("Heartbeat") == "SecurityError"
        settled = await station.hears("data-transfer", {"status": "Accepted"}, vendor_id="Acme")
        assert settled.status == Command.Status.ACCEPTED
        assert await station.refused("Heartbeat") == "SecurityError"  # nobody asked for it
        assert station.wire.socket.close_code is None


async def test_t_081_who_is_being_set_up_may_say_more_than_a_stranger(house: House):
    """A device model is longer than what a stranger may send before anybody has approved it."""
    said = {"vendorId": "v", "data": "x" * 100_000}
    async with cs201(house, booted=False) as station:
        set_charge_point_traits(station.row, {"provisioning": "before"}, now=now())
        held = house.gateway.held[station.row.pk]
        await eventually(lambda: held.holder.traits.provisioning == "before")
        assert (await station.boot())["status"] == "Pending"
        for _ in range(4):
            assert await station.refused("DataTransfer", said) == "SecurityError"
        assert held.wire.closed is None
    async with cs201(house, booted=False, registration=Registration.PENDING) as stranger:
        assert (await stranger.boot())["status"] == "Pending"
        for _ in range(4):
            await stranger.wire.send([2, "1", "DataTransfer", said])
        assert await stranger.wire.closed() == 1008


async def test_t_085_an_accepted_station_is_not_asked_to_boot(house: House):
    async with cs201(house) as station:
        with pytest.raises(CommandRefused) as refused:
            station.order("trigger-message", requested_message="BootNotification")
        assert "is not asked to boot" in refused.value.detail
        command = station.order("trigger-message", requested_message="Heartbeat")
        assert await station.expect("TriggerMessage") == {"requestedMessage": "Heartbeat"}
        await station.answer(status="Accepted")
        assert (await station.settled(command)).status == Command.Status.ACCEPTED


async def test_s_03_boot_data_that_changes_is_kept_as_history(house: House):
    async with cs201(house) as station:
        await station.boot("FirmwareUpdate", firmwareVersion="2")
        await station.boot("PowerUp", firmwareVersion="2")  # nothing new: no row
        changes = list(
            BootReport.objects.filter(charge_point=station.row)
            .order_by("at")
            .values_list("changes", flat=True)
        )
        assert changes[1:] == [{"firmware_version": ["", "2"]}]


async def test_t_073_reconnect_without_boot_is_served(house: House):
    async with cs201(house) as station:
        pass
    async with again(house, station, booted=False) as returned:
        assert "currentTime" in await returned.call("Heartbeat")
        # 2.x errata: after a switch of network profile it boots again, and is accepted again.
        assert (await returned.boot("ApplicationReset"))["status"] == "Accepted"


async def test_s_02_odd_texts_and_unknown_words_are_kept(house: House):
    async with cs201(house, booted=False) as station:
        odd = "Ω" * 300 + "<script>"
        answer = await station.call(
            "BootNotification",
            {
                "reason": "ForFun",
                "chargingStation": {
                    "model": odd,
                    "vendorName": "Acme",
                    "customData": {"vendorId": "x", "a": 1},
                },
                "customData": {"vendorId": "Acme", "anything": ["goes"]},
            },
        )
        assert answer["status"] == "Accepted"
        row = ChargePoint.objects.get(pk=station.row.pk)
        assert (row.model, row.boot_reason) == (odd, "ForFun")
        frame = frames(row, action="BootNotification", direction="in").latest("pk")
        assert '"anything"' in frame.text
        assert frame.verdict == "deviant"
        await eventually(lambda: fresh(row).booted_at is not None)
