"""What people do to the rules that are written for Prometheus. Each keyword `by` is who; the audit keeps it.

A change is a row; the clock brings it to Prometheus within seconds (`delivery`). What is refused here never gets there.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from alerts.external.texts import plain, with_placeholders, without_templates
from alerts.models import Severity
from alerts.prometheus.expressions import check_expression
from alerts.prometheus.models import DESCRIPTION_MAX, NAME_MAX, SUMMARY_MAX, PrometheusRule
from alerts.prometheus.rendering import LABEL, NAME, check_file, file_text
from csms.core.audit.services import note
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow

RULES_MAX = 200
SECONDS_MAX = 7 * 86_400
LABELS_MAX = 10
VALUE_MAX = 200
RESERVED = {"alertname", "severity"}

DEFAULTS: dict[str, Any] = {
    "lasting_seconds": 0,
    "keep_seconds": 0,
    "severity": Severity.WARNING.value,
    "summary": "",
    "description": "",
    "labels": {},
    "enabled": True,
}
FIELDS = ("name", "expression", *DEFAULTS)


def prove(given: Mapping[str, Any], rule: PrometheusRule | None = None) -> str:
    """Return the file of a rule as it would be with what is given, if promtool takes it. Raises BadField.

    It may take seconds, in which no row is held: for who is about to begin a transaction.
    """
    text = _whole({**(DEFAULTS if rule is None else _values(rule)), **_checked(given)})
    if problem := check_file(text):
        raise BadField("expression", problem)
    return text


def create_rule(
    given: Mapping[str, Any], *, by: str, now: datetime, proven: str | None = None
) -> PrometheusRule:
    """Make a rule of `name`, `expression` and whatever else of FIELDS is given; `proven` is what `prove` returned."""
    rule = PrometheusRule(created_at=now, created_by=by[:255], **_checked({**DEFAULTS, **given}))
    if _whole(_values(rule)) != proven:
        prove(given)
    with transaction.atomic():
        if PrometheusRule.objects.count() >= RULES_MAX:
            raise NotNow("too_many", f"there are {RULES_MAX} rules already, which is the most")
        _save(rule, by=by, now=now)
        _note("created", rule, by=by, now=now, **_values(rule))
    return rule


def change_rule(
    rule: PrometheusRule, changes: Mapping[str, Any], *, by: str, now: datetime, proven: str | None = None
) -> PrometheusRule:
    """Change fields of a rule; `proven` is what `prove` returned. A change to what it is already changes nothing."""
    checked = _checked(changes)
    proven = proven or prove(changes, rule)
    with transaction.atomic():
        locked = PrometheusRule.objects.select_for_update().filter(pk=rule.pk).first()
        if locked is None:
            raise NotNow("gone", "the rule has been deleted")
        before = _values(locked)
        for name, value in checked.items():
            setattr(locked, name, value)
        after = {name: value for name, value in _values(locked).items() if value != before[name]}
        if after:
            if _whole(_values(locked)) != proven:
                prove({}, locked)  # somebody else changed it meanwhile
            _save(locked, by=by, now=now)
            _note("changed", locked, by=by, now=now, **after, before={name: before[name] for name in after})
    return locked


@transaction.atomic
def delete_rule(rule: PrometheusRule, *, by: str, now: datetime) -> None:
    """Delete a rule. One that is gone already stays gone."""
    if PrometheusRule.objects.filter(pk=rule.pk).delete()[0]:
        _note("deleted", rule, by=by, now=now)


def _whole(values: Mapping[str, Any]) -> str:
    """Return the file of a rule of these values, as if it were enabled."""
    return file_text([PrometheusRule(**{**values, "enabled": True})])


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _CHECKS[name](value) for name, value in given.items()}


def _name(text: str) -> str:
    text = plain("name", text, most=NAME_MAX, needed=True)
    if not NAME.fullmatch(text):
        raise BadField("name", "It has letters, digits and _ . : - and begins with a letter or _.")
    return text


def _seconds(field: str, value: int) -> int:
    if not 0 <= value <= SECONDS_MAX:
        raise BadField(field, f"0 to {SECONDS_MAX} seconds.")
    return value


def _severity(value: str) -> str:
    if value not in Severity.values:
        raise BadField("severity", f"One of {', '.join(Severity.values)}.")
    return value


def _labels(given: Mapping[str, str]) -> dict[str, str]:
    if len(given) > LABELS_MAX:
        raise BadField("labels", f"At most {LABELS_MAX}.")
    for name in given:
        if not LABEL.fullmatch(name) or name in RESERVED:
            raise BadField(
                "labels",
                f"{name[:70]!r} may not be a label: letters, digits and _, at most 64, not beginning with __, "
                f"and neither {' nor '.join(sorted(RESERVED))}.",
            )
    return {
        name: without_templates("labels", plain("labels", value, most=VALUE_MAX, needed=True))
        for name, value in sorted(given.items())
    }


_CHECKS: dict[str, Any] = {
    "name": _name,
    "expression": check_expression,
    "lasting_seconds": lambda value: _seconds("lasting_seconds", value),
    "keep_seconds": lambda value: _seconds("keep_seconds", value),
    "severity": _severity,
    "summary": lambda text: with_placeholders("summary", plain("summary", text, most=SUMMARY_MAX)),
    "description": lambda text: with_placeholders(
        "description", plain("description", text, most=DESCRIPTION_MAX, lines=True)
    ),
    "labels": _labels,
    "enabled": bool,
}


def _save(rule: PrometheusRule, *, by: str, now: datetime) -> None:
    rule.updated_at, rule.updated_by = now, by[:255]
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise BadField("name", "Another rule has this name.") from None


def _values(rule: PrometheusRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in FIELDS}


def _note(what: str, rule: PrometheusRule, *, by: str, now: datetime, **details: Any) -> None:
    note(
        f"prometheus_rule.{what}",
        by=by,
        subject_type="prometheus_rule",
        subject=rule.name,
        now=now,
        **details,
    )
    announce("prometheus")
