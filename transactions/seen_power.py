"""What recent readings tell of the power of charge points: highest figures, and phases, for `chargers.ratings`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from chargers.ratings.judging import Seen
from chargers.ratings.models import Rating
from chargers.ratings.services import note_seen
from csms.core.ids import uuid7_floor
from transactions.models import MeterValue
from transactions.numbers import EXACT, number_of, unit_of
from transactions.sampled import label_of
from transactions.series import scale_of

LOOK_BACK = timedelta(minutes=5)  # twice the time between two looks; what is looked at twice does no harm
LOOKED_INTO = 500  # charge points of which nobody knows the phases, in a look
SAMPLES_READ = 2000  # readings of those
_PHASES = {
    "L1": ("L1",),
    "L2": ("L2",),
    "L3": ("L3",),
    "L1-N": ("L1",),
    "L2-N": ("L2",),
    "L3-N": ("L3",),
}


def look_at_power(*, now: datetime) -> int:
    """Note the highest figures of the last minutes; return of how many charge points there was anything new."""
    recent = MeterValue.objects.filter(id__gte=uuid7_floor(now - LOOK_BACK))
    rows = recent.values_list("charge_point_id").annotate(Max("power_w"), Max("voltage_v")).order_by()
    highest = {pk: (power, voltage) for pk, power, voltage in rows}
    known = Rating.objects.filter(pk__in=highest, seen_phases__isnull=False, offered_w__isnull=False)
    unknown = sorted(highest.keys() - set(known.values_list("pk", flat=True)))[:LOOKED_INTO]
    within = recent.filter(charge_point__in=unknown, power_w__gt=0)
    details: dict[int, tuple[set[str], float]] = {}
    for pk, samples in within.values_list("charge_point_id", "samples")[:SAMPLES_READ]:
        phases, offered = details.get(pk, (set(), 0.0))
        found, more = _read(samples)
        details[pk] = (phases | found, max(offered, more))
    return note_seen({pk: _seen(*figures, *details.get(pk, (set(), 0))) for pk, figures in highest.items()})


def _seen(power: float | None, voltage: float | None, phases: set[str], offered: float) -> Seen:
    return Seen(
        None if power is None else round(power),
        None if voltage is None else round(voltage),
        len(phases) or None,
        round(offered) or None,
    )


def _read(samples: str) -> tuple[set[str], float]:
    """Return the phases that are named at the outlet, and the highest power that is offered there, in W."""
    phases: set[str] = set()
    offered = 0.0
    for item in _items(samples):
        if label_of(item, "location") != "Outlet":
            continue
        phases.update(_PHASES.get(label_of(item, "phase"), ()))
        if label_of(item, "measurand") == "Power.Offered":
            number = number_of(item.get("value"))
            if number is not None:
                value = float(EXACT.scaleb(number, scale_of("Power.Offered", *unit_of(item)).power))
                offered = max(offered, value if value < 1e9 else 0.0)
    return phases, offered


def _items(samples: str) -> Iterator[Mapping[str, Any]]:
    with suppress(ValueError):
        items = json.loads(samples)
        if isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))
