"""What certificates are for: to connect to us, to speak with cars, or both. Each use has its own request and CA."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from chargers.certificates import signing
from chargers.certificates.authority import can_answer, current_authority
from chargers.certificates.checks import Unfit, check_chain
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.certificates.pem import read_certificates
from chargers.certificates.signing import Refusal
from chargers.commands import exact, ledger
from chargers.commands.ordering import Author, CommandRefused
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from tests.api.cast import charge_point, online
from tests.certificates.cast import NOW, Ca, csr, ec_key, pem, root, rsa_key
from tests.support.house import settings_are

pytestmark = pytest.mark.django_db
Status, Use = SigningRequest.Status, SigningRequest.Use
V2G_SIDE, OUR_SIDE = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.fixture
def station() -> ChargePoint:
    row = online(charge_point("CS201", serial_number="SN-1"))
    ChargePoint.objects.filter(pk=row.pk).update(protocol=Version.V201)
    return ChargePoint.objects.get(pk=row.pk)


@pytest.fixture
def cas(tmp_path: Path) -> Iterator[dict[str, Ca]]:
    """Two CAs: one for charge points, and one for cars that is below a root."""
    own, v2g = root("csms CA"), root("V2G root").below("CPO Sub CA")
    assert v2g.above is not None
    for name, ca, issuers in (("own", own, ""), ("v2g", v2g, v2g.above.pem)):
        (tmp_path / f"{name}.pem").write_text(ca.pem + issuers)
        (tmp_path / f"{name}.key").write_bytes(ca.key_pem)
    paths = {
        "CSMS_CA_CERTIFICATE": str(tmp_path / "own.pem"),
        "CSMS_CA_KEY": str(tmp_path / "own.key"),
        "CSMS_V2G_CA_CERTIFICATE": str(tmp_path / "v2g.pem"),
        "CSMS_V2G_CA_KEY": str(tmp_path / "v2g.key"),
    }
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", **paths):
        yield {"own": own, "v2g": v2g}


def comes(station: ChargePoint, use: str, request: Any = None) -> SigningRequest:
    assert signing.receive_request(station.pk, pem(request or csr("CS201")), use=use, now=NOW)
    return SigningRequest.objects.order_by("-pk")[0]


def approved(station: ChargePoint, use: str, request: Any = None) -> SigningRequest:
    return signing.approve_request(comes(station, use, request), by="alice", now=NOW)


def sides(leaf: x509.Certificate) -> list[Any]:
    return list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@pytest.mark.parametrize(
    ("use", "ca", "length", "allowed", "type"),
    [
        (Use.CHARGE_POINT, "own", 1, [OUR_SIDE], "ChargingStationCertificate"),
        (Use.V2G, "v2g", 2, [V2G_SIDE], "V2GCertificate"),
        (Use.COMBINED, "own", 1, [OUR_SIDE, V2G_SIDE], None),
    ],
)
def test_each_use_has_its_ca_its_side_of_tls_and_its_word(
    station: ChargePoint,
    cas: dict[str, Ca],
    use: str,
    ca: str,
    length: int,
    allowed: list[Any],
    type: str | None,
):
    row = approved(station, use)
    assert (row.status, row.authority) == (Status.SIGNED, ca)
    chain = read_certificates(row.chain)
    chain[0].verify_directly_issued_by(cas[ca].certificate)
    assert len(chain) == length, "the issuers below the root come with it"
    assert sides(chain[0]) == allowed
    assert chain[0].extensions.get_extension_for_class(x509.KeyUsage).value.key_agreement is (
        use != Use.CHARGE_POINT
    )
    sent = ledger.claim_next(station.pk, connection_id=station.connection_id, version=Version.V201, now=NOW)
    assert sent is not None
    assert (sent.action, sent.payload.get("certificateType")) == ("CertificateSigned", type)
    ledger.settle_answer(sent.command_id, {"status": "Accepted"}, version=Version.V201, now=NOW)
    assert signing.fresh(row).status == Status.INSTALLED
    had = set(InstalledCertificate.objects.values_list("use", flat=True))
    assert had == ({"charge_point", "v2g"} if use == Use.COMBINED else {use})


def test_a_newer_certificate_replaces_the_one_of_its_use_alone(station: ChargePoint, cas: dict[str, Ca]):
    for use in (Use.CHARGE_POINT, Use.V2G, Use.V2G):
        row = approved(station, use)
        Command.objects.filter(pk=signing.fresh(row).command_id).update(status="sent", sent_at=NOW)
        command_id = signing.fresh(row).command_id
        assert command_id is not None
        ledger.settle_answer(command_id, {"status": "Accepted"}, version=Version.V201, now=NOW)
    present = InstalledCertificate.objects.filter(removed_at=None)
    assert sorted(present.values_list("use", flat=True)) == ["charge_point", "v2g"]
    assert InstalledCertificate.objects.get(removal="replaced").use == "v2g"


def test_a_newer_request_replaces_the_one_for_the_same_use_alone(station: ChargePoint):
    own, v2g = comes(station, Use.CHARGE_POINT), comes(station, Use.V2G)
    newer = comes(station, Use.V2G)
    states = [signing.fresh(row).status for row in (own, v2g, newer)]
    assert states == [Status.PENDING, Status.SUPERSEDED, Status.PENDING]
    request = csr("CS201")
    first = comes(station, Use.CHARGE_POINT, request)
    assert comes(station, Use.CHARGE_POINT, request).pk == first.pk, "the same is one request"
    assert comes(station, Use.COMBINED, request).pk != first.pk, "for another use it is another"


@pytest.mark.parametrize("key", [rsa_key(), ec_key(ec.SECP384R1())], ids=["RSA", "P-384"])
def test_a_key_that_cars_do_not_take_is_a_doubt(station: ChargePoint, key: Any):
    row = comes(station, Use.V2G, csr("CS201", key))
    assert "cars ask for EC secp256r1" in row.problems[0]
    assert comes(station, Use.CHARGE_POINT, csr("CS201", key)).problems == []


def test_without_a_ca_for_cars_the_other_signs_for_them_too(
    station: ChargePoint, cas: dict[str, Ca], tmp_path: Path
):
    with settings_are(CSMS_V2G_CA_CERTIFICATE="", CSMS_V2G_CA_KEY=""):
        row = approved(station, Use.V2G)
        [leaf] = read_certificates(row.chain)
        leaf.verify_directly_issued_by(cas["own"].certificate)
        assert (sides(leaf), row.authority) == ([V2G_SIDE], "own")
    assert can_answer(Use.V2G)
    with settings_are(CSMS_V2G_CA_KEY=str(tmp_path / "nothing.key")):
        assert not can_answer(Use.V2G)
        assert can_answer(Use.CHARGE_POINT)
        failed = approved(station, Use.V2G)
        assert failed.status == Status.APPROVED
        assert "nothing.key cannot be read" in failed.signing_error
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="manual", CSMS_V2G_CA_CERTIFICATE=""):
        assert can_answer(Use.V2G), "a person can"
        assert current_authority(Use.V2G).sign(csr(), now=NOW) is None


def test_a_chain_is_checked_for_the_side_of_its_use():
    ca = root()
    client, server = ca.sign(csr()), ca.sign(csr(), usage=V2G_SIDE)
    check_chain([client], now=NOW, longest=10_000)
    check_chain([server], now=NOW, longest=10_000, use=Use.V2G)
    with pytest.raises(Unfit, match="not for TLS servers"):
        check_chain([client], now=NOW, longest=10_000, use=Use.V2G)
    with pytest.raises(Unfit, match="not for TLS clients"):
        check_chain([server], now=NOW, longest=10_000, use=Use.COMBINED)


def test_a_chain_for_another_use_than_the_request_is_refused(station: ChargePoint):
    request = csr("CS201")
    comes(station, Use.V2G, request)
    leaf = root().sign(request)
    payload = {"certificateChain": pem(leaf), "certificateType": "ChargingStationCertificate"}
    with pytest.raises(CommandRefused, match="request for another use: to speak with cars"):
        exact.send_exact(station, "CertificateSigned", payload, author=Author("alice"), now=NOW)
    assert not Command.objects.exists()


def test_an_exact_chain_answers_the_request_for_its_use(station: ChargePoint):
    request = csr("CS201")
    row = comes(station, Use.V2G, request)
    chain = pem(root().sign(request, usage=V2G_SIDE))
    v2g = {"certificateChain": chain, "certificateType": "V2GCertificate"}
    with pytest.raises(CommandRefused, match="nobody has approved"):
        exact.send_exact(station, "CertificateSigned", v2g, author=Author("alice"), now=NOW)
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="manual"):
        signing.approve_request(row, by="alice", now=NOW)
        command = exact.send_exact(station, "CertificateSigned", v2g, author=Author("alice"), now=NOW)
    assert (command.type, command.params["use"]) == ("certificate-signed", "v2g")
    assert signing.fresh(row).command_id == command.pk
    with pytest.raises(Refusal):
        signing.reject_request(row, by="alice", reason="late", now=NOW)


def test_1_6_has_no_other_use():
    row = online(charge_point("CP16"))
    params = {"certificate_chain": pem(root().sign(csr("CP16"))), "use": "v2g"}
    with pytest.raises(
        CommandRefused, match="CertificateSigned of this OCPP version has nothing like use: leave it out"
    ):
        send_command(row, "certificate-signed", params, author=Author("alice"), now=NOW)
