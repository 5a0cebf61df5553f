"""What people do with rules: make, change, switch, remove and restore them; and how the shipped ones get there."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction

from alerts import steps
from alerts.channels.services import forget_route
from alerts.conditions.params import checked as checked_params
from alerts.finding import Happening
from alerts.models import Severity
from alerts.rules import scopes
from alerts.rules.models import NAME_MAX, SLUG_MAX, TEXT_MAX, Group, RemovedStarter, Rule
from alerts.rules.selectors import ABOUT
from alerts.rules.starters import STARTERS, Starter
from csms.core.audit.services import note
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"
TOPIC = "rules"
RULES_MAX = 500
INHIBITS_MAX = 50
SECONDS_MAX = 30 * 86400
EQUALS = ("site", "model", "firmware", "network", "process", "charge_point")
"""In what the alerts of two rules may be equal, for the one to make the other quiet."""
FIELDS = (
    "name", "description", "advice", "about", "params", "severity", "lasting_seconds", "keep_seconds", "scope",
    "group_by", "inhibits", "enabled",
)  # fmt: skip


def create_rule(slug: str, values: Mapping[str, Any], *, by: str, now: datetime) -> Rule:
    """Make a rule; it counts from the next look on. Raises BadField, and NotNow with `too_many` or `taken`."""
    if not re.fullmatch(SLUG, slug) or len(slug) > SLUG_MAX:
        raise BadField("slug", f"It has small letters, digits and dashes between them, {SLUG_MAX} at most.")
    with transaction.atomic():
        _hold_links(values, now)
        if Rule.objects.count() >= RULES_MAX:
            raise NotNow("too_many", f"there are {RULES_MAX} rules already, which is the most")
        rule = Rule(slug=slug, by=by, created_at=now, updated_at=now)
        _set(rule, {name: values[name] for name in FIELDS if name in values})
        try:
            with transaction.atomic():
                rule.save(force_insert=True)
        except IntegrityError:
            raise NotNow("taken", f"there is a rule {slug} already") from None
        forget_route(slug)  # of one of its name that was removed
        note("rule.created", by=by, subject_type="rule", subject=slug, now=now, about=rule.about)
        announce(TOPIC)
    return rule


def change_rule(slug: str, changes: Mapping[str, Any], *, by: str, now: datetime) -> Rule | None:
    """Change what is named in `changes`; return the rule, None if there is none. Raises BadField.

    Idempotent: what changes nothing is not noted. From then on an update of this program leaves it as it is.
    """
    with transaction.atomic():
        _hold_links(changes, now)
        rule = Rule.objects.select_for_update().filter(slug=slug).first()
        if rule is None:
            return None
        before = {name: getattr(rule, name) for name in FIELDS}
        _set(rule, changes)
        after = {name: getattr(rule, name) for name in FIELDS}
        if changed := [name for name in FIELDS if before[name] != after[name]]:
            rule.by, rule.updated_at = by, now
            rule.save()
            details: dict[str, Any] = {name: {"from": before[name], "to": after[name]} for name in changed}
            note("rule.changed", by=by, subject_type="rule", subject=slug, now=now, **details)
            announce(TOPIC)
    return rule


def delete_rule(slug: str, *, by: str, now: datetime) -> bool:
    """Remove a rule, return whether there was one; its open alerts end with the next look.

    Its route goes with it. A shipped one stays away until it is restored. What others say of its alerts counts again
    for one of its name.
    """
    with transaction.atomic():
        rule = Rule.objects.select_for_update().filter(slug=slug).first()
        if rule is None:
            return False
        if rule.starter:
            RemovedStarter.objects.get_or_create(starter=rule.starter, defaults={"by": by, "at": now})
        rule.delete()
        forget_route(slug)
        note("rule.deleted", by=by, subject_type="rule", subject=slug, now=now, about=rule.about)
        announce(TOPIC)
    return True


# --- what a rule may say ----------------------------------------------------------------------------------------------


def _set(rule: Rule, changes: Mapping[str, Any]) -> None:
    """Set fields, and check the whole. Raises BadField."""
    for name, value in changes.items():
        setattr(rule, name, value)
    for name, most in (("name", NAME_MAX), ("description", TEXT_MAX), ("advice", TEXT_MAX)):
        _check_text(name, getattr(rule, name), most)
    if not rule.name:
        raise BadField("name", "It needs a name.")
    about = ABOUT.get(rule.about)
    if about is None:
        raise BadField("about", "There is no such condition and no such happening.")
    if rule.severity not in Severity.values:
        raise BadField("severity", f"It is one of {', '.join(Severity.values)}.")
    for name in ("lasting_seconds", "keep_seconds"):
        if not 0 <= getattr(rule, name) <= SECONDS_MAX:
            raise BadField(name, f"It is a whole number of seconds from 0 to {SECONDS_MAX}.")
        if isinstance(about, Happening) and getattr(rule, name):
            if name in changes or "about" in changes:
                raise BadField(name, "What this rule is about happens in a moment: it fires at once.")
            setattr(rule, name, 0)  # of before that was refused
    # Only what was given is kept, so that a better default reaches rules that do not differ from it.
    checked_params(about.params, rule.params)
    rule.params = dict(rule.params)
    rule.scope = scopes.checked(rule.scope)
    if rule.scope and not about.scoped:
        raise BadField("scope", "What this rule is about is of no charge point.")
    rule.group_by = _words("group_by", rule.group_by, Group.values)
    rule.inhibits = _inhibits(rule)


def _check_text(name: str, text: str, most: int) -> None:
    lines = text if name == "name" else text.replace("\n", "")
    if len(text) > most or not lines.isprintable():
        kind = "one line" if name == "name" else "a text"
        raise BadField(name, f"It is {kind} of at most {most} printable characters.")


def _words(field: str, given: Any, allowed: Collection[str]) -> list[str]:
    words = given if isinstance(given, list | tuple) else [given]
    if any(not isinstance(word, str) or word not in allowed for word in words):
        raise BadField(field, f"It has some of {', '.join(allowed)}.")
    return list(dict.fromkeys(words))


def _inhibits(rule: Rule) -> list[dict[str, Any]]:
    if not isinstance(rule.inhibits, list | tuple) or len(rule.inhibits) > INHIBITS_MAX:
        raise BadField("inhibits", f"It is a list of at most {INHIBITS_MAX}.")
    found: list[dict[str, Any]] = []
    for each in rule.inhibits:
        if (
            not isinstance(each, Mapping)
            or set(each) != {"rule", "equal"}
            or not isinstance(each["rule"], str)
        ):
            raise BadField("inhibits", "Each is an object of rule and equal.")
        found.append({"rule": each["rule"], "equal": _words("inhibits", each["equal"], EQUALS)})
    if len({each["rule"] for each in found}) != len(found):
        raise BadField("inhibits", "Each rule is there once.")
    others = dict(Rule.objects.exclude(pk=rule.pk).values_list("slug", "inhibits"))
    kept = {
        each["rule"]
        for each in Rule.objects.filter(pk=rule.pk).values_list("inhibits", flat=True).first() or ()
    }
    if unknown := [each["rule"] for each in found if each["rule"] not in {*others, *kept, rule.slug}]:
        raise BadField("inhibits", f"There is no rule {unknown[0][:SLUG_MAX]!r}.")
    _refuse_rings(rule.slug, {each["rule"] for each in found}, others)
    return found


def _hold_links(changes: Mapping[str, Any], now: datetime) -> None:
    """Let nobody else change what is quiet meanwhile: two changes at once could close a ring that neither sees."""
    if changes.get("inhibits"):
        steps.lock(now=now)


def _refuse_rings(slug: str, targets: set[str], others: Mapping[str, Any]) -> None:
    """Raise BadField where a rule would make itself quiet, at last."""
    seen: set[str] = set()
    ahead = list(targets)
    while ahead:
        name = ahead.pop()
        if name == slug:
            raise BadField("inhibits", "It would inhibit itself, at last: they stand in a ring.")
        if name not in seen:
            seen.add(name)
            ahead += [each["rule"] for each in others.get(name, ())]


# --- shipped rules ----------------------------------------------------------------------------------------------------


def ensure_starters(*, now: datetime) -> int:
    """Let the shipped rules be there as they are shipped; return how many were written.

    Idempotent. What a person changed stays as it is, and what a person removed stays away.
    """
    rules = {rule.starter: rule for rule in Rule.objects.exclude(starter="")}
    removed = set(RemovedStarter.objects.values_list("pk", flat=True))
    taken = set(Rule.objects.values_list("slug", flat=True))
    written = 0
    for starter in STARTERS:
        shipped = _shipped(starter)
        rule = rules.get(starter.slug)
        if rule is None:
            if starter.slug not in removed and starter.slug not in taken:
                rule = Rule(
                    slug=starter.slug, starter=starter.slug, created_at=now, updated_at=now, **shipped
                )
                written += len(Rule.objects.bulk_create([rule], ignore_conflicts=True))
        elif not rule.by and any(getattr(rule, name) != value for name, value in shipped.items()):
            written += Rule.objects.filter(pk=rule.pk, by="").update(**shipped, updated_at=now)
    return written


def ensure_starters_after_migrations(**kwargs: Any) -> None:
    """The same, when the tables are there; after a migration to an earlier state they may not be."""
    from django.utils import timezone

    try:
        with transaction.atomic():
            ensure_starters(now=timezone.now())
    except DatabaseError:
        pass  # the clock does it


def is_shipped(slug: str) -> bool:
    """Whether a rule of this name is shipped."""
    return any(starter.slug == slug for starter in STARTERS)


def restore_starter(slug: str, *, by: str, now: datetime) -> Rule:
    """Let a shipped rule be as it is shipped, whether it was changed or removed.

    Idempotent. Raises NotNow with `not_shipped` or `taken`.
    """
    starter = next((each for each in STARTERS if each.slug == slug), None)
    if starter is None:
        raise NotNow("not_shipped", "no such rule is shipped")
    with transaction.atomic():
        RemovedStarter.objects.filter(pk=slug).delete()
        changed = Rule.objects.filter(starter=slug).exclude(by="").update(by="", updated_at=now)
        written = ensure_starters(now=now)
        rule = Rule.objects.filter(starter=slug).first()
        if rule is None:
            raise NotNow("taken", f"there is another rule {slug}")
        if changed or written:
            note("rule.restored", by=by, subject_type="rule", subject=slug, now=now)
            announce(TOPIC)
    return rule


def _shipped(starter: Starter) -> dict[str, Any]:
    return {
        "name": starter.name,
        "description": starter.description,
        "advice": starter.advice,
        "about": starter.about,
        "params": dict(starter.params),
        "severity": str(starter.severity),
        "lasting_seconds": starter.lasting_seconds,
        "keep_seconds": starter.keep_seconds,
        "scope": {
            kind: dict(value) if kind == "labels" else list(value) for kind, value in starter.scope.items()
        },
        "group_by": list(starter.group_by),
        "inhibits": [{"rule": each["rule"], "equal": list(each["equal"])} for each in starter.inhibits],
        "enabled": starter.enabled,
    }
