"""Which keys of a configuration are shown: found by words, by how they stand to what is desired, or by what changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from chargers.configuration.selectors import Drift, KeyState, changes, fold
from chargers.device_model.addresses import read_address
from chargers.device_model.models import Variable
from chargers.models import ChargePoint
from console.forms import Suggestions
from console.listing import Filters

KEYS_SHOWN = 500
DRIFTING = (
    Drift.DIFFERS,
    Drift.READONLY,
    Drift.REJECTED,
    Drift.NOT_SUPPORTED,
    Drift.NEEDS_REBOOT,
    Drift.UNKNOWN,
)


class ConfigurationFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("key or value…")}),
    )
    show = forms.ChoiceField(
        label=_("Show"),
        choices=[
            ("", _("All keys")),
            ("drift", _("What differs from what is desired")),
            ("desired", _("What something is desired of")),
            ("changed", _("What has changed since it was first read")),
            ("writable", _("What can be changed")),
            ("readonly", _("What is read-only")),
        ],
    )


def changed_keys(charge_point: ChargePoint) -> dict[str, datetime]:
    """Return which keys have changed since they were first read, and when last: folded name -> moment. One query."""
    rows = changes(charge_point).order_by().values_list("name").annotate(last=Max("at"))[: KEYS_SHOWN * 4]
    return {fold(name): last for name, last in rows}


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as the page shows it."""

    key: KeyState
    changed_at: datetime | None
    component: str
    """That it belongs to; "" in 1.6."""
    name: str
    takes: str
    """What values it takes, as the charge point told; "" where it told nothing."""
    settable: bool


def rows_of(keys: Iterable[tuple[KeyState, datetime | None]]) -> list[KeyRow]:
    """Return the rows of the page for keys that are sorted by name."""
    rows: list[KeyRow] = []
    for key, changed_at in keys:
        component, slash, name = key.name.partition("/")
        if not slash or read_address(key.name) is None:
            component, name = "", key.name
        settable = bool(component) and key.known and not key.readonly
        rows.append(KeyRow(key, changed_at, component, name, takes(key.variable), settable))
    return rows


@dataclass(frozen=True, slots=True)
class Group:
    """The keys of one component (2.x), or those of none."""

    component: str
    rows: list[KeyRow]

    @property
    def drifting(self) -> int:
        """How many are not as desired."""
        return sum(row.key.drift in DRIFTING for row in self.rows)


def by_component(rows: Iterable[KeyRow]) -> list[Group]:
    """Return the rows in groups that people open one by one: a device model has hundreds of variables."""
    groups: list[Group] = []
    for row in rows:
        if not groups or fold(groups[-1].component) != fold(row.component):
            groups.append(Group(row.component, []))
        groups[-1].rows.append(row)
    return groups


def takes(variable: Variable | None) -> str:
    """Say which values a variable takes: its type, unit, limits and list."""
    if variable is None:
        return ""
    low, high = (
        "" if limit is None else format(limit.normalize(), "f")
        for limit in (variable.min_limit, variable.max_limit)
    )
    parts = [
        variable.data_type,
        variable.unit,
        f"{low} … {high}".strip() if low or high else "",
        variable.values_list,
    ]
    return ", ".join(filter(None, parts))


def to_set(keys: Sequence[KeyState], name: str) -> Suggestions:
    """Offer in the form of a change the variable that was chosen on the page, and the values that it takes."""
    key = next((key for key in keys if name and fold(key.name) == fold(name)), None)
    if key is None:
        return {}
    listed = key.variable.values_list.split(",") if key.variable is not None else []
    if key.variable is not None and key.variable.data_type == "boolean":
        listed = ["true", "false"]
    values = [(value.strip(), "") for value in listed if value.strip()]
    return {"key": [(key.name, key.value or "")], "value": values or [(key.value or "", "")]}


def _any(key: KeyState) -> bool:
    return True


def chosen(
    keys: Iterable[KeyState], changed: Mapping[str, datetime], *, text: str = "", show: str = ""
) -> list[tuple[KeyState, datetime | None]]:
    """Return the keys that fit, each with when it changed last."""
    words = text.casefold().split()
    tests: dict[str, Callable[[KeyState], bool]] = {
        "drift": lambda key: key.drift in DRIFTING,
        "desired": lambda key: key.desired is not None,
        "changed": lambda key: fold(key.name) in changed,
        "writable": lambda key: key.known and key.readonly is False,
        "readonly": lambda key: bool(key.readonly),
    }
    fits = tests.get(show, _any)
    return [
        (key, changed.get(fold(key.name)))
        for key in keys
        if fits(key)
        and all(word in f"{key.name} {key.value} {key.desired or ''}".casefold() for word in words)
    ]
