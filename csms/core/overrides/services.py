"""Overrides settings while servers run: stored once, in force in every process within seconds.

Only fields that the settings declare `mutable` may be overridden: those that are read at each use. A stored value
that such a field no longer takes, as after an update, is passed over, told in the log, and shown.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from django.db import DatabaseError, transaction
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from csms.core.audit.services import REASON_MAX, note
from csms.core.config import Config, environment_config, get_config, override_config
from csms.core.config_types import accepted_form, as_text, env_name, extra, is_secret, read_value
from csms.core.live import announce, ring
from csms.core.logs import log_from
from csms.core.overrides.models import SettingOverride
from csms.core.refusals import BadField, NotNow
from csms.core.writer import after_commit

log = logging.getLogger(__name__)

SETTINGS_GROUP = "settings"  # where every process that has sockets listens for the bell of this name
VALUE_MAX = 500  # characters

FIELDS: dict[str, tuple[str, FieldInfo]] = {
    env_name(field): (name, field) for name, field in Config.model_fields.items()
}
"""Environment variable -> the name of the field, and the field."""


def is_mutable(field: FieldInfo) -> bool:
    """Whether a setting may be overridden; never a secret, which would lie in the database and the audit."""
    return bool(extra(field, "mutable")) and not is_secret(field)


# --- overriding -------------------------------------------------------------------------------------------------------


def override_setting(name: str, value: str, *, by: str, now: datetime, reason: str) -> bool:
    """Let a setting have this value in every process; return whether that changed anything.

    Raises BadField for a value that the setting does not take or without a reason, NotNow for a setting that only
    counts at the start.
    """
    _, field = _mutable(name)
    text, reason = _checked(field, value), _reason(reason)
    with transaction.atomic():
        row = SettingOverride.objects.select_for_update().filter(name=name).first()
        if row is not None and row.value == text:
            return False
        before = row.value if row is not None else from_environment(name)
        SettingOverride.objects.update_or_create(
            name=name, defaults={"value": text, "by": by[:255], "at": now, "reason": reason}
        )
        _note("setting.overridden", name, by=by, now=now, reason=reason, before=before, after=text)
    return True


def reset_setting(name: str, *, by: str, now: datetime, reason: str = "") -> bool:
    """Let a setting have the environment's value again; return whether it was overridden.

    Also takes what is stored under a name that is no setting any more.
    """
    with transaction.atomic():
        row = SettingOverride.objects.select_for_update().filter(name=name).first()
        if row is None:
            return False
        row.delete()
        after = from_environment(name) if name in FIELDS else ""
        _note("setting.reset", name, by=by, now=now, reason=reason, before=row.value, after=after)
    return True


def from_environment(name: str) -> str:
    """Return what the environment of this process says, as text."""
    return as_text(getattr(environment_config(), FIELDS[name][0]))


def _mutable(name: str) -> tuple[str, FieldInfo]:
    if name not in FIELDS:
        raise BadField("name", f"There is no setting {name!r}.")
    known = FIELDS[name]
    if not is_mutable(known[1]):
        raise NotNow(
            "not_mutable",
            f"{name} counts from the start of a process on: change its environment, and restart",
        )
    return known


def _checked(field: FieldInfo, value: str) -> str:
    """Return a value in the form that is stored. Raises BadField."""
    value = value.strip()
    try:
        if len(value) > VALUE_MAX or not value.isprintable():
            raise ValueError("no value of any setting")
        return as_text(read_value(field, value))
    except ValueError as error:  # pydantic's ValidationError is one
        raise BadField("value", f"Give {accepted_form(field)}.") from error


def _reason(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise BadField("reason", "Say why: who finds it later must know whether it may be reset.")
    if len(text) > REASON_MAX:
        raise BadField("reason", f"At most {REASON_MAX} characters.")
    return text


def _note(action: str, name: str, *, by: str, now: datetime, reason: str, before: str, after: str) -> None:
    note(
        action,
        by=by,
        subject_type="setting",
        subject=name,
        now=now,
        reason=reason,
        **{"from": before, "to": after},
    )
    announce("settings")
    after_commit(_take_up)
    ring(SETTINGS_GROUP, "settings")


# --- in force ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """What this process last read."""

    rows: tuple[tuple[str, str], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    """Names that are passed over, and why."""


_lock = Lock()
_stored = Stored()


def problems() -> dict[str, str]:
    """Return the overrides that this process passes over, with the reason in a sentence."""
    return dict(_stored.problems)


def refresh() -> bool:
    """Bring into force what is stored; return whether that changed anything in this process. At most one query.

    A database that cannot be asked changes nothing: what is in force stays.
    """
    global _stored
    with _lock:
        try:
            rows = tuple(SettingOverride.objects.order_by("name").values_list("name", "value"))
        except DatabaseError as error:
            log.debug("settings.not_read", extra={"error": str(error)[:300]})
            return False
        if rows == _stored.rows:
            return False
        values, refused = judged(rows)
        _stored = Stored(rows, tuple(refused.items()))
        before, config = get_config(), override_config(values)
        log_from(config.log_level)
    log.info(
        "settings.in_force", extra={"overridden": sorted(name for name, _ in rows if name not in refused)}
    )
    for name, why in refused.items():
        log.error("settings.override_ignored", extra={"setting": name, "reason": why})
    return config != before


def _take_up() -> None:
    """In the process that changed it: at once."""
    refresh()


def judged(rows: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of those stored that count, by field, and of the others why they do not."""
    values, refused = dict[str, Any](), dict[str, str]()
    for name, text in rows:
        if name not in FIELDS:
            refused[name] = "There is no such setting any more."
            continue
        attribute, field = FIELDS[name]
        if not is_mutable(field):
            refused[name] = "It may not be overridden any more."
            continue
        try:
            values[attribute] = read_value(field, text)
        except ValidationError:
            refused[name] = f"It takes {accepted_form(field)}, and no longer this."
    return values, refused


def forget_overrides() -> None:
    """Let the environment hold; for tests, whose databases come and go."""
    global _stored
    with _lock:
        _stored = Stored()
        override_config({})
