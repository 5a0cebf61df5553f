"""A V2G PKI and an OCSP responder of it, made with the library alone: it answers on a socket in the test's own loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from chargers.certificates.ocsp import Asked
from chargers.certificates.pem import hash_data
from tests.certificates.cast import DAY, Ca, certificate, ec_key, name, pem, root

EMAID = "DE-8AA-123456789"
HOUR = timedelta(hours=1)
KEY_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def issued(
    common_name: str, issuer: Ca, *, url: str = "", ca: bool = False, key: Any = None, **values: Any
) -> tuple[x509.Certificate, Any]:
    """A certificate of a PKI with its key; with `url` it names that responder."""
    key = key or ec_key()
    bounds = x509.BasicConstraints(ca=ca, path_length=values.get("path_length"))
    start, end = values.get("start", now() - DAY), values.get("end", now() + 365 * DAY)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(bounds, critical=True)
    )
    if "signs" in values:
        usages = dict.fromkeys(KEY_USAGES, False) | {"key_cert_sign": values["signs"], "crl_sign": True}
        builder = builder.add_extension(x509.KeyUsage(**usages), critical=True)
    if url:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder.sign(issuer.key, hashes.SHA256()), key


@dataclass
class Pki:
    """A root, a CA below it, and contracts of that CA."""

    url: str = ""
    root: Ca = field(default_factory=lambda: root("V2G Root"))

    @cached_property
    def sub(self) -> Ca:
        own, key = issued("MO Sub-CA", self.root, url=self.url, ca=True)
        return Ca(own, key, self.root)

    def contract(self, emaid: str = EMAID, **values: Any) -> x509.Certificate:
        return issued(emaid, self.sub, **{"url": self.url} | values)[0]

    def chain(self, contract: x509.Certificate) -> str:
        return pem(contract, self.sub.certificate)

    def hash_data(self, contract: x509.Certificate, url: str = "") -> list[dict[str, str]]:
        """What a station that has checked the chain itself sends."""
        pairs = ((contract, self.sub.certificate), (self.sub.certificate, self.root.certificate))
        return [as_wire(one, issuer, url or self.url) for one, issuer in pairs]


def as_wire(one: x509.Certificate, issuer: x509.Certificate, url: str) -> dict[str, str]:
    data = hash_data(one, issuer)
    return {
        "hashAlgorithm": data.algorithm,
        "issuerNameHash": data.issuer_name_hash,
        "issuerKeyHash": data.issuer_key_hash,
        "serialNumber": data.serial_number,
        "responderURL": url,
    }


def asked(one: x509.Certificate, issuer: x509.Certificate, url: str = "http://ocsp.example") -> Asked:
    return Asked(*as_wire(one, issuer, url).values())


@dataclass
class Responder:
    """Signs what it is asked, as its test has it."""

    pki: Pki = field(default_factory=Pki)
    url: str = ""
    revoked: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)
    status: int = 200
    holds: timedelta | None = HOUR
    issued: timedelta = timedelta()
    """How long ago an answer begins to hold."""
    delegate: Ca | None = None
    """Who signs instead of the issuer."""
    leaves_out: bool = False
    """It does not send the certificate of who signs."""
    silent: asyncio.Event | None = None

    def answer(self, request: ocsp.OCSPRequest) -> bytes:
        """Return the DER of an answer about the certificate that is asked about."""
        serial = request.serial_number
        self.asked.append(serial)
        issuer = self.pki.sub if serial != self.pki.sub.certificate.serial_number else self.pki.root
        signer = self.delegate or issuer
        gone = serial in self.revoked
        begins = now() - self.issued
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=request.issuer_name_hash,
            issuer_key_hash=request.issuer_key_hash,
            serial_number=serial,
            algorithm=request.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.REVOKED if gone else ocsp.OCSPCertStatus.GOOD,
            this_update=begins,
            next_update=None if self.holds is None else begins + self.holds,
            revocation_time=begins - HOUR if gone else None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if not self.leaves_out:
            builder = builder.certificates([signer.certificate, self.pki.sub.certificate])
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split()[0])
        assert "content-type: application/ocsp-request" in head
        body = self.answer(ocsp.load_der_ocsp_request(await reader.readexactly(length)))
        if self.silent is not None:
            await self.silent.wait()
        writer.write(f"HTTP/1.1 {self.status} OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def responding(**values: Any) -> AsyncIterator[Responder]:
    """A responder on 127.0.0.1 for a while, with a PKI whose certificates name it."""
    responder = Responder(**values)
    server = await asyncio.start_server(responder.serve, "127.0.0.1", 0)
    responder.url = responder.pki.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocsp"
    async with server:
        yield responder
        if responder.silent is not None:
            responder.silent.set()


def delegate(issuer: Ca, *, lets: bool = True, **values: Any) -> Ca:
    """Somebody whom a CA has let sign answers, or has not."""
    key = ec_key()
    usage = ExtendedKeyUsageOID.OCSP_SIGNING if lets else ExtendedKeyUsageOID.CLIENT_AUTH
    own = certificate(
        name("OCSP"), key.public_key(), issuer.certificate.subject, issuer.key, usage=usage, **values
    )
    return Ca(own, key, issuer)
