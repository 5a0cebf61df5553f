"""The forms in which somebody says what is to be quiet, until when, and whether again and again."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.alertmanager import services as theirs
from alerts.alertmanager.selectors import Matcher
from alerts.external.client import Refused, Unreachable, Unset
from alerts.models import Alert
from alerts.selectors import alerts
from alerts.silences.models import COMMENT_MAX
from alerts.silences.services import create_silence
from alerts.silences.windows import TEXT_MAX
from console.beside import ALERTMANAGER_SILENCES
from console.days import check_year, day_field
from console.pages import page, permit, person, render_page
from console.typed import dress, lines_field, refuse, typed_matchers, written_matchers
from console.views.alert import uuid_of
from console.views.alert_silences import list_url
from csms.core.config import get_config
from csms.core.refusals import BadField, NotNow
from csms.core.time_zones import find_zone

FIRST = timedelta(hours=2)  # that a new silence lasts, unless somebody says otherwise
OWN = "own"
REPEATS = [
    ("", _("Once")),
    ("DAILY", _("Every day")),
    ("WEEKLY", _("Every week")),
    ("MONTHLY", _("Every month, on that day")),
    (OWN, _("By a rule of my own, see below")),
]
DAYS = [
    ("MO", _("Monday")),
    ("TU", _("Tuesday")),
    ("WE", _("Wednesday")),
    ("TH", _("Thursday")),
    ("FR", _("Friday")),
    ("SA", _("Saturday")),
    ("SU", _("Sunday")),
]


def _moment(label: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        validators=[check_year],
        error_messages={"invalid": _("A time is written as in 2026-11-21 09:30.")},
    )


class ForeignSilenceForm(forms.Form):
    """A silence of Alertmanager, which does not recur. What it checks is for comfort; the services decide."""

    matchers = lines_field(
        _("What is quiet"),
        _(
            "A label, an operator and a value, one a line; all must hold. =~ and !~ take a regular expression for "
            "the whole value."
        ),
        "alertname = NobodyHome",
    )
    starts_at = _moment(_("From"))
    ends_at = _moment(_("Until"))
    comment = forms.CharField(label=_("Why"), max_length=COMMENT_MAX)
    title = _("Silence in Alertmanager")
    foreign = True

    def __init__(self, data: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(data, auto_id="silence-%s", initial=initial)
        self.fields["matchers"].required = True
        dress(self)

    def make(self, *, by: str, now: datetime) -> None:
        """Make the silence. Raises BadField, NotNow, Unset, Unreachable and Refused."""
        given = self.cleaned_data
        theirs.create_silence(
            matchers=[Matcher(*each) for each in typed_matchers(given["matchers"], "matchers")],
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
            comment=given["comment"],
            by=by,
            now=now,
        )
        ALERTMANAGER_SILENCES.forget()


class SilenceForm(ForeignSilenceForm):
    """A silence of ours."""

    title = _("Silence alerts")
    foreign = False
    zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        help_text=_("The times above and the windows that recur are by its clock."),
    )
    repeats = forms.ChoiceField(label=_("Again"), required=False, choices=REPEATS)
    days = forms.MultipleChoiceField(
        label=_("On these days"),
        required=False,
        choices=DAYS,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Of every week; none ticked: on the day of the first window."),
    )
    until = day_field(_("Last day"))
    recurrence = forms.CharField(
        label=_("Rule of my own"),
        required=False,
        max_length=TEXT_MAX,
        help_text=_(
            "An RRULE of RFC 5545, such as FREQ=MONTHLY;BYDAY=1SU for the first Sunday of every month."
        ),
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        self.fields["until"].required = False
        self.fields["until"].help_text = gettext("Empty: without an end, which is ten years.")
        self.fields["matchers"].help_text = gettext(
            "A label, an operator (=, != or =~) and a value, one a line; all must hold. Labels are rule, severity, "
            "subject, cp_id, site, model, firmware, network. =~ takes a pattern with *, ? and [ab]."
        )
        self.fields["matchers"].widget.attrs["placeholder"] = "site = Depot Nord"

    def make(self, *, by: str, now: datetime) -> None:
        """Make the silence."""
        given = self.cleaned_data
        lines = typed_matchers(given["matchers"], "matchers")
        create_silence(
            matchers=[{"name": name, "op": op, "value": value} for name, op, value in lines],
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
            comment=given["comment"],
            recurrence=self._recurrence(),
            zone=given["zone"],
            by=by,
            now=now,
        )

    def _recurrence(self) -> str:
        given, repeats = self.cleaned_data, self.cleaned_data["repeats"]
        if repeats == OWN:
            if not given["recurrence"]:
                raise BadField("recurrence", gettext("Which rule? Give an RRULE."))
            return str(given["recurrence"])
        if given["recurrence"]:
            raise BadField("repeats", gettext("A rule of your own is given below, and is not chosen here."))
        if not repeats:
            if given["days"] or given["until"]:
                raise BadField(
                    "repeats", gettext("Days or a last day are given; how often does it come again?")
                )
            return ""
        if given["days"] and repeats != "WEEKLY":
            raise BadField("days", gettext("Days are of a silence that comes every week."))
        parts = [f"FREQ={repeats}"]
        if given["days"]:
            parts.append(f"BYDAY={','.join(given['days'])}")
        if given["until"]:
            parts.append(f"UNTIL={_last_second(given['until'], given['zone']):%Y%m%dT%H%M%SZ}")
        return ";".join(parts)


def _last_second(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(23, 59, 59), tzinfo=find_zone(zone)).astimezone(UTC)


def _initial(request: HttpRequest, *, foreign: bool) -> dict[str, Any]:
    now, zone = timezone.now().replace(second=0, microsecond=0), get_config().time_zone
    values: dict[str, Any] = {"starts_at": now, "ends_at": now + FIRST, "zone": zone}
    if not foreign and (pk := uuid_of(request.GET.get("alert", ""))) is not None:
        values |= _of_alert(pk)
    return values


def _of_alert(pk: UUID) -> dict[str, Any]:
    """Return what a silence of just this alert says."""
    alert: Alert | None = alerts().filter(pk=pk).first()
    if alert is None:
        raise Http404(gettext("There is no such alert; it may have been forgotten."))
    return {"matchers": written_matchers([("rule", "=", alert.rule), ("subject", "=", alert.subject)])}


def _back(request: HttpRequest, *, foreign: bool) -> str:
    """Return where somebody comes from: the alert that is to be quiet, or the list."""
    pk = uuid_of(request.GET.get("alert", ""))
    return list_url() if pk is None or foreign else reverse("console:alert", args=[pk])


def _show(request: HttpRequest, form: ForeignSilenceForm, status: int = 200) -> HttpResponse:
    values = {"section": "alerts", "form": form, "back": _back(request, foreign=form.foreign)}
    return render_page(request, "alerts-silence-form", values, status=status)


def _added(request: HttpRequest, kind: type[ForeignSilenceForm]) -> HttpResponse:
    permit(request, "write")
    initial = _initial(request, foreign=kind.foreign)
    if request.method != "POST":
        return _show(request, kind(initial=initial))
    form = kind(request.POST, initial=initial)
    zone = request.POST.get("zone", "") or initial["zone"]
    try:
        found = find_zone(zone)
    except ValueError as problem:
        if not kind.foreign:
            refuse(form, str(problem), "zone")
        found = find_zone(initial["zone"])
    with timezone.override(found):  # in which the times were typed
        valid = form.is_valid()
    if valid:
        try:
            form.make(by=person(request).get_username(), now=timezone.now())
        except (BadField, NotNow) as refusal:
            refuse(form, refusal)
        except (Unset, Unreachable, Refused) as problem:
            refuse(form, gettext("Alertmanager: %(why)s") % {"why": problem})
        else:
            messages.success(request, gettext("The silence was made."))
            return redirect(_back(request, foreign=kind.foreign))
    return _show(request, form, status=422)


@page
def add(request: HttpRequest) -> HttpResponse:
    """Make a silence of ours, of an alert where one is named."""
    return _added(request, SilenceForm)


@page
def add_foreign(request: HttpRequest) -> HttpResponse:
    """Make a silence of Alertmanager."""
    return _added(request, ForeignSilenceForm)
