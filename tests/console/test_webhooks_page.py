"""Webhooks in the console: made, looked at, changed, tested, paused, replayed and deleted, by those who may."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from console.views import webhook_steps
from console.views.webhook_forms import GROUP_TITLES, WebhookForm, patterns
from console.views.webhooks import DELIVERIES_SHOWN
from csms.core.events import numbering
from csms.core.events.catalogue import EVENT_TYPES, covers_any
from csms.core.events.models import Event, Reader
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.refusals import NotNow
from csms.core.sealing import seal, unseal
from csms.core.webhooks import selectors
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.services import change_endpoint, create_endpoint, pause_endpoint
from tests.console.cast import HOSTILE, make_charge_point, person, signed_in
from tests.console.fleet import unknown

LIST, ADD = "/sys/webhooks", "/sys/webhooks/add"
URL = "https://backend.example/hook?token=hunter2hunter2"
FORM = {"name": "billing", "url": URL, "types": ["tx.*", "cp.boot"]}
State = Delivery.State
STEPS = sorted(webhook_steps.STEPS)
ASKING = sorted(slug for slug, step in webhook_steps.STEPS.items() if step.question)


@pytest.fixture
def adam(db: None) -> Client:
    return signed_in(person("adam", "administrator"))


@pytest.fixture
def endpoint(db: None) -> Endpoint:
    return a_webhook()


def a_webhook(name: str = "billing", **values: Any) -> Endpoint:
    filter = {"types": ["*"]} | values
    return create_endpoint(name=name, url=URL, filter=filter, by="adam", now=timezone.now())[0]


def a_delivery(endpoint: Endpoint, state: str = State.DEAD, *, event: bool = True, **values: Any) -> Delivery:
    event_id = record("cp.status", "CP16", {}, occurred_at=timezone.now()) if event else uuid7()
    while numbering.number_events(now=timezone.now()):
        pass
    position = Event.objects.filter(pk=event_id).values_list("position", flat=True).first() if event else 1
    values = {
        "event_id": event_id,
        "type": "cp.status",
        "cp_id": "CP16",
        "position": position,
        "created_at": timezone.now(),
        "state": state,
    } | values
    return Delivery.objects.create(endpoint=endpoint, **values)


def fresh(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.get(pk=endpoint.pk)


def address(endpoint: Endpoint, rest: str = "") -> str:
    return f"{LIST}/{endpoint.pk}{rest}"


def text(client: Client, path: str, status: int = 200, **more: Any) -> str:
    answer = client.get(path, **more)
    assert answer.status_code == status, path
    return answer.content.decode()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def secret_in(page: str) -> str:
    found = re.search(r'value="(whsec_[^"]+)"', page)
    assert found is not None
    return found[1]


def done(client: Client, endpoint: Endpoint, slug: str, **values: str) -> str:
    """Do something, the question answered, and return what is read on the page that follows."""
    answer = client.post(address(endpoint, f"/{slug}"), {"confirmed": "yes", **values}, follow=True)
    assert answer.status_code == 200
    return words(answer.content.decode())


# --- made and changed -----------------------------------------------------------------------------------------------


def test_an_administrator_adds_one_and_sees_its_secret_this_once(adam: Client) -> None:
    assert text(adam, ADD).count('name="types"') == len(patterns())
    asked = {"types": ["tx.*", "cp.ocpp_frames"], "charge_points": "CP-*\r\n\r\n CP16 ", "directions": ["in"]}
    answer = adam.post(ADD, FORM | asked)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    page = answer.content.decode()
    [endpoint] = Endpoint.objects.all()
    secret = secret_in(page)
    assert unseal(endpoint.secret) == {"secret": secret}
    assert "hunter2" not in page
    assert 'data-copy="secret"' in page
    assert "webhook-timestamp" in page
    assert (endpoint.types, endpoint.charge_points) == (["tx.*", "cp.ocpp_frames"], ["CP-*", "CP16"])
    assert (endpoint.directions, endpoint.actions, endpoint.enabled) == (["in"], [], True)
    assert endpoint.created_by == "adam"
    for path in (LIST, address(endpoint), address(endpoint, "/change")):
        later = text(adam, path)
        assert "whsec_" not in later
        assert "hunter2" not in later


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"types": []}, "Tick at least one type of event"),
        ({"types": ["coffee.*"]}, "coffee.* is not one of the available choices"),
        ({"name": ""}, "This field is required"),
        ({"name": "taken"}, "Another webhook has the name"),
        ({"name": "x\u0007y"}, "printable"),
        ({"url": ""}, "This field is required"),
        ({"url": "http://backend.example/"}, "https"),
        ({"url": HOSTILE}, "It is no https:// URL with a host"),
        ({"url": "https://127.0.0.1/hook"}, "inside a network"),
        ({"charge_points": "CP*16"}, "is not at the end"),
        ({"types": ["tx.*"]}, "cp.ocpp_frames is not among the types"),
        ({"directions": ["sideways"]}, "sideways is not one of the available choices"),
        ({"contains": "x" * 201}, "1 to 200 characters"),
        ({"actions": "\n".join(f"A{number}" for number in range(101))}, "at most 100 entries"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason_and_kept_in_the_form(
    adam: Client, values: dict[str, Any], why: str
) -> None:
    a_webhook("taken")
    asked = {"types": ["tx.*", "cp.ocpp_frames"], "actions": "StatusNotification"}
    answer = adam.post(ADD, FORM | asked | values)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert why in page
    assert "whsec_" not in page
    assert HOSTILE not in page
    if "types" not in values:
        assert 'value="tx.*" checked' in page
    assert Endpoint.objects.count() == 1


def test_too_many_of_them_are_refused(adam: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.core.webhooks.services.ENDPOINTS_MAX", 1)
    a_webhook("first")
    answer = adam.post(ADD, FORM)
    assert answer.status_code == 422
    assert "There are 1 webhooks already, which is the most." in answer.content.decode()


def test_it_is_changed_and_an_empty_url_stays(adam: Client, endpoint: Endpoint) -> None:
    before = endpoint.sealed
    page = text(adam, address(endpoint, "/change"))
    assert 'value="*" checked' in page
    assert 'value="billing"' in page
    change = {"name": "books", "url": "", "types": ["cp.ocpp_frames"], "contains": " two words \n"}
    assert adam.post(address(endpoint, "/change"), change)["Location"] == address(endpoint)
    changed = fresh(endpoint)
    assert (changed.name, changed.types, changed.contains) == ("books", ["cp.ocpp_frames"], [" two words "])
    assert changed.sealed == before
    adam.post(address(endpoint, "/change"), change | {"url": "https://elsewhere.example/x"})
    assert fresh(endpoint).origin == "https://elsewhere.example"
    assert "Changed by adam" in words(text(adam, address(endpoint)))
    refused = adam.post(address(endpoint, "/change"), change | {"charge_points": "a*b"})
    assert refused.status_code == 422
    assert fresh(endpoint).charge_points == []


def test_every_type_can_be_ticked_and_every_group_has_a_title() -> None:
    offered = [box.value for group in WebhookForm().groups for box in group.boxes]
    assert sorted(offered) == sorted(patterns())
    assert set(EVENT_TYPES) < set(offered)
    assert all(covers_any(pattern) for pattern in offered)
    assert {name.partition(".")[0] for name in EVENT_TYPES} == set(GROUP_TITLES)


# --- looked at ------------------------------------------------------------------------------------------------------


def test_the_list_tells_state_and_what_waits_and_is_dead(bob: Client, django_assert_num_queries: Any) -> None:
    now = timezone.now()
    working, failing = a_webhook("a working"), a_webhook("b failing", types=["tx.*"], charge_points=["CP-*"])
    paused, off = a_webhook("c paused"), a_webhook(HOSTILE)
    Endpoint.objects.filter(pk=failing.pk).update(
        failures=3, failing_since=now - timedelta(hours=2), last_error="It answered 500."
    )
    pause_endpoint(paused, by="", now=now, why=f"No delivery has succeeded {HOSTILE}")
    change_endpoint(off, {"enabled": False}, by="adam", now=now)
    Endpoint.objects.filter(pk=working.pk).update(delivered_at=now)
    for state in (State.DEAD, State.DEAD, State.WAITING, State.DELIVERED):
        a_delivery(failing, state)
    a_delivery(
        failing, State.DEAD, event=False, position=None, type="webhook.test"
    )  # a test counts for nothing
    page = text(bob, LIST)
    told = words(page)
    assert "Delivering" in told
    assert "Failing since" in told
    assert "No delivery has succeeded" in told
    assert HOSTILE not in page
    assert f'href="{address(failing)}?state=dead">2</a>' in page
    assert f'href="{address(failing)}?state=waiting">1</a>' in page
    assert "tx.*" in told
    for state, name in (("working", working), ("failing", failing), ("paused", paused), ("disabled", off)):
        part = text(bob, f"{LIST}?state={state}", headers={"Live": "list"})
        assert [pk for pk in (working.pk, failing.pk, paused.pk, off.pk) if str(pk) in part] == [name.pk]
    assert "No webhook matches" in text(bob, f"{LIST}?q=nothing-like-this")
    assert "b failing" in text(bob, f"{LIST}?q=fail&sort=-success&state=coffee&page=99")
    with django_assert_num_queries(5):  # session, person, count, rows, what is not settled
        bob.get(LIST, headers={"Live": "list"})


def test_an_empty_list_says_what_a_webhook_is(adam: Client, bob: Client) -> None:
    assert "Add the first one" in text(adam, LIST)
    assert "An administrator adds the first one" in text(bob, LIST)


def test_the_page_of_one_says_how_it_stands_and_why(bob: Client, endpoint: Endpoint) -> None:
    now = timezone.now()
    Endpoint.objects.filter(pk=endpoint.pk).update(
        failures=12,
        failing_since=now - timedelta(hours=2),
        last_error=f"It answered 503. {HOSTILE}",
        probe_at=now + timedelta(minutes=5),
        older_signs_until=now + timedelta(hours=3),
        charge_points=[f"CP-{number}" for number in range(30)],
        actions=["Heartbeat"],
        contains=[HOSTILE],
    )
    page = text(bob, address(endpoint))
    told = words(page)
    assert "Failing for 2 h 0 min , 12 attempts in a row. It answered 503." in told
    assert "It is left alone, and tried again" in told
    assert "The older secret signs until" in told
    assert "and 10 more" in told
    assert HOSTILE not in page
    assert "token=***" in page
    assert f'href="{LIST}" aria-current="true"' in page
    for part in ("head", "deliveries", "changes"):
        answer = text(bob, address(endpoint), headers={"Live": part})
        assert answer.startswith(f'<div id="{part}">')
        assert "<html" not in answer


def test_the_log_tells_of_each_delivery_what_became_of_it(bob: Client, endpoint: Endpoint) -> None:
    now = timezone.now()
    assert "Nothing was posted yet" in text(bob, address(endpoint))
    a_delivery(endpoint, State.WAITING)
    tried = {"attempts": 3, "last_attempt_at": now, "latency_ms": 1234}
    failed = tried | {"status": 500, "excerpt": f"Sorry. {HOSTILE}", "next_attempt_at": now}
    a_delivery(endpoint, State.WAITING, **failed)
    a_delivery(endpoint, State.DEAD, **tried, error=f"No answer. {HOSTILE}")
    page = text(bob, address(endpoint))
    told = words(page)
    assert "Not tried yet. It waits behind an older one of its charge point." in told
    assert "3 attempts, the last" in told
    assert "answered 500 in 1,234 ms." in told
    assert "Sorry." in told
    assert "No answer." in told
    assert "There was no answer." in told
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"one", "two", "three"}),
        ("?state=dead", {"one"}),
        ("?state=delivered&type=tx.*", {"two"}),
        ("?type=cp.status", {"one", "three"}),
        ("?q=cp17", {"three"}),
        ("?q=nobody", set()),
        ("?state=coffee&type=%00&before=%27", {"one", "two", "three"}),
    ],
)
def test_the_log_is_filtered(bob: Client, endpoint: Endpoint, query: str, expected: set[str]) -> None:
    make_charge_point("CP17")
    a_delivery(endpoint, State.DEAD, error="(one)")
    a_delivery(endpoint, State.DELIVERED, type="tx.started", error="(two)")
    a_delivery(endpoint, State.WAITING, cp_id="CP17", error="(three)")
    a_delivery(a_webhook("another"), error="(four)")
    page = text(bob, address(endpoint) + query)
    assert set(re.findall(r"\((\w+)\)</div>", page)) == expected
    assert ("Nothing matches" in page) == (not expected)


def test_all_pages_of_the_log_show_each_delivery_once(
    bob: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        a_delivery(endpoint, State.DELIVERED, event=False, error=f"(n{number})")
        for number in range(DELIVERIES_SHOWN + 7)
    ]
    seen: list[str] = []
    path: str | None = address(endpoint)
    while path is not None:
        page = text(bob, path)
        seen += re.findall(r"\((n\d+)\)</div>", page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = address(endpoint) + more[1].replace("&amp;", "&") if more else None
    assert seen == [f"n{number}" for number in reversed(range(len(rows)))]
    monkeypatch.setattr(selectors, "SCANNED", 5)
    rare = text(bob, f"{address(endpoint)}?state=dead")
    assert "Nothing so far" in rare
    assert 'rel="next"' in rare


def test_the_page_is_read_in_few_queries(
    bob: Client, endpoint: Endpoint, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        a_delivery(endpoint, event=False)
    with django_assert_max_num_queries(10):
        bob.get(address(endpoint))


# --- what is done ---------------------------------------------------------------------------------------------------


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


# --- who may --------------------------------------------------------------------------------------------------------


def every_door(endpoint: Endpoint, delivery: Delivery) -> Iterator[str]:
    yield ADD
    yield address(endpoint, "/change")
    yield address(endpoint, f"/deliveries/{delivery.pk}/replay")
    yield from (address(endpoint, f"/{slug}") for slug in STEPS)


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_who_is_no_administrator_looks_and_changes_nothing(db: None, endpoint: Endpoint, role: str) -> None:
    client, delivery = signed_in(person("somebody", role)), a_delivery(endpoint)
    before = (
        Endpoint.objects.values().get(),
        Delivery.objects.values().get(),
        EndpointChange.objects.count(),
    )
    page = text(client, address(endpoint))
    assert 'method="post"' not in page[page.index("<main") :].partition("</main>")[0]
    assert "An administrator changes" in page
    assert "webhooks/add" not in text(client, LIST)
    for path in every_door(endpoint, delivery):
        answer = client.post(path, FORM | {"confirmed": "yes", "why": "mischief"})
        assert answer.status_code == 403, path
        assert "Only administrators may do this" in answer.content.decode()
        assert client.get(path).status_code in (403, 405), path
    assert before == (
        Endpoint.objects.values().get(),
        Delivery.objects.values().get(),
        EndpointChange.objects.count(),
    )


def test_who_is_not_signed_in_or_switched_off_sees_nothing(
    client: Client, endpoint: Endpoint, charlie: Any
) -> None:
    delivery = a_delivery(endpoint)
    for stranger in (client, signed_in(charlie)):
        for path in (LIST, address(endpoint)):
            assert stranger.get(path).status_code == 302, path
        for path in every_door(endpoint, delivery):
            assert stranger.post(path, FORM | {"confirmed": "yes"}).status_code == 302, path
    assert EndpointChange.objects.count() == 1


def test_what_does_not_exist_is_a_page_of_ours(adam: Client, endpoint: Endpoint) -> None:
    assert adam.get(f"{LIST}/{UUID(int=0)}").status_code == 404
    assert adam.get(f"{LIST}/{UUID(int=0)}/change").status_code == 404
    for slug in STEPS:
        assert adam.post(f"{LIST}/{UUID(int=0)}/{slug}", {"confirmed": "yes"}).status_code == 404
        assert adam.get(address(endpoint, f"/{slug}")).status_code == 405
    assert adam.post(address(endpoint, "/coffee")).status_code == 404


def test_a_form_from_elsewhere_is_refused(endpoint: Endpoint) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("adam", "administrator"), backend="django.contrib.auth.backends.ModelBackend")
    for path in (ADD, address(endpoint, "/delete")):
        assert client.post(path, FORM | {"confirmed": "yes"}).status_code == 403
    assert Endpoint.objects.count() == 1
