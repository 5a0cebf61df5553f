"""Whatever is ordered in our words can be ordered word for word, and the house remembers the same of both."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from chargers.commands.sending import orders
from chargers.models import Command
from chargers.protocol.versions import Version
from tests.certificates.cast import csr, pem, root
from tests.conformance.v16.cast import CP16, at, cp16, token
from tests.conformance.v16.charging_cast import in_hours, profile
from tests.conformance.v16.test_certificates import hashed, ours
from tests.exact.cast import ACCEPTED, memory, takes
from tests.firmware.cast import signed
from tests.support.house import House

KEY = "fedcba9876543210fedcba9876543210"
CA, OTHER = root(), root("Other Root")
NAMED = ours(hashed(CA))
# The same moments for both.
SOON, LATER, DEFAULT = in_hours(1), in_hours(2), profile()


@dataclass
class Scene:
    """An order in our words, and how a charge point answers it."""

    slug: str
    params: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=lambda: ACCEPTED)
    before: Callable[[CP16], Awaitable[dict[str, Any]]] | None = None
    """What happens first, and what of the order follows from it."""
    status: str = "accepted"


async def charging(charger: CP16) -> dict[str, Any]:
    started = await charger.start("ALICE")
    return {"transaction_id": str(started["transactionId"])}


async def charging_here(charger: CP16) -> dict[str, Any]:
    return await charging(charger) | {"connector_id": 1}


async def reserved(charger: CP16) -> dict[str, Any]:
    command = await charger.hears("reserve-now", connector_id=1, id_token="ALICE", expires_at=SOON)
    await charger.status("Reserved")
    return {"reservation_id": command.params["reservation_id"]}


async def limited(charger: CP16) -> dict[str, Any]:
    command = await charger.hears("set-charging-profile", connector_id=0, charging_profile=DEFAULT)
    return {"profile_id": command.params["profile_id"]}


async def listed(charger: CP16) -> dict[str, Any]:
    """It has a list of somebody's, and its policy is off."""
    payload = {"listVersion": 4, "updateType": "Full", "localAuthorizationList": []}
    await takes(charger, "SendLocalList", payload)
    return {}


async def rooted(charger: CP16) -> dict[str, Any]:
    for ca in (CA, OTHER):
        await charger.hears("install-certificate", certificate_type="manufacturer_root", certificate=ca.pem)
    return {}


async def certified(charger: CP16) -> dict[str, Any]:
    return {"certificate_chain": pem(CA.sign(csr(charger.row.cp_id)))}


CONFIGURATION = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]}
SCHEDULE = {"status": "Accepted", "connectorId": 1}
SCENES = {
    "reset": Scene("reset", {"type": "Hard"}),
    "unlock-connector": Scene("unlock-connector", {"connector_id": 1}, {"status": "Unlocked"}),
    "clear-cache": Scene("clear-cache"),
    "trigger-message": Scene("trigger-message", {"requested_message": "MeterValues", "connector_id": 1}),
    "extended-trigger-message": Scene(
        "extended-trigger-message", {"requested_message": "LogStatusNotification"}
    ),
    "data-transfer": Scene("data-transfer", {"vendor_id": "acme", "message_id": "m", "data": "{}"}),
    "change-availability": Scene(
        "change-availability", {"connector_id": 0, "type": "Inoperative"}, {"status": "Scheduled"}
    ),
    "get-configuration": Scene("get-configuration", {"keys": ["HeartbeatInterval"]}, CONFIGURATION),
    "get-whole-configuration": Scene("get-configuration", {}, CONFIGURATION),
    "change-configuration": Scene("change-configuration", {"key": "HeartbeatInterval", "value": "60"}),
    "change-refused": Scene(
        "change-configuration",
        {"key": "HeartbeatInterval", "value": "60"},
        {"status": "NotSupported"},
        status="rejected",
    ),
    "set-authorization-key": Scene("set-authorization-key", {"key": KEY}, {"status": "RebootRequired"}),
    "remote-start": Scene("remote-start", {"id_token": "ALICE", "connector_id": 1}),
    "remote-start-limited": Scene(
        "remote-start", {"id_token": "ALICE", "charging_profile": profile("TxProfile", "Relative")}
    ),
    "remote-stop": Scene("remote-stop", before=charging),
    "reserve-now": Scene(
        "reserve-now",
        {"connector_id": 1, "id_token": "ALICE", "parent": "FLEET", "expires_at": SOON},
    ),
    "reserve-refused": Scene(
        "reserve-now",
        {"connector_id": 1, "id_token": "ALICE", "expires_at": SOON},
        {"status": "Occupied"},
        status="rejected",
    ),
    "reserve-again": Scene(
        "reserve-now",
        {"connector_id": 1, "id_token": "BOB", "expires_at": LATER},
        before=reserved,
    ),
    "cancel-reservation": Scene("cancel-reservation", before=reserved),
    "set-charging-profile": Scene(
        "set-charging-profile",
        {
            "connector_id": 0,
            "charging_profile": profile(
                "ChargePointMaxProfile",
                "Recurring",
                16.5,
                0,
                recurrency="Daily",
                valid_from=at(hours=1),
                valid_to=in_hours(48),
                stack_level=3,
                schedule={"duration": 86400, "min_rate": 6},
            ),
        },
    ),
    "set-transaction-profile": Scene(
        "set-charging-profile", {"charging_profile": profile("TxProfile", "Relative")}, before=charging_here
    ),
    "profile-refused": Scene(
        "set-charging-profile",
        {"connector_id": 1, "charging_profile": profile(stack_level=2)},
        {"status": "Rejected"},
        status="rejected",
    ),
    "clear-charging-profile": Scene("clear-charging-profile", before=limited),
    "clear-unknown-profile": Scene(
        "clear-charging-profile",
        {"connector_id": 0, "purpose": "TxDefaultProfile", "stack_level": 0},
        {"status": "Unknown"},
        limited,
        status="rejected",
    ),
    "get-composite-schedule": Scene(
        "get-composite-schedule", {"connector_id": 1, "duration": 600, "unit": "A"}, SCHEDULE
    ),
    "get-local-list-version": Scene("get-local-list-version", {}, {"listVersion": 7}),
    "send-local-list": Scene("send-local-list", {"update_type": "Empty"}, before=listed),
    "list-failed": Scene(
        "send-local-list", {"update_type": "Empty"}, {"status": "Failed"}, listed, status="rejected"
    ),
    "update-firmware": Scene(
        "update-firmware",
        {
            "location": "https://acme:secret@acme.example/fw.bin",
            "retrieve_date": SOON,
            "retries": 3,
            "retry_interval": 60,
        },
        {},
    ),
    "signed-update-firmware": Scene(
        "signed-update-firmware", signed(retrieve_date=SOON, install_date=LATER, retries=0)
    ),
    "get-diagnostics": Scene(
        "get-diagnostics",
        {"location": "ftp://acme.example/in", "start_time": at(hours=2), "stop_time": at(hours=1)},
        {"fileName": "log.txt"},
    ),
    "get-log": Scene(
        "get-log",
        {
            "location": "sftp://a:b@acme.example/in",
            "log_type": "SecurityLog",
            "oldest_timestamp": at(hours=2),
            "retries": 1,
            "retry_interval": 5,
        },
        {"status": "Accepted", "filename": "log.txt"},
    ),
    "install-certificate": Scene(
        "install-certificate", {"certificate_type": "central_system_root", "certificate": CA.pem}
    ),
    "get-installed-certificate-ids": Scene(
        "get-installed-certificate-ids",
        {"certificate_type": "manufacturer_root"},
        {"status": "Accepted", "certificateHashData": [hashed(CA)]},
        rooted,
    ),
    "delete-certificate": Scene("delete-certificate", NAMED, before=rooted),
    "certificate-signed": Scene("certificate-signed", before=certified),
}


def test_every_command_has_a_scene():
    assert {scene.slug for scene in SCENES.values()} == set(orders()[Version.V16])


def of_this_one(payload: dict[str, Any], command: Command, told: dict[str, Any]) -> dict[str, Any]:
    """The payload that the other charge point got, about this one's transaction and certificate."""
    match command.action:
        case "RemoteStopTransaction":
            return {"transactionId": int(told["transaction_id"])}
        case "SetChargingProfile" if "transaction_id" in told:
            named = payload["csChargingProfiles"] | {"transactionId": int(told["transaction_id"])}
            return payload | {"csChargingProfiles": named}
        case "CancelReservation" | "ReserveNow" if "reservation_id" in told:
            return payload | {"reservationId": told["reservation_id"]}
        case "CertificateSigned":
            return {"certificateChain": told["certificate_chain"]}
    return payload


@pytest.mark.parametrize("name", SCENES)
async def test_the_house_remembers_the_same(house: House, name: str):
    scene = SCENES[name]
    token("ALICE")
    token("BOB")
    async with cp16(house) as blind, cp16(house) as exact:
        told = await scene.before(blind) if scene.before else {}
        ordered = blind.order(scene.slug, **scene.params, **told)
        frame = await blind.wire.receive()
        await blind.wire.send([3, frame[1], scene.answer])
        ordered = await blind.settled(ordered)

        told = await scene.before(exact) if scene.before else {}
        payload = of_this_one(frame[3], ordered, told)
        command = await takes(exact, frame[2], payload, scene.answer)

        assert (command.type, command.status) == (scene.slug, scene.status)
        assert ordered.status == scene.status
        one, other = memory(blind.row), memory(exact.row)
        for rows in (one, other):
            forget_names(rows)
        assert other == one


def forget_names(rows: dict[str, Any]) -> None:
    """Take out what must differ between two charge points: their own numbers and names."""
    for command in rows["Command"]:
        for part in ("params", "payload", "exact"):
            held: Any = command.get(part) or {}
            for name in ("transaction_id", "transactionId", "reservation_id", "reservationId"):
                held.pop(name, None)
            for name in ("certificate_chain", "certificateChain"):
                held.pop(name, None)
            held.get("csChargingProfiles", {}).pop("transactionId", None)
        command.pop("effect_subject", None)
    for name in ("Transaction", "SigningRequest"):
        rows.pop(name)
    for row in rows["Reservation"]:
        row.pop("number")
    for row in rows["InstalledCertificate"]:
        if row["use"] == "charge_point":
            for part in ("pem", "fingerprint", "serial_number", "subject"):
                row.pop(part)
