"""Certificates that a charge point of OCPP 2.x has of its own are renewed before they end: it is asked to ask (A02)."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from chargers.certificates.authority import can_answer
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.models import Registration
from chargers.protocol.versions import OCPP_2X

BEFORE_END = timedelta(days=30)
ASKED_EVERY = timedelta(days=7)
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


def _ask(row: InstalledCertificate, now: datetime) -> bool:
    message = TRIGGERS[InstalledCertificate.Use(row.use)]
    with transaction.atomic():
        mine = InstalledCertificate.objects.filter(pk=row.pk, renewal_asked_at=row.renewal_asked_at)
        if not mine.update(renewal_asked_at=now):
            return False
        try:
            with transaction.atomic():
                send_command(
                    row.charge_point,
                    "trigger-message",
                    {"requested_message": message},
                    author=SYSTEM,
                    reason=f"its certificate ends on {row.not_after:%Y-%m-%d}",
                    now=now,
                )
        except CommandRefused:
            return False  # it is asked again next week
    return True
