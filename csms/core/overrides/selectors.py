"""Every setting as people are shown it: its value, where that comes from, and what else could be given."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from pydantic.fields import FieldInfo

from csms.core.audit.models import AuditEntry
from csms.core.audit.selectors import done_to
from csms.core.config import environment_config
from csms.core.config_docs import default_text
from csms.core.config_types import accepted_form, bounds, choices, extra, is_secret, shown
from csms.core.overrides.models import SettingOverride
from csms.core.overrides.services import FIELDS, is_mutable, judged

Source = Literal["override", "environment", ".env", "default"]
ENVIRONMENT_SOURCES: tuple[Source, ...] = ("environment", ".env", "default")
SOURCES: tuple[Source, ...] = ("override", *ENVIRONMENT_SOURCES)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. Values are text, as in the environment; a secret has none, a URL no credentials."""

    name: str
    category: str
    description: str
    value: str
    """What is in force, in every process within seconds."""
    source: Source
    environment_value: str
    environment_source: Source
    """Where it would come from, were it not overridden."""
    default: str
    is_set: bool
    """Whether there is a value at all; all that is told of a secret."""
    secret: bool
    mutable: bool
    risk: str
    unit: str
    zero: str
    unset: str
    accepts: str
    low: int | None
    high: int | None
    choices: tuple[str, ...]
    override_value: str = ""
    by: str = ""
    at: datetime | None = None
    reason: str = ""
    problem: str = ""
    """Why the stored override does not count."""

    @property
    def overridden(self) -> bool:
        """Whether something is stored, be it in force or not."""
        return bool(self.by)


def settings_now() -> list[Setting]:
    """Return all settings in the order of the documentation, and then what is stored for none; one query."""
    rows = {row.name: row for row in SettingOverride.objects.all()}
    _, refused = judged(tuple((row.name, row.value) for row in rows.values()))
    known = [_setting(name, rows.get(name), refused.get(name, "")) for name in FIELDS]
    return known + [_stray(row, refused[name]) for name, row in rows.items() if name not in FIELDS]


def setting_now(name: str) -> Setting | None:
    """Return one setting, None when there is none of this name."""
    return next((setting for setting in settings_now() if setting.name == name), None)


def matching(
    settings: Iterable[Setting],
    *,
    q: str = "",
    category: str = "",
    source: str = "",
    mutable: bool = False,
    changed: bool = False,
) -> list[Setting]:
    """Return the settings that have all words of `q` in name, category or description, and are as asked."""
    words = q.casefold().split()
    return [
        setting
        for setting in settings
        if all(
            word in f"{setting.name} {setting.category} {setting.description}".casefold() for word in words
        )
        and category in ("", setting.category)
        and source in ("", setting.source)
        and (setting.mutable or not mutable)
        and (setting.source != "default" or not changed)
    ]


def categories() -> list[str]:
    """Return the categories, in the order of the documentation."""
    return list(dict.fromkeys(str(extra(field, "category")) for _, field in FIELDS.values()))


def changes_of(name: str) -> QuerySet[AuditEntry]:
    """Return who overrode and reset a setting, newest first."""
    return done_to("setting", name)


def _setting(name: str, row: SettingOverride | None, problem: str) -> Setting:
    attribute, field = FIELDS[name]
    given = getattr(environment_config(), attribute)
    held = row is not None and not problem
    # As it is stored: this process may look only a moment later.
    value = row.value if row is not None and held else given
    low, high = bounds(field)
    origin = _source(name, attribute)
    return Setting(
        name=name,
        category=str(extra(field, "category")),
        description=field.description or "",
        value=shown(value, field),
        source="override" if held else origin,
        environment_value=shown(given, field),
        environment_source=origin,
        default="" if is_secret(field) else default_text(field),
        is_set=bool(_plain(value)),
        secret=is_secret(field),
        mutable=is_mutable(field),
        risk=str(extra(field, "risk")),
        unit=str(extra(field, "unit")),
        zero=str(extra(field, "zero")),
        unset=str(extra(field, "unset")),
        accepts=accepted_form(field),
        low=low,
        high=high,
        choices=choices(field),
        **_stored(row, field),
        problem=problem,
    )


def _plain(value: object) -> object:
    reveal = getattr(value, "get_secret_value", None)
    return reveal() if reveal else str(value)


def _source(name: str, attribute: str) -> Source:
    if attribute not in environment_config().model_fields_set:
        return "default"
    return "environment" if os.environ.get(name) else ".env"


def _stored(row: SettingOverride | None, field: FieldInfo | None) -> dict[str, Any]:
    if row is None:
        return {}
    value = row.value if field is None else shown(row.value, field)
    return {"override_value": value, "by": row.by, "at": row.at, "reason": row.reason}


def _stray(row: SettingOverride, problem: str) -> Setting:
    return Setting(
        name=row.name,
        category="",
        description="",
        value="",
        source="default",
        environment_value="",
        environment_source="default",
        default="",
        is_set=False,
        secret=False,
        mutable=False,
        risk="",
        unit="",
        zero="",
        unset="",
        accepts="",
        low=None,
        high=None,
        choices=(),
        **_stored(row, None),
        problem=problem,
    )
