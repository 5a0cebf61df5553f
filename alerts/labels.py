"""What tells an alert from others: the labels by which it is grouped, silenced, inhibited and found to share something.

They are what was known when it began. A label that is not known is absent, and equals nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from django.db.models import OuterRef, Subquery

from chargers.models import ChargePoint, Connection

VALUE_MAX = 200  # characters; a part of the labels are a charge point's own words
OWN = "label:"
"""Before the names of labels that people gave a charge point; such a name has no colon."""
BLOCKS = {4: 24, 6: 48}  # bits of an address that neighbours share
Labels = dict[str, str]


def plain(value: str) -> str:
    """Return a value as a label has it: what can be seen of its beginning, in one line."""
    start = " ".join(value[: 4 * VALUE_MAX].split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in start)[:VALUE_MAX]


def network_of(peer: str) -> str:
    """Return the block of addresses in which an address lies, such as 192.0.2.0/24; nothing for what is none."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = BLOCKS[address.version]
    host = (128 if address.version == 6 else 32) - bits
    return f"{type(address)(int(address) >> host << host)}/{bits}"


def labels_of(charge_points: Collection[int]) -> dict[int, Labels]:
    """Return the labels of charge points by their keys. Two queries, however many there are."""
    if not charge_points:
        return {}
    last = Connection.objects.filter(charge_point=OuterRef("pk")).order_by("-opened_at").values("pk")[:1]
    rows = list(
        ChargePoint.objects.filter(pk__in=charge_points)
        .order_by()
        .annotate(last=Subquery(last))
        .values_list("pk", "cp_id", "site", "vendor", "model", "firmware_version", "labels", "last")
    )
    wires = _wires([row[-1] for row in rows if row[-1] is not None])
    found = {}
    for pk, cp_id, site, vendor, model, firmware, own, connection in rows:
        network, process = wires.get(connection, ("", ""))
        known: Mapping[str, str] = {
            "cp_id": cp_id,
            "site": site,
            "vendor": vendor,
            "model": model,
            "firmware": firmware,
            "network": network,
            "process": process,
        }
        labels = {name: plain(value) for name, value in known.items() if value}
        labels |= {f"{OWN}{name}": plain(str(value)) for name, value in own.items()}
        found[pk] = labels
    return found


def _wires(connections: list[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return of connections the block of addresses and the server process."""
    rows: Iterable[tuple[UUID, str, str, int]] = Connection.objects.filter(pk__in=connections).values_list(
        "pk", "peer", "process__host", "process__pid"
    )
    return {pk: (network_of(peer), f"{host}:{pid}") for pk, peer, host, pid in rows}
