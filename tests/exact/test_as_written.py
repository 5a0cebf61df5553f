"""Numbers, times and texts arrive as the caller wrote them, where our own words would spell them otherwise."""

from typing import Any

import pytest

from chargers.models import Command
from tests.certificates.cast import csr, pem, root
from tests.conformance.v16.cast import cp16, token
from tests.exact.cast import exactly, gets, takes
from tests.firmware.cast import certificate, signature
from tests.support.house import House

CA = root()
ZONED = "2099-01-01T02:00:00.5+02:00"
PROFILE: dict[str, Any] = {
    "chargingSchedule": {  # not in the order of the specification
        "chargingSchedulePeriod": [{"limit": 16.0, "startPeriod": 0}, {"startPeriod": 60, "limit": 6.5}],
        "startSchedule": "2026-01-01T00:00:00+01:00",
        "minChargingRate": 6.0,
        "chargingRateUnit": "A",
    },
    "chargingProfileKind": "Absolute",
    "chargingProfilePurpose": "TxDefaultProfile",
    "validTo": ZONED,
    "stackLevel": 0,
    "chargingProfileId": 0,
}
WRITTEN: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 77},
    "CertificateSigned": {},  # of each charge point its own
    "ChangeAvailability": {"type": "Operative", "connectorId": 7},
    "ChangeConfiguration": {"value": " 60 ", "key": "heartbeatINTERVAL"},
    "ClearCache": {},
    "ClearChargingProfile": {"stackLevel": 0, "id": 0},
    "DataTransfer": {"vendorId": "acme", "data": " {\n} é "},
    "DeleteCertificate": {
        "certificateHashData": {
            "serialNumber": "00aB",
            "issuerKeyHash": "AB",
            "issuerNameHash": "cd",
            "hashAlgorithm": "SHA512",
        }
    },
    "ExtendedTriggerMessage": {"connectorId": 3, "requestedMessage": "MeterValues"},
    "GetCompositeSchedule": {"duration": 1, "connectorId": 0},
    "GetConfiguration": {"key": ["A", "a", "B"]},
    "GetDiagnostics": {"location": "ftp://acme.example", "stopTime": ZONED, "retries": 0},
    "GetInstalledCertificateIds": {"certificateType": "ManufacturerRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {
        "log": {"remoteLocation": "sftp://a:b@acme.example/x", "latestTimestamp": ZONED},
        "requestId": 1,
        "logType": "DiagnosticsLog",
        "retryInterval": 0,
    },
    "InstallCertificate": {
        "certificate": f"our root:\r\n{CA.pem}\r\n",
        "certificateType": "ManufacturerRootCertificate",
    },
    "RemoteStartTransaction": {
        "chargingProfile": PROFILE
        | {"chargingProfilePurpose": "TxProfile", "chargingProfileId": 5, "validTo": ZONED},
        "idTag": "alice",
    },
    "RemoteStopTransaction": {"transactionId": -12},
    "ReserveNow": {
        "reservationId": 1,
        "idTag": "alice",
        "parentIdTag": "",
        "expiryDate": ZONED,
        "connectorId": 2,
    },
    "Reset": {"type": "Soft"},
    "SendLocalList": {
        "updateType": "Differential",
        "localAuthorizationList": [
            {"idTag": " b "},
            {"idTagInfo": {"parentIdTag": "P", "expiryDate": ZONED, "status": "Invalid"}, "idTag": "B"},
        ],
        "listVersion": 9,
    },
    "SetChargingProfile": {"csChargingProfiles": PROFILE, "connectorId": 0},
    "SignedUpdateFirmware": {
        "requestId": 1,
        "firmware": {
            "signature": f" {signature()}\n",
            "signingCertificate": f"{certificate()}\n\n",
            "installDateTime": ZONED,
            "retrieveDateTime": "2026-01-01T00:00:00Z",
            "location": "HTTPS://acme.example/fw",
        },
    },
    "TriggerMessage": {"connectorId": 1, "requestedMessage": "StatusNotification"},
    "UnlockConnector": {"connectorId": 4},
    "UpdateFirmware": {"retrieveDate": ZONED, "location": "http://acme.example/fw", "retryInterval": 1},
}
del WRITTEN["RemoteStartTransaction"]["chargingProfile"]["validTo"]


@pytest.mark.parametrize("action", WRITTEN)
async def test_it_arrives_as_it_was_written(house: House, action: str):
    async with cp16(house) as charger:
        token("ALICE")
        payload = WRITTEN[action]
        if action == "CertificateSigned":
            payload = {"certificateChain": f"\n{pem(CA.sign(csr(charger.row.cp_id)))}\n\n"}
        command = await gets(charger, action, payload)
        command.refresh_from_db()
        assert (command.status, command.action, command.by) == ("sent", action, "alice")
        assert command.type != "exact", "the house knows what it means"
        assert command.sealed == "", "what was sent is kept masked only"


async def test_two_that_wait_are_sent_in_their_order(house: House):
    async with cp16(house) as charger:
        for number in (1, 2):
            exactly(charger, "DataTransfer", {"vendorId": "acme", "data": str(number)})
        for number in ("1", "2"):
            assert (await charger.expect("DataTransfer"))["data"] == number
            await charger.answer(status="Accepted")


async def test_all_keys_are_asked_for_in_one_message(house: House):
    async with cp16(house) as charger:
        at_once = {"configurationKey": [{"key": "GetConfigurationMaxKeys", "readonly": True, "value": "2"}]}
        await charger.hears("get-configuration", at_once)
        payload = {"key": ["A", "B", "C"]}
        await takes(charger, "GetConfiguration", payload, {"configurationKey": [], "unknownKey": ["A"]})
        assert Command.objects.filter(charge_point=charger.row).count() == 2, "no other follows"
