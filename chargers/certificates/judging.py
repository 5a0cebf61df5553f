"""What a certificate request is found to be when it comes: whom it names, what forbids it, what is doubtful."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from django.db.models import Q

from chargers.certificates.checks import NAMES_MAX, listed, request_doubts, request_faults
from chargers.certificates.models import SigningRequest
from chargers.certificates.pem import (
    Unreadable,
    claimed_identities,
    key_digest,
    key_name,
    name_of,
    read_request,
)
from chargers.models import ChargePoint
from csms.core.config import get_config


def judge(row: SigningRequest) -> bool:
    """Fill in what a request names and what is wrong with it; return whether it must not be signed at all."""
    try:
        request = read_request(row.csr)  # what is judged is what is kept, and signed later
    except Unreadable as error:
        row.problems = [str(error)]
        return True
    row.subject, row.key, row.key_digest = (
        name_of(request.subject),
        key_name(request),
        key_digest(request),
    )
    charge_point = row.charge_point
    faults = request_faults(request)
    doubts = request_doubts(
        request,
        identities=(charge_point.cp_id, charge_point.serial_number),
        organization=get_config().certificate_organization,
    )
    if row.use == SigningRequest.Use.V2G and not _is_p256(request.public_key()):
        doubts.append(f"its key is {row.key}, and cars ask for EC secp256r1 (ISO 15118-2)")
    row.problems = faults + doubts + _names_of_others(charge_point, claimed_identities(request))
    return bool(faults)


def _is_p256(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _names_of_others(charge_point: ChargePoint, names: Sequence[str]) -> list[str]:
    """Return a doubt for each name that another charge point has, too.

    A serial number is only what a charge point says of itself: none shall get a certificate in another's name by it.
    """
    others = ChargePoint.objects.exclude(pk=charge_point.pk)
    doubts = []
    for name in names[:NAMES_MAX]:  # of more, at least one is a stranger's and a doubt already
        if name.casefold() == charge_point.cp_id.casefold() or "\x00" in name:  # which nobody is named
            continue
        other = others.filter(Q(cp_id__iexact=name) | Q(serial_number__iexact=name)).first()
        if other is not None:
            doubts.append(f"its subject names {listed([name])}, and so is {other.cp_id} named")
    return doubts
