"""Which keys of a configuration are shown: found by words, by how they stand to what is desired, or by what changed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from django import forms
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from chargers.configuration.selectors import Drift, KeyState, changes, fold
from chargers.models import ChargePoint
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
