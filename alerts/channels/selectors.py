"""What is read of channels."""

from collections.abc import Collection

from django.db.models import QuerySet

from alerts.channels.models import BROKEN_AFTER, Channel, Step


def channels() -> QuerySet[Channel]:
    """Return the channels."""
    return Channel.objects.all()


def broken() -> QuerySet[Channel]:
    """Return the channels whose last attempts all failed: for the condition `channel-broken`.

    Its subject is `channel:<id>`, so that a channel is not told that it is broken itself.
    """
    return Channel.objects.filter(enabled=True, failures__gte=BROKEN_AFTER)


def steps(rules: Collection[str]) -> dict[str, list[Step]]:
    """Return the steps of these rules, with their channels, the first ones first. One query."""
    rows = Step.objects.filter(rule__in=rules).select_related("channel").order_by("after_minutes", "pk")
    found: dict[str, list[Step]] = {}
    for step in rows:
        found.setdefault(step.rule, []).append(step)
    return found


def routed_rules() -> QuerySet[Step]:
    """Return all steps, with their channels, by rule."""
    return Step.objects.select_related("channel").order_by("rule", "after_minutes", "pk")
