"""What is said in a notification, for people and for programs. No door escapes here: each transport does, for its kind.

A charge point's own words may be anywhere in it, so each piece is one line of what can be seen, of bounded length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.channels.models import Channel
from alerts.incidents.models import Incident
from alerts.models import Alert, Severity
from alerts.notifications.models import Notification, Part
from alerts.notifications.timing import zone_of
from alerts.rules.models import Rule
from alerts.transports.base import TITLE_MAX, Message, one_line
from chargers.topology.places import has_evses
from csms.core.api_data import moment
from csms.core.config import get_config

Kind = Notification.Kind
What = Part.What

SAID_MAX = 300  # characters of each piece
LISTED_MAX = 100  # alerts of one message
PAGE = "/sys/alerts"
NAMED = ("channel", "process", "site")
"""Kinds of subjects that people know by a label of that name."""
WORDS = {Severity.CRITICAL: "CRITICAL", Severity.WARNING: "WARNING", Severity.INFO: "INFO"}
BEGINS = {
    Kind.RESOLVED: "RESOLVED",
    Kind.DIGEST: "DIGEST",
    Kind.ESCALATED: "ESCALATED, NOBODY LOOKS AFTER IT",
    Kind.REMINDER: "STILL FIRING",
    Kind.TEST: "TEST",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One alert in a message, and what is told of it."""

    alert: Alert
    what: frozenset[str]


def said_in(notification: Notification) -> list[Said]:
    """Return the alerts of a notification that are kept still, those that began first before the others."""
    told: dict[UUID, set[str]] = {}
    for alert_id, what in notification.parts.order_by("pk").values_list("alert_id", "what"):
        told.setdefault(alert_id, set()).add(what)
    # Not by their ids, of which a statement takes no more than so many.
    alerts = Alert.objects.filter(pk__in=notification.parts.values("alert_id"))
    rows = alerts.select_related("charge_point", "incident").order_by("began_at", "pk")
    return [Said(alert, frozenset(told[alert.pk])) for alert in rows]


def write(notification: Notification, channel: Channel, said: Sequence[Said], *, now: datetime) -> Message:
    """Return the message. Two queries at most."""
    rules = {rule.slug: rule for rule in Rule.objects.filter(slug__in={one.alert.rule for one in said})}
    teller = _Teller(channel, rules, now)
    kind = Kind(notification.kind)
    if kind == Kind.TEST:
        title, lines = (
            f"[TEST] {channel.name}",
            [
                "This is a test: no alert has fired.",
                f"The channel {one_line(channel.name, SAID_MAX)} works if you read this.",
            ],
        )
    elif len(said) == 1 and kind != Kind.DIGEST:
        title, lines = teller.of_one(kind, said[0])
    else:
        title, lines = teller.of_several(kind, said, notification.severity)
    link = _link(said)
    title = one_line(title, TITLE_MAX)
    data = {
        "notification_id": str(notification.pk),
        "kind": notification.kind,
        "severity": notification.severity,
        "channel": channel.name,
        "title": title,
        "text": "\n".join(lines),
        "link": link,
        "alerts": [_data(one) for one in said[:LISTED_MAX]],
        "alerts_total": len(said),
    }
    return Message(notification.pk, notification.kind, notification.severity, title, tuple(lines), link, data)


class _Teller:
    def __init__(self, channel: Channel, rules: dict[str, Rule], now: datetime) -> None:
        self.rules, self.now, self.zone = rules, now, zone_of(channel)

    def of_one(self, kind: Kind, said: Said) -> tuple[str, list[str]]:
        """Return what is said of a single alert: what, where, since when, how bad, and what to do."""
        alert = said.alert
        rule = self.rules.get(alert.rule)
        begin = BEGINS.get(kind, WORDS[Severity(alert.severity)])
        title = f"[{begin}] {self.name(alert)}: {where(alert)}"
        over = alert.resolved_at
        lines = [
            one_line(alert.text, 500),
            f"Where: {where(alert)}",
            f"Since: {self.at(alert.began_at)}",
            f"Severity: {alert.severity} ({_how_soon(alert)})",
        ]
        if over is not None:
            lines.append(f"Over: {self.at(over)}, after {lasted(over - alert.began_at)}")
        else:
            lines[2] += f" (for {lasted(self.now - alert.began_at)})"
        if alert.acknowledged_by and over is None:
            lines.append(f"Acknowledged by: {one_line(alert.acknowledged_by, SAID_MAX)}")
        if rule is not None and rule.advice and over is None:
            lines.append(f"What to do: {one_line(rule.advice, 1000)}")
        return title, lines

    def of_several(self, kind: Kind, said: Sequence[Said], severity: str) -> tuple[str, list[str]]:
        """Return what is said of several: what they share, then each in a line; of a digest by what became of them."""
        count = f"{len(said)} {'alert' if len(said) == 1 else 'alerts'}"
        begin = BEGINS.get(kind, WORDS[Severity(severity)])
        names = list(dict.fromkeys(self.name(one.alert) for one in said))
        shared = _shared(said)
        title = f"[{begin}] {count}{shared}: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"
        if kind == Kind.DIGEST:
            return title, self._digest(said)
        lines = [f"{count}{shared}:", *(self._line(one.alert) for one in said[:LISTED_MAX])]
        lines += _more(said)
        if kind != Kind.RESOLVED:
            advised = (self.rules.get(slug) for slug in dict.fromkeys(one.alert.rule for one in said))
            lines += [
                f"What to do about {one_line(rule.name, 100)}: {one_line(rule.advice, 1000)}"
                for rule in advised
                if rule is not None and rule.advice
            ]
        return title, lines

    def _digest(self, said: Sequence[Said]) -> list[str]:
        lasting = [one for one in said if one.alert.resolved_at is None]
        passed = [one for one in said if one.alert.resolved_at is not None and What.FIRED in one.what]
        ended = [one for one in said if one.alert.resolved_at is not None and What.FIRED not in one.what]
        lines: list[str] = []
        parts = (("Began, and still there", lasting), ("Began, and over", passed), ("Over", ended))
        for heading, those in parts:
            if those:
                lines.append(f"{heading}: {len(those)}")
                lines += [self._line(one.alert) for one in those[:LISTED_MAX]]
                lines += _more(those)
        return lines

    def _line(self, alert: Alert) -> str:
        times = self.at(alert.began_at)
        if alert.resolved_at is not None:
            times += f", for {lasted(alert.resolved_at - alert.began_at)}"
        looked_after = ", acknowledged" if alert.state == Alert.State.ACKNOWLEDGED else ""
        return f"- {alert.severity}: {one_line(alert.text, SAID_MAX)} ({where(alert)}; since {times}{looked_after})"

    def name(self, alert: Alert) -> str:
        rule = self.rules.get(alert.rule)
        return one_line(alert.name or (rule.name if rule is not None else alert.rule), 100)

    def at(self, moment: datetime) -> str:
        """Return a time as the people of the channel read it, with its zone."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def where(alert: Alert) -> str:
    """Return the human name and identity of a charge point, its connector and its site; else what the subject is."""
    charger = alert.charge_point
    if charger is None:
        kind = alert.subject.partition(":")[0]
        name = alert.labels.get(kind, "") if kind in NAMED else ""
        return one_line(f"{kind} {name}" if name else alert.subject, SAID_MAX)
    name = f"{one_line(charger.name, 100)} ({charger.cp_id})" if charger.name else charger.cp_id
    # Of OCPP 2.x the text names EVSE and connector; the number is the house's own.
    numbered = alert.connector_number and not has_evses(charger.protocol)
    connector = f", connector {alert.connector_number}" if numbered else ""
    site = f", site {one_line(charger.site, 100)}" if charger.site else ""
    return f"{name}{connector}{site}"


def _how_soon(alert: Alert) -> str:
    """Return how soon somebody is needed; what is of no charge point need keep no driver from charging."""
    if alert.charge_point is None and alert.severity == Severity.CRITICAL:
        return "Now"
    return Severity(alert.severity).label


def lasted(time: timedelta) -> str:
    """Return a duration in words, by its two largest units."""
    seconds = max(int(time.total_seconds()), 0)
    words = []
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if count := seconds // unit:
            words.append(f"{count} {name}")
        seconds %= unit
    return " ".join(words[:2]) or "0 s"


def _shared(said: Sequence[Said]) -> str:
    incidents = {one.alert.incident for one in said}
    if len(incidents) == 1 and (incident := incidents.pop()) is not None:
        label = Incident._meta.get_field("label").choices
        named = dict(label or ()).get(incident.label, incident.label)
        return f" of one incident ({str(named).lower()} {one_line(incident.value, 100)})"
    return ""


def _more(said: Sequence[Said]) -> list[str]:
    return [f"… and {len(said) - LISTED_MAX} more"] if len(said) > LISTED_MAX else []


def _link(said: Sequence[Said]) -> str:
    base = get_config().effective_public_url
    if not base:
        return ""
    return f"{base}{PAGE}?alert={said[0].alert.pk}" if len(said) == 1 else f"{base}{PAGE}?tab=firing"


def _data(said: Said) -> dict[str, Any]:
    alert = said.alert
    charger = alert.charge_point
    return {
        "alert_id": str(alert.pk),
        "what": sorted(said.what),
        "rule": alert.rule,
        "name": alert.name,
        "severity": alert.severity,
        "state": alert.state,
        "subject": alert.subject,
        "cp_id": charger.cp_id if charger else None,
        "charge_point_name": charger.name if charger else None,
        "site": charger.site if charger else None,
        "connector_id": alert.connector_number,
        "labels": alert.labels,
        "text": alert.text,
        **{name: _moment(getattr(alert, name)) for name in ("began_at", "fired_at", "resolved_at")},
        "acknowledged_by": alert.acknowledged_by,
    }


def _moment(value: datetime | None) -> str | None:
    return moment(value) if value is not None else None
