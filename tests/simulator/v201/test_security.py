"""Certificates, passwords, network profiles and signed meter values of simulated stations."""

import asyncio
import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chargers.simulator.cars import Draw
from tests.simulator.asking import certificate
from tests.simulator.v201.desk import Desk

KINDS = {
    "ChargingStationCertificate": "SignChargingStationCertificate",
    "V2GCertificate": "SignV2GCertificate",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_is_asked_for_signed_and_taken(kind):
    desk = Desk("dc50")
    root, _, root_key = certificate("CA")
    component = "ISO15118Ctrlr" if kind == "V2GCertificate" else "SecurityCtrlr"
    await desk.put(component, "OrganizationName", "Example CPO")
    await desk.ask("TriggerMessage", {"requestedMessage": KINDS[kind]})
    [(_, request)] = desk.sent
    assert request["certificateType"] == kind
    csr = x509.load_pem_x509_csr(request["csr"].encode())
    assert csr.is_signature_valid
    serial = desk.station.nameplate.serial
    assert csr.subject.rfc4514_string() == f"O=Example CPO,CN={serial}"
    _, foreign, _ = certificate("somebody", issuer=root.subject, issuer_key=root_key)
    _, leaf, _ = certificate(serial, csr.public_key(), root.subject, root_key)

    async def give(chain):
        return await desk.status("CertificateSigned", {"certificateChain": chain, "certificateType": kind})

    assert [await give(chain) for chain in ("no PEM", foreign, leaf, leaf)] == [
        "Rejected",
        "Rejected",
        "Accepted",
        "Rejected",  # a request is answered once
    ]
    wrong = (
        "InvalidChargingStationCertificate"
        if kind in "ChargingStationCertificate"
        else "InvalidV2GCertificate"
    )
    assert [event["type"] for event in desk.queued("SecurityEventNotification")] == [wrong] * 3
    chain = await desk.ask("GetInstalledCertificateIds", {"certificateType": ["V2GCertificateChain"]})
    assert chain["status"] == ("Accepted" if kind == "V2GCertificate" else "NotFound")
    if kind == "V2GCertificate":
        own = {"certificateHashData": chain["certificateHashDataChain"][0]["certificateHashData"]}
        assert await desk.status("DeleteCertificate", own) == "Failed"


async def test_a_request_that_nobody_answers_is_repeated_after_a_doubling_wait():
    desk = Desk()
    waits = []

    async def sleep(simulated):
        waits.append(simulated)

    object.__setattr__(desk.station, "clock", type("Quick", (), {"sleep": staticmethod(sleep)})())
    await desk.ask("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    async with asyncio.timeout(10):
        while desk.station.jobs.is_running("sign ChargingStationCertificate"):
            await asyncio.sleep(0)
    assert waits == [60, 120, 240]
    assert len({request["csr"] for request in desk.queued("SignCertificate")}) == 1
    assert len(desk.queued("SignCertificate")) == 3


async def test_root_certificates_are_kept_listed_and_deleted():
    desk = Desk()
    root, pem, _ = certificate("Root")
    kind = {"certificateType": "CSMSRootCertificate"}
    assert await desk.status("GetInstalledCertificateIds", {}) == "NotFound"
    for content, status in ((pem, "Accepted"), ("no PEM", "Rejected"), (certificate(days=-1)[1], "Rejected")):
        assert await desk.status("InstallCertificate", kind | {"certificate": content}) == status
    found = (await desk.ask("GetInstalledCertificateIds", {}))["certificateHashDataChain"]
    assert [one["certificateType"] for one in found] == ["CSMSRootCertificate"]
    data = found[0]["certificateHashData"]
    assert int(data["serialNumber"], 16) == root.serial_number
    assert (
        await desk.status("GetInstalledCertificateIds", {"certificateType": ["MORootCertificate"]})
        == "NotFound"
    )
    wrong = {"certificateHashData": data | {"serialNumber": "1"}}
    assert await desk.status("DeleteCertificate", wrong) == "NotFound"
    assert await desk.status("DeleteCertificate", {"certificateHashData": data}) == "Accepted"
    for n in range(9):
        answer = await desk.status("InstallCertificate", kind | {"certificate": certificate(f"R{n}")[1]})
        assert answer == ("Failed" if n == 8 else "Accepted")


# --- network profiles


def profile(slot=1, **more):
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "ws://second.example/ocpp",
        "messageTimeout": 20,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    }
    return {"configurationSlot": slot, "connectionData": data | more}


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (profile(), "Accepted", None),
        (profile(slot=0), "Rejected", "PriorityNetworkConf"),
        (profile(slot=9), "Rejected", "InvalidConfSlot"),
        (profile(securityProfile=0), "Rejected", "NoSecurityProfile"),
        (profile(ocppTransport="SOAP"), "Rejected", "InvalidNetworkConf"),
        (profile(ocppVersion="OCPP16"), "Rejected", "InvalidNetworkConf"),
        (profile(securityProfile=2), "Failed", "InvalidNetworkConf"),
    ],
)
async def test_a_network_profile_is_judged_before_it_is_kept(request_, status, reason):
    answer = await Desk().ask("SetNetworkProfile", request_)
    assert answer["status"] == status
    assert answer.get("statusInfo", {}).get("reasonCode") == reason


async def test_the_order_of_slots_needs_what_they_need():
    desk = Desk()
    order = ("OCPPCommCtrlr", "NetworkConfigurationPriority")
    assert await desk.put(*order, "1,0") == "Rejected"  # nothing is in it
    await desk.ask("SetNetworkProfile", profile(1))
    await desk.ask(
        "SetNetworkProfile", profile(2, securityProfile=2, ocppCsmsUrl="wss://second.example/ocpp")
    )
    await desk.ask(
        "SetNetworkProfile", profile(3, securityProfile=3, ocppCsmsUrl="wss://second.example/ocpp")
    )
    assert await desk.put(*order, "1,0") == "Accepted"
    assert await desk.put(*order, "2,0") == "Rejected"  # no root certificate
    root = {"certificateType": "CSMSRootCertificate", "certificate": certificate("Root")[1]}
    await desk.ask("InstallCertificate", root)
    assert await desk.put(*order, "2,0") == "Accepted"
    assert await desk.put(*order, "3,0") == "Rejected"  # no certificate of its own


async def test_a_way_that_fails_gives_way_to_the_next_and_a_higher_profile_closes_the_lower():
    desk = Desk()
    network, link = desk.station.network, desk.station.link
    root = {"certificateType": "CSMSRootCertificate", "certificate": certificate("Root")[1]}
    await desk.ask("InstallCertificate", root)
    await desk.ask(
        "SetNetworkProfile", profile(2, securityProfile=2, ocppCsmsUrl="wss://second.example/ocpp")
    )
    await desk.put("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,0")
    assert link.dialling.url == "ws://first.example/ocpp"  # until the next boot
    desk.station.power_cycle()
    assert link.dialling.url == "wss://second.example/ocpp"
    for _ in range(3):
        network.missed()
    assert link.dialling.url == "ws://first.example/ocpp"
    assert (await desk.get("OCPPCommCtrlr", "ActiveNetworkProfile"))["attributeValue"] == "0"
    assert desk.station.boots_on_reconnect
    network.registered()
    assert not desk.station.boots_on_reconnect
    assert desk.station.model.names("OCPPCommCtrlr", "NetworkConfigurationPriority") == ["2", "0"]
    desk.station.power_cycle()
    network.registered()
    assert (await desk.get("SecurityCtrlr", "SecurityProfile"))["attributeValue"] == "2"
    assert desk.station.model.names("OCPPCommCtrlr", "NetworkConfigurationPriority") == ["2"]


async def test_a_new_password_counts_from_the_next_connection_which_comes_at_once():
    desk, closed = Desk(), []

    async def hang_up(**how):
        closed.append(how)

    desk.station.link.hang_up = hang_up
    secret = "Grüße-0123456789"
    assert await desk.put("SecurityCtrlr", "BasicAuthPassword", "short") == "Rejected"
    assert closed == []
    assert await desk.put("SecurityCtrlr", "BasicAuthPassword", secret) == "Accepted"
    assert desk.station.link.password == secret.encode()
    assert closed == [{"politely": True}]


# --- signed meter values


async def test_a_signed_value_can_be_verified_by_the_key_that_is_told():
    desk = Desk()
    evse = desk.station.evses[0]
    evse.meter.run(Draw(amps=(16.0, 16.0, 16.0)), 3600)
    await desk.put("SampledDataCtrlr", "SignReadings", "true")
    await desk.put("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue", "EveryMeterValue")
    reading = evse.reading("Sample.Periodic", "SampledDataCtrlr", "TxUpdatedMeasurands")
    [signed] = [value["signedMeterValue"] for value in reading["sampledValue"] if "signedMeterValue" in value]
    assert (signed["encodingMethod"], signed["signingMethod"]) == ("OCMF", "ECDSA-secp256r1-SHA256")
    assert len(signed["signedMeterData"]) <= 2500
    mark, body, seal = base64.b64decode(signed["signedMeterData"]).split(b"|")
    assert mark == b"OCMF"
    assert json.loads(body)["RD"][0]["RV"] == evse.meter.energy_wh / 1000
    key = serialization.load_der_public_key(base64.b64decode(signed["publicKey"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(bytes.fromhex(json.loads(seal)["SD"]), body, ec.ECDSA(hashes.SHA256()))  # raises if not
    assert (await desk.get("FiscalMetering@1", "PublicKey"))["attributeValue"] == signed["publicKey"]
    await desk.put("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue", "Never")
    reading = evse.reading("Sample.Periodic", "SampledDataCtrlr", "TxUpdatedMeasurands")
    assert {
        v["signedMeterValue"]["publicKey"] for v in reading["sampledValue"] if "signedMeterValue" in v
    } == {""}
