"""What charge points seem to lack, by what they list and by what they answer."""

from collections.abc import Mapping

from chargers.models import ChargePoint
from csms.core.live import announce

BY_PROFILE, BY_ANSWER = "profile", "answer"


def note_profiles(charge_point: ChargePoint, lacking: Mapping[str, str]) -> None:
    """S16-23. A list of profiles may be wrong (quirk C12), so it warns; what was answered says more than the list."""
    kept = {
        slug: {k: v for k, v in why.items() if k != BY_PROFILE} for slug, why in charge_point.lacking.items()
    }
    for slug, profile in lacking.items():
        kept.setdefault(slug, {})[BY_PROFILE] = f"it does not list the feature profile {profile}"
    _keep_lacking(charge_point, {slug: why for slug, why in kept.items() if why})


def note_support(charge_point_id: int, type: str, lacks: str) -> None:
    """Note that a charge point knows a command, or by which answer it said that it does not."""
    charge_point = ChargePoint.objects.get(pk=charge_point_id)
    kept = dict(charge_point.lacking)
    if lacks:
        kept[type] = {**kept.get(type, {}), BY_ANSWER: lacks}
    else:
        kept.pop(type, None)
    _keep_lacking(charge_point, kept)


def _keep_lacking(charge_point: ChargePoint, lacking: dict[str, dict[str, str]]) -> None:
    if lacking != charge_point.lacking:
        ChargePoint.objects.filter(pk=charge_point.pk).update(lacking=lacking)
        charge_point.lacking = lacking
        announce(f"charge-point:{charge_point.pk}")
