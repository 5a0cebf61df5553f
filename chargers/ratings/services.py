"""What readings tell of the power of charge points is noted here, and judged together with what else is known."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from chargers.configuration.models import ConfigurationKey
from chargers.models import ChargePoint
from chargers.ratings.judging import KEYS, Judgement, Seen, judge
from chargers.ratings.models import Rating
from chargers.traits.selectors import traits_of_all

JUDGED_AT_ONCE = 1000
JUDGED_EVERY = timedelta(minutes=5)
POWER_MOST_W = 5_000_000  # more is no reading of a charge point
_SEEN = {
    "power_w": "seen_power_w",
    "voltage_v": "seen_voltage_v",
    "phases": "seen_phases",
    "offered_w": "offered_w",
}
_JUDGED = ("supply", "supply_source", "power_w", "power_source", "phases", "evidence")


def note_seen(seen: Mapping[int, Seen]) -> int:
    """Keep what is higher than all that was seen before, by charge point; return of how many it was. Idempotent."""
    known = Rating.objects.in_bulk(list(seen))
    higher = [pk for pk, figures in seen.items() if _higher(known.get(pk) or Rating(), figures)]
    changed = []
    with transaction.atomic():
        rows, _ = _lock(higher)
        for pk, row in rows.items():
            if columns := _higher(row, seen[pk]):
                for column, value in columns.items():
                    setattr(row, column, value)
                row.judged_at = None  # at the next look
                changed.append(row)
        Rating.objects.bulk_create(
            changed,
            batch_size=JUDGED_AT_ONCE,
            update_conflicts=True,
            unique_fields=["charge_point"],
            update_fields=[*_SEEN.values(), "judged_at"],
        )
    return len(changed)


def _higher(row: Rating, seen: Seen) -> dict[str, int]:
    """Return what of it can be and is higher than all before, by column."""
    return {
        column: value
        for name, column in _SEEN.items()
        if (value := getattr(seen, name)) is not None
        and 0 < value <= POWER_MOST_W
        and value > (getattr(row, column) or 0)
    }


def _lock(charge_point_ids: Collection[int]) -> tuple[dict[int, Rating], set[int]]:
    """Lock the rows of charge points for this transaction, and return them, and which of them had none before.

    Those that are missing are made before any is locked, both in the order of their keys: of two who want the same rows
    one waits, and never both for each other.
    """
    keys = sorted(charge_point_ids)
    missing = set(keys).difference(Rating.objects.filter(pk__in=keys).values_list("pk", flat=True))
    new = [Rating(charge_point_id=pk) for pk in keys if pk in missing]
    Rating.objects.bulk_create(new, batch_size=JUDGED_AT_ONCE, ignore_conflicts=True)
    rows = Rating.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    return {row.pk: row for row in rows}, missing


def judge_due(*, now: datetime) -> int:
    """Judge the charge points whose turn it is, those longest ago first; return of how many anything changed.

    Idempotent, with a handful of queries however large the fleet is: what people say of a model or a charge point
    reports of its configuration is seen within some minutes.
    """
    due = Q(rating=None) | Q(rating__judged_at=None) | Q(rating__judged_at__lte=now - JUDGED_EVERY)
    turns = F("rating__judged_at").asc(nulls_first=True)
    rows = ChargePoint.objects.filter(due, retired_at=None).order_by(turns, "pk")
    return judge_these(list(rows.values_list("pk", flat=True)[:JUDGED_AT_ONCE]), now=now)


def judge_these(charge_point_ids: Sequence[int], *, now: datetime) -> int:
    """Judge these charge points; return of how many anything changed."""
    if not charge_point_ids:
        return 0
    traits = traits_of_all(charge_point_ids)
    configured: dict[int, dict[str, str]] = {}
    keys = ConfigurationKey.objects.filter(charge_point__in=charge_point_ids, folded__in=KEYS)
    for charge_point_id, folded, value in keys.values_list("charge_point_id", "folded", "value"):
        configured.setdefault(charge_point_id, {})[folded] = value or ""
    changed = []
    with transaction.atomic():
        rows, new = _lock(charge_point_ids)
        for pk, row in rows.items():
            seen = Seen(**{name: getattr(row, column) for name, column in _SEEN.items()})
            if _apply(row, judge(traits[pk], configured.get(pk, {}), seen)) or pk in new:
                row.judged_at = now
                changed.append(row)
        Rating.objects.filter(pk__in=charge_point_ids).update(judged_at=now)
        Rating.objects.bulk_create(
            changed,
            batch_size=JUDGED_AT_ONCE,
            update_conflicts=True,
            unique_fields=["charge_point"],
            update_fields=[*_JUDGED, "judged_at"],
        )
    return len(changed)


def _apply(row: Rating, judgement: Judgement) -> bool:
    """Write a judgement on its row; return whether it says anything else than before."""
    before = [getattr(row, name) for name in _JUDGED]
    for name in _JUDGED:
        setattr(row, name, getattr(judgement, name))
    row.evidence = [list(item) for item in judgement.evidence]
    return before != [getattr(row, name) for name in _JUDGED]
