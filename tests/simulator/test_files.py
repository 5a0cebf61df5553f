"""Diagnostics, logs and firmware of the fleet: what it uploads, and what it installs."""

import base64
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import jsonschema
import pytest

from chargers.simulator.firmware import version_in
from chargers.simulator.scenarios import SCENARIOS
from tests.simulator.asking import ask, certificate, schema, stamp, status_of
from tests.simulator.cast import fleet

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


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
