"""What administrators do to a webhook on its page: each step, its question and its answer."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from console.views import webhook_steps
from csms.core.events import numbering
from csms.core.events.models import Reader
from csms.core.refusals import NotNow
from csms.core.sealing import seal, unseal
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.services import pause_endpoint
from tests.console.cast import HOSTILE
from tests.console.fleet import unknown
from tests.console.webhooks_cast import (
    ASKING,
    LIST,
    STEPS,
    State,
    a_delivery,
    a_webhook,
    adam,
    address,
    done,
    endpoint,
    fresh,
    secret_in,
    text,
    words,
)

__all__ = ["adam", "endpoint"]


def test_a_secret_is_rotated_and_shown_once(adam: Client, endpoint: Endpoint) -> None:
    before = unseal(endpoint.secret)["secret"]
    page = adam.post(address(endpoint, "/rotate"), {"confirmed": "yes"})
    assert page.status_code == 200
    secret = secret_in(page.content.decode())
    assert secret != before
    assert unseal(fresh(endpoint).secret)["secret"] == secret
    assert unseal(fresh(endpoint).older_secret)["secret"] == before
    assert "signs, too, until" in page.content.decode()
    assert "whsec_" not in text(adam, address(endpoint))


def test_it_is_paused_with_a_reason_and_resumed_where_it_stopped(adam: Client, endpoint: Endpoint) -> None:
    assert "Pause" in text(adam, address(endpoint))
    assert "is paused" in done(adam, endpoint, "pause", why="receiver moves")
    assert (fresh(endpoint).state, fresh(endpoint).paused_why) == ("paused", "receiver moves")
    page = text(adam, address(endpoint))
    assert "receiver moves" in page
    assert "Resume where it stopped" in words(page)
    waiting = a_delivery(endpoint, State.WAITING)
    assert "goes on where it stopped" in done(adam, endpoint, "resume")
    assert fresh(endpoint).state == "working"
    waiting.refresh_from_db()
    assert waiting.state == State.WAITING


def test_it_is_resumed_from_now_and_says_what_was_passed_over(adam: Client, endpoint: Endpoint) -> None:
    done(adam, endpoint, "pause")
    while numbering.number_events(now=timezone.now()):
        pass
    Reader.objects.filter(pk=endpoint.reader).update(position=numbering.head())
    waiting = a_delivery(endpoint, State.WAITING)
    a_delivery(endpoint, State.WAITING)
    told = done(adam, endpoint, "resume-from-now")
    assert "told what happens from now on" in told
    assert "2 events of the house were passed over" in told
    waiting.refresh_from_db()
    assert waiting.state == State.SKIPPED
    assert Reader.objects.get(pk=endpoint.reader).position == numbering.head()


def test_it_is_switched_off_and_on(adam: Client, endpoint: Endpoint) -> None:
    done(adam, endpoint, "off")
    assert fresh(endpoint).state == "disabled"
    page = words(text(adam, address(endpoint)))
    assert "nothing is kept for it" in page
    assert "Switch on where it stopped" in page
    assert "Switch off" not in page.replace("Switch off?", "")
    done(adam, endpoint, "resume")
    assert fresh(endpoint).state == "working"


def test_what_is_dead_is_replayed_one_by_one_and_all_together(adam: Client, endpoint: Endpoint) -> None:
    one, two, three = (a_delivery(endpoint) for _ in range(3))
    assert "Replay all dead" in text(adam, address(endpoint))
    path = address(endpoint, f"/deliveries/{one.pk}/replay")
    answer = adam.post(path, follow=True)
    assert "cp.status is posted again" in answer.content.decode()
    assert set(Delivery.objects.filter(state=State.DEAD)) == {two, three}
    assert "2 dead deliveries are posted again" in done(adam, endpoint, "replay-dead")
    assert not Delivery.objects.filter(state=State.DEAD).exists()
    assert "Replay all dead" not in text(adam, address(endpoint))


def test_what_is_tried_now_while_nothing_is_posted_is_said_to_wait(adam: Client, endpoint: Endpoint) -> None:
    row = a_delivery(endpoint)
    pause_endpoint(endpoint, by="adam", now=timezone.now())
    page = adam.post(address(endpoint, f"/deliveries/{row.pk}/replay"), follow=True).content.decode()
    assert "cp.status waits, and is posted again when the webhook goes on" in page


GERMAN = {
    "rotate": "Geheimnis",
    "pause": "ist angehalten",
    "resume": "macht weiter",
    "resume-from-now": "von jetzt an",
    "off": "ist ausgeschaltet",
    "test": "Der Test",
    "replay-dead": "aufgegebene Zustellungen",
    "replay-since": "Ereignisse",
    "discard-dead": "aufgegebene Zustellungen",
    "delete": "wurde gelöscht",
}


@pytest.mark.parametrize("slug", STEPS)
def test_questions_and_answers_are_in_the_readers_language(
    adam: Client, endpoint: Endpoint, slug: str
) -> None:
    adam.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    a_delivery(endpoint)
    a_delivery(endpoint)
    given = {"since": "2026-01-01T00:00"} if slug == "replay-since" else {}
    path = address(endpoint, f"/{slug}")
    if slug in ASKING:
        with override("en"):
            question = str(webhook_steps.STEPS[slug].question).format(name="billing")
        page = html.unescape(adam.post(path, given).content.decode())
        assert question not in page
    said = adam.post(path, given | {"confirmed": "yes"}, follow=True).content.decode()
    assert GERMAN[slug] in html.unescape(said)


def test_what_is_dead_is_discarded_after_the_question(adam: Client, endpoint: Endpoint) -> None:
    a_delivery(endpoint)
    assert "1 dead delivery is discarded" in done(adam, endpoint, "discard-dead")
    assert Delivery.objects.get().state == State.SKIPPED


def test_all_since_a_time_is_replayed(adam: Client, endpoint: Endpoint) -> None:
    a_delivery(endpoint, State.DELIVERED)
    a_delivery(endpoint, State.DELIVERED)
    Reader.objects.filter(pk=endpoint.reader).update(position=numbering.head())
    since = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    assert "2 events of the house are read again" in done(adam, endpoint, "replay-since", since=since)
    assert Reader.objects.get(pk=endpoint.reader).position == numbering.head() - 2


@pytest.mark.parametrize(
    ("since", "why"),
    [
        ("", "Since when? Give a time."),
        ("soon", "A time is written as in"),
        ("0001-01-01T00:00", "lies in the years 1970 to 9998"),
    ],
)
def test_a_time_that_cannot_be_replays_nothing(
    adam: Client, endpoint: Endpoint, since: str, why: str
) -> None:
    assert why in done(adam, endpoint, "replay-since", since=since)
    assert not EndpointChange.objects.filter(what="replayed").exists()


def test_what_waits_behind_another_is_not_offered_to_be_tried_now(adam: Client, endpoint: Endpoint) -> None:
    first = a_delivery(endpoint, State.WAITING, attempts=1, next_attempt_at=timezone.now())
    behind = a_delivery(endpoint, State.WAITING)
    page = text(adam, address(endpoint))
    assert f"/deliveries/{first.pk}/replay" in page
    assert f"/deliveries/{behind.pk}/replay" not in page


def test_what_cannot_be_replayed_says_why(adam: Client, endpoint: Endpoint) -> None:
    gone = a_delivery(endpoint, event=False)
    answer = adam.post(address(endpoint, f"/deliveries/{gone.pk}/replay"), follow=True)
    assert "Its event is kept no longer." in answer.content.decode()
    foreign = a_delivery(a_webhook("another"))
    for pk in (foreign.pk, unknown()):
        assert adam.post(address(endpoint, f"/deliveries/{pk}/replay")).status_code == 404
    assert Delivery.objects.filter(state=State.DEAD).count() == 2


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"state": State.DELIVERED, "status": 204}, "answered with status 204 in 34 ms."),
        (
            {"state": State.DEAD, "status": 500, "excerpt": f"Sorry {HOSTILE}"},
            "answered with status 500 in 34 ms. It answered: Sorry",
        ),
        ({"state": State.DEAD, "error": f"No answer {HOSTILE}"}, "The test got no answer: No answer"),
    ],
)
def test_a_test_tells_what_became_of_it(
    adam: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any], told: str
) -> None:
    def send(endpoint: Endpoint, *, by: str, now: Any) -> Delivery:
        assert by == "adam"
        return a_delivery(
            endpoint, **outcome, event=False, position=None, type="webhook.test", latency_ms=34, attempts=1
        )

    monkeypatch.setattr("csms.core.webhooks.services.send_test", send)
    answer = adam.post(address(endpoint, "/test"), follow=True)
    page = answer.content.decode()
    assert told in words(page).replace("&lt;", "<").split("<script")[0]
    assert HOSTILE not in page
    assert "webhook.test" in page
    assert '/replay"' not in page  # a test is made anew


def test_a_real_test_to_a_forbidden_address_says_so(adam: Client, endpoint: Endpoint) -> None:
    # Such as one that was added while a setting still named its network.
    Endpoint.objects.update(sealed=seal({"url": "https://127.0.0.1/hook"}))
    told = done(adam, endpoint, "test")
    assert "The test got no answer:" in told
    assert Delivery.objects.get().error in told.replace("&#x27;", "'").replace("&quot;", '"')


def test_who_looks_at_it_while_it_is_deleted_is_brought_to_the_list(adam: Client, endpoint: Endpoint) -> None:
    done(adam, endpoint, "delete")
    read_again = adam.get(address(endpoint), headers={"Live": "deliveries"})
    assert (read_again.status_code, read_again["HX-Redirect"]) == (204, LIST)
    assert adam.get(address(endpoint)).status_code == 404


def test_it_is_deleted_after_the_question_and_its_history_stays(adam: Client, endpoint: Endpoint) -> None:
    a_delivery(endpoint)
    assert "billing was deleted" in done(adam, endpoint, "delete")
    assert not Endpoint.objects.exists()
    assert EndpointChange.objects.filter(what="deleted", by="adam").count() == 1
    assert text(adam, address(endpoint), status=404)


@pytest.mark.parametrize("slug", ASKING)
def test_what_is_dangerous_is_asked_first_and_no_does_nothing(
    adam: Client, endpoint: Endpoint, slug: str
) -> None:
    a_delivery(endpoint)
    notes = EndpointChange.objects.count()
    answer = adam.post(address(endpoint, f"/{slug}"))
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'name="confirmed" value="yes"' in page
    assert "whsec_" not in page
    assert f'href="{address(endpoint)}"' in page
    assert EndpointChange.objects.count() == notes
    assert Delivery.objects.get().state == State.DEAD


def test_a_refusal_of_the_services_is_told(
    adam: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise NotNow("too_many_waiting", "9 deliveries wait already; let them be delivered first")

    monkeypatch.setattr("csms.core.webhooks.services.replay_dead", refuse)
    assert "9 deliveries wait already; let them be delivered first." in done(adam, endpoint, "replay-dead")
