"""Whatever is ordered of OCPP 2.0.1 can be ordered word for word, and the house remembers the same of both doors."""

from typing import Any

import pytest

from chargers.commands.sending import orders
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from tests.certificates.cast import csr, pem, root
from tests.conformance.v16.charging_cast import in_hours
from tests.conformance.v201.cast import CS201, Session, cs201, token
from tests.exact.cast import memory, takes
from tests.exact.test_twins import KEY, Scene, forget_names
from tests.network.cast import says, with_slots
from tests.support.house import House

CA = root()
SOON = in_hours(1)
TIMEOUT = "TxCtrlr/EVConnectionTimeOut"
NAMED = {"component": {"name": "TxCtrlr"}, "variable": {"name": "EVConnectionTimeOut"}}
OTHER = "AuthCtrlr/OfflineTxForUnknownIdEnabled"
NAMED_OTHER = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "OfflineTxForUnknownIdEnabled"}}
WS = "ws://csms.example.org/ocpp"


async def charging(station: CS201) -> dict[str, Any]:
    session = Session()
    await station.event(
        session.started("Authorized", state="EVConnected", idToken={"idToken": "ALICE", "type": "ISO14443"})
    )
    return {"transaction_id": session.transaction_id}


async def outlets(station: CS201) -> dict[str, Any]:
    await station.status("Available")
    return {}


async def reserved(station: CS201) -> dict[str, Any]:
    await station.status("Available")
    command = await station.hears("reserve-now", evse_id=1, id_token="ALICE", expires_at=SOON)
    return {"reservation_id": command.params["reservation_id"]}


async def listed(station: CS201) -> dict[str, Any]:
    """It has a list of somebody's, and its policy is off."""
    await takes(station, "SendLocalList", {"versionNumber": 4, "updateType": "Full"})  # type: ignore[arg-type]
    return {}


async def several(station: CS201) -> dict[str, Any]:
    """It takes several changes in a message."""
    says(station.row, "DeviceDataCtrlr/ItemsPerMessage[SetVariables]", "4")
    return {}


async def slots(station: CS201) -> dict[str, Any]:
    """It has a password, which security profile 1 needs, and has reported its slots."""
    ChargePoint.objects.filter(pk=station.row.pk).update(password_hash="x")
    with_slots(station.row, active="1")
    return {}


async def certified(station: CS201) -> dict[str, Any]:
    return {"certificate_chain": pem(CA.sign(csr(station.row.cp_id)))}


def set_to(status: str, named: dict[str, Any] = NAMED) -> dict[str, Any]:
    return {"setVariableResult": [{"attributeStatus": status, **named}]}


def read_as(status: str, **value: str) -> dict[str, Any]:
    return {"getVariableResult": [{"attributeStatus": status, **value, **NAMED}]}


PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
SCENES = {
    "get-transaction-status": Scene("get-transaction-status", {}, {"messagesInQueue": True}, charging),
    "get-queue-status": Scene("get-transaction-status", {}, {"messagesInQueue": False}),
    "clear-cache": Scene("clear-cache"),
    "remote-start": Scene("remote-start", {"id_token": "ALICE", "evse_id": 1}, before=outlets),
    "remote-start-typed": Scene("remote-start", {"id_token": "ALICE", "evse_id": 1, "token_type": "Central"}),
    "remote-start-refused": Scene(
        "remote-start", {"id_token": "ALICE", "evse_id": 1}, {"status": "Rejected"}, status="rejected"
    ),
    "remote-stop": Scene("remote-stop", before=charging),
    "get-local-list-version": Scene("get-local-list-version", {}, {"versionNumber": 7}),
    "send-local-list": Scene("send-local-list", {"update_type": "Empty"}, before=listed),
    "list-failed": Scene(
        "send-local-list", {"update_type": "Empty"}, {"status": "VersionMismatch"}, listed, status="rejected"
    ),
    "cost-updated": Scene("cost-updated", {"total_cost": "1.25"}, {}, charging),
    "reset": Scene("reset", {"type": "Immediate"}),
    "reset-later": Scene("reset", {"type": "OnIdle"}, {"status": "Scheduled"}),
    "data-transfer": Scene("data-transfer", {"vendor_id": "acme", "message_id": "m", "data": "{}"}),
    "unlock-connector": Scene("unlock-connector", {"connector_id": 1}, {"status": "Unlocked"}, outlets),
    "unlock-refused": Scene(
        "unlock-connector",
        {"connector_id": 1},
        {"status": "OngoingAuthorizedTransaction"},
        outlets,
        status="rejected",
    ),
    "trigger-message": Scene(
        "trigger-message", {"requested_message": "MeterValues", "evse_id": 1}, before=outlets
    ),
    "trigger-heartbeat": Scene(
        "trigger-message", {"requested_message": "Heartbeat"}, {"status": "NotImplemented"}, status="rejected"
    ),
    "change-availability": Scene(
        "change-availability", {"evse_id": 1, "type": "Inoperative"}, {"status": "Scheduled"}, outlets
    ),
    "change-whole-availability": Scene("change-availability", {"connector_id": 0, "type": "Inoperative"}),
    "set-authorization-key": Scene("set-authorization-key", {"key": KEY}, set_to("Accepted", PASSWORD)),
    "get-configuration": Scene(
        "get-configuration", {"keys": [TIMEOUT]}, read_as("Accepted", attributeValue="60")
    ),
    "get-unknown": Scene("get-configuration", {"keys": [TIMEOUT]}, read_as("UnknownVariable")),
    "change-configuration": Scene(
        "change-configuration", {"key": TIMEOUT, "value": "60"}, set_to("Accepted")
    ),
    "change-refused": Scene(
        "change-configuration", {"key": TIMEOUT, "value": "60"}, set_to("Rejected"), status="rejected"
    ),
    "set-variables": Scene(
        "set-variables",
        {"values": [{"key": TIMEOUT, "value": "60"}, {"key": OTHER, "value": "true"}]},
        {"setVariableResult": [{"attributeStatus": "RebootRequired", **one} for one in (NAMED, NAMED_OTHER)]},
        several,
    ),
    "set-network-profile": Scene(
        "set-network-profile", {"slot": 2, "url": WS, "security_profile": 1}, before=slots
    ),
    "network-profile-failed": Scene(
        "set-network-profile",
        {"slot": 2, "url": WS, "security_profile": 1},
        {"status": "Failed"},
        slots,
        status="rejected",
    ),
    "get-base-report": Scene("get-base-report", {"report_base": "SummaryInventory"}),
    "base-report-refused": Scene(
        "get-base-report", {"report_base": "SummaryInventory"}, {"status": "NotSupported"}, status="rejected"
    ),
    "get-report": Scene("get-report", {"criteria": ["Problem"], "variables": [TIMEOUT]}),
    "empty-report": Scene("get-report", {"criteria": ["Problem"]}, {"status": "EmptyResultSet"}),
    "reserve-now": Scene(
        "reserve-now",
        {"evse_id": 1, "id_token": "ALICE", "parent": "FLEET", "expires_at": SOON},
        before=outlets,
    ),
    "reserve-refused": Scene(
        "reserve-now",
        {"evse_id": 1, "id_token": "ALICE", "expires_at": SOON},
        {"status": "Occupied"},
        outlets,
        status="rejected",
    ),
    "cancel-reservation": Scene("cancel-reservation", before=reserved),
    "certificate-signed": Scene("certificate-signed", before=certified),
}


def test_every_command_has_a_scene():
    assert {scene.slug for scene in SCENES.values()} == set(orders()[Version.V201])


def of_this_one(payload: dict[str, Any], command: Command, told: dict[str, Any]) -> dict[str, Any]:
    """The payload that the other station got, about this one's transaction, reservation and certificate."""
    names = {
        "transactionId": "transaction_id",
        "reservationId": "reservation_id",
        "certificateChain": "certificate_chain",
    }
    own = {name: told[ours] for name, ours in names.items() if name in payload and ours in told}
    return payload | own


@pytest.mark.parametrize("name", SCENES)
async def test_the_house_remembers_the_same(house: House, name: str):
    scene = SCENES[name]
    token("ALICE")
    async with cs201(house) as blind, cs201(house) as exact:
        told = await scene.before(blind) if scene.before else {}  # type: ignore[arg-type]
        ordered = blind.order(scene.slug, **scene.params, **told)
        frame = await blind.wire.receive()
        await blind.wire.send([3, frame[1], scene.answer])
        ordered = await blind.settled(ordered)

        told = await scene.before(exact) if scene.before else {}  # type: ignore[arg-type]
        payload = of_this_one(frame[3], ordered, told)
        command = await takes(exact, frame[2], payload, scene.answer)  # type: ignore[arg-type]

        assert (command.type, command.status) == (scene.slug, scene.status)
        assert ordered.status == scene.status
        one, other = memory(blind.row), memory(exact.row)
        for rows in (one, other):
            forget_names(rows)
            for event in rows["TransactionEvent"]:
                event.pop("fingerprint")  # of its own transaction
                event.pop("frame_id")
            for row in rows["Command"]:
                for name in ("transaction", "batch"):
                    row["params"].pop(name, None)
                if row["type"] == "reserve-now":
                    row["payload"].pop("id")
            # Our own numbers are counted, those of others are theirs; none is given twice.
            rows.pop("NumberSeries")
        assert other == one


async def test_a_number_that_was_given_word_for_word_is_not_given_again(house: House):
    token("ALICE")
    async with cs201(house) as station:
        payload = {"remoteStartId": 1, "idToken": {"idToken": "ALICE", "type": "ISO14443"}, "evseId": 1}
        await takes(station, "RequestStartTransaction", payload, {"status": "Rejected"})  # type: ignore[arg-type]
        command = await station.hears("remote-start", {"status": "Rejected"}, id_token="ALICE", evse_id=1)
        assert command.params["remote_start_id"] == 2
