"""The form in which somebody says what a webhook is, and with which it is made or changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.pages import page, permit, person, render_page
from console.views.charge_point_events import grouped
from console.views.webhooks import webhook_or_404
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.outbound.targets import URL_MAX
from csms.core.refusals import BadField, NotNow
from csms.core.webhooks.filters import DIRECTIONS, FRAMES
from csms.core.webhooks.models import Endpoint
from csms.core.webhooks.services import NAME_MAX, change_endpoint, create_endpoint

DIRECTION_WORDS = {"in": "from the charge point", "out": "to the charge point"}
GROUP_TITLES = {
    "cp": "Charge points",
    "model": "Models",
    "report": "Reports",
    "network_profile": "Network profiles",
    "security_profile": "Security profiles",
    "tx": "Transactions",
    "remote_start": "Remote starts",
    "charging": "Charging without a transaction",
    "reservation": "Reservations",
    "charging_profile": "Charging profiles",
    "composite_schedule": "Composite schedules",
    "local_list": "Authorization lists",
    "cert": "Certificates",
    "file": "Files",
    "alert": "Alerts",
    "webhook": "Webhooks",
    "bulk": "Bulk jobs",
    "device": "Components",
    "cost": "Costs that drivers are told",
}


@dataclass(frozen=True, slots=True)
class Box:
    """One type of event, or one pattern, to be ticked."""

    value: str
    label: str
    ticked: bool
    means: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The types that begin alike."""

    title: str
    boxes: list[Box]


def patterns() -> list[str]:
    """Return what can be asked for: all, all that begin alike, each single type."""
    groups = grouped(EVENT_TYPES)
    return ["*", *(f"{prefix}.*" for prefix, names in groups.items() if len(names) > 1), *EVENT_TYPES]


def lines(values: list[str]) -> str:
    """Return values as they are typed, a line each."""
    return "\n".join(values)


def _lines_field(label: str, help_text: str, placeholder: str = "") -> forms.CharField:
    attrs = {"rows": 3, "spellcheck": "false", "placeholder": placeholder}
    return forms.CharField(
        label=label, required=False, strip=False, help_text=help_text, widget=forms.Textarea(attrs=attrs)
    )


class WebhookForm(forms.Form):
    """What a webhook is. What it checks is for comfort; the services decide."""

    name = forms.CharField(
        label=_("Name"), max_length=NAME_MAX, help_text=_("For people; no other webhook has it.")
    )
    url = forms.CharField(
        label=_("URL"),
        max_length=URL_MAX,
        widget=forms.TextInput(attrs={"type": "url", "placeholder": "https://"}),
    )
    types = forms.MultipleChoiceField(
        label=_("Types of events"),
        choices=lambda: [(pattern, pattern) for pattern in patterns()],
        error_messages={"required": "Tick at least one type of event."},
    )
    charge_points = _lines_field(
        "Charge points",
        "One identity a line; CP-* stands for all that begin so. Empty: all of them, and events of no charge point.",
        "CP-017",
    )
    directions = forms.MultipleChoiceField(
        label=_("Direction"),
        required=False,
        choices=[(way, DIRECTION_WORDS[way]) for way in DIRECTIONS],
        help_text=_("None ticked: both."),
    )
    actions = _lines_field("Actions", "One a line. Empty: all of them.", "StatusNotification")
    contains = _lines_field(
        "Text", "A message that contains one of these texts, one a line. Empty: any message."
    )

    def __init__(self, data: Any = None, *, endpoint: Endpoint | None = None) -> None:
        super().__init__(data, auto_id="webhook-%s", initial=_initial(endpoint))
        self.endpoint = endpoint
        url = self.fields["url"]
        url.help_text = "HTTPS; receivers in private networks only where CSMS_OUTBOUND_NETWORKS names them."
        if endpoint is not None:
            url.required = False
            url.help_text = f"Empty: it stays {endpoint.url} (what may let somebody in is masked here)."
        for name, field in self.fields.items():
            if name in ("types", "directions"):
                continue
            lined = " lines" if isinstance(field.widget, forms.Textarea) else ""
            field.widget.attrs |= {"class": f"form-control{lined}", "autocomplete": "off"}

    @property
    def groups(self) -> Iterator[Group]:
        """The types to be ticked, those that begin alike together."""
        ticked = set(self["types"].value() or ())
        yield Group(
            "Everything",
            [Box("*", "*", "*" in ticked, "Every event but OCPP messages; of types to come, too.")],
        )
        for prefix, names in grouped(EVENT_TYPES).items():
            boxes = [Box(name, name, name in ticked, _means(name)) for name in names]
            if len(names) > 1:
                every = f"{prefix}.*"
                all_of = "All of these but OCPP messages" if FRAMES in names else "All of these"
                boxes.insert(0, Box(every, every, every in ticked, f"{all_of}; of types to come, too."))
            yield Group(GROUP_TITLES.get(prefix, prefix), boxes)

    @property
    def ways(self) -> list[Box]:
        """The directions to be ticked."""
        ticked = set(self["directions"].value() or ())
        return [Box(way, way, way in ticked, DIRECTION_WORDS[way].capitalize() + ".") for way in DIRECTIONS]

    @property
    def filter(self) -> dict[str, list[str]]:
        """The filter that was given, as the services take it."""
        given = self.cleaned_data
        typed = {name: _typed(given[name]) for name in ("charge_points", "actions")}
        contains = [line for line in given["contains"].splitlines() if line.strip()]
        return {"types": given["types"], "directions": given["directions"], "contains": contains, **typed}

    def refuse(self, refusal: BadField | NotNow) -> None:
        """Show why it was refused, at the field that is to blame."""
        text = str(refusal)
        text = text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
        field = refusal.field if isinstance(refusal, BadField) else None
        self.add_error(field if field in self.fields else None, text)


def _means(name: str) -> str:
    if name == FRAMES:
        return "An OCPP message came in or went out. Ticked here only; they are recorded for these charge points then."
    return EVENT_TYPES[name].summary


def _typed(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _initial(endpoint: Endpoint | None) -> dict[str, Any]:
    if endpoint is None:
        return {}
    return {
        "name": endpoint.name,
        "types": endpoint.types,
        "directions": endpoint.directions,
        "charge_points": lines(endpoint.charge_points),
        "actions": lines(endpoint.actions),
        "contains": lines(endpoint.contains),
    }


def _show(request: HttpRequest, form: WebhookForm, status: int = 200) -> HttpResponse:
    values = {"section": "webhooks", "form": form, "endpoint": form.endpoint}
    return render_page(request, "webhook-form", values, status=status)


def show_secret(request: HttpRequest, endpoint: Endpoint, secret: str, *, rotated: bool) -> HttpResponse:
    """Show a secret, this once: on the answer itself, so that it is kept nowhere, not in a session either."""
    values = {"section": "webhooks", "endpoint": endpoint, "secret": secret, "rotated": rotated}
    return render_page(request, "webhook-secret", values)


@page
def add(request: HttpRequest) -> HttpResponse:
    """Make a webhook; the answer shows its secret."""
    permit(request, "admin")
    if request.method != "POST":
        return _show(request, WebhookForm())
    form = WebhookForm(request.POST)
    if form.is_valid():
        given, by = form.cleaned_data, person(request).get_username()
        try:
            endpoint, secret = create_endpoint(
                name=given["name"], url=given["url"], filter=form.filter, by=by, now=timezone.now()
            )
        except (BadField, NotNow) as refusal:
            form.refuse(refusal)
        else:
            return show_secret(request, endpoint, secret, rotated=False)
    return _show(request, form, status=422)


@page
def change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a webhook."""
    permit(request, "admin")
    endpoint = webhook_or_404(pk)
    if request.method != "POST":
        return _show(request, WebhookForm(endpoint=endpoint))
    form = WebhookForm(request.POST, endpoint=endpoint)
    if form.is_valid():
        changes = {"name": form.cleaned_data["name"], **form.filter}
        if form.cleaned_data["url"]:
            changes["url"] = form.cleaned_data["url"]
        try:
            change_endpoint(endpoint, changes, by=person(request).get_username(), now=timezone.now())
        except (BadField, NotNow) as refusal:
            form.refuse(refusal)
        else:
            return redirect("console:webhook", endpoint.pk)
    return _show(request, form, status=422)
