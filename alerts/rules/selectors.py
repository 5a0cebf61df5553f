"""The rules, as the engine goes by them."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.conditions import CONDITIONS, HAPPENINGS
from alerts.conditions.params import checked
from alerts.finding import Condition, Happening, Params, Scope
from alerts.models import Severity
from alerts.rules.models import Rule
from alerts.rules.scopes import scope_of
from csms.core.refusals import BadField

log = logging.getLogger(__name__)

WORST = list(Severity.values)
"""Severities, the worst first."""
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

    @property
    def retold(self) -> bool:
        """Whether the beginning that was seen first stands."""
        return isinstance(self.about, Condition) and self.about.retold


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that count now."""

    live: dict[str, Live] = field(default_factory=dict)
    """Those that are understood, by slug."""
    strange: set[str] = field(default_factory=set)
    """Those that are not, such as one of a later version: whoever does understand it looks after its alerts."""
    inhibits: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What alerts of a rule make quiet; a strange one's, too, or its own version would undo what this one does."""

    def in_turn(self) -> list[Live]:
        """Return the most severe first, but each behind those that make its alerts quiet.

        So whoever takes them in parts tells nobody of what a later part makes quiet.
        """
        inhibitors: dict[str, list[str]] = {}
        for slug, links in self.inhibits.items():
            for each in links:
                inhibitors.setdefault(each["rule"], []).append(slug)
        found: list[Live] = []
        seen: set[str] = set()

        def add(slug: str) -> None:  # no deeper than there are rules, which are some hundreds
            if slug in seen:
                return
            seen.add(slug)
            for each in inhibitors.get(slug, ()):
                add(each)
            if slug in self.live:
                found.append(self.live[slug])

        for rule in sorted(self.live.values(), key=lambda one: (WORST.index(one.severity), one.slug)):
            add(rule.slug)
        return found


def live_rules() -> Rules:
    """Return the rules that count now. One query."""
    found = Rules()
    for rule in Rule.objects.filter(enabled=True).order_by("slug"):
        try:
            found.live[rule.slug] = _live(rule)
        except BadField as problem:
            log.warning("alerts.rule_not_understood", extra={"rule": rule.slug, "problem": str(problem)})
            found.strange.add(rule.slug)
        if rule.inhibits:
            found.inhibits[rule.slug] = rule.inhibits
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
    )
