"""What a responder says of a certificate counts only if it is about that one, fresh, and signed by who may sign it."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.x509 import ocsp as wire

from chargers.certificates import ocsp
from chargers.certificates.ocsp import (
    Asked,
    NoAnswer,
    Pool,
    chain_to,
    forget_answers,
    read_answer,
    request_of,
    revocation,
)
from tests.certificates.cast import DAY, Ca, ec_key, root, rsa_key
from tests.certificates.responder import HOUR, Pki, Responder, asked, delegate, issued, now, responding
from tests.support.house import settings_are


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    forget_answers()
    with settings_are(CSMS_OUTBOUND_NETWORKS="127.0.0.0/8"):
        yield
    forget_answers()


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki("http://ocsp.example")


def said(responder: Responder, about: Asked, pool: Pool | None = None) -> str:
    """What is read of an answer, without a socket."""
    body = responder.answer(wire.load_der_ocsp_request(request_of(about)))
    anchors = Pool((responder.pki.root.certificate,))
    return read_answer(body, about, pool=pool or anchors, now=now()).status


def test_the_issuer_itself_or_whom_it_lets_may_say(pki: Pki) -> None:
    contract = pki.contract()
    about = asked(contract, pki.sub.certificate)
    assert said(Responder(pki), about) == "good"
    assert said(Responder(pki, revoked={contract.serial_number}), about) == "revoked"
    assert said(Responder(pki, delegate=delegate(pki.sub)), about) == "good"
    for algorithm in ("SHA384", "SHA512"):
        from chargers.certificates.pem import hash_data

        data = hash_data(contract, pki.sub.certificate, algorithm)
        other = Asked(
            algorithm, data.issuer_name_hash.upper(), data.issuer_key_hash.upper(), data.serial_number, "u"
        )
        assert said(Responder(pki), other) == "good"
    # Where the responder leaves out who signs, we must know it ourselves.
    known = Pool((pki.root.certificate,), (pki.sub.certificate,))
    assert said(Responder(pki, leaves_out=True), about, known) == "good"
    rsa = Pki(root=root("RSA Root", rsa_key()))
    assert said(Responder(rsa), asked(rsa.sub.certificate, rsa.root.certificate)) == "good"


def stranger(pki: Pki) -> dict[str, Any]:
    return {"delegate": root("Stranger")}


def same_name(pki: Pki) -> dict[str, Any]:
    """A CA of the same name with another key."""
    own, key = issued("MO Sub-CA", root("V2G Root"), ca=True)
    return {"delegate": Ca(own, key)}


LIES: dict[str, tuple[Callable[[Pki], dict[str, Any]], str]] = {
    "by a stranger": (stranger, "who may not|nobody who is known"),
    "by one of the same name": (same_name, "who may not|nobody who is known"),
    "by whom the issuer has not let": (
        lambda pki: {"delegate": delegate(pki.sub, lets=False)},
        "who may not",
    ),
    "by whom another has let": (lambda pki: {"delegate": delegate(pki.root)}, "who may not"),
    "by one whose time is over": (
        lambda pki: {"delegate": delegate(pki.sub, start=now() - 3 * DAY, end=now() - DAY)},
        "who may not",
    ),
    "by one who is not shown": (lambda pki: {"leaves_out": True}, "nobody who is known"),
    "that is too old": (lambda pki: {"issued": 2 * HOUR}, "held until"),
    "of a time to come": (lambda pki: {"issued": -HOUR, "holds": 2 * HOUR}, "time to come"),
    "without a next time, of before": (lambda pki: {"holds": None, "issued": HOUR}, "held until"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_proves_nothing_is_none(pki: Pki, lie: str) -> None:
    how, why = LIES[lie]
    about = asked(pki.contract(), pki.sub.certificate)
    with pytest.raises(NoAnswer, match=why):
        said(Responder(pki, **how(pki)), about)


def test_an_answer_about_another_or_of_another_pki_is_none(pki: Pki) -> None:
    one, other = (asked(pki.contract(), pki.sub.certificate) for _ in range(2))
    body = Responder(pki).answer(wire.load_der_ocsp_request(request_of(one)))
    with pytest.raises(NoAnswer, match="another certificate"):
        read_answer(body, other, pool=Pool((pki.root.certificate,)), now=now())
    with pytest.raises(NoAnswer, match="who may not"):
        said(Responder(pki), one, Pool((root().certificate,)))
    for garbage in (b"", b"\x30", b"<html>", body[:-9], body + b"\x00" * 9):
        with pytest.raises(NoAnswer, match="cannot be read|signed by"):
            read_answer(garbage, one, pool=Pool((pki.root.certificate,)), now=now())
    refusal = wire.OCSPResponseBuilder.build_unsuccessful(wire.OCSPResponseStatus.TRY_LATER)
    from cryptography.hazmat.primitives.serialization import Encoding

    with pytest.raises(NoAnswer, match="TRY_LATER"):
        read_answer(refusal.public_bytes(Encoding.DER), one, pool=Pool(()), now=now())


@pytest.mark.parametrize(
    "bad",
    [{"issuer_name_hash": "xyz"}, {"serial_number": "q"}, {"algorithm": "MD5"}, {"issuer_key_hash": "00"}],
)
async def test_hash_data_that_is_none_is_not_asked_about(pki: Pki, bad: dict[str, str]) -> None:
    about = replace(asked(pki.contract(), pki.sub.certificate), **bad)
    with pytest.raises(NoAnswer, match="hash data"):
        request_of(about)
    assert await revocation(about, pool=Pool(()), now=now()) == "unknown"


async def test_an_answer_is_kept_until_there_is_a_newer_one() -> None:
    async with responding() as responder:
        pki = responder.pki
        about, pool = asked(pki.contract(), pki.sub.certificate, responder.url), Pool((pki.root.certificate,))
        for _ in range(3):
            assert await revocation(about, pool=pool, now=now()) == "good"
        assert len(responder.asked) == 1
        responder.revoked = {int(about.serial_number, 16)}
        assert await revocation(about, pool=pool, now=now() + timedelta(minutes=59)) == "good"
        forget_answers()
        assert await revocation(about, pool=pool, now=now()) == "revoked"
        assert len(responder.asked) == 2


async def test_a_responder_that_is_silent_or_gone_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def why(about: Asked) -> str:
        assert await revocation(about, pool=pool, now=now()) == "unknown"
        return str(caplog.records[-1].error)  # type: ignore[attr-defined]

    async with responding(status=404) as responder:
        pool = Pool((responder.pki.root.certificate,))
        about = asked(responder.pki.contract(), responder.pki.sub.certificate, responder.url)
        for _ in range(ocsp.FAILURES + 1):
            assert "answered 404" in await why(about)
        responder.status = 200
        assert await revocation(about, pool=pool, now=now()) == "good", "a wrong path silences it for nobody"
    forget_answers()
    for _ in range(ocsp.FAILURES):
        assert "was not reached" in await why(about)
    assert "left alone" in await why(about)
    monkeypatch.setattr(ocsp, "RESTS", 0.0)
    assert "was not reached" in await why(about)
    monkeypatch.setattr(ocsp, "RESTS", 30.0)
    monkeypatch.setattr(ocsp, "FAILURES", 1)
    monkeypatch.setattr(ocsp, "SECONDS", 0.3)
    async with responding(silent=asyncio.Event()) as responder:
        about = asked(responder.pki.contract(), responder.pki.sub.certificate, responder.url)
        assert "did not answer within 0.3 s" in await why(about)
        async with asyncio.timeout(5):  # the thread that asks gives up at about the same time
            while "left alone" not in await why(about):
                pass


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "ftp://ocsp.example/",
        "no url",
        "http://u:p@ocsp.example/",
    ],
)
async def test_nobody_is_asked_inside_our_network(
    pki: Pki, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    about = asked(pki.contract(), pki.sub.certificate, url)
    assert await revocation(about, pool=Pool((pki.root.certificate,)), now=now()) == "unknown"
    assert "is not asked" in caplog.records[-1].error  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("above", "below", "lets"),
    [
        ({"ca": True, "path_length": 1, "signs": True}, {"ca": True, "path_length": 0}, True),
        ({"ca": True}, {"ca": False}, False),
        ({"ca": True}, {"ca": True, "signs": False}, False),
        ({"ca": True, "path_length": 0}, {"ca": True}, False),
    ],
)
def test_only_a_ca_that_may_sign_certificates_issues_any(above: Any, below: Any, lets: bool) -> None:
    """RFC 5280, 6.1.4: a contract signs no other, nor does a CA whose key is for other things, or one too deep."""
    top = root()
    upper = Ca(*issued("Upper", top, **above))
    lower = Ca(*issued("Lower", upper, **below))
    contract = issued("DE-8AA-123456789", lower)[0]
    chain = [contract, lower.certificate, upper.certificate, top.certificate]
    assert chain_to(contract, chain[3:], chain[1:3], now=now()) == (chain if lets else [])


def test_a_key_of_another_kind_signs_nothing(pki: Pki) -> None:
    about = asked(pki.contract(key=ec_key()), pki.sub.certificate)
    with pytest.raises(NoAnswer):
        said(Responder(pki, delegate=delegate(Ca(pki.sub.certificate, ec_key()))), about)
