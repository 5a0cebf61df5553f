"""What frames are looked for by: a time of at most seven days, and what they are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy

from chargers.history.frame_search import WINDOW_MAX, Sought
from chargers.protocol.schemas import actions
from chargers.protocol.versions import Version
from console import words
from console.days import check_year, in_zone
from console.listing import Filters

PRESETS = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": WINDOW_MAX,
}
PRESET = "1h"


# --- the window -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is looked at. `cut` says that more was asked for than is looked at together."""

    since: datetime
    until: datetime
    cut: bool = False
    problem: bool = False
    """Whether what was typed has its end before its beginning, and was left out."""


def window_of(preset: str, since: datetime | None, until: datetime | None, *, now: datetime) -> Window:
    """Return the window that was asked for: typed bounds go before a preset, a missing one follows from the other."""
    length = PRESETS.get(preset, PRESETS[PRESET])
    if since is None and until is None:
        return Window(now - length, now)
    if since is None or (until is not None and since >= until):
        end = until if since is None and until is not None else now
        return Window(end - length, end, problem=since is not None)
    end = min(now, since + WINDOW_MAX) if until is None else until
    if end <= since:  # nothing has happened yet
        return Window(since, since + timedelta(milliseconds=1))
    return Window(max(since, end - WINDOW_MAX), end, cut=end - since > WINDOW_MAX)


def typed(moment: datetime) -> str:
    """Write a moment as the fields `from` and `to` take it."""
    return timezone.localtime(moment).replace(tzinfo=None).isoformat(timespec="seconds")


# --- the form ---------------------------------------------------------------------------------------------------------


class When(forms.DateTimeField):
    """A moment, to the second, in the time zone of the house."""

    def __init__(self, label: object) -> None:
        super().__init__(
            label=label,  # type: ignore[arg-type]  # a lazy text
            widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1", "title": in_zone()}),
            validators=[check_year],
        )


def action_names() -> list[str]:
    """Return all actions of the standard that this house can read, by name."""
    return sorted(frozenset[str]().union(*(actions(version) for version in Version)))


class FrameFilters(Filters):
    window = forms.ChoiceField(
        label=gettext_lazy("Time"),
        choices=[
            ("", gettext_lazy("Last hour")),
            ("15m", gettext_lazy("Last 15 minutes")),
            ("6h", gettext_lazy("Last 6 hours")),
            ("24h", gettext_lazy("Last 24 hours")),
            ("7d", gettext_lazy("Last 7 days")),
        ],
    )
    cp_id = forms.CharField(label=gettext_lazy("Charge point"), max_length=48)
    action = forms.CharField(
        label=gettext_lazy("Action"), max_length=100, widget=forms.TextInput(attrs={"list": "actions"})
    )
    direction = forms.ChoiceField(
        label=gettext_lazy("Direction"),
        choices=[
            ("", gettext_lazy("Both")),
            ("in", gettext_lazy("From the charge point")),
            ("out", gettext_lazy("To the charge point")),
        ],
    )
    kind = forms.TypedChoiceField(
        label=gettext_lazy("Kind"),
        coerce=int,
        empty_value=None,
        choices=[
            ("", gettext_lazy("Any")),
            ("2", gettext_lazy("Calls (CALL)")),
            ("3", gettext_lazy("Answers (CALLRESULT)")),
            ("4", gettext_lazy("Errors (CALLERROR)")),
        ],
    )
    verdict = forms.ChoiceField(
        label=gettext_lazy("Verdict"),
        choices=[
            ("", gettext_lazy("Any")),
            *((term, word.label) for term, word in words.VERDICT.items()),
        ],
    )
    message_id = forms.CharField(label=gettext_lazy("Message id"), max_length=255)
    connection = forms.UUIDField(label=gettext_lazy("Connection"), widget=forms.HiddenInput)
    live = forms.ChoiceField(choices=[("1", "")], widget=forms.HiddenInput)
    q = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("a part of the frame…")}),
    )

    def follow(self) -> None:
        """Leave out what means nothing to whoever follows what comes: the time."""
        for name in ("window", "from", "to"):
            del self.fields[name]

    @property
    def sought(self) -> Sought:
        """Return what is looked for."""
        asked = self.values
        named = ("cp_id", "action", "direction", "kind", "verdict", "message_id")
        return Sought(
            **{name: asked[name] for name in named if name in asked},
            connection_id=asked.get("connection"),
            text=asked.get("q", ""),
        )

    def window_at(self, now: datetime) -> Window:
        """Return the window that is looked at."""
        asked = self.values
        return window_of(asked.get("window", PRESET), asked.get("from"), asked.get("to"), now=now)


# `from` is no name in the body of a class; nothing but the metaclass has read these yet.
FrameFilters.base_fields.update({"from": When(gettext_lazy("From")), "to": When(gettext_lazy("to"))})


class FramesOfOne(FrameFilters):
    """The same for one charge point, which the address names."""

    cp_id = None  # type: ignore[assignment]  # Django's way to leave a field out
