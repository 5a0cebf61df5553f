"""Whether a certificate was revoked, asked by its hash data of the responder that its holder names (RFC 6960).

Who names the responder is a stranger's car by way of a charge point, so it is asked within the bounds of all that
leaves the house, for a short time, and by few threads. What it says counts only if it is signed by the issuer of the
certificate, or by whom that issuer has let sign, and if that one's chain ends at an anchor: so plain HTTP does no harm.
Answers are kept in memory until the responder has a newer one.
"""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Literal

import h11
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from prometheus_client import Counter

from chargers.certificates.checks import is_issued_by, may_issue
from chargers.certificates.pem import HASHES, HashData, hash_data
from csms.core.outbound.sending import Clock, SendingError, asked, connected, next_event
from csms.core.outbound.targets import Bounds, bounds_now, read_target

log = logging.getLogger(__name__)

Revocation = Literal["good", "revoked", "unknown"]
"""What is known of a certificate; unknown is also what nobody would say."""

SECONDS = 3.0  # for one answer, from the name of the responder to the last byte
ANSWER_MAX = 64 * 1024  # bytes
THREADS = 16
KEPT_MAX = 5_000  # answers
KEPT_FOR = timedelta(days=7)  # at most, whatever the responder says
AHEAD = timedelta(minutes=5)  # by which a responder's clock may be ahead of ours
FAILURES, RESTS = 3, 30.0  # after so many failures in a row a responder is left alone for so many seconds
RESPONDERS_MAX = 1_000  # that are remembered for their failures
CHAIN_MAX = 6  # certificates from who signed an answer up to an anchor

ANSWERS = Counter(
    "csms_ocsp_answers_total",
    "What was learned of certificates of cars, by where from.",
    ["source", "status"],
)


class NoAnswer(Exception):
    """There is nothing that can be used; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One certificate by its hash data, as hex digits, and the URL of who is asked about it (OCSPRequestDataType)."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str

    @property
    def name(self) -> HashData:
        """The certificate's name in OCPP."""
        return HashData(self.algorithm, self.issuer_name_hash, self.issuer_key_hash, self.serial_number)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a responder has signed, and until when it holds."""

    status: Revocation
    until: datetime


@dataclass(frozen=True, slots=True)
class Pool:
    """Certificates by which signers are known: at `anchors` chains end, and `others`, of strangers, may lie between."""

    anchors: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...] = ()


class _Memory:
    """What responders said, and who of them did not answer lately. One a process; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[str, str, str, str], Answer] = OrderedDict()
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def answer(self, name: HashData, now: datetime) -> Answer | None:
        with self._lock:
            kept = self._answers.get(name.plain())
        return kept if kept is not None and now < kept.until else None

    def keep(self, name: HashData, answer: Answer) -> None:
        with self._lock:
            self._answers[name.plain()] = answer
            self._answers.move_to_end(name.plain())
            while len(self._answers) > KEPT_MAX:
                self._answers.popitem(last=False)

    def rests(self, origin: str) -> bool:
        with self._lock:
            count, since = self._failed.get(origin, (0, 0.0))
        return count >= FAILURES and monotonic() - since < RESTS

    def tell(self, origin: str, *, failed: bool) -> None:
        with self._lock:
            count, _ = self._failed.pop(origin, (0, 0.0))
            if failed:
                self._failed[origin] = count + 1, monotonic()
                while len(self._failed) > RESPONDERS_MAX:
                    self._failed.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()
            self._failed.clear()


_memory = _Memory()
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ocsp")


def forget_answers() -> None:
    """Forget what responders said; for tests, whose responders come and go."""
    _memory.clear()


async def revocation(
    question: Asked, *, pool: Pool, now: datetime, seconds: float | None = None
) -> Revocation:
    """Return whether a certificate was revoked: by a kept answer that still holds, else by asking its responder.

    Never raises; "unknown" after `seconds` (SECONDS unless less are given) at the latest, and the log says why.
    """
    if kept := _memory.answer(question.name, now):
        ANSWERS.labels("memory", kept.status).inc()
        return kept.status
    given = SECONDS if seconds is None else max(0.0, min(seconds, SECONDS))
    try:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(given):
            body = await loop.run_in_executor(_threads, _fetched, question)
        answer = read_answer(body, question, pool=pool, now=now)
    except TimeoutError:
        why = f"it did not answer within {given:g} s"
    except NoAnswer as problem:
        why = str(problem)
    else:
        _memory.keep(question.name, answer)
        ANSWERS.labels("responder", answer.status).inc()
        return answer.status
    ANSWERS.labels("responder", "unknown").inc()
    log.warning(
        "ocsp.no_answer",
        extra={
            "responder": question.responder_url[:200],
            "serial": question.serial_number,
            "error": why[:300],
        },
    )
    return "unknown"


# --- the question -----------------------------------------------------------------------------------------------------


def request_of(question: Asked) -> bytes:
    """Return the DER of the question. Raises NoAnswer for hash data that is none."""
    try:
        algorithm = HASHES[question.algorithm.upper()]()
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            bytes.fromhex(question.issuer_name_hash),
            bytes.fromhex(question.issuer_key_hash),
            int(question.serial_number, 16),
            algorithm,
        )
        return builder.build().public_bytes(Encoding.DER)
    except Exception as error:  # no hex, a wrong length, a number beyond bounds
        raise NoAnswer(f"its hash data cannot be asked about: {error}") from None


def _fetched(question: Asked) -> bytes:
    """Return what the responder answers. Blocks for SECONDS at most. Raises NoAnswer."""
    body = request_of(question)
    bounds: Bounds = replace(bounds_now(), allow_http=True, deadline=SECONDS)
    try:
        target = read_target(question.responder_url, bounds)
    except ValueError as refusal:
        raise NoAnswer(f"its responder is not asked: {refusal}") from None
    if _memory.rests(target.origin):
        raise NoAnswer("its responder is left alone for a while, after failures")
    failed = True
    clock = Clock(bounds.deadline)
    try:
        with closing(connected(target, bounds, clock)) as sock:
            headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
            http, response = asked(sock, "POST", target, headers, body, clock)
            # Whatever it answers, it is there: a stranger's path of it must not silence it for all others.
            failed = False
            if response.status_code != 200:
                raise NoAnswer(f"its responder answered {response.status_code}")
            read = bytearray()
            while isinstance(event := next_event(sock, http, clock), h11.Data):
                read += event.data
                if len(read) > ANSWER_MAX:
                    raise NoAnswer(f"its responder's answer has more than {ANSWER_MAX} bytes")
        return bytes(read)
    except (SendingError, h11.ProtocolError) as error:
        raise NoAnswer(f"its responder did not answer: {error}") from None
    except TimeoutError:
        raise NoAnswer(f"its responder did not answer within {SECONDS:g} s") from None
    except OSError as error:
        raise NoAnswer(f"its responder was not reached: {error.strerror or error}") from None
    finally:
        _memory.tell(target.origin, failed=failed)


# --- the answer -------------------------------------------------------------------------------------------------------


def read_answer(body: bytes, question: Asked, *, pool: Pool, now: datetime) -> Answer:
    """Return what a responder has signed about a certificate. Raises NoAnswer for what proves nothing."""
    try:
        response = ocsp.load_der_ocsp_response(body)
        if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise NoAnswer(f"its responder says {response.response_status.name}")
        single = next((one for one in response.responses if _is_about(one, question)), None)
        if single is None:
            raise NoAnswer("its responder's answer is about another certificate")
        _check_signer(response, question, pool, now)
        this_update, next_update = single.this_update_utc, single.next_update_utc
        status = single.certificate_status
    except NoAnswer:
        raise
    except Exception as error:  # the library raises a dozen kinds for what is no answer
        raise NoAnswer(f"its responder's answer cannot be read: {error}"[:300]) from None
    if this_update > now + AHEAD:
        raise NoAnswer("its responder's answer is of a time to come")
    # RFC 6960, 4.2.2.1: without a next time there is always something newer, so it holds for this moment only.
    until = next_update or this_update + AHEAD
    if until <= now:
        raise NoAnswer(f"its responder's answer held until {until:%Y-%m-%d %H:%M} UTC")
    words: dict[ocsp.OCSPCertStatus, Revocation] = {
        ocsp.OCSPCertStatus.GOOD: "good",
        ocsp.OCSPCertStatus.REVOKED: "revoked",
    }
    return Answer(words.get(status, "unknown"), min(until, now + KEPT_FOR))


def _is_about(single: ocsp.OCSPSingleResponse, question: Asked) -> bool:
    told = HashData(
        single.hash_algorithm.name,
        single.issuer_name_hash.hex(),
        single.issuer_key_hash.hex(),
        format(single.serial_number, "x"),
    )
    return told.same_as(question.name)


def _check_signer(response: ocsp.OCSPResponse, question: Asked, pool: Pool, now: datetime) -> None:
    """See that an answer is signed by the certificate's issuer or by whom that one has let (RFC 6960, 4.2.2.2)."""
    anchors, others = pool.anchors, (*pool.others, *response.certificates[:CHAIN_MAX])
    issuers = [one for one in (*anchors, *others) if _is_issuer(one, question)]
    for signer in (*issuers, *others):
        if not _has_signed(signer, response):
            continue
        lets = signer in issuers or (
            _may_answer(signer) and any(is_issued_by(signer, issuer) for issuer in issuers)
        )
        if lets and chain_to(signer, anchors, others, now=now):
            return
        raise NoAnswer("its responder's answer is signed by somebody who may not")
    raise NoAnswer("its responder's answer is signed by nobody who is known")


def _is_issuer(candidate: x509.Certificate, question: Asked) -> bool:
    own = hash_data(candidate, candidate, question.algorithm.upper())
    return own.issuer_key_hash == question.issuer_key_hash.lower()


def _may_answer(signer: x509.Certificate) -> bool:
    try:
        usages = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usages


def _has_signed(signer: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    signature, signed = response.signature, response.tbs_response_bytes
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, signed, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        else:
            return False
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def chain_to(
    leaf: x509.Certificate,
    anchors: Sequence[x509.Certificate],
    others: Sequence[x509.Certificate],
    *,
    now: datetime | None,
) -> list[x509.Certificate]:
    """Return a certificate and its issuers up to an anchor, all valid now; nothing if there is no such way.

    Without `now` it does not matter when they are valid.
    """
    chain = [leaf]
    while len(chain) <= CHAIN_MAX:
        last = chain[-1]
        if now is not None and not last.not_valid_before_utc <= now < last.not_valid_after_utc:
            return []
        if last in anchors:
            return chain
        above = [
            one
            for one in (*anchors, *others)
            if one not in chain and may_issue(one, below=chain[1:]) and is_issued_by(last, one)
        ]
        if not above:
            return []
        chain.append(above[0])
    return []


# --- what a certificate says itself -----------------------------------------------------------------------------------


def asked_of(certificate: x509.Certificate, issuer: x509.Certificate) -> Asked | None:
    """Return the question about a certificate to the responder that it names; None if it names none."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return None
    urls = [
        one.access_location.value
        for one in access
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    ]
    if not urls:
        return None
    data = hash_data(certificate, issuer)
    return Asked(data.algorithm, data.issuer_name_hash, data.issuer_key_hash, data.serial_number, urls[0])
