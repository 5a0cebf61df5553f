"""What a simulated station answers, each answer held against the official schema; no line is needed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chargers.simulator.scenarios import FAULTS
from chargers.simulator.v201.authorization import Token
from tests.simulator.asking import stamp
from tests.simulator.v201.desk import Desk

ALICE = {"idToken": "ALICE", "type": "ISO14443"}


def shown(desk):
    return [[connector.status for connector in evse.connectors] for evse in desk.station.evses]


# --- availability


async def test_availability_has_three_levels_and_outlives_a_reboot():
    desk = Desk("dc50")

    async def change(word, **evse):
        return await desk.status("ChangeAvailability", {"operationalStatus": word, **evse})

    assert await change("Inoperative", evse={"id": 1, "connectorId": 2}) == "Accepted"
    assert shown(desk) == [["Available", "Unavailable"], ["Available", "Available"]]
    assert await change("Inoperative", evse={"id": 2}) == "Accepted"
    assert shown(desk) == [["Available", "Unavailable"], ["Unavailable", "Unavailable"]]
    assert await change("Inoperative") == "Accepted"
    told = {(p["evseId"], p["connectorId"], p["connectorStatus"]) for p in desk.queued("StatusNotification")}
    assert (1, 2, "Unavailable") in told
    desk.station.power_cycle()
    assert shown(desk) == [["Unavailable"] * 2] * 2
    assert (await desk.get("ChargingStation", "AvailabilityState"))["attributeValue"] == "Unavailable"
    assert await change("Operative") == "Accepted"
    assert shown(desk) == [["Available", "Unavailable"], ["Unavailable", "Unavailable"]]
    assert await change("Operative", evse={"id": 9}) == "Rejected"
    assert await change("Operative", evse={"id": 1, "connectorId": 9}) == "Rejected"


# --- local list and cache


def entry(token, status="Accepted", **more):
    return {"idToken": {"idToken": token, "type": "ISO14443"}, "idTokenInfo": {"status": status, **more}}


async def test_the_local_list_has_versions_and_refuses_what_does_not_fit():
    desk = Desk()

    async def send(kind, version, *entries):
        more = {"localAuthorizationList": list(entries)} if entries else {}
        return await desk.status("SendLocalList", {"versionNumber": version, "updateType": kind, **more})

    async def version():
        return (await desk.ask("GetLocalListVersion", {}))["versionNumber"]

    assert await version() == 0
    assert await send("Full", 5, entry("ALICE"), entry("BOB", "Blocked")) == "Accepted"
    assert await send("Differential", 5, entry("CHARLIE")) == "VersionMismatch"
    gone = {"idToken": {"idToken": "bob", "type": "ISO14443"}}
    assert await send("Differential", 6, gone, entry("CHARLIE")) == "Accepted"
    assert (await desk.get("LocalAuthListCtrlr", "Entries"))["attributeValue"] == "2"
    assert await send("Differential", 7, entry("DORA"), entry("dora")) == "Failed"
    assert await send("Full", 8, gone) == "Failed"
    assert await send("Full", 8, *(entry(f"T{n}") for n in range(101))) == "Failed"
    assert await version() == 6
    assert await send("Full", 9) == "Accepted"
    assert await version() == 0  # an empty list is none


async def test_list_and_cache_decide_off_line_the_list_first():
    desk = Desk()
    station, authorizer = desk.station, desk.station.authorizer
    station.is_reporting = False

    async def verdict(text, evse=1):
        return await authorizer.authorize(Token(text), evse)

    await desk.ask(
        "SendLocalList",
        {
            "versionNumber": 1,
            "updateType": "Full",
            "localAuthorizationList": [
                entry("ALICE"),
                entry("BOB", "Blocked"),
                entry("EVE", evseId=[2]),
                entry("OLD", cacheExpiryDateTime=stamp(seconds=-1)),
            ],
        },
    )
    authorizer.learn(Token("BOB"), {"status": "Accepted"})
    authorizer.learn(Token("CACHED"), {"status": "NoCredit"})
    words = {name: await verdict(name) for name in ("alice", "BOB", "EVE", "OLD", "CACHED", "NEW")}
    assert words == {
        "alice": "Accepted",
        "BOB": "Blocked",
        "EVE": "NotAtThisLocation",
        "OLD": "Expired",
        "CACHED": "NoCredit",
        "NEW": "Accepted",
    }
    assert await verdict("EVE", 2) == "Accepted"
    await desk.put("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false")
    assert await verdict("NEW") == "Unknown"
    assert await desk.status("ClearCache", {}) == "Accepted"
    assert await verdict("CACHED") == "Unknown"
    await desk.put("AuthCacheCtrlr", "Enabled", "false")
    assert await desk.status("ClearCache", {}) == "Rejected"
    authorizer.learn(Token("LATE"), {"status": "Accepted"})
    assert await verdict("LATE") == "Unknown"


async def test_a_listed_token_needs_no_server_where_the_variable_says_so():
    desk = Desk()
    full = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry("ALICE")]}
    await desk.ask("SendLocalList", full)
    await desk.put("AuthCtrlr", "LocalPreAuthorize", "true")
    assert await desk.station.authorizer.authorize(Token("ALICE"), 1) == "Accepted"
    assert desk.sent == []
    await desk.station.authorizer.authorize(Token("BOB"), 1)
    assert desk.sent == [("Authorize", {"idToken": {"idToken": "BOB", "type": "ISO14443"}})]


# --- reservations


def request(identity=7, token=ALICE, **more):
    return {"id": identity, "idToken": token, "expiryDateTime": stamp(hours=1), **more}


async def test_an_evse_is_reserved_cancelled_and_refused():
    desk = Desk("dc50")
    assert await desk.status("ReserveNow", request(evseId=1)) == "Accepted"
    assert shown(desk) == [["Reserved"] * 2, ["Available"] * 2]
    assert await desk.status("ReserveNow", request(8, evseId=1)) == "Occupied"
    assert await desk.status("ReserveNow", request(7, evseId=2)) == "Accepted"  # the same id: replaced
    assert shown(desk) == [["Available"] * 2, ["Reserved"] * 2]
    assert await desk.status("CancelReservation", {"reservationId": 7}) == "Accepted"
    assert await desk.status("CancelReservation", {"reservationId": 7}) == "Rejected"
    assert shown(desk) == [["Available"] * 2] * 2
    late = request() | {"expiryDateTime": stamp(seconds=-1)}
    assert await desk.status("ReserveNow", late) == "Rejected"
    assert await desk.status("ReserveNow", request(evseId=9)) == "Rejected"
    assert await desk.status("ReserveNow", request(connectorType="sType2")) == "Rejected"
    await desk.ask("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    assert await desk.status("ReserveNow", request(evseId=1)) == "Unavailable"
    await desk.put("ReservationCtrlr", "Enabled", "false")
    assert await desk.status("ReserveNow", request(evseId=2)) == "Rejected"


async def test_as_many_reservations_as_places_keep_all_of_them():
    desk = Desk("dc50")
    assert await desk.status("ReserveNow", request(1)) == "Accepted"
    assert shown(desk) == [["Available"] * 2] * 2
    assert await desk.status("ReserveNow", request(2, connectorType="cCCS2")) == "Accepted"
    assert shown(desk) == [["Reserved"] * 2] * 2
    assert await desk.status("ReserveNow", request(3)) == "Occupied"


async def test_a_reservation_serves_its_driver_and_his_group_alone():
    desk = Desk()
    evse, group = desk.station.evses[0], {"idToken": "FAMILY", "type": "Central"}
    evse._awaits_token = True
    await desk.ask("ReserveNow", request(evseId=1, groupIdToken=group))
    assert not evse.may_start(Token("BOB"))
    assert evse.may_start(Token("alice"))
    assert evse.may_start(Token("BOB"), Token("FAMILY", "Central"))
    desk.station.authorizer.learn(Token("BOB"), {"status": "Accepted", "groupIdToken": group})
    assert evse.may_start(Token("BOB"))


async def test_a_reservation_ends_by_time_and_by_a_fault_and_the_server_is_told():
    desk = Desk()
    await desk.ask("ReserveNow", request(1, evseId=1))
    desk.station.evses[0].fail(FAULTS[0])
    soon = (datetime.now(UTC) + timedelta(milliseconds=30)).isoformat()
    await desk.ask("ReserveNow", request(2, evseId=2) | {"expiryDateTime": soon})
    expiring = asyncio.create_task(desk.station.reservations.expire())
    try:
        async with asyncio.timeout(10):
            while len(desk.queued("ReservationStatusUpdate")) < 2:
                await asyncio.sleep(0.01)
    finally:
        expiring.cancel()
    updates = [
        (p["reservationId"], p["reservationUpdateStatus"]) for p in desk.queued("ReservationStatusUpdate")
    ]
    assert updates == [(1, "Removed"), (2, "Expired")]
    assert shown(desk) == [["Faulted"], ["Available"]]
    assert await desk.status("ReserveNow", request(3, evseId=1)) == "Faulted"
    [event] = [p["eventData"][0] for p in desk.queued("NotifyEvent")]
    assert (event["component"]["name"], event["variable"]["name"]) == ("GroundIsolationProtection", "Problem")


async def test_a_group_uses_up_its_reservation():
    desk = Desk()
    evse, group = desk.station.evses[0], {"idToken": "FAMILY", "type": "Central"}
    await desk.ask("ReserveNow", request(evseId=1, groupIdToken=group))
    living = asyncio.create_task(evse.run())
    try:
        async with asyncio.timeout(10):
            while not evse.may_start(Token("BOB"), Token("FAMILY", "Central")):
                await asyncio.sleep(0)
            bob = {
                "idToken": {"idToken": "BOB", "type": "ISO14443"},
                "remoteStartId": 1,
                "groupIdToken": group,
            }
            assert await desk.status("RequestStartTransaction", bob) == "Accepted"
            while not desk.queued("TransactionEvent"):
                await asyncio.sleep(0.01)
    finally:
        living.cancel()
    assert desk.queued("TransactionEvent")[0]["reservationId"] == 7
    assert await desk.status("CancelReservation", {"reservationId": 7}) == "Rejected"


# --- the rest


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ((1, 1), "Unlocked"),
        ((1, 3), "UnknownConnector"),
        ((9, 1), "UnknownConnector"),
        ((2, 1), "UnlockFailed"),
    ],
)
async def test_unlocking_has_a_word_for_every_case(place, status):
    desk = Desk("dc50")
    desk.station.evses[1].fault = FAULTS[2]
    evse, connector = place
    assert await desk.status("UnlockConnector", {"evseId": evse, "connectorId": connector}) == status


async def test_triggers_answer_at_once_and_send_after():
    desk = Desk("dc50")

    async def trigger(word, **more):
        desk.sent.clear()
        return await desk.status("TriggerMessage", {"requestedMessage": word, **more})

    for word, action in (
        ("Heartbeat", "Heartbeat"),
        ("LogStatusNotification", "LogStatusNotification"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("SignChargingStationCertificate", "SignCertificate"),
        ("SignV2GCertificate", "SignCertificate"),
    ):
        assert await trigger(word) == "Accepted"
        assert [sent for sent, _ in desk.sent] == [action]
    assert desk.sent[0][1]["certificateType"] == "V2GCertificate"
    assert await trigger("StatusNotification", evse={"id": 2, "connectorId": 1}) == "Accepted"
    assert (desk.sent[0][1]["evseId"], desk.sent[0][1]["connectorId"]) == (2, 1)
    assert await trigger("MeterValues") == "Accepted"
    assert [p["evseId"] for p in desk.queued("MeterValues")] == [1, 2]
    for word, more in (
        ("StatusNotification", {}),
        ("StatusNotification", {"evse": {"id": 1}}),
        ("BootNotification", {}),  # it is registered
        ("TransactionEvent", {}),  # there is none
        ("MeterValues", {"evse": {"id": 9}}),
    ):
        assert await trigger(word, **more) == "Rejected"
    assert await trigger("SignCombinedCertificate") == "NotImplemented"
    desk.station.jobs.end_all()


async def test_an_evse_is_reset_alone_where_it_may_be():
    assert await Desk("ac22").status("Reset", {"type": "OnIdle", "evseId": 1}) == "Rejected"
    desk = Desk("dc50")
    assert await desk.status("Reset", {"type": "OnIdle", "evseId": 9}) == "Rejected"
    assert await desk.status("Reset", {"type": "OnIdle", "evseId": 1}) == "Accepted"
    async with asyncio.timeout(10):
        while shown(desk)[0] != ["Unavailable"] * 2:
            await asyncio.sleep(0)
        while shown(desk)[0] != ["Available"] * 2:
            await asyncio.sleep(0.01)
    assert shown(desk)[1] == ["Available"] * 2
    assert not desk.station._switched_off.is_set()


async def test_profiles_bend_the_limit_of_an_evse_and_are_told_composed():
    desk = Desk("dc50")
    profile = {
        "id": 3,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": stamp(minutes=-1),
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9000.0}],
            }
        ],
    }
    assert await desk.status("SetChargingProfile", {"evseId": 1, "chargingProfile": profile}) == "Accepted"
    composed = await desk.ask("GetCompositeSchedule", {"evseId": 1, "duration": 600, "chargingRateUnit": "W"})
    assert [p["limit"] for p in composed["schedule"]["chargingSchedulePeriod"]] == [9000.0]
    assert await desk.status("GetCompositeSchedule", {"evseId": 9, "duration": 600}) == "Rejected"
    outside = profile | {"chargingProfilePurpose": "ChargingStationExternalConstraints"}
    assert await desk.status("SetChargingProfile", {"evseId": 1, "chargingProfile": outside}) == "Rejected"
    criteria = {"chargingProfileCriteria": {"evseId": 1, "chargingProfilePurpose": "TxDefaultProfile"}}
    assert await desk.status("ClearChargingProfile", criteria) == "Accepted"
    assert await desk.status("ClearChargingProfile", {"chargingProfileId": 3}) == "Unknown"


async def test_the_makers_own_data_transfer_is_known():
    desk = Desk()
    vendor = desk.station.hardware.vendor
    echo = {"vendorId": vendor, "messageId": "Echo", "data": {"any": ["thing"]}}
    assert await desk.ask("DataTransfer", echo) == {"status": "Accepted", "data": {"any": ["thing"]}}
    assert await desk.status("DataTransfer", {"vendorId": vendor, "messageId": "Sing"}) == "UnknownMessageId"
    assert await desk.status("DataTransfer", {"vendorId": "org.x"}) == "UnknownVendorId"


async def test_an_update_is_told_step_by_step_and_ends_in_a_reboot():
    desk = Desk()
    firmware = {"location": "https://files.example/fw-9.9.9.bin", "retrieveDateTime": stamp()}
    bad = firmware | {"signingCertificate": "no PEM", "signature": "AAAA"}
    assert await desk.status("UpdateFirmware", {"requestId": 1, "firmware": bad}) == "InvalidCertificate"
    assert await desk.status("UpdateFirmware", {"requestId": 2, "firmware": firmware}) == "Accepted"
    async with asyncio.timeout(10):
        await desk.station._switched_off.wait()
    desk.station.firmware.booted()
    told = desk.queued("FirmwareStatusNotification")
    assert {one["requestId"] for one in told} == {2}
    steps = ["Downloading", "Downloaded", "Installing", "InstallRebooting", "Installed"]
    assert [one["status"] for one in told] == steps
    boot = desk.station.boot_payload()
    assert (boot["reason"], boot["chargingStation"]["firmwareVersion"]) == ("FirmwareUpdate", "9.9.9")


async def test_a_log_goes_to_a_location_and_a_way_not_known_is_told():
    desk = Desk()
    log = {"remoteLocation": "gopher://files.example/"}
    answer = await desk.ask("GetLog", {"logType": "SecurityLog", "requestId": 5, "log": log})
    assert (answer["status"], "security" in answer["filename"]) == ("Accepted", True)
    async with asyncio.timeout(10):
        while desk.station.jobs.is_running("log"):
            await asyncio.sleep(0.01)
    statuses = [(one["status"], one["requestId"]) for one in desk.queued("LogStatusNotification")]
    assert statuses == [("Uploading", 5), ("NotSupportedOperation", 5)]
