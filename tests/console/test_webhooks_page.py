"""Webhooks in the console: made, changed and looked at, by those who may."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from console.views.webhook_forms import GROUP_TITLES, WebhookForm, patterns
from console.views.webhooks import DELIVERIES_SHOWN
from csms.core.events.catalogue import EVENT_TYPES, covers_any
from csms.core.sealing import unseal
from csms.core.webhooks import selectors
from csms.core.webhooks.models import Delivery, Endpoint, EndpointChange
from csms.core.webhooks.services import change_endpoint, pause_endpoint
from tests.console.cast import HOSTILE, make_charge_point, person, signed_in
from tests.console.webhooks_cast import (
    ADD,
    LIST,
    STEPS,
    URL,
    State,
    a_delivery,
    a_webhook,
    adam,
    address,
    endpoint,
    fresh,
    secret_in,
    text,
    words,
)

__all__ = ["adam", "endpoint"]


FORM = {"name": "billing", "url": URL, "types": ["tx.*", "cp.boot"]}


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
