"""Every message of the optional profiles that the modules beside this have not, answered as the schemas have it."""

import asyncio

import pytest

from chargers.simulator.answers import ANSWERS
from chargers.simulator.keys import basic_password
from tests.simulator.asking import SCHEMAS, ask, stamp, status_of
from tests.simulator.cast import charging, fleet
from tests.simulator.central_system import demand_password

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


def test_every_message_that_a_server_may_send_has_its_answer():
    schemas = {path.stem for path in SCHEMAS.glob("*.json")}
    from_chargers = {
        *("Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification"),
        *("FirmwareStatusNotification", "Heartbeat", "MeterValues", "StartTransaction", "StatusNotification"),
        *("StopTransaction", "LogStatusNotification", "SecurityEventNotification", "SignCertificate"),
        "SignedFirmwareStatusNotification",
    }
    actions = {name for name in schemas if not name.endswith("Response")}
    assert len(actions) == 39
    assert set(ANSWERS) == actions - from_chargers | {"DataTransfer"}


# --- configuration


async def test_configuration_is_listed_whole_and_by_name(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        listed = await ask(system, "GetConfiguration", {})
        keys = {entry["key"]: entry for entry in listed["configurationKey"]}
        core = "AuthorizeRemoteTxRequests ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation "
        core += (
            "GetConfigurationMaxKeys HeartbeatInterval LocalAuthorizeOffline LocalPreAuthorize ResetRetries "
        )
        core += "MeterValuesAlignedData MeterValuesSampledData MeterValueSampleInterval NumberOfConnectors "
        core += "StopTransactionOnInvalidId StopTxnSampledData SupportedFeatureProfiles TransactionMessageAttempts"
        assert set(core.split()) <= set(keys)
        assert keys["NumberOfConnectors"]["readonly"]
        assert "value" not in keys["AuthorizationKey"]  # set, never told
        changes = {
            ("webSocketPingInterval", "10"): "RebootRequired",
            ("HeartbeatInterval", "soon"): "Rejected",
            ("SupportedFeatureProfiles", "Core"): "Rejected",
            ("Colour", "red"): "NotSupported",
            ("AuthorizationKey", "short"): "Rejected",
        }
        for (key, value), status in changes.items():
            answer = await ask(system, "ChangeConfiguration", {"key": key, "value": value})
            assert status_of(answer) == status, key


async def test_a_new_password_is_used_at_the_next_connection(system):
    system.refuse = demand_password("old-password-1234")
    async with fleet(system, password="old-password-1234"):
        await system.until(lambda: system.statuses(2))
        system.refuse = demand_password("new-password-1234")
        change = {"key": "AuthorizationKey", "value": "new-password-1234"}
        assert status_of(await ask(system, "ChangeConfiguration", change)) == "Accepted"
        await system.until(lambda: system.connections["SIM0001"] == 2)


def test_a_hexadecimal_authorization_key_stands_for_its_bytes():
    assert basic_password("00ff" * 10) == bytes.fromhex("00ff" * 10)
    assert basic_password("correct horse battery") == b"correct horse battery"
    assert basic_password("0123456789abcdef") == b"0123456789abcdef"  # 16 characters are a text


async def test_intervals_act(system):
    async with charging(system):
        change = {"key": "ClockAlignedDataInterval", "value": "900"}
        assert status_of(await ask(system, "ChangeConfiguration", change)) == "Accepted"

        def contexts(connector):
            return {
                sample["context"]
                for payload in system.payloads("MeterValues")
                if payload["connectorId"] == connector
                for sample in payload["meterValue"][0]["sampledValue"]
            }

        await system.until(lambda: contexts(2) == {"Sample.Clock"})
        await ask(system, "ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "0"})
        await asyncio.sleep(0.3)
        before = len(system.payloads("MeterValues"))
        await ask(system, "ChangeConfiguration", {"key": "ClockAlignedDataInterval", "value": "0"})
        await asyncio.sleep(2)
        assert len(system.payloads("MeterValues")) <= before + 4


async def test_the_makers_own_data_transfer_is_known(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        vendor = system.payloads("BootNotification")[0]["chargePointVendor"]
        echo = {"vendorId": vendor, "messageId": "Echo", "data": "hello"}
        assert await ask(system, "DataTransfer", echo) == {"status": "Accepted", "data": "hello"}
        unknown = await ask(system, "DataTransfer", {"vendorId": vendor, "messageId": "Sing"})
        assert status_of(unknown) == "UnknownMessageId"
        assert status_of(await ask(system, "DataTransfer", {"vendorId": "org.x"})) == "UnknownVendorId"


# --- local list


def entry(tag, status="Accepted", **more):
    return {"idTag": tag, "idTagInfo": {"status": status, **more}}


async def test_the_local_list_has_versions_and_refuses_what_does_not_fit(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))

        async def send(kind, version, *entries):
            request = {"listVersion": version, "updateType": kind, "localAuthorizationList": list(entries)}
            return status_of(await ask(system, "SendLocalList", request))

        async def version():
            return (await ask(system, "GetLocalListVersion", {}))["listVersion"]

        assert await version() == 0
        assert await send("Differential", 1, entry("ALICE")) == "Failed"  # there is nothing to differ from
        assert await send("Full", 5, entry("ALICE"), entry("BOB", "Blocked")) == "Accepted"
        assert await send("Differential", 5, entry("CHARLIE")) == "VersionMismatch"
        assert await send("Differential", 6, {"idTag": "BOB"}, entry("CHARLIE")) == "Accepted"
        assert await send("Differential", 7, entry("DORA"), entry("dora")) == "Failed"
        assert await send("Full", 8, {"idTag": "NOBODY"}) == "Failed"
        assert await send("Full", 8, *(entry(f"T{n}") for n in range(201))) == "Failed"
        assert await version() == 6


async def test_a_listed_tag_needs_no_server_where_the_key_says_so(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        full = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry("ALICE")]}
        await ask(system, "SendLocalList", full)
        for key in ("LocalPreAuthorize", "AuthorizeRemoteTxRequests"):
            await ask(system, "ChangeConfiguration", {"key": key, "value": "true"})
        await ask(system, "RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1})
        await system.until(lambda: system.payloads("StartTransaction"))
        assert "Authorize" not in system.actions()
        await ask(system, "RemoteStartTransaction", {"idTag": "BOB", "connectorId": 2})
        await system.until(lambda: len(system.payloads("StartTransaction")) == 2)
        assert system.payloads("Authorize") == [{"idTag": "BOB"}]


# --- reservations


def reservation(number=1, identity=7, tag="ALICE", **ahead):
    ahead = ahead or {"hours": 1}
    return {"connectorId": number, "reservationId": identity, "idTag": tag, "expiryDate": stamp(**ahead)}


async def test_a_reserved_connector_serves_its_driver_alone(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        assert status_of(await ask(system, "ReserveNow", reservation())) == "Accepted"
        await system.until(lambda: system.statuses(1)[-1] == "Reserved")
        other = await ask(system, "RemoteStartTransaction", {"idTag": "BOB", "connectorId": 1})
        assert status_of(other) == "Rejected"
        own = await ask(system, "RemoteStartTransaction", {"idTag": "alice", "connectorId": 1})
        assert status_of(own) == "Accepted"
        await system.until(lambda: system.payloads("StartTransaction"))
        assert system.payloads("StartTransaction")[0]["reservationId"] == 7
        assert (
            status_of(await ask(system, "CancelReservation", {"reservationId": 7})) == "Rejected"
        )  # used up
        assert status_of(await ask(system, "ReserveNow", reservation(identity=8))) == "Occupied"


async def test_reservations_are_cancelled_expire_and_are_refused(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        await ask(system, "ReserveNow", reservation())
        await system.until(lambda: system.statuses(1)[-1] == "Reserved")
        assert status_of(await ask(system, "ReserveNow", reservation(identity=8))) == "Occupied"
        assert status_of(await ask(system, "CancelReservation", {"reservationId": 7})) == "Accepted"
        await system.until(lambda: system.statuses(1)[-1] == "Available")
        assert status_of(await ask(system, "CancelReservation", {"reservationId": 7})) == "Rejected"
        await ask(system, "ReserveNow", reservation(identity=9, milliseconds=300))
        await system.until(lambda: system.statuses(1)[-2:] == ["Reserved", "Available"])
        assert status_of(await ask(system, "ReserveNow", reservation(identity=9, seconds=-1))) == "Rejected"
        assert status_of(await ask(system, "ReserveNow", reservation(number=9))) == "Rejected"
        assert status_of(await ask(system, "ReserveNow", reservation(number=0))) == "Accepted"
        await ask(system, "ChangeAvailability", {"connectorId": 2, "type": "Inoperative"})
        assert status_of(await ask(system, "ReserveNow", reservation(number=2, identity=3))) == "Unavailable"
