"""Diagnostics and firmware with the `ocpp` package's charge point, an independent client that really uploads."""

import asyncio
import hashlib
import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from chargers.diagnostics.models import LogJob
from chargers.firmware.models import Evidence, FirmwareJob
from chargers.jobs import State
from csms.core.access.services import create_api_token
from tests.chargers.wire.independent import independent
from tests.diagnostics.cast import at_home, base_url
from tests.firmware.cast import signed
from tests.support.charger import eventually
from tests.support.house import House, fresh, order

DIAGNOSTICS = b"PK\x03\x04" + bytes(range(256)) * 4000


def fetched(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
        return bytes(answer.read())


class Maintained(ChargePoint):
    """Uploads what it is asked for, and installs what it is told to."""

    version = "1.0"

    def __init__(self, cp_id: str, socket: Any) -> None:
        super().__init__(cp_id, socket, response_timeout=15)

    async def boot(self) -> None:
        await self.call(
            call.BootNotification(
                charge_point_vendor="Acme", charge_point_model="Three", firmware_version=self.version
            )
        )

    async def upload(self, location: str, method: str) -> None:
        request = urllib.request.Request(location + "diag.zip", DIAGNOSTICS, method=method)
        assert await asyncio.to_thread(fetched, request) == b"Stored.\n"

    @on(Action.get_diagnostics)
    def on_diagnostics(self, **facts: Any) -> call_result.GetDiagnostics:
        return call_result.GetDiagnostics(file_name="diag.zip")

    @after(Action.get_diagnostics)
    async def after_diagnostics(self, location: str, **facts: Any) -> None:
        await self.call(call.DiagnosticsStatusNotification(status="Uploading"))
        await self.upload(location, "PUT")
        await self.call(call.DiagnosticsStatusNotification(status="Uploaded"))

    @on(Action.get_log)
    def on_log(self, **facts: Any) -> call_result.GetLog:
        return call_result.GetLog(status="Accepted", filename="security.log")

    @after(Action.get_log)
    async def after_log(self, request_id: int, log: dict[str, Any], **facts: Any) -> None:
        await self.call(call.LogStatusNotification(status="Uploading", request_id=request_id))
        await self.upload(log["remote_location"], "POST")
        await self.call(call.LogStatusNotification(status="Uploaded", request_id=request_id))

    @on(Action.update_firmware)
    def on_update(self, **facts: Any) -> call_result.UpdateFirmware:
        return call_result.UpdateFirmware()

    @after(Action.update_firmware)
    async def after_update(self, **facts: Any) -> None:
        for word in ("Downloading", "Downloaded", "Installing"):
            await self.call(call.FirmwareStatusNotification(status=word))
        self.version = "2.0"
        await self.boot()
        await self.call(call.FirmwareStatusNotification(status="Installed"))

    @on(Action.signed_update_firmware)
    def on_signed_update(self, **facts: Any) -> call_result.SignedUpdateFirmware:
        return call_result.SignedUpdateFirmware(status="Accepted")

    @after(Action.signed_update_firmware)
    async def after_signed_update(self, request_id: int, **facts: Any) -> None:
        for word in ("Downloading", "InvalidSignature"):
            await self.call(call.SignedFirmwareStatusNotification(status=word, request_id=request_id))


async def test_alice_gets_the_diagnostics_of_a_charge_point_and_updates_it(house: House) -> None:
    _, key = create_api_token("profile-firmware", scopes=["read"], now=datetime.now(UTC))

    def api(path: str) -> bytes:
        request = urllib.request.Request(
            f"{base_url(house)}/api/v1/{path}", headers={"Authorization": f"Bearer {key}"}
        )
        return fetched(request)

    async with independent(house, "MAINTAINED1", Maintained) as station:
        await station.boot()
        with at_home(house):
            for command in ("get-diagnostics", "get-log"):
                ordered = order(station.row, command)
                job = LogJob.objects.get(command_id=ordered.pk)
                await eventually(lambda job=job: fresh(job).state == State.SUCCEEDED)
                assert fresh(ordered).effect == "The file diag.zip came."

        listed = json.loads(await asyncio.to_thread(api, "charge-points/MAINTAINED1/files/"))["results"]
        assert [file["name"] for file in listed] == ["diag.zip", "diag.zip"]
        for file in listed:
            assert file["sha256"] == hashlib.sha256(DIAGNOSTICS).hexdigest()
            assert await asyncio.to_thread(api, f"files/{file['id']}/content/") == DIAGNOSTICS

        ordered = order(
            station.row, "update-firmware", location="http://acme.example/2.0", expected_version="2.0"
        )
        update = FirmwareJob.objects.get(command_id=ordered.pk)
        await eventually(lambda: fresh(update).state == State.SUCCEEDED)
        assert fresh(update).evidence == Evidence.EXPECTED
        assert (fresh(update).version_before, fresh(update).version_after) == ("1.0", "2.0")

        ordered = order(station.row, "signed-update-firmware", **signed())
        update = FirmwareJob.objects.get(command_id=ordered.pk)
        await eventually(lambda: fresh(update).state == State.FAILED)
        assert fresh(update).status == "InvalidSignature"
