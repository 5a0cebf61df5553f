"""Certificates of stations in OCPP 2.0.1: asked for by their use, signed later, brought and taken (A02, A03)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from websockets.exceptions import InvalidStatus

from chargers.certificates import signing
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command, RefusedHandshake
from chargers.security_events.models import SecurityEvent
from chargers.traits.services import set_charge_point_traits
from tests.certificates.cast import Ca, csr, pem, root
from tests.conformance.v201.cast import CS201, SUBPROTOCOL, again, cs201, eventually, fresh, known, stamp
from tests.support.charger import RawCharger
from tests.support.house import ALICE, House, now, settings_are

Status = SigningRequest.Status
HEADER = "X-Client-Subject"


@pytest.fixture
def cas(tmp_path: Path) -> Iterator[dict[str, Ca]]:
    """A CA for stations, and one for what cars see, which is below a root."""
    found = {"own": root("csms CA"), "v2g": root("V2G root").below("CPO Sub CA")}
    for name, ca in found.items():
        (tmp_path / f"{name}.pem").write_text(ca.pem)
        (tmp_path / f"{name}.key").write_bytes(ca.key_pem)
    with settings_are(
        CSMS_CERTIFICATE_AUTHORITY="own",
        CSMS_CA_CERTIFICATE=str(tmp_path / "own.pem"),
        CSMS_CA_KEY=str(tmp_path / "own.key"),
        CSMS_V2G_CA_CERTIFICATE=str(tmp_path / "v2g.pem"),
        CSMS_V2G_CA_KEY=str(tmp_path / "v2g.key"),
    ):
        yield found


async def asks(cs: CS201, type: str | None, request: Any = None) -> SigningRequest:
    """It asks for a certificate in its serial number, and is answered at once."""
    typed = {} if type is None else {"certificateType": type}
    payload = {"csr": pem(request or csr(cs.row.cp_id)), **typed}
    assert await cs.call("SignCertificate", payload) == {"status": "Accepted"}
    return SigningRequest.objects.filter(charge_point=cs.row).order_by("-pk")[0]


async def is_triggered(cs: CS201, message: str) -> None:
    asked = {"requestedMessage": message}
    command = send_exact(fresh(cs.row), "TriggerMessage", asked, author=ALICE, now=now())
    assert await cs.expect("TriggerMessage") == asked
    await cs.answer(status="Accepted")
    assert (await cs.settled(command)).status == Command.Status.ACCEPTED


async def is_brought(cs: CS201, row: SigningRequest, type: str | None, ca: Ca) -> x509.Certificate:
    """Its request is approved; it is brought a chain of this CA and says with which word it was."""
    signing.approve_request(row, by="alice", now=now())
    brought = await cs.expect("CertificateSigned")
    assert brought.get("certificateType") == type
    leaf, *issuers = x509.load_pem_x509_certificates(brought["certificateChain"].encode())
    assert issuers == ([] if ca.above is None else [ca.certificate]), "leaf first, and no root"
    leaf.verify_directly_issued_by(ca.certificate)
    assert leaf.not_valid_before_utc <= now(), "valid at once (S2-101)"
    return leaf


def has(cs: CS201) -> set[str]:
    rows = InstalledCertificate.objects.filter(charge_point=cs.row, removed_at=None)
    return set(rows.values_list("use", flat=True))


async def test_tc_a_11_renew_the_certificate_of_the_station(house: House, cas: dict[str, Ca]):
    type = "ChargingStationCertificate"
    async with cs201(house) as cs:
        await is_triggered(cs, "SignChargingStationCertificate")
        row = await asks(cs, type)
        await is_brought(cs, row, type, cas["own"])
        await cs.answer(status="Accepted")
        await eventually(lambda: fresh(row).status == Status.INSTALLED)
        assert has(cs) == {"charge_point"}
    shown = {"X-Forwarded-Proto": "https", HEADER: f"CN={cs.row.cp_id}"}
    with settings_are(CSMS_CLIENT_CERTIFICATE_HEADER=HEADER):
        async with again(house, cs, additional_headers=shown):
            assert ChargePoint.objects.get(pk=cs.row.pk).security_profile == 3


async def test_tc_a_12_renew_the_v2g_certificate(house: House, cas: dict[str, Ca]):
    async with cs201(house) as cs:
        await is_triggered(cs, "SignV2GCertificate")
        row = await asks(cs, "V2GCertificate")
        await is_brought(cs, row, "V2GCertificate", cas["v2g"])
        await cs.answer(status="Accepted")
        await eventually(lambda: fresh(row).status == Status.INSTALLED)
        assert has(cs) == {"v2g"}


async def test_tc_a_13_renew_the_combined_certificate(house: House, cas: dict[str, Ca]):
    async with cs201(house) as cs:
        ChargePoint.objects.filter(pk=cs.row.pk).update(serial_number="SN-13")
        await is_triggered(cs, "SignCombinedCertificate")
        row = await asks(cs, None, csr("SN-13"))
        leaf = await is_brought(cs, row, None, cas["own"])
        assert leaf.subject.rfc4514_string() == "CN=SN-13"
        await cs.answer(status="Accepted")
        await eventually(lambda: fresh(row).status == Status.INSTALLED)
        assert has(cs) == {"charge_point", "v2g"}


async def test_tc_a_14_renewed_certificate_rejected_by_the_station(house: House, cas: dict[str, Ca]):
    type = "ChargingStationCertificate"
    async with cs201(house) as cs:
        first = await asks(cs, type)
        await is_brought(cs, first, type, cas["own"])
        await cs.answer(status="Accepted")
        await eventually(lambda: fresh(first).status == Status.INSTALLED)
        [active] = InstalledCertificate.objects.filter(charge_point=cs.row)
        second = await asks(cs, type)
        await is_brought(cs, second, type, cas["own"])
        await cs.answer(status="Rejected")
        event = {"type": "InvalidChargingStationCertificate", "timestamp": stamp()}
        assert await cs.call("SecurityEventNotification", event) == {}
        await eventually(lambda: fresh(second).status == Status.DECLINED)
        assert InstalledCertificate.objects.get(charge_point=cs.row, removed_at=None) == active
        assert SecurityEvent.objects.get(charge_point=cs.row).type == event["type"]
        signing.work_queue(now=now() + timedelta(hours=2))  # it is not sent again by itself (S2-102)
        assert Command.objects.filter(charge_point=cs.row, type="certificate-signed").count() == 2


NOBODY = {"CSMS_CERTIFICATE_AUTHORITY": "own", "CSMS_CA_CERTIFICATE": "/gone.pem", "CSMS_CA_KEY": "/gone.key"}


@pytest.mark.parametrize(
    "message", ["SignChargingStationCertificate", "SignV2GCertificate", "SignCombinedCertificate"]
)
async def test_s2_38_no_request_is_triggered_that_nobody_could_answer(house: House, message: str):
    async with cs201(house) as cs:
        with settings_are(**NOBODY):
            with pytest.raises(CommandRefused, match="no CA that could sign") as refused:
                cs.order("trigger-message", requested_message=message)
            assert list(refused.value.errors) == ["requested_message"]
            with pytest.raises(CommandRefused, match="no CA that could sign"):
                send_exact(
                    fresh(cs.row), "TriggerMessage", {"requestedMessage": message}, author=ALICE, now=now()
                )
        assert not Command.objects.filter(charge_point=cs.row).exists()
        command = cs.order("trigger-message", requested_message=message)  # people bring chains of another CA
        assert await cs.expect("TriggerMessage") == {"requestedMessage": message}
        assert fresh(command).status == Command.Status.SENT


END = "X-Client-End"
BY_PROXY = {"CSMS_CLIENT_CERTIFICATE_HEADER": HEADER, "CSMS_CLIENT_CERTIFICATE_END_HEADER": END}
ENDED, VALID = "Jan  1 00:00:00 2026 GMT", "Jan  1 00:00:00 2049 GMT"


def shows(cp_id: str, end: str) -> dict[str, Any]:
    """What a connection needs whose client certificate is valid until then."""
    headers = {"X-Forwarded-Proto": "https", HEADER: f"CN={cp_id}", END: end}
    return {"additional_headers": headers, "subprotocols": [SUBPROTOCOL]}


async def test_t_036_an_expired_certificate_is_refused_unless_its_station_may_renew_it(house: House):
    row = known("T036-REFUSED")
    with settings_are(**BY_PROXY):
        for trait in ({}, {"expired_certificate": "refuse"}):
            set_charge_point_traits(row, trait, now=now())
            with pytest.raises(InvalidStatus) as refused:
                async with RawCharger.connect(house.ocpp_url, row.cp_id, **shows(row.cp_id, ENDED)):
                    raise AssertionError("it was let in")
            assert refused.value.response.status_code == 401
        async with RawCharger.connect(house.ocpp_url, row.cp_id, **shows(row.cp_id, VALID)) as wire:
            assert (await CS201(row, wire).boot())["status"] == "Accepted"
    noted = RefusedHandshake.objects.filter(identity=row.cp_id, reason="expired_certificate", count=2)
    await eventually(noted.exists)


async def test_t_036_who_may_renew_it_is_pending_until_it_comes_with_another(
    house: House, cas: dict[str, Ca]
):
    type = "ChargingStationCertificate"
    row = known("T036-RENEWED")
    set_charge_point_traits(row, {"expired_certificate": "renew"}, now=now())
    with settings_are(**BY_PROXY):
        async with RawCharger.connect(house.ocpp_url, row.cp_id, **shows(row.cp_id, ENDED)) as wire:
            cs = CS201(row, wire)
            assert (await cs.boot())["status"] == "Pending"
            assert await cs.expect("TriggerMessage") == {"requestedMessage": f"Sign{type}"}
            assert await cs.refused("Heartbeat") == "SecurityError"
            with pytest.raises(CommandRefused, match="must first come back with a new one"):
                cs.order("clear-cache")
            await cs.answer(status="Accepted")
            assert (await cs.boot())["status"] == "Pending", "and it is not asked again at each boot"
            assert fresh(row).security_profile == 0, "it has proven nothing (T-037)"
            await is_brought(cs, await asks(cs, type), type, cas["own"])
            await cs.answer(status="Accepted")
            assert await wire.closed() == 1012, "only its next handshake proves the new one"
        async with RawCharger.connect(house.ocpp_url, row.cp_id, **shows(row.cp_id, ENDED)) as wire:
            assert (await CS201(row, wire).boot())["status"] == "Pending", "to take it is not to use it"
        async with RawCharger.connect(house.ocpp_url, row.cp_id, **shows(row.cp_id, VALID)) as wire:
            cs = CS201(row, wire)
            assert (await cs.boot())["status"] == "Accepted"
            assert "currentTime" in await cs.call("Heartbeat")
            assert fresh(row).security_profile == 3
    asked = Command.objects.filter(charge_point=row, type="trigger-message")
    assert [command.reason for command in asked] == ["it has shown a certificate that has ended"]


async def test_msg_sign_certificate_is_answered_at_once_for_each_use(house: House):
    async with cs201(house) as cs:
        uses = [(await asks(cs, type)).use for type in ("ChargingStationCertificate", "V2GCertificate", None)]
        assert uses == ["charge_point", "v2g", "combined"]
        open_ones = SigningRequest.objects.filter(charge_point=cs.row, status=Status.PENDING)
        assert open_ones.count() == 3
        assert await cs.call("SignCertificate", {"csr": "no request"}) == {"status": "Rejected"}


async def test_msg_certificate_signed_that_is_refused_leaves_no_certificate(house: House, cas: dict[str, Ca]):
    async with cs201(house) as cs:
        row = await asks(cs, "V2GCertificate")
        await is_brought(cs, row, "V2GCertificate", cas["v2g"])
        await cs.answer(status="Rejected", statusInfo={"reasonCode": "InvalidCert"})
        await eventually(lambda: fresh(row).status == Status.DECLINED)
        assert fresh(row).reason == "the charge point refused the certificate"
        assert has(cs) == set()
