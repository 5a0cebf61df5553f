"""Certificates that a charge point of OCPP 2.x has of its own are renewed before they end: it is asked to ask (A02).

One that was let in with a certificate that has ended already is asked at once, and waits until it has come back with
another (T-036).
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from chargers.certificates.authority import can_answer
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.following import Booted
from chargers.models import ChargePoint, Command, Registration
from chargers.protocol.versions import OCPP_2X

BEFORE_END = timedelta(days=30)
ASKED_EVERY = timedelta(days=7)
ENDED_ASKED_EVERY = timedelta(hours=1)
AT_ONCE = 50
TRIGGERS = {
    InstalledCertificate.Use.CHARGE_POINT: "SignChargingStationCertificate",
    InstalledCertificate.Use.V2G: "SignV2GCertificate",
}


def ask_for_renewals(*, now: datetime) -> int:
    """Ask charge points whose certificates end within 30 days for new requests; return how many were asked.

    Each is asked once a week, and not while a request is open, or while nobody could sign one (S2-38). Idempotent: who
    asks has moved the mark of the certificate.
    """
    opened = SigningRequest.objects.filter(
        charge_point=OuterRef("charge_point"), use=OuterRef("use"), status__in=SigningRequest.OPEN
    )
    ending = InstalledCertificate.objects.filter(
        ~Exists(opened),
        Q(renewal_asked_at=None) | Q(renewal_asked_at__lte=now - ASKED_EVERY),
        use__in=[use for use in TRIGGERS if can_answer(use)],
        removed_at=None,
        not_after__lte=now + BEFORE_END,
        charge_point__connection_id__isnull=False,
        charge_point__registration=Registration.ACCEPTED,
        charge_point__retired_at=None,
        charge_point__protocol__in=OCPP_2X,
    )
    asked = 0
    for row in ending.select_related("charge_point").order_by("not_after")[:AT_ONCE]:
        asked += _ask(row, now)
    return asked


def follow_boot(happened: Booted) -> None:
    """Have a certificate that has ended renewed as soon as its charge point has booted."""
    if happened.registration == Registration.PENDING:
        renew_ended(now=happened.now, charge_point_id=happened.charge_point_id)


def renew_ended(*, now: datetime, charge_point_id: int | None = None) -> int:
    """Ask charge points that connected with a certificate that had ended for requests; return how many were asked.

    Each once an hour, unless its request is open or the asking failed. Idempotent by the commands themselves; nobody is
    asked while nobody could sign (S2-38).
    """
    if not can_answer(SigningRequest.Use.CHARGE_POINT):
        return 0
    message = TRIGGERS[InstalledCertificate.Use.CHARGE_POINT]
    opened = SigningRequest.objects.filter(
        charge_point=OuterRef("pk"), use=SigningRequest.Use.CHARGE_POINT, status__in=SigningRequest.OPEN
    )
    asked_lately = Command.objects.filter(
        charge_point=OuterRef("pk"),
        type="trigger-message",
        params__requested_message=message,
        created_at__gt=now - ENDED_ASKED_EVERY,
        status__in=(*Command.OPEN, Command.Status.ACCEPTED),
    )
    ended = ChargePoint.objects.filter(
        ~Exists(opened),
        ~Exists(asked_lately),
        certificate_ended=True,
        connection_id__isnull=False,
        registration=Registration.ACCEPTED,
        retired_at=None,
    )
    if charge_point_id is not None:
        ended = ended.filter(pk=charge_point_id)
    return sum(
        _trigger(charge_point, message, "it has shown a certificate that has ended", now)
        for charge_point in ended.order_by("pk")[:AT_ONCE]
    )


def _ask(row: InstalledCertificate, now: datetime) -> bool:
    message = TRIGGERS[InstalledCertificate.Use(row.use)]
    with transaction.atomic():
        mine = InstalledCertificate.objects.filter(pk=row.pk, renewal_asked_at=row.renewal_asked_at)
        if not mine.update(renewal_asked_at=now):
            return False
        # Who cannot be asked now is asked again next week.
        return _trigger(row.charge_point, message, f"its certificate ends on {row.not_after:%Y-%m-%d}", now)


def _trigger(charge_point: ChargePoint, message: str, why: str, now: datetime) -> bool:
    asked = {"requested_message": message}
    try:
        with transaction.atomic():
            send_command(charge_point, "trigger-message", asked, author=SYSTEM, reason=why, now=now)
    except CommandRefused:
        return False
    return True
