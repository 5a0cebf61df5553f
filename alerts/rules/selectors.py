"""The rules, as the engine goes by them."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.conditions import CONDITIONS, HAPPENINGS
from alerts.conditions.params import checked
from alerts.finding import Condition, Happening, Params, Scope
from alerts.rules.models import Rule
from alerts.rules.scopes import scope_of
from csms.core.refusals import BadField

log = logging.getLogger(__name__)

ABOUT: dict[str, Condition | Happening] = {**CONDITIONS, **HAPPENINGS}


@dataclass(frozen=True, slots=True)
class Live:
    """A rule that counts now, understood."""

    slug: str
    name: str
    severity: str
    about: Condition | Happening
    params: Params
    scope: Scope
    lasting: timedelta = timedelta(0)
    keep: timedelta = timedelta(0)
    inhibits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def retold(self) -> bool:
        """Whether the beginning that was seen first stands."""
        return isinstance(self.about, Condition) and self.about.retold


def live_rules() -> dict[str, Live]:
    """Return the rules that count now, by slug. One query; a row that cannot be understood is left out."""
    found = {}
    for rule in Rule.objects.filter(enabled=True).order_by("slug"):
        try:
            found[rule.slug] = _live(rule)
        except BadField as problem:
            log.warning("alerts.rule_not_understood", extra={"rule": rule.slug, "problem": str(problem)})
    return found


def problem_of(rule: Rule) -> str:
    """Return why a rule cannot be looked at, for people; nothing if it can."""
    try:
        _live(rule)
    except BadField as problem:
        return str(problem)
    return ""


def _live(rule: Rule) -> Live:
    about = ABOUT.get(rule.about)
    if about is None:
        raise BadField("about", f"There is no condition and no happening {rule.about!r}.")
    return Live(
        rule.slug,
        rule.name,
        rule.severity,
        about,
        checked(about.params, rule.params),
        scope_of(rule.scope),
        timedelta(seconds=rule.lasting_seconds),
        timedelta(seconds=rule.keep_seconds),
        rule.inhibits,
    )
