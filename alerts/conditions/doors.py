"""Who knocks in vain: refused handshakes, by whom they name and by where they come from."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models.functions import Upper

from alerts.conditions.table import condition
from alerts.conditions.words import FOUND_MAX, mark, of_charge_point, said, where
from alerts.finding import Found, Param, Params, Scope
from alerts.models import TEXT_MAX
from chargers.models import ChargePoint, RefusedHandshake
from chargers.refusals import within_an_hour

TIMES = Param("times", "times an hour", 30, 1, 100_000, title="As often as a handshake was refused")
HOUR = timedelta(hours=1)


def _often(rows: Iterable[tuple[str, float]], times: int) -> list[tuple[str, int]]:
    """Return whose sums reach `times`, the highest first, FOUND_MAX at most: strangers decide how many there are."""
    sums: Counter[str] = Counter()
    for name, count in rows:
        sums[name] += count  # type: ignore[assignment]
    return [(name, round(count)) for name, count in sums.most_common(FOUND_MAX) if count >= times]


def _lately(now: datetime) -> Iterable[RefusedHandshake]:
    # REFUSALS_MAX bounds them.
    rows = RefusedHandshake.objects.filter(last_at__gt=now - HOUR, last_at__lte=now)
    return rows.only("identity", "peer", "reason", "hour", "in_hour", "in_hour_before")


@condition(
    "handshakes-refused",
    "Handshakes that name a charge point are refused again and again",
    TIMES,
    retold=True,
)
def of_charge_points(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Of identities that nobody knows, only where the rule has no scope."""
    rows = list(_lately(now))
    often = _often(
        ((row.identity.upper(), within_an_hour(row, now=now)) for row in rows if row.identity),
        params["times"],
    )
    if not often:
        return
    reasons: dict[str, set[str]] = {}
    for row in rows:
        reasons.setdefault(row.identity.upper(), set()).add(row.reason)
    known = {
        cp_id.upper(): (pk, cp_id, name)
        for pk, cp_id, name in ChargePoint.objects.alias(folded=Upper("cp_id"))
        .filter(scope.of(), folded__in=[identity for identity, _ in often])
        .values_list("pk", "cp_id", "name")
    }
    for identity, times in often:
        why = ", ".join(sorted(reasons[identity]))
        if identity in known:
            pk, cp_id, name = known[identity]
            text = f"{where(cp_id, name)} was refused about {times} times within an hour: {why}."
            yield of_charge_point(pk, cp_id, text=text, began_at=now)
        elif scope.everything:
            text = (
                f"{said(identity)}, whom nobody knows, was refused about {times} times within an hour: {why}."
            )
            yield Found(f"identity:{mark(identity)}", now, text[:TEXT_MAX])


@condition(
    "address-refused",
    "Handshakes from an address are refused again and again",
    TIMES,
    retold=True,
    scoped=False,
)
def of_addresses(now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
    """Whoever they name."""
    rows = ((row.peer, within_an_hour(row, now=now)) for row in _lately(now) if row.peer)
    for peer, times in _often(rows, params["times"]):
        text = f"About {times} handshakes from {said(peer)} were refused within an hour."
        yield Found(f"address:{mark(peer)}", now, text)
