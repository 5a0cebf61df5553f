"""What people do to channels and routes. Each keyword `by` is who, and is kept with what was done; secrets never are.

Refusals are raised as `csms.core.refusals` has them: BadField for a value, NotNow for the state of things.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, Protocol
from uuid import UUID

from django.db import IntegrityError, transaction

from alerts.channels.configuring import configure
from alerts.channels.models import NAME_MAX, Channel, Step
from alerts.rules.models import Rule
from alerts.transports.table import TRANSPORTS
from csms.core.audit.services import note
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow
from csms.core.time_zones import find_zone

CHANNELS_MAX = 50
STEPS_MAX = 20  # of one rule
ROUTES_MAX = 500
AFTER_MAX = 7 * 24 * 60  # minutes
PER_HOUR_MAX = 1000
DIGEST_MAX = 24 * 60  # minutes
TOPIC = "channels"
OPTIONS = (
    "zone",
    "quiet_days",
    "quiet_from",
    "quiet_until",
    "critical_in_quiet",
    "per_hour",
    "digest_minutes",
)


class Retimer(Protocol):
    """Gives what waits for a channel another time."""

    def __call__(self, channel: Channel, *, now: datetime) -> object:
        """Do it. It raises only where the channel must not change either."""


RETIMED: list[Retimer] = []
"""Called in the transaction in which OPTIONS of a channel change; others add themselves when the program begins."""
WELL = {"failures": 0, "failing_since": None, "probe_at": None, "last_error": ""}
"""The health of a channel of which nothing bad is known."""


@transaction.atomic
def create_channel(
    *,
    kind: str,
    name: str,
    config: Mapping[str, Any],
    by: str,
    now: datetime,
    enabled: bool = True,
    default: bool = False,
    options: Mapping[str, Any] | None = None,
) -> tuple[Channel, dict[str, str]]:
    """Make a channel, and return it with the secrets that were made for it, which are shown this once.

    The first one is the default. `options` are OPTIONS.
    """
    if kind not in TRANSPORTS:
        raise BadField("kind", f"It is one of {', '.join(TRANSPORTS)}.")
    names = list(Channel.objects.select_for_update().values_list("name", flat=True))
    if len(names) >= CHANNELS_MAX:
        raise NotNow("too_many", f"there are {CHANNELS_MAX} channels already, which is the most")
    first = not names
    channel = Channel(kind=kind, enabled=enabled or first, created_at=now, created_by=by, updated_at=now)
    channel.name = _name(name)
    _set_options(channel, options or {})
    made = configure(channel, config)
    _save(channel, force_insert=True)
    if first or default:
        try:
            _make_default(channel)
        except NotNow:
            if default:
                raise
    _note(channel, "channel.created", by=by, now=now, **_values(channel))
    return channel, made


@transaction.atomic
def change_channel(
    channel: Channel, changes: Mapping[str, Any], *, by: str, now: datetime
) -> tuple[Channel, dict[str, str]]:
    """Change `name`, `config`, `enabled`, `default` or OPTIONS; what waits is told as they say now.

    A secret that is absent or empty stays. Returns the channel with the secrets that were made for it.
    """
    channel = _locked(channel)
    before, made = _values(channel), dict[str, str]()
    if changes.get("default") is False and channel.is_default:
        raise NotNow("default", "it is the default; make another channel the default instead")
    if changes.get("enabled") is False and (channel.is_default or changes.get("default")):
        raise NotNow("default", "the default is enabled; make another channel the default first")
    if "name" in changes:
        channel.name = _name(changes["name"])
    channel.enabled = bool(changes.get("enabled", channel.enabled))
    _set_options(channel, {name: value for name, value in changes.items() if name in OPTIONS})
    resealed = "config" in changes
    if resealed:
        made = configure(channel, changes["config"])
    if resealed or (channel.enabled and not before["enabled"]):
        for name, value in WELL.items():  # as far as anybody knows
            setattr(channel, name, value)
    channel.updated_at = now
    _save(channel, force_update=True)
    if resealed:
        # Those that failed wait for nothing any more.
        channel.notifications.filter(state="planned", attempts__gt=0, leased_until=None).update(next_at=now)
    if changes.get("default"):
        _make_default(channel)
    after = _values(channel)
    changed = {name: value for name, value in after.items() if value != before[name]}
    if changed.keys() & OPTIONS:
        for retime in RETIMED:
            retime(channel, now=now)
    if changed or resealed:
        was = {name: before[name] for name in changed}
        _note(channel, "channel.changed", by=by, now=now, **changed, before=was)
    return channel, made


@transaction.atomic
def remove_channel(channel: Channel, *, by: str, now: datetime) -> None:
    """Remove a channel with its secrets and its steps; the log of what it was told stays."""
    channel = _locked(channel)
    if channel.is_default:
        raise NotNow("default", "it is the default; make another channel the default first")
    steps = sorted(channel.steps.values_list("rule", flat=True).distinct())
    _note(channel, "channel.removed", by=by, now=now, rules=steps)
    channel.delete()


@transaction.atomic
def set_route(rule: str, steps: Sequence[tuple[UUID, int]], *, by: str, now: datetime) -> list[Step]:
    """Say which channels are told of a rule's alerts, and after how many minutes without acknowledgement.

    Replaces what was said before; nothing at 0 minutes means the default, nothing at all also no escalation.
    """
    # Holds the rule until the commit: of two at once the second one finds the steps of the first, and replaces them.
    list(Rule.objects.select_for_update().filter(slug=rule).values_list("pk"))
    steps = list(dict.fromkeys(steps))
    if len(steps) > STEPS_MAX:
        raise BadField("steps", f"A rule has at most {STEPS_MAX} steps.")
    if any(not 0 <= minutes <= AFTER_MAX for _, minutes in steps):
        raise BadField("steps", f"A step comes after 0 to {AFTER_MAX} minutes.")
    # Held until the commit, so that none of them is removed meanwhile.
    known = Channel.objects.order_by("pk").select_for_update().in_bulk([channel for channel, _ in steps])
    if unknown := [channel for channel, _ in steps if channel not in known]:
        raise BadField("steps", f"There is no channel {unknown[0]}.")
    others = Step.objects.exclude(rule=rule).values("rule").distinct().count()
    if steps and others >= ROUTES_MAX:
        raise NotNow("too_many", f"there are {ROUTES_MAX} rules with routes already, which is the most")
    Step.objects.filter(rule=rule).delete()
    rows = [Step(rule=rule, channel=known[channel], after_minutes=minutes) for channel, minutes in steps]
    Step.objects.bulk_create(rows)
    said = [{"channel": known[channel].name, "after_minutes": minutes} for channel, minutes in steps]
    note("channel.routed", by=by, subject_type="rule", subject=rule, now=now, steps=said)
    announce(TOPIC)
    return rows


def forget_route(rule: str) -> None:
    """Remove the steps of a rule that is removed, or made anew. Call it in that transaction. Idempotent."""
    if Step.objects.filter(rule=rule).delete()[0]:
        announce(TOPIC)


# --- parts of these ---------------------------------------------------------------------------------------------------


def _locked(channel: Channel) -> Channel:
    # Who plans holds messages when it refers to the channel, and must not wait for who holds that and waits for them.
    row = Channel.objects.select_for_update(no_key=True).filter(pk=channel.pk).first()
    if row is None:
        raise NotNow("removed", "the channel was removed")
    return row


def _make_default(channel: Channel) -> None:
    if not channel.enabled:
        raise NotNow("default", "the default is enabled; enable it, too")
    Channel.objects.filter(is_default=True).exclude(pk=channel.pk).update(is_default=False)
    try:
        with transaction.atomic():
            Channel.objects.filter(pk=channel.pk).update(is_default=True)
    except IntegrityError as error:
        raise NotNow("default", "another channel was made the default at the same moment") from error
    channel.is_default = True


def _name(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= NAME_MAX or not text.isprintable():
        raise BadField("name", f"A name has 1 to {NAME_MAX} printable characters.")
    return text


def _save(channel: Channel, **options: Any) -> None:
    try:
        with transaction.atomic():
            channel.save(**options)
    except IntegrityError as error:
        raise BadField("name", f"Another channel has the name {channel.name!r}.") from error


def _set_options(channel: Channel, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        setattr(channel, name, value)
    if channel.zone:
        try:
            find_zone(channel.zone)
        except ValueError as error:
            raise BadField("zone", str(error)) from error
    if (channel.quiet_from is None) != (channel.quiet_until is None):
        raise BadField("quiet_until", "Quiet hours have a beginning and an end.")
    # Not of a change of something else: channels that have such hours from before keep them.
    if {"quiet_from", "quiet_until"} & given.keys() and channel.quiet_from == channel.quiet_until is not None:
        raise BadField(
            "quiet_until", "It is the time at which they begin: leave both empty for no quiet hours."
        )
    days = channel.quiet_days
    if not isinstance(days, list) or any(type(day) is not int or day not in range(7) for day in days):
        raise BadField("quiet_days", "Days are numbers from 0, a Monday, to 6.")
    channel.quiet_days = sorted(set(days))
    for name, most in (("per_hour", PER_HOUR_MAX), ("digest_minutes", DIGEST_MAX)):
        if not 0 <= getattr(channel, name) <= most:
            raise BadField(name, f"It is a number from 0 to {most}.")


def _values(channel: Channel) -> dict[str, Any]:
    """Return what may be kept of a channel: no secret, and not what is shown of one."""
    names = ("kind", "name", "enabled", "is_default", "config", *OPTIONS)
    return {name: _plain(getattr(channel, name)) for name in names}


def _plain(value: Any) -> Any:
    return value.isoformat("minutes") if isinstance(value, time) else value


def _note(channel: Channel, action: str, *, by: str, now: datetime, **details: Any) -> None:
    note(action, by=by, subject_type="channel", subject=channel.pk, now=now, **details)
    announce(TOPIC)
