"""The forms in which somebody says what a channel is, when it is told, and which channels a rule names."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.channels import services
from alerts.channels.models import NAME_MAX, Channel, Kind
from alerts.channels.selectors import channels, steps
from alerts.rules.models import Rule
from alerts.transports.base import VALUE_MAX, Field
from alerts.transports.table import TRANSPORTS
from console.alert_words import CHOICES, LABELS
from console.pages import page, permit, person, render_page
from console.typed import dress, lines_field, refuse, typed_lines
from console.views.alert_channels import channel_or_404, list_url
from console.words import say
from csms.core.refusals import BadField, NotNow

CONFIG = "config_"  # before the names of a kind's own fields
WEEK = [
    _("Monday"),
    _("Tuesday"),
    _("Wednesday"),
    _("Thursday"),
    _("Friday"),
    _("Saturday"),
    _("Sunday"),
]


def _time(label: Any, help_text: Any = "") -> forms.TimeField:
    return forms.TimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": _("A time of day is written as in 22:00.")},
    )


class ChannelForm(forms.Form):
    """What a channel is; a part of it is built of the fields of its kind. What it checks is for comfort."""

    name = forms.CharField(
        label=_("Name"), max_length=NAME_MAX, help_text=_("For people; no other channel has it.")
    )
    enabled = forms.BooleanField(label=_("It is on"), required=False, initial=True)
    default = forms.BooleanField(
        label=_("It is the default"),
        required=False,
        help_text=_("It is told of alerts whose rule names no channel. One channel is."),
    )
    zone = forms.CharField(
        label=_("Time zone"),
        required=False,
        max_length=64,
        help_text=_("In which its people live, such as Europe/Berlin; empty: that of the house."),
    )
    quiet_from = _time(_("Quiet from"))
    quiet_until = _time(_("Quiet until"), _("On the next day, if it is earlier. Both empty: no quiet hours."))
    quiet_days = forms.TypedMultipleChoiceField(
        label=_("Days on which quiet hours begin"),
        required=False,
        coerce=int,
        choices=list(enumerate(WEEK)),
        widget=forms.CheckboxSelectMultiple,
        initial=list(range(7)),
    )
    critical_in_quiet = forms.BooleanField(
        label=_("Critical alerts pass in quiet hours"), required=False, initial=True
    )
    per_hour = forms.IntegerField(
        label=_("Messages an hour"),
        min_value=0,
        max_value=services.PER_HOUR_MAX,
        initial=60,
        help_text=_("Beyond that what is not critical is gathered; 0: no bound."),
    )
    digest_minutes = forms.IntegerField(
        label=_("Gather for so many minutes"),
        min_value=0,
        max_value=services.DIGEST_MAX,
        initial=0,
        help_text=_("What is not critical; 0: it is told at once."),
    )

    def __init__(self, data: Any = None, *, kind: str, channel: Channel | None = None) -> None:
        super().__init__(data, auto_id="channel-%s", initial=_initial(channel))
        self.kind, self.channel = kind, channel
        self.own = TRANSPORTS[kind].fields
        for field in self.own:
            self.fields[CONFIG + field.name] = _field(field, channel)
        if channel is not None and channel.is_default:
            for name in ("enabled", "default"):  # another one is made the default instead
                del self.fields[name]
        dress(self)

    @property
    def of_kind(self) -> list[forms.BoundField]:
        """The fields of its kind."""
        return [self[CONFIG + field.name] for field in self.own]

    @property
    def when(self) -> list[forms.BoundField]:
        """When it is told, but for the days."""
        names = ("zone", "quiet_from", "quiet_until", "per_hour", "digest_minutes")
        return [self[name] for name in names]

    @property
    def switches(self) -> list[forms.BoundField]:
        """What is ticked or not."""
        return [self[name] for name in ("enabled", "default", "critical_in_quiet") if name in self.fields]

    @property
    def has_secrets(self) -> bool:
        """Whether something is typed that does not come back."""
        return any(field.secret for field in self.own)

    @property
    def config(self) -> dict[str, Any]:
        """What the kind is given; a secret that was left empty is absent."""
        return {
            field.name: typed_lines(value) if field.many else value or field.default
            for field in self.own
            if (value := self.cleaned_data[CONFIG + field.name]) is not None and (value or not field.secret)
        }

    @property
    def options(self) -> dict[str, Any]:
        """When it is told."""
        return {name: self.cleaned_data[name] for name in services.OPTIONS}

    def refuse(self, refusal: BadField | NotNow) -> None:
        """Show why it was refused, at the field that is to blame."""
        name = refusal.field if isinstance(refusal, BadField) else ""
        refuse(self, refusal, name.replace("config.", CONFIG))


def _field(field: Field, channel: Channel | None) -> forms.Field:
    """Return the field of a form for a value of a kind's configuration."""
    label: Any = LABELS.get(field.name, field.name)
    about = say(field.about.replace("`", ""))
    if field.many:
        made: forms.Field = lines_field(label, f"{about} {gettext('One a line.')}")
    elif field.number:
        made = forms.IntegerField(label=label, help_text=about)
    elif field.choices:
        made = forms.ChoiceField(
            label=label,
            help_text=about,
            choices=[(choice, CHOICES.get(choice, choice)) for choice in field.choices],
        )
    else:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"}) if field.secret else None
        made = forms.CharField(label=label, max_length=VALUE_MAX, help_text=about, widget=widget)
    made.required = field.required
    if field.default != "":
        made.initial = field.default
    if channel is None:
        return made
    kept = (
        channel.shown.get(field.name, "") if field.secret else channel.config.get(field.name, field.default)
    )
    if field.secret:
        made.required = False
        if kept:
            made.help_text = f"{about} {gettext('Empty: it stays %(shown)s.') % {'shown': kept}}"
    else:
        made.initial = "\n".join(kept) if field.many else kept
    return made


def _initial(channel: Channel | None) -> dict[str, Any]:
    if channel is None:
        return {}
    names = ("name", "enabled", *services.OPTIONS)
    return {name: getattr(channel, name) for name in names} | {"default": channel.is_default}


def _show(request: HttpRequest, form: ChannelForm | None, status: int = 200) -> HttpResponse:
    values = {"section": "alerts", "form": form, "kinds": TRANSPORTS.values()}
    return render_page(request, "alerts-channel-form", values, status=status)


def _made(request: HttpRequest, channel: Channel, secrets: dict[str, str]) -> HttpResponse:
    """Show secrets that were made, this once: on the answer itself, so that they are kept nowhere."""
    if not secrets:
        messages.success(request, gettext("%(name)s was kept.") % {"name": channel.name})
        return redirect(list_url())
    shown = [(str(LABELS.get(name, name)), secret) for name, secret in secrets.items()]
    values = {"section": "alerts", "channel": channel, "secrets": shown}
    return render_page(request, "alerts-channel-secret", values)


@page
def add(request: HttpRequest) -> HttpResponse:
    """Make a channel, once its kind was chosen."""
    permit(request, "admin")
    kind = request.GET.get("kind", "")
    if kind not in TRANSPORTS:
        return _show(request, None)
    if request.method != "POST":
        return _show(request, ChannelForm(kind=kind))
    form = ChannelForm(request.POST, kind=kind)
    if form.is_valid():
        given = form.cleaned_data
        try:
            channel, secrets = services.create_channel(
                kind=Kind(kind),
                name=given["name"],
                config=form.config,
                enabled=given["enabled"],
                default=given["default"],
                options=form.options,
                by=person(request).get_username(),
                now=timezone.now(),
            )
        except (BadField, NotNow) as refusal:
            form.refuse(refusal)
        else:
            return _made(request, channel, secrets)
    return _show(request, form, status=422)


@page
def change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a channel; a secret that is left empty stays."""
    permit(request, "admin")
    channel = channel_or_404(pk)
    if request.method != "POST":
        return _show(request, ChannelForm(kind=channel.kind, channel=channel))
    form = ChannelForm(request.POST, kind=channel.kind, channel=channel)
    if form.is_valid():
        changes = {"name": form.cleaned_data["name"], **form.options}
        if any(channel.config.get(name) != value for name, value in form.config.items()):
            changes["config"] = form.config
        if "enabled" in form.cleaned_data:
            changes["enabled"] = form.cleaned_data["enabled"]
            if form.cleaned_data["default"]:
                changes["default"] = True
        try:
            channel, secrets = services.change_channel(
                channel, changes, by=person(request).get_username(), now=timezone.now()
            )
        except (BadField, NotNow) as refusal:
            form.refuse(refusal)
        else:
            return _made(request, channel, secrets)
    return _show(request, form, status=422)


# --- which channels a rule names ------------------------------------------------------------------------------------


class RouteForm(forms.Form):
    """A field a channel: the minutes after which it is told, of which there may be several; empty: it is not."""

    def __init__(self, data: Any = None, *, rule: str) -> None:
        super().__init__(data, auto_id="route-%s")
        now: dict[UUID, list[str]] = {}
        for step in steps([rule]).get(rule, []):
            now.setdefault(step.channel_id, []).append(str(step.after_minutes))
        self.channels = list(channels().order_by("name", "pk"))
        for channel in self.channels:
            self.fields[str(channel.pk)] = forms.RegexField(
                r"\s*\d{1,6}(\s*[, ]\s*\d{1,6})*\s*\Z",
                label=channel.name,
                required=False,
                initial=", ".join(now.get(channel.pk, ())),
                widget=forms.TextInput(attrs={"inputmode": "numeric", "placeholder": "0, 30"}),
                error_messages={"invalid": _("Minutes are written as in 0, 30.")},
            )
        dress(self)

    @property
    def steps(self) -> list[tuple[UUID, int]]:
        """What was given, as the services take it."""
        return [
            (channel.pk, int(minutes))
            for channel in self.channels
            for minutes in self.cleaned_data[str(channel.pk)].replace(",", " ").split()
        ]


@page
def route(request: HttpRequest, slug: str) -> HttpResponse:
    """Say which channels are told of a rule's alerts, and after how long without acknowledgement."""
    permit(request, "admin")
    rule = Rule.objects.filter(slug=slug).first()
    if rule is None:
        raise Http404(gettext("There is no such rule; it may have been removed."))
    form = RouteForm(request.POST if request.method == "POST" else None, rule=slug)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                services.set_route(slug, form.steps, by=person(request).get_username(), now=timezone.now())
            except (BadField, NotNow) as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, gettext("The route of %(name)s was kept.") % {"name": rule.name})
                return redirect(list_url())
    values = {"section": "alerts", "form": form, "rule": rule}
    return render_page(request, "alerts-route", values, status=status)
