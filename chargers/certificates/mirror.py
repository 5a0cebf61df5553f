"""What certificates a charge point has, as far as we know: what it took from us, and what it reported.

A charge point names its certificates by hash data only. Whatever certificate of that name was ever seen here, at this
charge point or another, tells its subject and its end.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from django.db import transaction
from django.db.models import Q

from chargers.certificates.checks import is_self_signed
from chargers.certificates.models import InstalledCertificate
from chargers.certificates.pem import (
    HASHES,
    HashData,
    Unreadable,
    fingerprint,
    hash_data,
    name_of,
    plain_serial,
    read_certificate,
    text_of,
)
from chargers.models import ChargePoint
from csms.core.events.services import record
from csms.core.live import announce

Use = InstalledCertificate.Use
REPORTED_MAX = 100  # certificates in one report; far above what any charge point holds
REMEMBERED = 50  # certificates that are gone and are looked at


def present(charge_point_id: int, use: str | None = None) -> list[InstalledCertificate]:
    """Return what a charge point has, the newest first."""
    wanted = {"use": use} if use else {}
    return list(
        InstalledCertificate.objects.filter(
            charge_point_id=charge_point_id, removed_at=None, **wanted
        ).order_by("-pk")
    )


def named(charge_point_id: int, name: HashData) -> InstalledCertificate | None:
    """Return the certificate that a charge point has under this hash data."""
    return next(
        (row for row in present(charge_point_id) if row.use in InstalledCertificate.ROOTS and _is(row, name)),
        None,
    )


def had(charge_point_id: int, use: str, name: HashData) -> bool:
    """Whether a charge point once had, and has no more, a certificate of this use under this hash data."""
    removed = InstalledCertificate.objects.filter(
        charge_point_id=charge_point_id, use=use, removed_at__isnull=False
    )
    return any(_is(row, name) for row in removed.order_by("-removed_at")[:REMEMBERED])


# --- what we brought --------------------------------------------------------------------------------------------------


def note_installed(
    charge_point: ChargePoint, use: str, chain: Sequence[x509.Certificate], *, now: datetime
) -> InstalledCertificate:
    """Note that a charge point took a certificate from us; its issuers follow it in `chain`, if they are known.

    A certificate of its own replaces the one before. Idempotent.
    """
    certificate = chain[0]
    row = next(
        (
            known
            for known in present(charge_point.pk, use)
            if known.fingerprint == fingerprint(certificate)
            or (not known.pem and names(certificate, known.hash_data, issuer=_issuer(chain)))
        ),
        None,
    ) or InstalledCertificate(charge_point=charge_point, use=use)
    fill(row, certificate)
    issuer = _issuer(chain)
    if issuer is not None and not row.issuer_key_hash:
        _set_name(row, hash_data(certificate, issuer))
    row.installed_at = now
    row.save()
    if use in InstalledCertificate.OWN:
        for other in present(charge_point.pk, use):
            if other.pk != row.pk:
                note_removed(other, "replaced", now=now)
    _tell("cert.installed", row, now)
    return row


def note_removed(row: InstalledCertificate, how: str, *, now: datetime) -> None:
    """Note that a charge point no longer has a certificate; `how` says from what we know it."""
    if InstalledCertificate.objects.filter(pk=row.pk, removed_at=None).update(removed_at=now, removal=how):
        _tell("cert.removed", row, now, removal=how)


def fill(row: InstalledCertificate, certificate: x509.Certificate) -> None:
    """Copy what the certificate itself tells."""
    row.pem = text_of(certificate)
    row.fingerprint = fingerprint(certificate)
    row.subject = name_of(certificate.subject)
    row.issuer = name_of(certificate.issuer)
    row.not_before = certificate.not_valid_before_utc
    row.not_after = certificate.not_valid_after_utc
    row.serial_number = row.serial_number or format(certificate.serial_number, "x")


def _issuer(chain: Sequence[x509.Certificate]) -> x509.Certificate | None:
    if len(chain) > 1:
        return chain[1]
    return chain[0] if is_self_signed(chain[0]) else None


# --- what it reports --------------------------------------------------------------------------------------------------


def reconcile(
    charge_point: ChargePoint, use: str, reported: Sequence[HashData], *, now: datetime
) -> tuple[int, int]:
    """Make the mirror of one use what the charge point reported; return how many were new and how many are gone."""
    known = present(charge_point.pk, use)
    added = 0
    for name in {name.plain(): name for name in reported[:REPORTED_MAX]}.values():  # some list one twice
        row = next((one for one in known if _is(one, name)), None)
        if row is None:
            added += 1
            row = InstalledCertificate(charge_point=charge_point, use=use)
            if (certificate := _seen_anywhere(name)) is not None:
                fill(row, certificate)
        else:
            known.remove(row)
        _set_name(row, name)
        row.reported_at = now
        row.save()
    for row in known:
        note_removed(row, "not reported", now=now)
    announce(f"charge-point:{charge_point.pk}")
    return added, len(known)


def _seen_anywhere(name: HashData) -> x509.Certificate | None:
    """Return the certificate of this name that some charge point has; several may have the serial number."""
    serials = {name.serial_number, plain_serial(name.serial_number)}
    texts = (
        InstalledCertificate.objects.filter(serial_number__in=serials)
        .exclude(pem="")
        .values_list("pem", flat=True)
        .distinct()[:20]
    )
    for text in texts:
        certificate = _read(text)
        if certificate is not None and names(certificate, name, issuer=_issuer([certificate])):
            return certificate
    return None


def names(certificate: x509.Certificate, name: HashData, *, issuer: x509.Certificate | None) -> bool:
    """Whether hash data, in its own algorithm, is that of a certificate; an unknown issuer's key is not compared."""
    if name.algorithm.upper() not in HASHES:
        return False
    computed = hash_data(certificate, issuer or certificate, name.algorithm.upper())
    key_hash = computed.issuer_key_hash if issuer is not None else name.issuer_key_hash
    return name.same_as(
        HashData(computed.algorithm, computed.issuer_name_hash, key_hash, computed.serial_number)
    )


def _is(row: InstalledCertificate, name: HashData) -> bool:
    if row.hash_data.same_as(name):
        return True
    if plain_serial(row.serial_number) != plain_serial(name.serial_number):
        return False  # spares reading the certificate
    certificate = _read(row.pem)
    return certificate is not None and names(certificate, name, issuer=_issuer([certificate]))


def _read(text: str) -> x509.Certificate | None:
    try:
        return read_certificate(text)
    except Unreadable:
        return None


def _set_name(row: InstalledCertificate, name: HashData) -> None:
    """Keep hash data as it was told, since a deletion must repeat it (TC_076)."""
    row.hash_algorithm = name.algorithm[:16]
    row.issuer_name_hash = name.issuer_name_hash[:256]
    row.issuer_key_hash = name.issuer_key_hash[:256]
    row.serial_number = name.serial_number[:256]


def _tell(type: str, row: InstalledCertificate, now: datetime, **more: Any) -> None:
    record(
        type,
        row.charge_point.cp_id,
        {
            "certificate_id": str(row.pk),
            "use": row.use,
            "subject": row.subject,
            "serial_number": row.serial_number,
            "not_after": row.not_after,
            **more,
        },
        occurred_at=now,
    )
    announce(f"charge-point:{row.charge_point_id}")


# --- what ends --------------------------------------------------------------------------------------------------------

WARN_DAYS = (30, 7, 1, 0)  # days before the end of which is told; 0 = it has ended


def tell_of_expiry(*, now: datetime) -> int:
    """Tell of certificates that end soon or have ended, each step once; return how many. Idempotent."""
    told = 0
    for days in reversed(WARN_DAYS):  # the nearest end first: what has ended is not also told to end soon
        rows = InstalledCertificate.objects.filter(
            removed_at=None, not_after__lte=now + timedelta(days=days)
        ).filter(Q(warned_days=None) | Q(warned_days__gt=days))
        for row in rows.select_related("charge_point").order_by("pk")[:1000]:
            told += _warn(row, days, now)
    return told


def _warn(row: InstalledCertificate, days: int, now: datetime) -> int:
    with transaction.atomic():
        mine = (
            InstalledCertificate.objects.filter(pk=row.pk)
            .filter(Q(warned_days=None) | Q(warned_days__gt=days))
            .update(warned_days=days)
        )
        if mine:
            _tell("cert.expiring" if days else "cert.expired", row, now, **({"days": days} if days else {}))
    return mine
