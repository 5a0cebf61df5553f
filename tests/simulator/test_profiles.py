"""Every message of the optional profiles and of the security extension, answered as the schemas have it."""

import asyncio
import base64
import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jsonschema
import ocpp.v16
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chargers.simulator.answers import ANSWERS
from chargers.simulator.firmware import version_in
from chargers.simulator.keys import Keys, basic_password
from chargers.simulator.scenarios import SCENARIOS
from tests.simulator.central_system import demand_password
from tests.simulator.test_fleet import charging, fleet, system

__all__ = ["system"]  # a fixture
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")
SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"


@cache
def schema(name):
    return json.loads((SCHEMAS / f"{name}.json").read_text())


async def ask(system, action, payload):
    """The CALLRESULT to this CALL; both have passed the official schemas."""
    jsonschema.validate(payload, schema(action))
    frame = await system.ask(action, payload)
    assert frame[0] == 3, frame
    jsonschema.validate(frame[2], schema(f"{action}Response"))
    return frame[2]


def status_of(payload):
    return payload["status"]


def stamp(**ahead):
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(system, action):
    payloads = system.payloads(action)
    for payload in payloads:
        jsonschema.validate(payload, schema(action))
    return [status_of(payload) for payload in payloads]


@contextmanager
def upload_server(*statuses):
    """An HTTP server that keeps what is PUT; answers with these statuses, the last one for ever."""
    taken, answers = [], list(statuses or (201,))

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/u/token", taken
    finally:
        server.shutdown()
        server.server_close()


def certificate(name="Root", key=None, issuer=None, issuer_key=None, days=30):
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key() if hasattr(key, "public_key") else key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=40))
        .not_valid_after(now + timedelta(days=days))
        .sign(issuer_key or key, hashes.SHA256())
    )
    return built, built.public_bytes(serialization.Encoding.PEM).decode(), key


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


# --- smart charging


def profile(limit=8.0, purpose="TxDefaultProfile", identity=1, level=0, unit="A", **more):
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "chargingProfileId": identity,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule | more.pop("schedule", {}),
        **more,
    }


async def install(system, connector, body):
    request = {"connectorId": connector, "csChargingProfiles": body}
    return status_of(await ask(system, "SetChargingProfile", request))


def amps(system):
    samples = system.payloads("MeterValues")[-1]["meterValue"][0]["sampledValue"]
    return max(float(s["value"]) for s in samples if s["measurand"] == "Current.Import")


@pytest.fixture
def ac_only(monkeypatch):
    idle = replace(SCENARIOS["idle"].rest[0], hardware="ac22")
    monkeypatch.setitem(SCENARIOS, "idle", replace(SCENARIOS["idle"], rest=(idle,)))


@pytest.mark.usefixtures("ac_only")
async def test_limits_bend_the_charge_and_end_with_their_profile(system):
    async with charging(system):
        await system.until(lambda: amps(system) > 14)
        assert await install(system, 1, profile(8.0, "TxProfile", transactionId=1, level=1)) == "Accepted"
        await system.until(lambda: 7 < amps(system) <= 8)
        assert await install(system, 0, profile(5.0, "ChargePointMaxProfile", identity=2)) == "Accepted"
        await system.until(lambda: system.statuses(1)[-1] == "SuspendedEVSE")  # below 6 A no car charges
        assert status_of(await ask(system, "ClearChargingProfile", {"id": 2})) == "Accepted"
        await system.until(lambda: system.statuses(1)[-1] == "Charging")
        assert status_of(await ask(system, "ClearChargingProfile", {"id": 2})) == "Unknown"
        every = {"chargingProfilePurpose": "TxProfile", "connectorId": 1}
        assert status_of(await ask(system, "ClearChargingProfile", every)) == "Accepted"
        await system.until(lambda: amps(system) > 14)


@pytest.mark.usefixtures("ac_only")
async def test_profiles_that_break_a_rule_are_rejected(system):
    async with charging(system):
        two = [{"startPeriod": 0, "limit": 9.0}, {"startPeriod": 0, "limit": 8.0}]
        late = [{"startPeriod": 60, "limit": 9.0}]
        wrong = {
            "a transaction of nobody": (1, profile(purpose="TxProfile", transactionId=99)),
            "no transaction here": (2, profile(purpose="TxProfile")),
            "of no connector": (9, profile()),
            "maximum of one outlet": (1, profile(purpose="ChargePointMaxProfile")),
            "too high in the stack": (1, profile(level=10)),
            "two at once": (1, profile(schedule={"chargingSchedulePeriod": two})),
            "not from the start": (1, profile(schedule={"chargingSchedulePeriod": late})),
            "recurring, but when": (1, profile() | {"chargingProfileKind": "Recurring"}),
        }
        for name, (connector, body) in wrong.items():
            assert await install(system, connector, body) == "Rejected", name
        places = [(connector, level) for connector in (0, 1, 2) for level in range(7)]
        answers = [
            await install(system, connector, profile(identity=n, level=level))
            for n, (connector, level) in enumerate(places)
        ]
        assert answers == ["Accepted"] * 20 + ["Rejected"]  # MaxChargingProfilesInstalled


@pytest.mark.usefixtures("ac_only")
async def test_the_composite_schedule_is_what_the_profiles_come_to(system):
    async with charging(system):
        start = stamp()
        periods = [{"startPeriod": 0, "limit": 10.0}, {"startPeriod": 600, "limit": 20.0, "numberPhases": 1}]
        schedule = {"startSchedule": start, "duration": 1200, "chargingSchedulePeriod": periods}
        assert await install(system, 0, profile(16.0, "ChargePointMaxProfile", identity=1)) == "Accepted"
        assert await install(system, 1, profile(identity=2, schedule=schedule)) == "Accepted"
        assert await install(system, 1, profile(12.0, "TxProfile", 3, validFrom=stamp(hours=2))) == "Accepted"
        answer = await ask(system, "GetCompositeSchedule", {"connectorId": 1, "duration": 3600})
        found = answer["chargingSchedule"]["chargingSchedulePeriod"]
        assert [(p["limit"], p["numberPhases"]) for p in found] == [(10.0, 3), (16.0, 1), (16.0, 3)]
        assert [p["startPeriod"] for p in found] == [0, pytest.approx(600, abs=5), pytest.approx(1200, abs=5)]
        power = {"connectorId": 1, "duration": 60, "chargingRateUnit": "W"}
        power = await ask(system, "GetCompositeSchedule", power)
        assert power["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 10 * 3 * 230
        nowhere = await ask(system, "GetCompositeSchedule", {"connectorId": 9, "duration": 60})
        assert nowhere == {"status": "Rejected"}
        whole = await ask(system, "GetCompositeSchedule", {"connectorId": 0, "duration": 60})
        assert whole["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 16.0


@pytest.mark.usefixtures("ac_only")
async def test_a_profile_that_comes_with_a_remote_start_counts_from_the_start(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        start = {"idTag": "ALICE", "connectorId": 1, "chargingProfile": profile(7.0, "TxProfile")}
        assert status_of(await ask(system, "RemoteStartTransaction", start)) == "Accepted"
        await system.until(lambda: system.payloads("MeterValues"))
        assert amps(system) <= 7
        start["chargingProfile"] = profile(7.0)
        assert status_of(await ask(system, "RemoteStartTransaction", start)) == "Rejected"


# --- diagnostics and logs


async def test_diagnostics_are_uploaded(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        with upload_server(500, 201) as (location, taken):
            request = {"location": location, "retries": 2, "retryInterval": 10}
            name = (await ask(system, "GetDiagnostics", request))["fileName"]
            await system.until(
                lambda: told(system, "DiagnosticsStatusNotification") == ["Uploading", "Uploaded"]
            )
        assert name.startswith("SIM0001-diagnostics-")
        assert [path for path, _ in taken] == ["/u/token"] * 2
        assert b"registered, firmware" in taken[1][1]
        await ask(system, "TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"})
        await system.until(lambda: told(system, "DiagnosticsStatusNotification")[-1] == "Idle")


async def test_what_cannot_be_uploaded_is_told(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        await ask(system, "GetDiagnostics", {"location": "http://127.0.0.1:9/none"})
        await system.until(lambda: told(system, "DiagnosticsStatusNotification")[-1:] == ["UploadFailed"])
        await ask(system, "GetDiagnostics", {"location": "ftp://127.0.0.1/none"})
        await system.until(lambda: told(system, "DiagnosticsStatusNotification")[3:] == ["UploadFailed"])

        async def log(identity, location):
            request = {"logType": "SecurityLog", "requestId": identity, "log": {"remoteLocation": location}}
            return status_of(await ask(system, "GetLog", request))

        assert await log(1, "sftp://127.0.0.1/log") == "Accepted"
        await system.until(lambda: told(system, "LogStatusNotification")[-1:] == ["NotSupportedOperation"])
        with upload_server(403) as (location, _):
            assert await log(2, location) == "Accepted"
            await system.until(lambda: told(system, "LogStatusNotification")[-1] == "PermissionDenied")
        assert {p["requestId"] for p in system.payloads("LogStatusNotification")} == {1, 2}


async def test_a_new_log_request_takes_the_place_of_the_running_one(system):
    async with fleet(system, speed=20.0):
        await system.until(lambda: system.statuses(2))
        with upload_server() as (location, taken):
            request = {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": f"{location}/"}}
            assert status_of(await ask(system, "GetLog", request)) == "Accepted"
            again = await ask(system, "GetLog", request | {"requestId": 2})
            assert status_of(again) == "AcceptedCanceled"
            await system.until(lambda: told(system, "LogStatusNotification")[-1:] == ["Uploaded"])
        assert [path for path, _ in taken] == [f"/u/token/{again['filename']}"]
        assert system.payloads("LogStatusNotification")[-1] == {"status": "Uploaded", "requestId": 2}


# --- firmware


async def test_an_update_ends_with_the_new_version_at_the_next_boot(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        request = {"location": "https://example.org/fw/pfosten-9.8.7.bin", "retrieveDate": stamp(seconds=-1)}
        assert await ask(system, "UpdateFirmware", request) == {}
        await system.until(lambda: "Installed" in told(system, "FirmwareStatusNotification"))
        steps = ["Downloading", "Downloaded", "Installing", "Installed"]
        assert told(system, "FirmwareStatusNotification") == steps
        assert system.payloads("BootNotification")[-1]["firmwareVersion"] == "9.8.7"
        await system.until(lambda: len(system.payloads("SecurityEventNotification")) == 2)
        events = [event["type"] for event in system.payloads("SecurityEventNotification")]
        assert sorted(events) == ["FirmwareUpdated", "StartupOfTheDevice"]


def signed(pem, **more):
    firmware = {
        "location": "https://example.org/fw/9.9.9.bin",
        "retrieveDateTime": stamp(milliseconds=200),
        "signingCertificate": pem,
        "signature": base64.b64encode(b"signature").decode(),
    }
    return {"requestId": 5, "firmware": firmware | more}


async def test_a_signed_update_is_checked_first(system):
    _, pem, _ = certificate("Maker")
    _, expired, _ = certificate("Maker", days=-1)
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        assert status_of(await ask(system, "SignedUpdateFirmware", signed(expired))) == "InvalidCertificate"
        assert status_of(await ask(system, "SignedUpdateFirmware", signed("no PEM"))) == "InvalidCertificate"
        bad = await ask(system, "SignedUpdateFirmware", signed(pem, signature="?"))
        assert status_of(bad) == "Accepted"
        await system.until(lambda: "InvalidSignature" in told(system, "SignedFirmwareStatusNotification"))
        seen = len(system.payloads("SignedFirmwareStatusNotification"))
        assert status_of(await ask(system, "SignedUpdateFirmware", signed(pem))) == "Accepted"
        again = await ask(system, "SignedUpdateFirmware", signed(pem, installDateTime=stamp(seconds=1)))
        assert status_of(again) == "AcceptedCanceled"
        await system.until(lambda: "Installed" in told(system, "SignedFirmwareStatusNotification"))
        steps = told(system, "SignedFirmwareStatusNotification")[seen:]
        assert steps[steps.index("Downloading") :] == [
            *("Downloading", "Downloaded", "SignatureVerified", "InstallScheduled"),
            *("Installing", "InstallRebooting", "Installed"),
        ]
        assert {p["requestId"] for p in system.payloads("SignedFirmwareStatusNotification")} == {5}
        assert "InvalidFirmwareSignature" in [e["type"] for e in system.payloads("SecurityEventNotification")]
        await ask(system, "ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
        await system.until(lambda: told(system, "SignedFirmwareStatusNotification")[-1] == "Idle")


async def test_in_the_faults_scenario_updates_fail(system, monkeypatch):
    assert SCENARIOS["faults"].rest[0].update_failure > 0
    hopeless = replace(SCENARIOS["idle"].rest[0], update_failure=1.0)
    monkeypatch.setitem(SCENARIOS, "idle", replace(SCENARIOS["idle"], rest=(hopeless,)))
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        request = {"location": "https://example.org/fw", "retrieveDate": stamp(), "retries": 1}
        await ask(system, "UpdateFirmware", request)
        await system.until(lambda: "DownloadFailed" in told(system, "FirmwareStatusNotification"))
        steps = ["Downloading", "Downloading", "DownloadFailed"]
        assert told(system, "FirmwareStatusNotification") == steps


@pytest.mark.parametrize(
    ("location", "version"),
    [
        ("https://x.example/quay-7.2.0-rc1.bin?key=1.2", "7.2.0-rc1"),
        ("ftp://x.example/latest", "1.8.3"),
    ],
)
def test_the_version_is_that_of_the_file_or_the_next(location, version):
    assert version_in(location, "1.8.2") == version


# --- certificates and security events


async def test_a_certificate_is_asked_for_signed_and_taken(system):
    root, _, root_key = certificate("CA")
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        await ask(system, "ChangeConfiguration", {"key": "CpoName", "value": "Example CPO"})
        trigger = {"requestedMessage": "SignChargePointCertificate"}
        assert status_of(await ask(system, "ExtendedTriggerMessage", trigger)) == "Accepted"
        await system.until(lambda: system.payloads("SignCertificate"))
        csr = x509.load_pem_x509_csr(system.payloads("SignCertificate")[0]["csr"].encode())
        assert csr.is_signature_valid
        serial = system.payloads("BootNotification")[0]["chargePointSerialNumber"]
        assert csr.subject.rfc4514_string() == f"O=Example CPO,CN={serial}"
        _, foreign, _ = certificate("somebody", issuer=root.subject, issuer_key=root_key)
        _, leaf, _ = certificate(serial, csr.public_key(), root.subject, root_key)
        statuses = [
            status_of(await ask(system, "CertificateSigned", {"certificateChain": chain}))
            for chain in ("no PEM", foreign, leaf, leaf)
        ]
        assert statuses == ["Rejected", "Rejected", "Accepted", "Rejected"]  # a request is answered once
        await system.until(lambda: len(system.payloads("SecurityEventNotification")) == 3)
        kinds = {event["type"] for event in system.payloads("SecurityEventNotification")}
        assert kinds == {"InvalidChargePointCertificate"}


async def test_root_certificates_are_kept_listed_and_deleted(system):
    root, pem, _ = certificate("Root")
    kind = {"certificateType": "CentralSystemRootCertificate"}
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        assert await ask(system, "GetInstalledCertificateIds", kind) == {"status": "NotFound"}
        for content, status in (
            (pem, "Accepted"),
            ("no PEM", "Rejected"),
            (certificate(days=-1)[1], "Rejected"),
        ):
            answer = await ask(system, "InstallCertificate", kind | {"certificate": content})
            assert status_of(answer) == status
        [found] = (await ask(system, "GetInstalledCertificateIds", kind))["certificateHashData"]
        assert len(found["issuerKeyHash"]) == len(found["issuerNameHash"]) == 64
        assert int(found["serialNumber"], 16) == root.serial_number
        wrong = {"certificateHashData": found | {"serialNumber": "1"}}
        assert status_of(await ask(system, "DeleteCertificate", wrong)) == "NotFound"
        upper = {name: value.upper() for name, value in found.items()}
        assert status_of(await ask(system, "DeleteCertificate", {"certificateHashData": upper})) == "Accepted"
        assert await ask(system, "GetInstalledCertificateIds", kind) == {"status": "NotFound"}
        for n in range(9):
            answer = await ask(system, "InstallCertificate", kind | {"certificate": certificate(f"R{n}")[1]})
            assert status_of(answer) == ("Failed" if n == 8 else "Accepted")


def test_the_hash_of_a_key_is_over_its_bits_alone():
    from chargers.simulator.security import _bit_string

    for key in (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP521R1())):
        public = key.public_key()
        info = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        assert _bit_string(info) == point


@pytest.mark.parametrize(
    ("wanted", "action"),
    [
        ("BootNotification", "BootNotification"),
        ("LogStatusNotification", "LogStatusNotification"),
        ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
        ("Heartbeat", "Heartbeat"),
        ("MeterValues", "MeterValues"),
        ("SignChargePointCertificate", "SignCertificate"),
        ("StatusNotification", "StatusNotification"),
    ],
)
async def test_every_message_of_the_extended_trigger_comes(system, wanted, action):
    system.heartbeat_interval = 86_400
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        before = system.actions().count(action)
        answer = await ask(system, "ExtendedTriggerMessage", {"requestedMessage": wanted})
        assert status_of(answer) == "Accepted"
        await system.until(lambda: system.actions().count(action) > before)
    assert system.errors == []


def test_keys_know_what_kind_of_charger_they_belong_to():
    assert Keys(1, is_dc=True).names("ChargingScheduleAllowedChargingRateUnit") == ["Power"]
    assert Keys(1, security_profile=2).text("SecurityProfile") == "2"
