"""Who is blocked now."""

from datetime import datetime
from ipaddress import ip_address

from django.db.models import Q, QuerySet, Subquery

from chargers.blocking.models import Block
from chargers.models import ChargePoint, Connection


def canonical_address(text: str) -> str:
    """Return an address in one form: IPv4 that came over an IPv6 socket is IPv4. Other texts stay as they are."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return text
    return str(getattr(address, "ipv4_mapped", None) or address)


def fold(kind: str, value: str) -> str:
    """Return a value as it is compared: the case of an identity does not matter, nor how an address is written."""
    return (value.upper() if kind == Block.Kind.IDENTITY else canonical_address(value).lower())[:255]


def blocks(*, now: datetime) -> QuerySet[Block]:
    """Return who is blocked at this moment, newest first."""
    return Block.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now)).order_by("-created_at", "-pk")


def blocks_of(identity: str, peer: str, *, now: datetime) -> QuerySet[Block]:
    """Return why nobody with this identity, or from this address, gets a connection; nothing if they may."""
    identities = Q(kind=Block.Kind.IDENTITY, folded=fold(Block.Kind.IDENTITY, identity))
    addresses = Q(kind=Block.Kind.ADDRESS, folded=fold(Block.Kind.ADDRESS, peer))
    return blocks(now=now).filter(identities | addresses)


def with_block(
    charge_points: QuerySet[ChargePoint], identity: str, peer: str, *, now: datetime
) -> QuerySet[ChargePoint]:
    """Put `blocked` beside charge points: what kind of block turns this identity or address away, None = none."""
    kinds = blocks_of(identity, peer, now=now).values("kind")
    return charge_points.annotate(blocked=Subquery(kinds[:1]))


COUNTED = 1000


def connected_from(peer: str) -> int:
    """Return how many charge points are connected from an address now, up to COUNTED."""
    address = canonical_address(peer)
    forms = {address, f"::ffff:{address}"}  # older connections were noted as their socket named the peer
    return Connection.objects.filter(closed_at=None, peer__in=forms).order_by()[:COUNTED].count()
