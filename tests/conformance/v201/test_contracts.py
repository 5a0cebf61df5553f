"""The contract in a car: 2.0.1, use case C07. A real responder answers in the test's loop."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chargers.certificates.ocsp import forget_answers
from chargers.handling import Call
from tests.certificates.cast import DAY, pem
from tests.certificates.responder import EMAID, Pki, Responder, now, responding
from tests.conformance.v201.cast import Session, cs201, token
from tests.support.house import House, settings_are
from tests.transactions.cast import NOON, Wireless201
from transactions.authorizing.ocpp201 import Opinions, authorize
from transactions.models import IdToken

ID = {"idToken": EMAID, "type": "eMAID"}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget_answers()
    yield
    forget_answers()


@pytest.fixture
async def responder(tmp_path: Path) -> AsyncIterator[Responder]:
    """A responder whose root is trusted."""
    async with responding() as running:
        roots = tmp_path / "roots.pem"
        roots.write_text(pem(running.pki.root.certificate))
        with settings_are(CSMS_V2G_ROOTS=str(roots), CSMS_OUTBOUND_NETWORKS="127.0.0.0/8"):
            yield running


@pytest.fixture
def driver(house: House) -> None:
    """The network knows the contract, without the dashes that the car writes."""
    token("DE8AA123456789", type="eMAID")


def told(status: str, certificate: str) -> dict[str, Any]:
    return {"idTokenInfo": {"status": status}, "certificateStatus": certificate}


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    answer["idTokenInfo"].pop("cacheExpiryDateTime", None)
    return answer


async def test_tc_c_50_hash_data_of_a_valid_contract(house: House, driver: None, responder: Responder):
    contract = responder.pki.contract()
    data = responder.pki.hash_data(contract)
    async with cs201(house) as charger:
        for _ in range(2):
            answer = await charger.authorize(EMAID, "eMAID", iso15118CertificateHashData=data)
            assert answer == told("Accepted", "Accepted")
    assert len(responder.asked) == 2, "live, and then by fresh answers that were kept"


async def test_tc_c_50_its_transaction_is_accepted_too(house: House, driver: None, responder: Responder):
    data = responder.pki.hash_data(responder.pki.contract())
    async with cs201(house) as charger:
        await charger.authorize(EMAID, "eMAID", iso15118CertificateHashData=data)
        answer = await charger.event(Session().started("Authorized", idToken=ID))
        assert answer["idTokenInfo"]["status"] == "Accepted"


async def test_tc_c_51_hash_data_of_a_revoked_contract(house: House, driver: None, responder: Responder):
    contract = responder.pki.contract()
    responder.revoked = {contract.serial_number}
    async with cs201(house) as charger:
        answer = await charger.authorize(
            EMAID, "eMAID", iso15118CertificateHashData=responder.pki.hash_data(contract)
        )
        assert without_time(answer) == told("Invalid", "CertificateRevoked")


async def test_tc_c_52_the_chain_itself(house: House, driver: None, responder: Responder):
    contract = responder.pki.contract()
    async with cs201(house) as charger:
        answer = await charger.authorize(EMAID, "eMAID", certificate=responder.pki.chain(contract))
        assert answer == told("Accepted", "Accepted")
    assert len(responder.asked) == 2


async def test_s2_27_what_is_said_of_a_contract_and_of_its_driver(house: House, responder: Responder):
    pki = responder.pki
    good = pki.chain(pki.contract())
    IdToken.objects.filter(type="eMAID").delete()
    async with cs201(house) as charger:

        async def said(chain: str) -> tuple[str, str]:
            answer = await charger.authorize(EMAID, "eMAID", certificate=chain)
            return answer["idTokenInfo"]["status"], answer["certificateStatus"]

        assert await said(good) == ("Unknown", "ContractCancelled")
        row = token("DE8AA123456789", type="eMAID", blocked=True)
        assert await said(good) == ("Blocked", "ContractCancelled")
        row.blocked = False
        row.evses = ["ANOTHER-STATION"]
        row.save()
        assert await said(good) == ("NotAtThisLocation", "Accepted")
        row.evses = []
        row.save()
        assert await said(good) == ("Accepted", "Accepted")
        over = pki.contract(start=now() - 2 * DAY, end=now() - timedelta(seconds=5))
        assert await said(pki.chain(over)) == ("Expired", "CertificateExpired")
        strange = Pki(responder.url)
        assert await said(strange.chain(strange.contract())) == ("Invalid", "CertChainError")
        assert await said("no certificate") == ("Invalid", "CertChainError")


async def test_s2_27_a_responder_that_is_away_is_no_consent(house: House, driver: None, responder: Responder):
    responder.status = 503
    async with cs201(house) as charger:
        answer = await charger.authorize(
            EMAID, "eMAID", certificate=responder.pki.chain(responder.pki.contract())
        )
        # It is not to be cached, for the responder may be back soon.
        assert "cacheExpiryDateTime" in answer["idTokenInfo"]
        assert without_time(answer) == told("Invalid", "CertChainError")


@pytest.mark.django_db
def test_s2_27_certificates_that_nobody_has_looked_at_count_for_nothing():
    station = Wireless201()
    token("DE8AA123456789", type="eMAID")
    asked = {"idToken": ID, "certificate": "x"}
    assert without_time(station.say("Authorize", asked)) == told("Invalid", "CertChainError")
    call = Call(station.holder, "Authorize", asked, NOON, Opinions(None, "Accepted"))
    assert authorize(call) == authorize(call) == told("Accepted", "Accepted"), "it may run twice"
