"""The tab of silences: ours and Alertmanager's, what each keeps quiet now, and their end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.alertmanager.selectors import ForeignSilence
from alerts.alertmanager.services import expire_silence as expire_theirs
from alerts.external.client import Refused, Unreachable, Unset
from alerts.models import Alert
from alerts.muting import firing
from alerts.silences.models import Silence
from alerts.silences.selectors import STATES, in_state, silences_of, state_of
from alerts.silences.services import expire_silence
from console.alert_words import SILENCE
from console.beside import ALERTMANAGER_SILENCES, Said
from console.listing import Filters, Listing
from console.pages import action, moved, person, render_page
from console.questions import confirmed, question_page

COLUMNS = {"starts": "starts_at", "over": "over_at", "by": "by"}
NAMED = 3  # alerts of a silence that are named
QUIET_COLUMNS = (
    *("rule", "name", "subject", "silenced_by", "charge_point__cp_id"),
    *("connector_number", "evse_number", "evse_connector"),
)
QUIET_MAX = 500  # alerts that are looked at for a page of silences
HERE = "?tab=silences"


def list_url() -> str:
    """Return where the tab is."""
    return reverse("console:alerts") + HERE


class SilenceFilters(Filters):
    q = forms.CharField(
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("comment or person…")}),
    )
    state = forms.ChoiceField(
        label=_("State"),
        choices=[
            ("", _("In force or waiting")),
            *((state, SILENCE[state].english) for state in STATES),
            ("all", _("All")),
        ],
    )


@dataclass(slots=True)
class Shown:
    """A silence, how it stands, and what is quiet because of it."""

    silence: Silence
    state: str
    quiet: list[Alert] = field(default_factory=list)
    more: bool = False

    @property
    def named(self) -> list[Alert]:
        """The first of them."""
        return self.quiet[:NAMED]


class SilencesPage:
    """What the tab shows, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request, self.now = request, timezone.now()
        self.filters = SilenceFilters(request)

    @cached_property
    def listing(self) -> Listing[Silence]:
        asked: Mapping[str, str] = self.filters.values
        rows = silences_of(asked.get("q", ""))
        match asked.get("state", ""):
            case "":
                rows = rows.filter(over_at__gt=self.now)
            case "all":
                pass
            case state:
                rows = rows & in_state(state, self.now)
        return Listing(self.request, rows, columns=COLUMNS, default="-starts")

    @cached_property
    def rows(self) -> list[Shown]:
        """The silences of this page, with the alerts that say they are quiet because of them."""
        shown = {row.pk: Shown(row, state_of(row, self.now)) for row in self.listing.rows}
        if shown:
            quiet = firing().filter(silenced_by__in=shown).order_by("-began_at", "-pk")
            found = list(quiet.select_related("charge_point").only(*QUIET_COLUMNS)[: QUIET_MAX + 1])
            for alert in found[:QUIET_MAX]:
                assert alert.silenced_by is not None
                shown[alert.silenced_by].quiet.append(alert)
            for each in shown.values():
                each.more = len(found) > QUIET_MAX
        return list(shown.values())

    @cached_property
    def theirs(self) -> Said[ForeignSilence]:
        """The silences of Alertmanager, as it said last."""
        return ALERTMANAGER_SILENCES.last(now=self.now)


def silences(request: HttpRequest) -> HttpResponse:
    shown = SilencesPage(request)
    values = {"section": "alerts", "tab": "silences", "shown": shown, "filters": shown.filters}
    return render_page(request, "alerts-silences", values)


# --- ended ----------------------------------------------------------------------------------------------------------


@action("write")
def expire(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End one of ours, once the question was answered."""
    silence = Silence.objects.filter(pk=pk).first()
    if silence is None:
        raise Http404(gettext("There is no such silence; it may have been forgotten."))
    if not confirmed(request):
        return _question(request, silence.comment)
    expire_silence(pk, by=person(request).get_username(), now=timezone.now())
    messages.success(request, gettext("The silence is over."))
    return moved(request, list_url())


@action("write")
def expire_foreign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End one of Alertmanager's, once the question was answered."""
    if not confirmed(request):
        return _question(request, gettext("A silence of Alertmanager"))
    try:
        found = expire_theirs(pk, by=person(request).get_username(), now=timezone.now())
    except (Unset, Unreachable, Refused) as problem:
        messages.error(request, gettext("Alertmanager: %(why)s") % {"why": problem})
    else:
        if found is None:
            raise Http404(gettext("Alertmanager knows no such silence."))
        ALERTMANAGER_SILENCES.forget()
        messages.success(request, gettext("The silence is over."))
    return moved(request, list_url())


def _question(request: HttpRequest, title: str) -> HttpResponse:
    question = gettext("People are told again of what fires and matches. End the silence now?")
    return question_page(request, title=title, question=question, back=list_url())
