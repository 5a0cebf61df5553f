"""The queue of certificate requests: checked, approved, signed, brought to the charge point, installed.

Each step is a conditional change of status, so that two processes never do one twice. A CA that fails is asked again,
a charge point that is away is waited for; one that refuses its certificate keeps the old one and is not asked again
until it sends a new request (S2-102).
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from django.db import transaction
from django.db.models import F, Q

from chargers.certificates import mirror
from chargers.certificates.authority import AuthorityFailed, current_authority
from chargers.certificates.checks import Unfit, check_chain
from chargers.certificates.judging import judge
from chargers.certificates.limits import longest_chain
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.certificates.pem import (
    Unreadable,
    key_digest,
    read_certificates,
    read_request,
    text_of,
)
from chargers.commands.effects import note_effect
from chargers.commands.ordering import SYSTEM, CommandRefused, Draft, Outcome
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command
from chargers.services import note_act, tell_holder
from csms.core.config import get_config
from csms.core.counting import FactCounter
from csms.core.events.services import record
from csms.core.live import announce
from csms.core.refusals import NotNow

log = logging.getLogger(__name__)

Status = SigningRequest.Status
OWN_USE = SigningRequest.Use.CHARGE_POINT  # 1.6 knows no other

CSR_KEPT = 20_000  # characters of a request that are stored; four times what the standard allows
REQUESTS_PER_HOUR = 20  # of one charge point; a station that asks for ever must not fill the queue
SENDINGS_MAX = 3  # times that a certificate is sent to a charge point that does not answer
RETRY_MAX = timedelta(hours=1)
PATIENCE = timedelta(minutes=1)  # before the same is tried again

REQUESTS = FactCounter(
    "csms_certificate_requests_total",
    "Certificate requests, by what was done at once.",
    outcome=(Status.PENDING, Status.APPROVED, Status.REFUSED, "repeated", "too_many"),
)


class Refusal(NotNow):
    """A step that cannot be taken; `code` is for programs, the text for people."""


# --- a request comes --------------------------------------------------------------------------------------------------


def receive_request(charge_point_id: int, csr: str, *, now: datetime, use: str = OWN_USE) -> bool:
    """Store a certificate request and return whether it will be looked at; signing comes later (S16-71, S2-100).

    A newer request replaces the older ones of the charge point for the same use, since it has a new key. Idempotent
    while the first one is open.
    """
    charge_point = ChargePoint.objects.get(pk=charge_point_id)
    mine = SigningRequest.objects.filter(charge_point=charge_point)
    alike = mine.filter(use=use)
    if alike.filter(csr=csr[:CSR_KEPT], status__in=SigningRequest.OPEN).exists():
        REQUESTS.add("repeated")
        return True
    if mine.filter(received_at__gt=now - timedelta(hours=1)).count() >= REQUESTS_PER_HOUR:
        log.warning("certificates.too_many_requests", extra={"cp_id": charge_point.cp_id})
        REQUESTS.add("too_many")
        return False
    row = SigningRequest(charge_point=charge_point, use=use, csr=csr[:CSR_KEPT], received_at=now)
    faulty = judge(row)
    automatic = get_config().certificate_approval == "automatic" and not row.problems
    if faulty:
        row.status, row.closed_at = Status.REFUSED, now
    elif automatic:
        row.status, row.decided_by, row.decided_at = Status.APPROVED, SYSTEM.name, now
    else:
        row.status = Status.PENDING
    row.save(force_insert=True)
    REQUESTS.add(row.status)
    if not faulty:
        older = alike.filter(status__in=SigningRequest.OPEN).exclude(pk=row.pk)
        for other in older:
            _advance(other, SigningRequest.OPEN, Status.SUPERSEDED, now=now, reason="a newer request came")
    told = {"request_id": str(row.pk), "csr": row.csr, "status": row.status}
    record("cp.csr_submitted", charge_point.cp_id, told, occurred_at=now)
    _tell(row, now)
    return not faulty


# --- people decide ----------------------------------------------------------------------------------------------------


def approve_request(
    request: SigningRequest, *, by: str, now: datetime, despite_problems: bool = False
) -> SigningRequest:
    """Approve a request, sign it if the CA is at hand, and send the certificate if the charge point is.

    Raises Refusal `not_pending`, or `doubtful` for one with problems that were not accepted knowingly.
    """
    if request.problems and not despite_problems:
        raise Refusal("doubtful", f"it has problems: {'; '.join(request.problems)}")
    values = {"decided_by": by[:150], "decided_at": now}
    with transaction.atomic():
        if not _advance(request, [Status.PENDING], Status.APPROVED, now=now, **values):
            raise _not_pending(request)
        _note(request, "approved", by, now, problems=request.problems)
    sign_request(request, now=now)
    return fresh(request)


def reject_request(request: SigningRequest, *, by: str, reason: str, now: datetime) -> SigningRequest:
    """Reject a request that is not signed yet. Raises Refusal `not_pending`."""
    values = {"decided_by": by[:150], "decided_at": now, "reason": reason}
    with transaction.atomic():
        if not _advance(request, [Status.PENDING, Status.APPROVED], Status.REJECTED, now=now, **values):
            raise _not_pending(request)
        _note(request, "rejected", by, now, reason=reason)
    return fresh(request)


def upload_chain(request: SigningRequest, text: str, *, by: str, now: datetime) -> SigningRequest:
    """Take the chain that another CA has signed, which approves the request, and send it.

    Raises Unreadable or Unfit for a wrong chain, and Refusal `not_pending` for a request that is not open.
    """
    chain = read_certificates(text)
    _check_chain(request, chain, now)
    values = {"decided_by": by[:150], "decided_at": now}
    with transaction.atomic():
        if not _sign([Status.PENDING, Status.APPROVED], request, chain, "manual", now=now, **values):
            raise _not_pending(request)
        _note(request, "uploaded", by, now)
    send_certificate(request, now=now)
    return fresh(request)


def _note(
    request: SigningRequest, word: str, by: str, now: datetime, reason: str = "", **details: Any
) -> None:
    facts = {"certificate": request.subject[:200], **details}
    cp = request.charge_point
    note_act(f"certificate_request.{word}", cp, by=by, now=now, reason=reason, **facts)


def fresh(request: SigningRequest) -> SigningRequest:
    """Return the request as it is stored now."""
    return SigningRequest.objects.select_related("charge_point").get(pk=request.pk)


def _not_pending(request: SigningRequest) -> Refusal:
    return Refusal("not_pending", f"the request is {fresh(request).get_status_display().lower()}")


# --- the clock works --------------------------------------------------------------------------------------------------


def work_queue(*, now: datetime) -> int:
    """Sign what is approved and send what is signed, as far as it can be done now; return how much was done."""
    due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    done = 0
    for request in SigningRequest.objects.filter(due, status=Status.APPROVED).order_by("pk")[:100]:
        done += sign_request(request, now=now)
    waiting = SigningRequest.objects.filter(
        due, status=Status.SIGNED, command_id=None, charge_point__connection_id__isnull=False
    )
    for request in waiting.order_by("pk")[:100]:
        done += send_certificate(request, now=now)
    return done


def sign_request(request: SigningRequest, *, now: datetime) -> bool:
    """Ask the CA to sign an approved request and send the certificate; return whether it is signed.

    What fails is noted, told, and tried again after a while.
    """
    authority = current_authority(request.use)
    try:
        chain = authority.sign(read_request(request.csr), now=now)
        if chain is None:
            return False
        _check_chain(request, chain, now)
    except (AuthorityFailed, Unfit, Unreadable) as error:
        _note_failure(request, str(error), now)
        return False
    if not _sign([Status.APPROVED], request, chain, authority.name, now=now):
        return False
    send_certificate(request, now=now)
    return True


def _check_chain(request: SigningRequest, chain: Sequence[x509.Certificate], now: datetime) -> None:
    longest = longest_chain(request.charge_point_id)
    check_chain(chain, now=now, longest=longest, key=request.key_digest, use=request.use)


def _note_failure(request: SigningRequest, text: str, now: datetime) -> None:
    before = fresh(request)
    wait = min(
        PATIENCE * 2**before.signing_attempts if before.signing_attempts < 10 else RETRY_MAX, RETRY_MAX
    )
    with transaction.atomic():
        SigningRequest.objects.filter(pk=request.pk).update(
            signing_error=text, signing_attempts=F("signing_attempts") + 1, next_attempt_at=now + wait
        )
        if text != before.signing_error:
            log.error(
                "certificates.signing_failed", extra={"cp_id": before.charge_point.cp_id, "error": text}
            )
            record(
                "cert.signing_failed",
                before.charge_point.cp_id,
                {"request_id": str(request.pk), "error": text},
                occurred_at=now,
            )
        announce("certificate-requests", f"charge-point:{request.charge_point_id}")


def _sign(
    allowed: Sequence[str],
    request: SigningRequest,
    chain: Sequence[x509.Certificate],
    authority: str,
    *,
    now: datetime,
    **values: Any,
) -> bool:
    facts = {"chain": text_of(*chain), "authority": authority, "signed_at": now, "signing_error": ""}
    return _advance(request, allowed, Status.SIGNED, now=now, next_attempt_at=None, **facts, **values)


# --- the certificate is sent ------------------------------------------------------------------------------------------


def send_certificate(request: SigningRequest, *, now: datetime) -> bool:
    """Order the charge point to install the certificate of a signed request; return whether that was possible."""
    with transaction.atomic():
        row = (
            SigningRequest.objects.select_for_update(of=("self",))
            .select_related("charge_point")
            .filter(pk=request.pk, status=Status.SIGNED, command_id=None)
            .first()
        )
        if row is None:
            return False
        try:
            use = {} if row.use == OWN_USE else {"use": row.use}
            send_command(
                row.charge_point,
                "certificate-signed",
                {"certificate_chain": row.chain, **use},
                author=SYSTEM,
                reason=f"the certificate request of {row.received_at:%Y-%m-%d %H:%M} UTC",
                now=now,
            )
        except CommandRefused as refusal:
            if refusal.code == "invalid":  # it ended while it waited, or is too long by now
                _advance(row, [Status.SIGNED], Status.DECLINED, now=now, reason=refusal.detail)
            elif refusal.code != "offline":  # so that those that cannot be sent never hold up the others
                SigningRequest.objects.filter(pk=row.pk).update(next_attempt_at=now + PATIENCE)
            return False
    return True


def answered_request(draft: Draft, chain: Sequence[x509.Certificate]) -> SigningRequest | None:
    """Tie the command that brings a chain to the request that it answers, if there is one, and return that.

    Raises Refusal for a request that nobody has approved, that is for another use, or whose certificate is on its way.
    """
    request = (
        SigningRequest.objects.filter(
            charge_point=draft.charge_point, key_digest=key_digest(chain[0]), status__in=SigningRequest.OPEN
        )
        .order_by("-pk")
        .first()
    )
    if request is None:
        return None
    if request.use != draft.params.use:
        wanted = request.get_use_display().lower()
        raise Refusal("other_use", f"it answers a request for another use: {wanted}")
    if request.status == Status.PENDING:
        raise Refusal(
            "not_approved", "it answers a certificate request that nobody has approved; upload it there"
        )
    if request.command_id is not None and Command.objects.filter(
        pk=request.command_id, status__in=Command.OPEN
    ):
        raise Refusal("on_its_way", "the certificate of this request is on its way already")
    if request.status == Status.APPROVED:
        _sign([Status.APPROVED], request, chain, "manual", now=draft.now)
    SigningRequest.objects.filter(pk=request.pk, status=Status.SIGNED).update(command_id=draft.command_id)
    return request


OWN_USES = {
    SigningRequest.Use.CHARGE_POINT: (InstalledCertificate.Use.CHARGE_POINT,),
    SigningRequest.Use.V2G: (InstalledCertificate.Use.V2G,),
    SigningRequest.Use.COMBINED: (InstalledCertificate.Use.V2G, InstalledCertificate.Use.CHARGE_POINT),
}
"""As what a charge point has a certificate that it took for a use."""
LOST = ("", "Offline", "ConnectionLost")  # error codes of our own ledger: the charge point has not answered


def settle_certificate(outcome: Outcome) -> None:
    """Note what became of a certificate that was sent: installed, declined, or to be sent again."""
    command, now = outcome.command, outcome.now
    request = SigningRequest.objects.filter(command_id=command.pk).first()
    if outcome.accepted:
        chain = read_certificates(command.params["certificate_chain"])
        uses = OWN_USES[command.params.get("use", OWN_USE)]
        rows = [mirror.note_installed(command.charge_point, use, chain, now=now) for use in uses]
        if InstalledCertificate.Use.CHARGE_POINT in uses and command.charge_point.certificate_ended:
            tell_holder(
                command.charge_point_id, "renewed"
            )  # only its next handshake proves the new one (T-036)
        text = "The certificate is its own now."
        note_effect(command, text, kind="certificate", subject=rows[-1].pk, now=now)
    if request is None:
        return
    if outcome.accepted:
        # Also one that was superseded meanwhile: the charge point says that it uses it.
        _advance(request, [Status.SIGNED, Status.SUPERSEDED], Status.INSTALLED, now=now, reason="")
    elif outcome.status == Command.Status.REJECTED:
        _decline(request, "the charge point refused the certificate", now)
    elif outcome.status == Command.Status.FAILED and command.error_code not in LOST:
        _decline(request, f"{command.error_code}: {command.error_description}"[:1000], now)
    elif outcome.status == Command.Status.FAILED and command.answer_status:
        _decline(request, command.error_description[:1000], now)
    elif request.sendings + 1 >= SENDINGS_MAX and command.sent_at is not None:
        _decline(request, f"the charge point gave no answer, {SENDINGS_MAX} times", now)
    else:
        # Whoever was not reached, or lost the connection, is sent it again.
        SigningRequest.objects.filter(pk=request.pk, status=Status.SIGNED).update(
            command_id=None,
            next_attempt_at=now + PATIENCE,
            sendings=F("sendings") + (1 if command.sent_at is not None else 0),
        )


def _decline(request: SigningRequest, reason: str, now: datetime) -> None:
    _advance(request, [Status.SIGNED], Status.DECLINED, now=now, reason=reason)


# --- one step ---------------------------------------------------------------------------------------------------------


def _advance(
    request: SigningRequest, allowed: Sequence[str], status: Status, *, now: datetime, **values: Any
) -> bool:
    """Take a request to its next status if it is in an allowed one, and tell; return whether it was."""
    closed = None if status in SigningRequest.OPEN else now
    with transaction.atomic():
        moved = SigningRequest.objects.filter(pk=request.pk, status__in=allowed).update(
            status=status, closed_at=closed, **values
        )
        if moved:
            _tell(fresh(request), now)
    return moved == 1


def _tell(request: SigningRequest, now: datetime) -> None:
    record(
        "cert.request",
        request.charge_point.cp_id,
        {
            "request_id": str(request.pk),
            "use": request.use,
            "status": request.status,
            "subject": request.subject,
            "problems": request.problems,
            "reason": request.reason,
        },
        occurred_at=now,
    )
    announce("certificate-requests", f"charge-point:{request.charge_point_id}")
