"""What is read of Alertmanager: its alerts, and who silences what until when."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.external.client import Refused
from alerts.external.reading import as_told, moment, rows, text, words
from alerts.external.services import ask_server
from alerts.prometheus.selectors import SEVERITIES

SERVER, TITLE = "alertmanager", "Alertmanager"
ALERTS_MAX = 500
SILENCES_MAX = 1000
STATES = ("active", "pending", "expired")
OPERATORS = ("=", "!=", "=~", "!~")


@dataclass(frozen=True, slots=True)
class RoutedAlert:
    """An alert that Alertmanager has; `state` is active, suppressed or unprocessed."""

    fingerprint: str
    name: str
    severity: str
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]
    started_at: datetime | None
    receivers: list[str]
    silenced_by: list[str]
    inhibited_by: list[str]


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a label must be for an alert to be silenced; `=~` and `!~` take a regular expression (RE2) for all of it."""

    name: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class ForeignSilence:
    """A silence of Alertmanager."""

    id: str
    state: str
    starts_at: datetime
    ends_at: datetime
    comment: str
    created_by: str
    matchers: list[Matcher] = field(default_factory=list)


def alerts(*, now: datetime) -> tuple[list[RoutedAlert], bool]:
    """Return the alerts of Alertmanager, also those that are silenced; the worst and oldest first; and whether more.

    Raises Unset, Unreachable and Refused.
    """
    answer = ask_server(SERVER, "/api/v2/alerts", now=now)
    with as_told(TITLE):
        found = [_alert(told) for told in rows(answer, 100_000)[0]]
    found.sort(key=_by_weight)
    return found[:ALERTS_MAX], len(found) > ALERTS_MAX


def silences(*, now: datetime, expired: bool = False) -> tuple[list[ForeignSilence], bool]:
    """Return the silences, those that end first first, with `expired` also those that are over; and whether more.

    One whose id is no UUID is left out: Alertmanager has none such, and nobody could end it here.

    Raises Unset, Unreachable and Refused.
    """
    answer = ask_server(SERVER, "/api/v2/silences", now=now)
    with as_told(TITLE):
        found = [_silence(told) for told in rows(answer, 100_000)[0] if _has_id(told)]
    found = [silence for silence in found if expired or silence.state != "expired"]
    found.sort(key=lambda silence: (STATES.index(silence.state), silence.ends_at, silence.id))
    return found[:SILENCES_MAX], len(found) > SILENCES_MAX


def silence(id: UUID, *, now: datetime, patiently: bool = False) -> ForeignSilence | None:
    """Return a silence, None for one that Alertmanager does not know. Raises Unset, Unreachable and Refused."""
    try:
        answer = ask_server(SERVER, f"/api/v2/silence/{id}", now=now, patiently=patiently)
    except Refused as refused:
        if refused.status == 404:
            return None
        raise
    with as_told(TITLE):
        return _silence(answer)


def _by_weight(alert: RoutedAlert) -> tuple[Any, ...]:
    began = alert.started_at.timestamp() if alert.started_at else 0.0
    return (alert.state == "suppressed", SEVERITIES.get(alert.severity, 3), began, alert.fingerprint)


def _alert(told: Any) -> RoutedAlert:
    labels, status = words(told["labels"]), told["status"]
    return RoutedAlert(
        fingerprint=text(told["fingerprint"]),
        name=labels.get("alertname", ""),
        severity=labels.get("severity", ""),
        state=text(status["state"]),
        labels=labels,
        annotations=words(told.get("annotations")),
        started_at=moment(told.get("startsAt")),
        receivers=[text(receiver["name"]) for receiver in told.get("receivers") or []],
        silenced_by=[text(id) for id in status.get("silencedBy") or []],
        inhibited_by=[text(id) for id in status.get("inhibitedBy") or []],
    )


def _has_id(told: Any) -> bool:
    try:
        UUID(text(told["id"]))
    except ValueError:
        return False
    return True


def _silence(told: Any) -> ForeignSilence:
    starts_at, ends_at = moment(told["startsAt"]), moment(told["endsAt"])
    state = text(told["status"]["state"])
    if starts_at is None or ends_at is None or state not in STATES:
        raise ValueError("a silence without its times or state")
    return ForeignSilence(
        id=str(UUID(text(told["id"]))),
        state=state,
        starts_at=starts_at,
        ends_at=ends_at,
        comment=text(told.get("comment")),
        created_by=text(told.get("createdBy")),
        matchers=[_matcher(one) for one in told["matchers"]],
    )


def _matcher(told: Any) -> Matcher:
    equal, regex = told.get("isEqual", True), told["isRegex"]
    operator = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}[
        equal, regex
    ]
    return Matcher(text(told["name"]), operator, text(told["value"]))
