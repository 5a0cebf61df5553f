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
        "invalid": "A time is written as in 2026-11-21 09:30.",
        "required": "Since when? Give a time.",
    },
)

Do = Callable[[HttpRequest, Endpoint], HttpResponse | None]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do. `question` is asked before, and `{name}` in it is the webhook's; empty: nothing is asked."""

    do: Do
    question: str = ""


@action("admin")
def step(request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
    """Do something to a webhook, once its question was answered."""
    endpoint, known = webhook_or_404(pk), STEPS.get(slug)
    if known is None:
        raise Http404("There is no such thing to do to a webhook.")
    back = reverse("console:webhook", args=[pk])
    if known.question and not confirmed(request):
        return question_page(
            request, title=endpoint.name, question=known.question.format(name=endpoint.name), back=back
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
        raise Http404("There is no such delivery; it may have been deleted with its event.")
    try:
        services.replay_delivery(row, by=_by(request), now=timezone.now())
    except NotNow as refusal:
        _refused(request, refusal)
    else:
        messages.success(request, f"{row.type} is posted again, in its turn.")
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
    messages.warning(request, f"{endpoint.name} is paused until somebody resumes it.")


def _off(request: HttpRequest, endpoint: Endpoint) -> None:
    services.change_endpoint(endpoint, {"enabled": False}, by=_by(request), now=timezone.now())
    messages.warning(request, f"{endpoint.name} is off.")


def _resume(request: HttpRequest, endpoint: Endpoint) -> None:
    services.resume_endpoint(endpoint, by=_by(request), now=timezone.now())
    messages.success(request, f"{endpoint.name} goes on where it stopped.")
    if missed := _missed(endpoint):
        messages.warning(
            request, f"{_events(missed)} of the house are kept no longer: what of them was for it, it misses."
        )


def _resume_now(request: HttpRequest, endpoint: Endpoint) -> None:
    services.resume_endpoint(endpoint, by=_by(request), now=timezone.now(), from_now=True)
    messages.success(request, f"{endpoint.name} is told what happens from now on.")
    if missed := _missed(endpoint):
        messages.warning(request, f"{_events(missed)} of the house were passed over, for it or not.")


def _missed(endpoint: Endpoint) -> int:
    """Return how many events were passed over, as the note of the last resumption tells."""
    noted = changes(endpoint).filter(what=EndpointChange.What.RESUMED).order_by("-pk").first()
    return int(noted.details.get("missed", 0)) if noted is not None else 0


def _events(count: int) -> str:
    return f"{count:,} events".replace(",", "\u202f") if count != 1 else "1 event"


def _test(request: HttpRequest, endpoint: Endpoint) -> None:
    row = services.send_test(endpoint, by=_by(request), now=timezone.now())
    if row.state == Delivery.State.DELIVERED:
        messages.success(request, f"The test was answered with status {row.status} in {row.latency_ms} ms.")
    elif row.status is not None:
        messages.error(request, f"The test was answered with status {row.status} in {row.latency_ms} ms.")
    else:
        messages.error(request, f"The test got no answer: {row.error}")
    if row.excerpt:
        messages.info(request, f"It answered: {row.excerpt[:EXCERPT_SHOWN]}")


def _replay_dead(request: HttpRequest, endpoint: Endpoint) -> None:
    count = services.replay_dead(endpoint, by=_by(request), now=timezone.now())
    messages.success(request, f"{_deliveries(count)} posted again, the oldest first.")


def _discard_dead(request: HttpRequest, endpoint: Endpoint) -> None:
    count = services.discard_dead(endpoint, by=_by(request), now=timezone.now())
    messages.warning(request, f"{_deliveries(count)} discarded; the log keeps them as skipped.")


def _replay_since(request: HttpRequest, endpoint: Endpoint) -> None:
    given = SINCE.clean(request.POST.get("since", ""))
    count = services.replay_since(endpoint, since=given, by=_by(request), now=timezone.now())
    messages.success(
        request, f"{_events(count)} of the house are read again; what is for it is posted again."
    )
    if (gone := gone_before(given, timezone.now())) is not None:
        messages.warning(
            request,
            f"What was recorded before {gone:%Y-%m-%d %H:%M} UTC is not kept any more, and is missing.",
        )


def _deliveries(count: int) -> str:
    return "1 dead delivery is" if count == 1 else f"{count} dead deliveries are"


def _delete(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    services.delete_endpoint(endpoint, by=_by(request), now=timezone.now())
    messages.success(request, f"{endpoint.name} was deleted.")
    return moved(request, reverse("console:webhooks"))


STEPS = {
    "rotate": Step(
        _rotate,
        "{name} gets a new secret, which is shown once. The present one signs, too, for 24 hours. Rotate it?",
    ),
    "pause": Step(_pause),
    "resume": Step(_resume),
    "resume-from-now": Step(
        _resume_now,
        "What waits for {name}, and what has happened meanwhile, is not delivered. Begin with now?",
    ),
    "off": Step(
        _off,
        "Nothing is posted to {name}, and nothing is kept for it, until it is switched on. Switch it off?",
    ),
    "test": Step(_test),
    "replay-dead": Step(_replay_dead),
    "replay-since": Step(
        _replay_since, "What {name} has taken since then is posted again, with the same ids. Replay it?"
    ),
    "discard-dead": Step(_discard_dead, "The dead deliveries of {name} are never delivered. Discard them?"),
    "delete": Step(_delete, "{name} is deleted with its log of deliveries. Delete it?"),
}
