"""The list of handshakes that were refused, which a flood cannot fill."""

from datetime import datetime

from django.db.models import F

from chargers.models import RefusedHandshake
from csms.core.live import announce

REFUSALS_MAX = 10_000


def refuse_handshake(
    identity: str, *, peer: str, reason: str, detail: str, http_status: int, now: datetime
) -> None:
    """Remember a refused handshake; repeats are counted on one row, and a flood of identities shares another."""
    key = {"identity": identity[:255], "peer": peer[:64], "reason": reason}
    if not _count_refusal(key, detail, http_status, now):
        if RefusedHandshake.objects.count() >= REFUSALS_MAX:
            key |= {"identity": "", "peer": ""}
        first = {"detail": detail[:500], "http_status": http_status, "first_at": now, "last_at": now}
        _, made = RefusedHandshake.objects.get_or_create(**key, defaults=first)
        if not made:
            _count_refusal(key, detail, http_status, now)
    announce("refusals")


def _count_refusal(key: dict[str, str], detail: str, http_status: int, now: datetime) -> bool:
    values = {"detail": detail[:500], "http_status": http_status, "last_at": now}
    return RefusedHandshake.objects.filter(**key).update(count=F("count") + 1, **values) == 1
