"""What an administrator does to a webhook: its secret, on and off, a test, what is dead, its end."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, ngettext

from console.days import check_year
from console.pages import action, moved, person
from console.questions import confirmed, question_page
from console.views.webhook_forms import show_secret
from console.views.webhooks import webhook_or_404
from csms.core.events.reading import gone_before
from csms.core.refusals import NotNow
from csms.core.webhooks import services
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.selectors import changes, deliveries

WHY_MAX = 500
EXCERPT_SHOWN = 300
SINCE = forms.DateTimeField(
    validators=[check_year],
    error_messages={
        "invalid": gettext_lazy("A time is written as in 2026-11-21 09:30."),
        "required": gettext_lazy("Since when? Give a time."),
    },
)

Do = Callable[[HttpRequest, Endpoint], HttpResponse | None]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do. `question` is asked before, and `{name}` in it is the webhook's; empty: nothing is asked."""

    do: Do
    question: str | Promise = ""


@action("admin")
def step(request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
    """Do something to a webhook, once its question was answered."""
    endpoint, known = webhook_or_404(pk), STEPS.get(slug)
    if known is None:
        raise Http404(gettext("There is no such thing to do to a webhook."))
    back = reverse("console:webhook", args=[pk])
    if known.question and not confirmed(request):
        return question_page(
            request, title=endpoint.name, question=str(known.question).format(name=endpoint.name), back=back
        )
    try:
        answer = known.do(request, endpoint)
    except NotNow as refusal:
        _refused(request, refusal)
        answer = None
    except ValidationError as problem:
        messages.error(request, " ".join(problem.messages))
        answer = None
    return moved(request, back) if answer is None else answer


@action("admin")
def replay(request: HttpRequest, pk: UUID, delivery: UUID) -> HttpResponse:
    """Post one event again, or now instead of later."""
    row = deliveries(webhook_or_404(pk)).filter(pk=delivery).first()
    if row is None:
        raise Http404(gettext("There is no such delivery; it may have been deleted with its event."))
    try:
        services.replay_delivery(row, by=_by(request), now=timezone.now())
    except NotNow as refusal:
        _refused(request, refusal)
    else:
        said = {
            True: gettext("%(type)s is posted again, in its turn."),
            False: gettext("%(type)s waits, and is posted again when the webhook goes on."),
        }
        messages.success(request, said[row.endpoint.active] % {"type": row.type})
    return moved(request, reverse("console:webhook", args=[pk]))


def _by(request: HttpRequest) -> str:
    return person(request).get_username()


def _refused(request: HttpRequest, refusal: NotNow) -> None:
    text = str(refusal)
    messages.error(request, f"{text[:1].upper()}{text[1:]}.")


def _rotate(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    endpoint, secret = services.rotate_secret(endpoint, by=_by(request), now=timezone.now())
    return show_secret(request, endpoint, secret, rotated=True)


def _pause(request: HttpRequest, endpoint: Endpoint) -> None:
    why = request.POST.get("why", "").strip()[:WHY_MAX]
    services.pause_endpoint(endpoint, by=_by(request), now=timezone.now(), why=why)
    messages.warning(
        request, gettext("%(name)s is paused until somebody resumes it.") % {"name": endpoint.name}
    )


def _off(request: HttpRequest, endpoint: Endpoint) -> None:
    services.change_endpoint(endpoint, {"enabled": False}, by=_by(request), now=timezone.now())
    messages.warning(request, gettext("%(name)s is off.") % {"name": endpoint.name})


def _resume(request: HttpRequest, endpoint: Endpoint) -> None:
    services.resume_endpoint(endpoint, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s goes on where it stopped.") % {"name": endpoint.name})
    if missed := _missed(endpoint):
        said = ngettext(
            "%(events)s event of the house is kept no longer: if it was for it, it misses it.",
            "%(events)s events of the house are kept no longer: what of them was for it, it misses.",
            missed,
        )
        messages.warning(request, said % {"events": _number(missed)})


def _resume_now(request: HttpRequest, endpoint: Endpoint) -> None:
    services.resume_endpoint(endpoint, by=_by(request), now=timezone.now(), from_now=True)
    messages.success(request, gettext("%(name)s is told what happens from now on.") % {"name": endpoint.name})
    if missed := _missed(endpoint):
        said = ngettext(
            "%(events)s event of the house was passed over, for it or not.",
            "%(events)s events of the house were passed over, for it or not.",
            missed,
        )
        messages.warning(request, said % {"events": _number(missed)})


def _missed(endpoint: Endpoint) -> int:
    """Return how many events were passed over, as the note of the last resumption tells."""
    noted = changes(endpoint).filter(what=EndpointChange.What.RESUMED).order_by("-pk").first()
    return int(noted.details.get("missed", 0)) if noted is not None else 0


def _number(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")


def _test(request: HttpRequest, endpoint: Endpoint) -> None:
    row = services.send_test(endpoint, by=_by(request), now=timezone.now())
    if row.status is None:
        messages.error(request, gettext("The test got no answer: %(why)s") % {"why": row.error})
    else:
        said = gettext("The test was answered with status %(status)s in %(ms)s ms.")
        level = messages.SUCCESS if row.state == Delivery.State.DELIVERED else messages.ERROR
        messages.add_message(request, level, said % {"status": row.status, "ms": row.latency_ms})
    if row.excerpt:
        messages.info(request, gettext("It answered: %(text)s") % {"text": row.excerpt[:EXCERPT_SHOWN]})


def _replay_dead(request: HttpRequest, endpoint: Endpoint) -> None:
    count = services.replay_dead(endpoint, by=_by(request), now=timezone.now())
    said = ngettext(
        "%(count)s dead delivery is posted again.",
        "%(count)s dead deliveries are posted again, the oldest first.",
        count,
    )
    messages.success(request, said % {"count": _number(count)})


def _discard_dead(request: HttpRequest, endpoint: Endpoint) -> None:
    count = services.discard_dead(endpoint, by=_by(request), now=timezone.now())
    said = ngettext(
        "%(count)s dead delivery is discarded; the log keeps it as skipped.",
        "%(count)s dead deliveries are discarded; the log keeps them as skipped.",
        count,
    )
    messages.warning(request, said % {"count": _number(count)})


def _replay_since(request: HttpRequest, endpoint: Endpoint) -> None:
    given = SINCE.clean(request.POST.get("since", ""))
    count = services.replay_since(endpoint, since=given, by=_by(request), now=timezone.now())
    said = ngettext(
        "%(events)s event of the house is read again; if it is for it, it is posted again.",
        "%(events)s events of the house are read again; what is for it is posted again.",
        count,
    )
    messages.success(request, said % {"events": _number(count)})
    if (gone := gone_before(given, timezone.now())) is not None:
        said = gettext("What was recorded before %(time)s UTC is not kept any more, and is missing.")
        messages.warning(request, said % {"time": f"{gone:%Y-%m-%d %H:%M}"})


def _delete(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    services.delete_endpoint(endpoint, by=_by(request), now=timezone.now())
    messages.success(request, gettext("%(name)s was deleted.") % {"name": endpoint.name})
    return moved(request, reverse("console:webhooks"))


STEPS = {
    "rotate": Step(
        _rotate,
        gettext_lazy(
            "{name} gets a new secret, which is shown once. The present one signs, too, for 24 hours. Rotate it?"
        ),
    ),
    "pause": Step(_pause),
    "resume": Step(_resume),
    "resume-from-now": Step(
        _resume_now,
        gettext_lazy(
            "What waits for {name}, and what has happened meanwhile, is not delivered. Begin with now?"
        ),
    ),
    "off": Step(
        _off,
        gettext_lazy(
            "Nothing is posted to {name}, and nothing is kept for it, until it is switched on. Switch it off?"
        ),
    ),
    "test": Step(_test),
    "replay-dead": Step(_replay_dead),
    "replay-since": Step(
        _replay_since,
        gettext_lazy("What {name} has taken since then is posted again, with the same ids. Replay it?"),
    ),
    "discard-dead": Step(
        _discard_dead, gettext_lazy("The dead deliveries of {name} are never delivered. Discard them?")
    ),
    "delete": Step(_delete, gettext_lazy("{name} is deleted with its log of deliveries. Delete it?")),
}
