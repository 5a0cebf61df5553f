"""Which traits a charge point has: those of its model, then its own.

The patterns of models are few and are kept in memory; the gateway notices within a minute when another process has
changed them, if the bell was lost. So a connection costs one query for its own traits, and no other.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, Max

from chargers.traits.models import ChargePointTraits, IdentityAlias, ModelTraits
from chargers.traits.values import DEFAULTS, Traits, merged

if TYPE_CHECKING:
    from chargers.models import ChargePoint


class Make(NamedTuple):
    """What a charge point said of itself at its last boot."""

    vendor: str
    model: str
    firmware: str


class Rule(NamedTuple):
    """The traits of one model, ready to be compared."""

    patterns: tuple[re.Pattern[str], ...]
    traits: Mapping[str, Any]

    def fits(self, make: Make) -> bool:
        """Return whether a boot fits all patterns."""
        return all(pattern.fullmatch(said.strip()) for pattern, said in zip(self.patterns, make, strict=True))


_rules: tuple[Rule, ...] | None = None


def forget_rules() -> None:
    """Read the patterns of models again when they are next needed."""
    global _rules
    _rules = None


def model_rules() -> tuple[Rule, ...]:
    """Return the traits of all models, the most exact patterns last."""
    global _rules
    if _rules is None:
        rows = sorted(ModelTraits.objects.all(), key=_exactness)
        _rules = tuple(Rule(tuple(map(_pattern, _patterns(row))), row.traits) for row in rows)
    return _rules


def _patterns(row: ModelTraits) -> Make:
    return Make(row.vendor, row.model, row.firmware)


def _exactness(row: ModelTraits) -> tuple[Any, ...]:
    """A pattern of the firmware says more than any of the model, and this than one of the vendor."""
    fixed = [sum(char not in "*?" for char in pattern) for pattern in reversed(_patterns(row))]
    return (*(bool(length) for length in fixed), *fixed, row.pk)


@lru_cache(4096)
def _pattern(text: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def make_of(charge_point: "ChargePoint") -> Make:
    """Return the make of a charge point."""
    return Make(charge_point.vendor, charge_point.model, charge_point.firmware_version)


def model_layers(make: Make) -> list[Mapping[str, Any]]:
    """Return what is said of models that a make fits, the most exact last."""
    return [rule.traits for rule in model_rules() if rule.fits(make)]


def own_traits(charge_point_id: int) -> ChargePointTraits | None:
    """Return what is said of this charge point alone."""
    return ChargePointTraits.objects.filter(pk=charge_point_id).first()


def traits_of(charge_point: "ChargePoint") -> Traits:
    """Return the traits of a charge point, in one query."""
    own = own_traits(charge_point.pk)
    return merged((*model_layers(make_of(charge_point)), own.traits if own else {}))


CHUNK = 500


def traits_of_all(charge_point_ids: Iterable[int]) -> dict[int, Traits]:
    """Return the traits of many charge points, in one query for each CHUNK of them."""
    from chargers.models import ChargePoint

    pks = list(charge_point_ids)
    found: dict[int, Traits] = {}
    for start in range(0, len(pks), CHUNK):
        rows = ChargePoint.objects.filter(pk__in=pks[start : start + CHUNK]).values_list(
            "pk", "vendor", "model", "firmware_version", "own_traits__traits"
        )
        for pk, vendor, model, firmware, own in rows:
            layers = model_layers(Make(vendor, model, firmware))
            found[pk] = merged((*layers, own)) if own else merged(layers) if layers else DEFAULTS
    return found


def state() -> tuple[Any, ...]:
    """Return what is different after any change of traits; two small queries."""
    parts = (
        table.objects.aggregate(count=Count("pk"), newest=Max("changed_at"))
        for table in (ModelTraits, ChargePointTraits)
    )
    return tuple((part["count"], part["newest"]) for part in parts)


def charge_point_of_alias(identity: str) -> "ChargePoint | None":
    """Return the charge point that also connects under this identity; case does not matter."""
    alias = IdentityAlias.objects.filter(identity__iexact=identity).select_related("charge_point").first()
    return alias.charge_point if alias else None
