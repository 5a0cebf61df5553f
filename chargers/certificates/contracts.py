"""Whether the contract in a car (ISO 15118) is one that may be trusted: its certificates, and its driver's name.

A charge point sends the hash data of the contract's certificates when it has checked their chain itself, or the whole
chain when it cannot (2.0.1, C07). Either way each of them must not be revoked, as its responder says now or has said
lately (S2-27); whether the driver may charge is another question.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from chargers.certificates.ocsp import SECONDS, Asked, Pool, asked_of, chain_to, forget_answers, revocation
from chargers.certificates.pem import Unreadable, parts_of, read_certificates
from csms.core.config import get_config
from csms.core.id_tokens import same_emaid

log = logging.getLogger(__name__)

ContractStatus = Literal[
    "Accepted", "CertificateExpired", "CertificateRevoked", "CertChainError", "ContractCancelled"
]
"""2.0.1, 3.2 AuthorizeCertificateStatusEnumType, as far as we say it."""

HASHES_MAX = 8  # certificates that are asked about for one message


@dataclass(frozen=True, slots=True)
class Contract:
    """What a message tells of a contract: the eMAID that it claims, hash data, and the chain in PEM form, if any."""

    emaid: str
    asked: tuple[Asked, ...] = ()
    pem: str = ""


class Doubtful(Exception):
    """A contract that is not accepted: the word for it, and why, for people."""

    def __init__(self, status: ContractStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


async def check_contract(contract: Contract, *, cp_id: str, now: datetime) -> ContractStatus:
    """Return whether a contract is valid. Asks responders; never raises, and the log says why one is refused.

    Runs on the event loop, and blocks neither it nor a thread of the house's for longer than responders may take.
    """
    try:
        anchors = read_anchors()
        chain = _checked_chain(contract, anchors, now) if contract.pem else []
        questions = _questions(contract, chain)
        pool = Pool(tuple(anchors), tuple(chain))
        await _check_revocation(questions, pool, now)
    except Doubtful as doubt:
        log.warning(
            "contract.refused",
            extra={"cp_id": cp_id, "emaid": contract.emaid, "status": doubt.status, "why": str(doubt)[:300]},
        )
        return doubt.status
    return "Accepted"


async def _check_revocation(questions: Sequence[Asked], pool: Pool, now: datetime) -> None:
    """See that none of these was revoked, within SECONDS for all. Raises Doubtful at the first that may be.

    One after the other: a charge point with silent responders holds one thread, and not all of them.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + SECONDS
    for question in questions:
        match await revocation(question, pool=pool, now=now, seconds=deadline - clock()):
            case "revoked":
                raise Doubtful("CertificateRevoked", "one of its certificates was revoked")
            case "unknown":
                raise Doubtful("CertChainError", "nobody could say that its certificates were not revoked")


def _checked_chain(
    contract: Contract, anchors: Sequence[x509.Certificate], now: datetime
) -> list[x509.Certificate]:
    """Return the contract's certificate and its issuers up to an anchor. Raises Doubtful."""
    try:
        given = read_certificates(contract.pem)
    except Unreadable as error:
        raise Doubtful("CertChainError", str(error)) from None
    leaf = given[0]
    names = parts_of(leaf.subject, NameOID.COMMON_NAME)
    if not any(same_emaid(name, contract.emaid) for name in names):
        raise Doubtful("CertChainError", "its certificate is in the name of another contract")
    if chain := chain_to(leaf, anchors, given[1:], now=now):
        return chain
    # Only who would be trusted otherwise is told that it is for the time.
    if any(one.not_valid_after_utc <= now for one in chain_to(leaf, anchors, given[1:], now=None)):
        raise Doubtful("CertificateExpired", "one of its certificates has expired")
    raise Doubtful("CertChainError", "its chain does not end at a certificate of CSMS_V2G_ROOTS")


def _questions(contract: Contract, chain: Sequence[x509.Certificate]) -> list[Asked]:
    """Return what responders are asked: about each certificate but the root. Raises Doubtful."""
    questions = {one.name.plain(): one for one in contract.asked}
    for certificate, issuer in pairwise(chain):
        question = asked_of(certificate, issuer)
        if question is None:
            raise Doubtful("CertChainError", "one of its certificates names no responder (OCSP)")
        questions.setdefault(question.name.plain(), question)
    if not questions:
        raise Doubtful("CertChainError", "it is an anchor itself, and no contract")
    if len(questions) > HASHES_MAX:
        raise Doubtful("CertChainError", f"it has more than {HASHES_MAX} certificates")
    return list(questions.values())


# --- whom we trust ----------------------------------------------------------------------------------------------------

_read: tuple[tuple[str, int, int], list[x509.Certificate]] | None = None


def read_anchors() -> list[x509.Certificate]:
    """Return the certificates of CSMS_V2G_ROOTS, read again when the file changes. Raises Doubtful without any."""
    global _read
    path = get_config().v2g_roots
    if not path:
        raise Doubtful("CertChainError", "no contract is accepted while CSMS_V2G_ROOTS is not set")
    try:
        stat = Path(path).stat()
        version = str(path), stat.st_mtime_ns, stat.st_size
        if _read is None or _read[0] != version:
            forget_answers()  # they were believed by other anchors
            _read = version, x509.load_pem_x509_certificates(Path(path).read_bytes())
        return _read[1]
    except (OSError, ValueError) as error:
        raise Doubtful("CertChainError", f"CSMS_V2G_ROOTS cannot be read: {error}") from None
