"""UnlockConnector, ClearCache, DataTransfer and the plain messages of Core, 1.6 sections 4 and 5."""

import json

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.configuration.models import BootReport
from chargers.models import Command, Connector, StatusReport
from csms.core.events.models import Event
from tests.conformance.v16.cast import cp16, eventually, fresh, known, order, stamp, token
from tests.support.charger import RawCharger
from tests.support.house import House, settings_are

Status = Command.Status


# --- unlocking --------------------------------------------------------------------------------------------------------


async def test_tc_017_1_unlock_detachable_cable(house: House):
    async with cp16(house) as charger:
        command = charger.order("unlock-connector", connector_id=1)
        assert await charger.expect("UnlockConnector") == {"connectorId": 1}
        await charger.answer(status="Unlocked")
        settled = await charger.settled(command)
        assert (settled.status, settled.answer_status) == (Status.ACCEPTED, "Unlocked")
        assert settled.effect == "The connector was unlocked."


async def test_tc_017_2_unlock_fixed_cable(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("unlock-connector", {"status": "NotSupported"}, connector_id=1)
        assert (command.status, command.answer_status) == (Status.REJECTED, "NotSupported")
        assert (command.error_code, command.error_description) == ("", "")
        assert fresh(charger.row).warning("unlock-connector") is None, "the next connector may have a plug"


async def test_tc_018_1_unlock_with_running_session(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        started = await charger.start()
        command = charger.order("unlock-connector", connector_id=1)
        await charger.expect("UnlockConnector")
        await charger.answer(status="Unlocked")
        await charger.status("Finishing")
        await charger.stop(started["transactionId"], reason="UnlockCommand")
        await charger.status("Available")
        assert (await charger.settled(command)).answer_status == "Unlocked"
        [transaction] = charger.row.transactions.all()
        assert (transaction.status, transaction.stop_reason) == ("ended", "UnlockCommand")
        assert charger.row.connectors.get(number=1).status == "Available"


async def test_tc_030_unlock_failure(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("unlock-connector", {"status": "UnlockFailed"}, connector_id=1)
        assert (command.status, command.answer_status) == (Status.REJECTED, "UnlockFailed")


async def test_tc_031_unlock_unknown_connector(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("unlock-connector", {"status": "NotSupported"}, connector_id=9)
        assert (command.status, command.answer_status) == (Status.REJECTED, "NotSupported")


async def test_msg_unlock_connector_is_never_sent_for_the_whole_station(house: House):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused, match="greater than or equal to 1"):
            charger.order("unlock-connector", connector_id=0)


# --- the cache --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "status"), [("Accepted", Status.ACCEPTED), ("Rejected", Status.REJECTED)])
async def test_tc_061_clear_cache(house: House, word: str, status: str):
    async with cp16(house) as charger:
        command = charger.order("clear-cache")
        assert await charger.expect("ClearCache") == {}
        await charger.answer(status=word)
        settled = await charger.settled(command)
        assert (settled.status, settled.answer_status) == (status, word)


# --- vendors' messages ------------------------------------------------------------------------------------------------

PNC = "org.openchargealliance.iso15118pnc"


async def test_tc_064_data_transfer_from_station(house: House):
    async with cp16(house) as charger:
        answer = await charger.call("DataTransfer", {"vendorId": "com.nobody", "messageId": "x", "data": "y"})
        assert answer == {"status": "UnknownVendorId"}


async def test_s_01_data_transfer_is_served_for_the_vendors_and_messages_in_the_table(house: House):
    async with cp16(house) as charger:
        assert await charger.call("DataTransfer", {"vendorId": "com.nobody"}) == {"status": "UnknownVendorId"}
        for message in ({}, {"messageId": "Nonsense"}):
            assert await charger.call("DataTransfer", {"vendorId": PNC, **message}) == {
                "status": "UnknownMessageId"
            }
        rejected = await charger.call(
            "DataTransfer", {"vendorId": PNC, "messageId": "Authorize", "data": "no JSON"}
        )
        assert rejected == {"status": "Rejected"}


async def test_s16_80_plug_and_charge_over_data_transfer(house: House):
    token("DE-ABC-C12345678-9")
    async with cp16(house) as charger:
        for id_token, verdict in (("DE-ABC-C12345678-9", "Accepted"), ("DE-XYZ-C00000000-0", "Unknown")):
            asked = json.dumps({"idToken": {"idToken": id_token, "type": "eMAID"}})
            answer = await charger.call(
                "DataTransfer", {"vendorId": PNC, "messageId": "Authorize", "data": asked}
            )
            assert answer["status"] == "Accepted"
            assert json.loads(answer["data"]) == {"idTokenInfo": {"status": verdict}}  # in words of 2.0.1
        # To the same contract 1.6 itself says what it has a word for.
        answer = await charger.call("Authorize", {"idTag": "DE-XYZ-C00000000-0"})
        assert answer == {"idTagInfo": {"status": "Invalid"}}


async def test_msg_data_transfer_to_the_station(house: House):
    async with cp16(house) as charger:
        command = charger.order("data-transfer", vendor_id="com.acme", message_id="Hello", data='{"a": 1}')
        assert await charger.expect("DataTransfer") == {
            "vendorId": "com.acme",
            "messageId": "Hello",
            "data": '{"a": 1}',
        }
        await charger.answer(status="Accepted", data="hello yourself")
        settled = await charger.settled(command)
        assert settled.status == Status.ACCEPTED
        assert settled.answer["data"] == "hello yourself"


@pytest.mark.parametrize("word", ["Rejected", "UnknownMessageId", "UnknownVendorId"])
async def test_msg_data_transfer_refusals_are_answers(house: House, word: str):
    async with cp16(house) as charger:
        command = charger.order("data-transfer", vendor_id="com.acme")
        assert await charger.expect("DataTransfer") == {"vendorId": "com.acme"}
        await charger.answer(status=word)
        settled = await charger.settled(command)
        assert (settled.status, settled.answer_status) == (Status.REJECTED, word)


# --- what charge points say -------------------------------------------------------------------------------------------


async def test_msg_boot_notification_is_stored_whole_and_answered_with_time_and_interval(house: House):
    facts = {
        "chargePointSerialNumber": "SN1",
        "firmwareVersion": "1.2.3",
        "iccid": "8901",
        "imsi": "310",
        "meterType": "M",
        "meterSerialNumber": "MS1",
    }
    async with cp16(house, booted=False) as charger:
        answer = await charger.boot(**facts)
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        row = fresh(charger.row)
        assert (row.vendor, row.model, row.serial_number) == ("Acme", "One", "SN1")
        assert (row.firmware_version, row.meter_type, row.meter_serial_number) == ("1.2.3", "M", "MS1")
        assert row.booted_at is not None
        event = Event.objects.filter(cp_id=row.cp_id, type="cp.boot").get()
        assert json.loads(event.payload)["firmware_version"] == "1.2.3"


async def test_msg_heartbeat_is_answered_with_the_time(house: House):
    async with cp16(house) as charger:
        answer = await charger.call("Heartbeat")
        assert set(answer) == {"currentTime"}
        assert answer["currentTime"].endswith("Z")


async def test_msg_status_notification_of_a_connector_that_goes_to_and_fro_within_a_second(house: House):
    async with cp16(house) as charger:
        same = stamp()
        for word in ("Available", "Unavailable", "Available"):
            await charger.status(word, 1, timestamp=same)
        assert Connector.objects.get(charge_point=charger.row, number=1).status == "Available"


async def test_msg_status_notification_is_the_state_of_a_connector_and_its_history(house: House):
    async with cp16(house) as charger:
        await charger.status("Preparing")
        await charger.status("Faulted", error="GroundFailure", info="F1")
        connector = charger.row.connectors.get(number=1)
        assert (connector.status, connector.error_code, connector.info) == ("Faulted", "GroundFailure", "F1")
        assert StatusReport.objects.filter(charge_point=charger.row).count() == 2
        frame = await charger.wire.call("StatusNotification", {"status": "Available"})
        assert frame[0] == 4, "of which connector, nobody knows"
        assert fresh(connector).status == "Faulted"


async def test_s_02_unknown_enum_texts_and_vendor_data_are_stored_untouched(house: House):
    odd = "☃ ' OR 1=1 -- " * 40
    async with cp16(house) as charger:
        frame = await charger.wire.call(
            "StatusNotification",
            {
                "connectorId": 1,
                "status": "Available",
                "errorCode": "NoError",
                "info": odd,
                "vendorId": "com.acme",
                "vendorErrorCode": odd,
                "timestamp": stamp(),
            },
        )
        assert frame[0] == 3, frame
        connector = charger.row.connectors.get(number=1)
        assert (connector.info, connector.vendor_error_code) == (odd, odd)
        assert connector.vendor_id == "com.acme"
        # A word that nobody knows breaks nothing, and what was known stays.
        answer = await charger.wire.call(
            "StatusNotification", {"connectorId": 1, "status": "Levitating", "errorCode": "NoError"}
        )
        assert answer[0] == 3, answer
        assert (await charger.call("Heartbeat"))["currentTime"]


async def test_s_03_boot_data_changes_are_kept_and_a_new_firmware_is_read(house: House):

    async with cp16(house, booted=False) as charger:
        await charger.boot(chargePointSerialNumber="SN1", firmwareVersion="1.0")
        await charger.boot(chargePointSerialNumber="SN1", firmwareVersion="1.0")
        with settings_are(CSMS_CONFIGURATION_SETTLE="0"):
            await charger.boot(chargePointSerialNumber="SN2", firmwareVersion="1.1")
            assert await charger.expect("GetConfiguration") == {}
        reports = [r.changes for r in BootReport.objects.filter(charge_point=charger.row).order_by("pk")]
        assert reports[0]["serial_number"] == ["", "SN1"]
        assert reports[1:] == [{"serial_number": ["SN1", "SN2"], "firmware_version": ["1.0", "1.1"]}]
        await charger.answer(configurationKey=[])


async def test_s_04_commands_to_an_offline_station(house: House):
    away = known("CP16-AWAY")
    for command, params in (
        ("reset", {"type": "Hard"}),
        ("unlock-connector", {"connector_id": 1}),
        ("remote-start", {"id_token": "ALICE"}),
    ):
        with pytest.raises(CommandRefused, match="is offline"):
            order(away, command, **params)
    assert not Command.objects.filter(charge_point=away).exists()
    # What was queued when it went away is not sent when it comes back.
    async with cp16(house) as charger:
        first = charger.order("clear-cache")
        second = charger.order("unlock-connector", connector_id=1)
        await charger.expect("ClearCache")
    await eventually(lambda: fresh(second).status == Status.FAILED)
    assert (fresh(second).error_code, fresh(second).sent_at) == ("Offline", None)
    await eventually(lambda: fresh(first).error_code == "ConnectionLost")
    async with RawCharger.connect(house.ocpp_url, charger.row.cp_id) as wire:
        await wire.boot()
        assert (await wire.call("Heartbeat", {}))[0] == 3, "the next frame is the answer, and no order"


async def test_msg_clear_cache_answered_with_an_error_has_failed(house: House):
    async with cp16(house) as charger:
        command = charger.order("clear-cache")
        await charger.expect("ClearCache")
        await charger.refuse("NotImplemented", "no cache here")
        settled = await charger.settled(command)
        assert (settled.status, settled.error_code) == (Status.FAILED, "NotImplemented")
        assert fresh(charger.row).warning("clear-cache") == "it answered NotImplemented"
