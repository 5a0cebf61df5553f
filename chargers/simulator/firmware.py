"""Firmware updates: downloaded, checked, installed when nobody charges, and told of at the next boot."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography import x509

from chargers.simulator.clock import moment, sleep_until
from chargers.simulator.link import Answer

if TYPE_CHECKING:
    from chargers.simulator.charger import Charger
    from chargers.simulator.point import ChargePoint

Payload = dict[str, Any]

JOB = "firmware"
DOWNLOADING = (20.0, 60.0)  # simulated seconds
INSTALLING = (30.0, 90.0)
RETRY_INTERVAL = 60.0  # simulated seconds, when the server gives none
MOST_RETRIES = 5
UNSIGNED = "bm9uZQ=="  # stands for the signature that OCPP 2.0.1 lets a request do without
VERSION = re.compile(r"\d+(?:\.\d+)+(?:-[A-Za-z0-9]+)?")


def version_in(location: str, current: str) -> str:
    """The version that a file of this name brings: the one in its name, or the one after the current."""
    name = urlsplit(location).path.rsplit("/", 1)[-1]
    if found := VERSION.search(name):
        return found[0]
    return re.sub(r"\d+(?=\D*$)", lambda digits: str(int(digits[0]) + 1), current)


class Firmware:
    """The update of one charge point. It pretends to download: what counts is what it says, and when."""

    def __init__(
        self, charger: "ChargePoint", signed_report: str = "SignedFirmwareStatusNotification"
    ) -> None:
        self._charger = charger
        self._signed_report = signed_report  # the action that a signed update reports by
        self.last: Payload = {"status": "Idle"}
        self._report: str | None = None  # the action that the running update reports by
        self._about: Payload = {}  # requestId, for a signed one
        self._installed = False  # since the last boot: still to be told

    def begin(self, request: Payload, *, signed: bool) -> bool:
        """Begin; return whether an update that was under way has been given up for this one."""
        self._report = self._signed_report if signed else "FirmwareStatusNotification"
        self._about = {"requestId": request["requestId"]} if signed else {}
        return self._charger.jobs.start(JOB, self._update(request, signed))

    def booted(self) -> None:
        """Tell of the update that the reboot completed."""
        if self._installed:
            self._installed = False
            self._tell("Installed")
            self._charger.security_event("FirmwareUpdated", self._charger.nameplate.firmware)
            self.last = {"status": "Idle"}

    def _tell(self, status: str) -> None:
        assert self._report is not None
        self.last = {"status": status, **self._about}
        self._charger.files.note(f"firmware: {status}")
        self._charger.tell(self._report, dict(self.last))

    async def _update(self, request: Payload, signed: bool) -> None:
        charger, rng = self._charger, self._charger.rng
        firmware = request["firmware"] if signed else request
        retrieve_at = moment(firmware["retrieveDateTime" if signed else "retrieveDate"])
        if signed and retrieve_at > datetime.now(UTC):
            self._tell("DownloadScheduled")
        await sleep_until(retrieve_at)
        if not await self._download(request):
            return
        if signed:
            if not _is_base64(firmware.get("signature", UNSIGNED)):
                self._tell("InvalidSignature")
                charger.security_event("InvalidFirmwareSignature", urlsplit(firmware["location"]).path[-255:])
                return
            if "signature" in firmware:
                self._tell("SignatureVerified")
            if "installDateTime" in firmware:
                install_at = moment(firmware["installDateTime"])
                if install_at > datetime.now(UTC):
                    self._tell("InstallScheduled")
                await sleep_until(install_at)
        for outlet in charger.outlets:
            await outlet.idle.wait()
        self._tell("Installing")
        await charger.clock.sleep(rng.uniform(*INSTALLING))
        if rng.random() < charger.behaviour.update_failure:
            self._tell("InstallationFailed")
            return
        if signed:
            self._tell("InstallRebooting")
        self._installed = True
        charger.renew_firmware(version_in(firmware["location"], charger.nameplate.firmware))
        charger.reboot("Reboot")

    async def _download(self, request: Payload) -> bool:
        charger, rng = self._charger, self._charger.rng
        attempts = 1 + min(int(request.get("retries") or 0), MOST_RETRIES)
        for attempt in range(1, attempts + 1):
            self._tell("Downloading")
            await charger.clock.sleep(rng.uniform(*DOWNLOADING))
            if rng.random() >= charger.behaviour.update_failure:
                self._tell("Downloaded")
                return True
            if attempt < attempts:
                await charger.clock.sleep(float(request.get("retryInterval") or RETRY_INTERVAL))
        self._tell("DownloadFailed")
        return False


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def signer_is_valid(pem: str) -> bool:
    """Whether this is a certificate, and valid now."""
    try:
        signer = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return False
    return signer.not_valid_before_utc <= datetime.now(UTC) <= signer.not_valid_after_utc


def _update(charger: "Charger", payload: Payload) -> Answer:
    moment(payload["retrieveDate"])

    async def act() -> None:
        charger.firmware.begin(payload, signed=False)

    return Answer({}, act)


def _signed_update(charger: "Charger", payload: Payload) -> Answer:
    firmware = payload["firmware"]
    moment(firmware["retrieveDateTime"])
    if not signer_is_valid(firmware["signingCertificate"]):
        charger.security_event("InvalidFirmwareSigningCertificate")
        return Answer({"status": "InvalidCertificate"})

    async def act() -> None:
        charger.firmware.begin(payload, signed=True)

    return Answer({"status": "AcceptedCanceled" if charger.jobs.is_running(JOB) else "Accepted"}, act)


ANSWERS = {"SignedUpdateFirmware": _signed_update, "UpdateFirmware": _update}
