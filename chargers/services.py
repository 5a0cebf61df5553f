"""What changes charge points: registration, boots, connector states, passwords."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Upper

from chargers.approval import heed
from chargers.following import Booted, SignedIn, StatusReported, tell
from chargers.models import STATUS_REPORTS, ChargePoint, Connection, Connector, Registration
from chargers.protocol.versions import IdentityError, identity_from_path
from csms.core.backend.answers import RegistrationVerdict
from csms.core.events.services import record
from csms.core.ids import uuid7_text
from csms.core.live import announce, process_group, ring
from csms.core.refusals import BadField

PASSWORD_MIN, PASSWORD_MAX = 16, 64  # T-024, T-025


class Refusal(BadField):
    """A change that cannot be made; the text says why, for people, and `field` what was wrong."""

    def __init__(self, text: str, *, field: str = "cp_id") -> None:
        super().__init__(field, text)


def find_charge_point(cp_id: str) -> ChargePoint | None:
    """Return the charge point of this identity; identities are compared without regard to case."""
    return ChargePoint.objects.filter(cp_id=cp_id).first() or (
        ChargePoint.objects.alias(folded=Upper("cp_id")).filter(folded=Upper(Value(cp_id))).first()
    )


def register_charge_point(
    cp_id: str,
    *,
    now: datetime,
    name: str = "",
    registration: str = Registration.ACCEPTED,
    password: str = "",
    site: str = "",
    labels: Mapping[str, str] | None = None,
) -> ChargePoint:
    """Make a charge point known. Raises Refusal for a bad identity or password, or one that exists already."""
    try:
        identity_from_path(quote(cp_id, safe=""))
    except IdentityError as error:
        raise Refusal(str(error)) from error
    password_hash = hash_password(password) if password else ""
    charge_point = ChargePoint(
        cp_id=cp_id,
        name=name,
        site=site,
        labels=dict(labels or {}),
        registration=registration,
        password_hash=password_hash,
        created_at=now,
    )
    known = find_charge_point(cp_id)
    try:
        if known is None:
            with transaction.atomic():
                charge_point.save(force_insert=True)
                announce("fleet")
            return charge_point
    except IntegrityError:  # somebody else was faster
        known = find_charge_point(cp_id)
    raise Refusal(f"{known or cp_id} is known already")


def describe_charge_point(charge_point: ChargePoint, **said: Any) -> None:
    """Note what people say of a charge point: its `name`, its `site` ("" = none) or all of its `labels`."""
    for name, value in said.items():
        setattr(charge_point, name, value)
    with transaction.atomic():
        charge_point.save(update_fields=list(said))
        announce("fleet", f"charge-point:{charge_point.pk}")


def label_connector(connector: Connector, label: str) -> None:
    """Give the connector a name for people; empty takes it away.

    Where one identity stands for many boxes (quirk X12) its connectors are what people look for.
    """
    connector.label = label
    with transaction.atomic():
        connector.save(update_fields=["label"])
        announce("fleet", f"charge-point:{connector.charge_point_id}")


def hash_password(password: str) -> str:
    """Return the hash to keep. Raises Refusal for a password that no charge point could be given."""
    size = len(password.encode())
    if not PASSWORD_MIN <= size <= PASSWORD_MAX:
        raise Refusal(
            f"a charge point's password has {PASSWORD_MIN} to {PASSWORD_MAX} bytes; this one has {size}",
            field="password",
        )
    return make_password(canonical_password(password.encode()), hasher=HASHER)


# A charge point's password is long and random (T-024: at least 16 bytes) and is checked at every reconnection of
# every charge point, so it needs no million rounds; see `handshake.KnownPasswords` for the memory of good ones.
HASHER = "charge_point"
_HEX_KEY = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")


def canonical_password(password: bytes) -> str:
    """Return one form for the ways in which a key is sent.

    1.6 keys are set as 32 to 40 hex digits and come back as those digits in either case, or as the bytes that they
    stand for (T-024); both become the digits in lower case. Anything else is itself.
    """
    if _HEX_KEY.fullmatch(password):
        return password.decode().lower()
    return password.decode("latin-1")


def new_password() -> str:
    """Return a password that nobody can guess: 40 hex digits, the longest key that OCPP 1.6 can set (T-024)."""
    return secrets.token_hex(20)


def set_password(charge_point: ChargePoint, password: str, *, by: str, now: datetime) -> None:
    """Set the password that the charge point must present from its next handshake on; empty removes it.

    A change that it was ordered before and has not proven is forgotten. `by` says who did it, for the event.
    """
    had_one = bool(charge_point.password_hash)
    charge_point.password_hash = hash_password(password) if password else ""
    charge_point.next_password_hash = ""
    if not password:
        charge_point.security_profile = 0  # who need not sign in is bound to no profile
    with transaction.atomic():
        charge_point.save(update_fields=["password_hash", "next_password_hash", "security_profile"])
        if password or had_one:
            _tell_of_password(charge_point, "set" if password else "removed", by, now)
        announce(f"charge-point:{charge_point.pk}")


def _tell_of_password(charge_point: ChargePoint, action: str, by: str, now: datetime) -> None:
    record("cp.credential_rotated", charge_point.cp_id, {"action": action, "by": by}, occurred_at=now)


# T-029: a charge point is told its new password over OCPP. Until it says that it has taken it, or signs in with one of
# the two, both count; what it was never told, or refused, is dropped.


def offer_password(charge_point: ChargePoint, password: str) -> None:
    """Let a password that the charge point is about to be told count beside the present one.

    Raises Refusal for a bad password, and while an earlier one is neither taken nor refused for certain: which of
    three it has then nobody could tell.
    """
    next_hash = hash_password(password)
    offered = ChargePoint.objects.filter(pk=charge_point.pk, next_password_hash="")
    if offered.update(next_password_hash=next_hash) != 1:
        raise Refusal(
            "it has not yet proven whether it took the last change; that shows when it next connects",
            field="password",
        )
    announce(f"charge-point:{charge_point.pk}")


def take_offered_password(charge_point: ChargePoint, *, by: str, now: datetime) -> None:
    """Let only the offered password count, if there is one. `by` says who offered it, for the event."""
    offered = ChargePoint.objects.filter(pk=charge_point.pk).exclude(next_password_hash="")
    with transaction.atomic():
        if offered.update(password_hash=F("next_password_hash"), next_password_hash=""):
            _tell_of_password(charge_point, "set", by, now)
    announce(f"charge-point:{charge_point.pk}")


def drop_offered_password(charge_point_id: int) -> None:
    """Let only the present password count."""
    ChargePoint.objects.filter(pk=charge_point_id).update(next_password_hash="")
    announce(f"charge-point:{charge_point_id}")


def note_sign_in(
    charge_point: ChargePoint, password_hash: str, security_profile: int, *, now: datetime
) -> None:
    """Note with what a charge point has signed in: the proof of its password (T-029) and of its profile (T-037)."""
    offered = charge_point.next_password_hash
    kept_old = bool(offered) and password_hash == charge_point.password_hash
    if offered and password_hash == offered:
        take_offered_password(charge_point, by=charge_point.cp_id, now=now)
    if security_profile > charge_point.security_profile:
        ChargePoint.objects.filter(pk=charge_point.pk).update(security_profile=security_profile)
    if security_profile or kept_old:
        tell(SignedIn(charge_point.pk, charge_point.cp_id, security_profile, not kept_old, now))


def set_security_profile(charge_point: ChargePoint, security_profile: int) -> None:
    """Set the lowest security profile with which the charge point may connect; lowering it is a person's decision."""
    charge_point.security_profile = security_profile
    with transaction.atomic():
        charge_point.save(update_fields=["security_profile"])
        announce(f"charge-point:{charge_point.pk}")


def set_registration(charge_point: ChargePoint, registration: Registration, *, now: datetime) -> bool:
    """Approve or reject a charge point; return whether that changed anything.

    A connected one is told at once: an approved one is asked to boot again, a rejected one is disconnected.
    """
    with transaction.atomic():
        known = ChargePoint.objects.filter(pk=charge_point.pk)
        changed = known.exclude(registration=registration).update(registration=registration) == 1
        known.exclude(own_registration="").update(own_registration="")  # now it is what was said here
        charge_point.registration, charge_point.own_registration = registration, ""
        if changed:
            announce("fleet", f"charge-point:{charge_point.pk}")
            tell_holder(charge_point.pk, "registration")
    return changed


def retire_charge_point(charge_point: ChargePoint, *, now: datetime) -> bool:
    """Take a charge point out of service for good; its history stays. Return whether it was in service."""
    with transaction.atomic():
        changed = ChargePoint.objects.filter(pk=charge_point.pk, retired_at=None).update(retired_at=now) == 1
        if changed:
            announce("fleet", f"charge-point:{charge_point.pk}")
            tell_holder(charge_point.pk, "registration")
    return changed


def tell_holder(charge_point_id: int, bell: str) -> None:
    """Ring at the process that holds the charge point, if one does, after the commit."""
    process_id = (
        Connection.objects.filter(charge_point_id=charge_point_id, closed_at=None)
        .order_by("-opened_at")
        .values_list("process_id", flat=True)
        .first()
    )
    if process_id is not None:
        ring(process_group(str(process_id)), bell, charge_point=charge_point_id)


BOOT_FIELDS = (
    "vendor",
    "model",
    "serial_number",
    "firmware_version",
    "iccid",
    "imsi",
    "meter_type",
    "meter_serial_number",
)


APPROVAL = ("registration", "own_registration")


def record_boot(
    charge_point_id: int, facts: Mapping[str, str], *, now: datetime, said: RegistrationVerdict | None = None
) -> str:
    """Store what a charge point says of itself at boot and return its registration.

    `facts` has keys of BOOT_FIELDS; the ones it lacks are emptied, since a boot describes the whole station.
    `said` is the backend's verdict, None if our own approval decides.
    """
    charge_point = ChargePoint.objects.get(pk=charge_point_id)
    heeded = heed(charge_point, said)
    changes = {
        name: (getattr(charge_point, name), facts.get(name, ""))
        for name in BOOT_FIELDS
        if getattr(charge_point, name) != facts.get(name, "")
    }
    for name in BOOT_FIELDS:
        setattr(charge_point, name, facts.get(name, ""))
    charge_point.last_seen_at = now
    # Only an accepted boot counts: one that waits again may be asked to boot again, once approved (T-085).
    charge_point.booted_at = now if charge_point.registration == Registration.ACCEPTED else None
    charge_point.save(
        update_fields=[*BOOT_FIELDS, "booted_at", "last_seen_at", *(APPROVAL if heeded else ())]
    )
    record(
        "cp.boot",
        charge_point.cp_id,
        {
            **{name: getattr(charge_point, name) for name in BOOT_FIELDS},
            "status": charge_point.registration,
        },
        occurred_at=now,
    )
    announce("fleet", f"charge-point:{charge_point_id}")
    tell(Booted(charge_point_id, charge_point.cp_id, charge_point.registration, changes, now))
    return charge_point.registration


def record_heartbeat(cp_id: str, connection_id: str, *, now: datetime) -> None:
    """Tell that a heartbeat came."""
    record("cp.heartbeat", cp_id, {"connection_id": connection_id}, occurred_at=now)


def record_status(
    charge_point_id: int,
    cp_id: str,
    number: int,
    *,
    status: str,
    error_code: str,
    info: str = "",
    vendor_id: str = "",
    vendor_error_code: str = "",
    status_at: datetime | None,
    now: datetime,
) -> bool:
    """Store a report on a connector (0 = the station); return whether it is now the connector's state.

    A report older than the known state is history only (S16-15): stations replay reports after being offline.
    """
    STATUS_REPORTS.add(
        uuid7_text(),
        charge_point_id,
        number,
        status[:64],
        error_code[:64],
        info,
        vendor_id,
        vendor_error_code,
        status_at,
        now,
    )
    # Nothing was seen after it was heard: a clock that was ahead and is set right must not freeze the state either.
    believed = now if status_at is None else min(status_at, now)
    values: dict[str, Any] = {
        "status": status[:64],
        "error_code": error_code[:64],
        "info": info,
        "vendor_id": vendor_id,
        "vendor_error_code": vendor_error_code,
        "status_at": believed,
        "received_at": now,
    }
    # One conditional UPDATE: concurrent reports on one connector cannot overwrite a newer with an older one.
    newer = Connector.objects.filter(charge_point_id=charge_point_id, number=number).filter(
        Q(status_at=None) | Q(status_at__lte=believed)
    )
    current = newer.update(**values) == 1
    if not current:
        _, current = Connector.objects.get_or_create(
            charge_point_id=charge_point_id, number=number, defaults=values
        )
    record(
        "cp.status",
        cp_id,
        {
            "connector_id": number,
            "status": status,
            "error_code": error_code,
            "info": info,
            "vendor_id": vendor_id,
            "vendor_error_code": vendor_error_code,
            "charger_reported_at": status_at,
            "current": current,
        },
        occurred_at=now,
    )
    if current:
        announce("fleet", f"charge-point:{charge_point_id}")
    tell(StatusReported(charge_point_id, cp_id, number, status, error_code, current, now))
    return current


def touch_charge_points(seen: Mapping[int, datetime]) -> None:
    """Store when charge points were last heard; coalesced by each process, not once per message."""
    # Not bulk_update: its one long CASE takes 0.2 ms a row to build, and for so long nobody is answered.
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(adapt(at), pk) for pk, at in sorted(seen.items())]
    table = ChargePoint._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(f'UPDATE "{table}" SET last_seen_at = %s WHERE id = %s', rows)  # noqa: S608 - names from the model
    announce(*(f"charge-point:{pk}" for pk in seen))


def store_clock_skews(measured: Mapping[int, tuple[int, datetime]]) -> None:
    """Store by how many seconds the clocks of charge points are ahead, and when that was measured."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(seconds, adapt(at), pk) for pk, (seconds, at) in sorted(measured.items())]
    table = ChargePoint._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f'UPDATE "{table}" SET clock_skew_seconds = %s, clock_measured_at = %s WHERE id = %s',  # noqa: S608
            rows,
        )
    announce(*(f"charge-point:{pk}" for pk in measured))
