"""What people do with an alert: look after it, hand it on, write something down, say that it is over."""

from collections.abc import Callable
from dataclasses import dataclass
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alerts.life import NAME_MAX, TEXT_MAX, acknowledge_alert, assign_alert, note_alert, resolve_alert
from console.alarms import forget_alarms
from console.alert_words import REFUSED
from console.pages import action, moved, person
from console.views.alert import alert_or_404
from console.words import say
from csms.core.refusals import BadField, NotNow

PAGES = "/sys/alerts"
"""Below which one comes back to."""


class NoteForm(forms.Form):
    """Something for the others, or nothing."""

    note = forms.CharField(required=False, max_length=TEXT_MAX)


class AssignForm(NoteForm):
    """Who is to look after it; an empty name says nobody."""

    assignee = forms.CharField(required=False, max_length=NAME_MAX)


class WrittenForm(forms.Form):
    """Something to write down."""

    note = forms.CharField(
        max_length=TEXT_MAX, error_messages={"required": gettext_lazy("There is nothing to write down.")}
    )


class ReasonForm(forms.Form):
    """Why it is over."""

    reason = forms.CharField(
        max_length=TEXT_MAX,
        error_messages={"required": gettext_lazy("Say why: whoever looks at it later wants to know.")},
    )


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do: what it wants to know, what does it, and what is said when it is done."""

    form: type[forms.Form]
    do: Callable[..., None]
    done: str | Promise


STEPS = {
    "acknowledge": Step(
        NoteForm, acknowledge_alert, gettext_lazy("It is acknowledged: somebody looks after it.")
    ),
    "assign": Step(AssignForm, assign_alert, gettext_lazy("It is assigned.")),
    "note": Step(WrittenForm, note_alert, gettext_lazy("It is noted.")),
    "resolve": Step(
        ReasonForm,
        resolve_alert,
        gettext_lazy("It is resolved. If its condition holds on, it comes back only after it was away."),
    ),
}


@action("write")
def step(request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
    """Do something with an alert."""
    found, known = alert_or_404(pk), STEPS.get(slug)
    if known is None:
        raise Http404(_("There is no such thing to do with an alert."))
    form = known.form(request.POST)
    if form.is_valid():
        try:
            known.do(
                found.pk,
                **_told(slug, form.cleaned_data),
                by=person(request).get_username(),
                now=timezone.now(),
            )
        except NotNow as refusal:
            said = say(REFUSED.get(refusal.code, str(refusal)))
            messages.error(request, _("Nothing was done: %(why)s") % {"why": said})
        except BadField:
            messages.error(
                request, _("Nothing was done: %(why)s") % {"why": _("A name has printable characters.")}
            )
        else:
            forget_alarms()
            messages.success(request, str(known.done))
    else:
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
    return moved(request, _back(request, pk))


def _told(slug: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given, by the names of the service."""
    return {"text": given["note"]} if slug == "note" else given


def _back(request: HttpRequest, pk: UUID) -> str:
    back = request.POST.get("back", "")
    # As a browser understands it, which takes steps upwards and \\ for what they are.
    path = normpath(unquote(urlsplit(back).path).replace("\\", "/")) if back.startswith(PAGES) else ""
    if (path == PAGES or path.startswith(f"{PAGES}/")) and url_has_allowed_host_and_scheme(back, None):
        return back
    return reverse("console:alert", args=[pk])
