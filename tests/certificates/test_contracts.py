"""Whether the contract in a car is valid: by its chain, its name and what responders say of it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from chargers.certificates.contracts import Contract, check_contract
from chargers.certificates.ocsp import Asked, forget_answers
from tests.certificates.cast import DAY, pem, root
from tests.certificates.responder import EMAID, Pki, Responder, issued, now, responding
from tests.support.house import settings_are


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    forget_answers()
    with settings_are(CSMS_OUTBOUND_NETWORKS="127.0.0.0/8"):
        yield


@pytest.fixture
async def responder(tmp_path: Path) -> AsyncIterator[Responder]:
    """A responder whose root is trusted."""
    async with responding() as running:
        file = tmp_path / "roots.pem"
        file.write_text(pem(root("Another").certificate, running.pki.root.certificate))
        with settings_are(CSMS_V2G_ROOTS=str(file)):
            yield running


async def judged(
    text: str = "", told: list[dict[str, str]] | None = None, emaid: str = EMAID, **at: Any
) -> str:
    asked = tuple(Asked(*one.values()) for one in told or ())
    return await check_contract(Contract(emaid, asked, text), cp_id="CS201", now=at.get("now", now()))


async def test_a_chain_that_we_check_ourselves(responder: Responder) -> None:
    pki = responder.pki
    contract = pki.contract()
    assert await judged(pki.chain(contract)) == "Accepted"
    assert set(responder.asked) == {contract.serial_number, pki.sub.certificate.serial_number}
    assert await judged(pki.chain(contract), emaid="de8aa1234567890") == "Accepted", "with a check digit"
    assert len(responder.asked) == 2, "kept answers are not asked for again"
    responder.revoked = {(other := pki.contract()).serial_number}
    assert await judged(pki.chain(other)) == "CertificateRevoked"


async def test_hash_data_of_a_chain_that_the_station_has_checked(responder: Responder) -> None:
    pki = responder.pki
    contract = pki.contract()
    assert await judged(told=pki.hash_data(contract)) == "Accepted"
    forget_answers()
    responder.revoked = {pki.sub.certificate.serial_number}
    assert await judged(told=pki.hash_data(contract)) == "CertificateRevoked", "any of them"
    forget_answers()
    responder.revoked, responder.status = set(), 503
    assert await judged(told=pki.hash_data(contract)) == "CertChainError", "nobody says so"


async def test_a_contract_that_is_not_for_this_moment_or_of_this_driver(responder: Responder) -> None:
    pki = responder.pki
    over = pki.contract(start=now() - 2 * DAY, end=now() - DAY)
    assert await judged(pki.chain(over)) == "CertificateExpired"
    early = pki.contract(start=now() + DAY)
    assert await judged(pki.chain(early)) == "CertChainError"
    assert await judged(pki.chain(pki.contract("DE-8AA-999999999"))) == "CertChainError"
    assert await judged(pki.chain(over), emaid="DE-8AA-999999999") == "CertChainError"
    strange = Pki(responder.url)
    assert await judged(strange.chain(strange.contract())) == "CertChainError"
    old = strange.contract(start=now() - 2 * DAY, end=now() - DAY)
    assert await judged(strange.chain(old)) == "CertChainError", "only who would be trusted hears of its time"
    assert await judged(pem(pki.contract())) == "CertChainError", "its issuer is missing"
    mute = pki.contract(url="")
    assert await judged(pki.chain(mute)) == "CertChainError", "nobody can say whether it was revoked"
    # An issuer that is no CA issues nothing.
    from tests.certificates.cast import Ca

    false_issuer = Ca(*issued("No CA", pki.sub))
    forged = issued(EMAID, false_issuer, url=responder.url)[0]
    assert await judged(pem(forged, false_issuer.certificate, pki.sub.certificate)) == "CertChainError"
    assert await judged(pem(pki.root.certificate), emaid="V2G Root") == "CertChainError"
    for garbage in ("no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        assert await judged(garbage) == "CertChainError"
    assert responder.asked == [], "nobody is asked about what is refused already"


async def test_without_roots_no_contract_is_accepted(responder: Responder, tmp_path: Path) -> None:
    contract = responder.pki.contract()
    for path in ("", str(tmp_path / "missing.pem")):
        with settings_are(CSMS_V2G_ROOTS=path):
            assert await judged(responder.pki.chain(contract)) == "CertChainError"
            assert await judged(told=responder.pki.hash_data(contract)) == "CertChainError"
    # A file that changes is read again.
    file = tmp_path / "roots.pem"
    file.write_text(pem(root("Another").certificate))
    assert await judged(told=responder.pki.hash_data(contract)) == "CertChainError"
    file.write_text(pem(responder.pki.root.certificate) * 2)
    assert await judged(told=responder.pki.hash_data(contract)) == "Accepted"
    assert await judged(told=responder.pki.hash_data(contract) * 9) == "Accepted", "each is asked about once"
    file.write_text(pem(root("Another").certificate))
    assert await judged(told=responder.pki.hash_data(contract)) == "CertChainError", (
        "though its answers were kept"
    )
