"""The tab of channels: how each stands, which rules name them, what they were told; and what is done to one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Prefetch, Q, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from alerts.alertmanager.delivery import SERVER, delivery
from alerts.channels import services
from alerts.channels.models import Channel, Step
from alerts.channels.selectors import channels as all_channels
from alerts.channels.selectors import routed_rules
from alerts.external.keeping import Kept, try_again
from alerts.notifications.models import Notification, Part
from alerts.notifications.selectors import notifications, waiting
from alerts.notifications.testing import send_test
from console.alert_words import MESSAGE
from console.listing import Filters
from console.pages import action, moved, person, render_page
from console.questions import confirmed, question_page
from console.views.alert import uuid_of
from csms.core.config import get_config
from csms.core.paging import Newest, newest
from csms.core.refusals import NotNow

LOG_SHOWN, LOOKED_AT = 30, 2000  # messages of the log
PARTS_NAMED = 3  # alerts of each
OUTCOME_SHOWN = 300


def list_url() -> str:
    """Return where the tab is."""
    return reverse("console:alerts") + "?tab=channels"


def channel_or_404(pk: UUID) -> Channel:
    """Return a channel."""
    found = all_channels().filter(pk=pk).first()
    if found is None:
        raise Http404(gettext("There is no such channel; it may have been removed."))
    return found


class LogFilters(Filters):
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("Any")),
            *((state, MESSAGE[state].english) for state in Notification.State.values),
        ],
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What it tells"),
        choices=[("", gettext_lazy("Any")), *Notification.Kind.choices],
    )
    channel = forms.CharField(widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class Row:
    """A channel, and how many messages wait for it."""

    channel: Channel
    waiting: int


@dataclass(frozen=True, slots=True)
class Managed:
    """How the channels stand that Alertmanager reads from here."""

    kept: Kept
    left_out: dict[str, str]
    file: str


class ChannelsPage:
    """What the tab shows, each part read only when a fragment needs it."""

    def __init__(self, request: HttpRequest) -> None:
        self.filters = LogFilters(request)
        self.before = uuid_of(request.GET.get("before", ""))
        self.most = services.CHANNELS_MAX

    @cached_property
    def rows(self) -> list[Row]:
        waits = waiting()
        return [Row(channel, waits.get(channel.pk, 0)) for channel in all_channels().order_by("name", "pk")]

    @cached_property
    def routes(self) -> dict[str, list[Step]]:
        """The rules that name channels, with their steps."""
        found: dict[str, list[Step]] = {}
        for step in routed_rules():
            found.setdefault(step.rule, []).append(step)
        return found

    @cached_property
    def of_channel(self) -> UUID | None:
        """The channel whose messages are asked for; None: all."""
        return uuid_of(self.filters.values.get("channel", ""))

    @cached_property
    def log(self) -> Newest[Notification]:
        asked, rows, wanted = self.filters.values, notifications(), Q()
        if self.of_channel:
            rows = rows.filter(channel=self.of_channel)
        for name in ("state", "kind"):
            if name in asked:
                wanted &= Q(**{name: asked[name]})
        found = newest(rows, "pk", wanted=wanted, before=self.before, most=LOG_SHOWN, among=LOOKED_AT)
        # One more than are named, for the dots.
        parts = Prefetch("parts", Part.objects.order_by("pk")[: PARTS_NAMED + 1], to_attr="first_parts")
        prefetch_related_objects(list(found.rows), parts)
        return found

    @cached_property
    def managed(self) -> Managed:
        kept, left_out = delivery()
        return Managed(kept, left_out, str(get_config().effective_alertmanager_config_file))


def channels(request: HttpRequest) -> HttpResponse:
    shown = ChannelsPage(request)
    values = {"section": "alerts", "tab": "channels", "shown": shown, "filters": shown.filters}
    return render_page(request, "alerts-channels", values)


# --- what is done to one --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do. `question` is asked before, `{name}` in it is the channel's; empty: nothing is asked."""

    do: Callable[[HttpRequest, Channel], None]
    question: str | Promise = ""


@action("admin")
def step(request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
    """Do something to a channel, once its question was answered."""
    channel, known = channel_or_404(pk), ACTS.get(slug)
    if known is None:
        raise Http404(gettext("There is no such thing to do to a channel."))
    if known.question and not confirmed(request):
        question = str(known.question).format(name=channel.name)
        return question_page(request, title=channel.name, question=question, back=list_url())
    try:
        known.do(request, channel)
    except NotNow as refusal:
        text = str(refusal)
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
    return moved(request, list_url())


@action("admin")
def bring(request: HttpRequest) -> HttpResponse:
    """Let refused channels be brought to Alertmanager again."""
    try_again(SERVER)
    messages.success(request, gettext("It is tried again within seconds."))
    return moved(request, list_url())


def _by(request: HttpRequest) -> str:
    return person(request).get_username()


def _test(request: HttpRequest, channel: Channel) -> None:
    sent = send_test(channel, by=_by(request), now=timezone.now())
    named = {"name": channel.name}
    if sent.state == Notification.State.SENT:
        messages.success(request, gettext("%(name)s took the test.") % named)
    else:
        why = (sent.outcome or sent.why)[:OUTCOME_SHOWN]
        messages.error(request, gettext("%(name)s did not take the test: %(why)s") % {**named, "why": why})
        return
    if sent.outcome:
        messages.info(request, gettext("It answered: %(text)s") % {"text": sent.outcome[:OUTCOME_SHOWN]})


def _default(request: HttpRequest, channel: Channel) -> None:
    services.change_channel(channel, {"default": True}, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s is the default now.") % {"name": channel.name})


def _on(request: HttpRequest, channel: Channel) -> None:
    services.change_channel(channel, {"enabled": True}, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s is on.") % {"name": channel.name})


def _off(request: HttpRequest, channel: Channel) -> None:
    services.change_channel(channel, {"enabled": False}, by=_by(request), now=timezone.now())
    messages.warning(request, gettext("%(name)s is off.") % {"name": channel.name})


def _remove(request: HttpRequest, channel: Channel) -> None:
    services.remove_channel(channel, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s was removed.") % {"name": channel.name})


ACTS = {
    "test": Act(_test),
    "default": Act(_default),
    "on": Act(_on),
    "off": Act(_off, gettext_lazy("Nobody is told by {name} until it is switched on. Switch it off?")),
    "remove": Act(
        _remove,
        gettext_lazy("{name} is removed with its secrets, and from the rules that name it. Remove it?"),
    ),
}
