"""Where events go, who is behind, who fails and why, and what to set where nobody is told."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from console.outgoing_words import FAMILIES, SINK
from console.views import delivery
from csms.core.config import get_config
from csms.core.events import numbering
from csms.core.events.models import BUCKETS, Event, Reader
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.webhooks import selectors
from csms.core.webhooks.models import Delivery, Endpoint
from csms.core.webhooks.selectors import STATES
from csms.core.webhooks.services import change_endpoint, create_endpoint, pause_endpoint
from tests.console.cast import HOSTILE, signed_in
from transactions.backend.models import SessionReport

PAGE = "/sys/delivery"


def text(client: Client) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


def words(page: str) -> str:
    """What is read on a page, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def row_of(page: str, title: str) -> str:
    [row] = [row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f">{title}<" in row]
    return words(row)


def happened(count: int, ago: timedelta = timedelta()) -> None:
    for _ in range(count):
        record("cp.status", "CP16", {}, occurred_at=timezone.now())
    Event.objects.filter(position=None).update(recorded_at=timezone.now() - ago)
    while numbering.number_events(now=timezone.now()):
        pass


def a_webhook(name: str = "billing") -> Endpoint:
    url = "https://backend.example/hook"
    return create_endpoint(name=name, url=url, filter={"types": ["*"]}, by="adam", now=timezone.now())[0]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """Kafka and RabbitMQ are configured, with a password that nobody may see."""
    config = get_config().model_copy(
        update={
            "kafka_brokers": ("kafka-1:9092", "kafka-2:9092"),
            "amqp_url": "amqps://csms:hunter2hunter2@rabbit.example:5671/house",
            "backend_base_url": "https://backend.example/api/ocpp",
        }
    )
    monkeypatch.setattr(delivery, "get_config", lambda: config)
    names = ["amqp", "backend.sessions", *(f"kafka:{bucket}" for bucket in range(BUCKETS))]
    monkeypatch.setattr(delivery, "wanted_sinks", lambda: dict.fromkeys(names))


def reads(name: str, position: int, **values: Any) -> None:
    Reader.objects.update_or_create(name=name, defaults={"position": position, **values})


def test_where_nobody_is_told_the_page_says_what_to_set(bob: Client) -> None:
    page = words(text(bob))
    for name in ("KAFKA_BROKERS", "AMQP_URL", "BACKEND_BASE_URL"):
        assert f"set {name} " in page
    assert "An administrator adds the first one." in page
    assert "/api/v1/events/stream" in page
    assert page.count("Not configured") == 4
    assert "nobody outside is told" in page
    assert "the rules of this house" in page


def test_each_of_them_is_shown_with_its_backlog_and_since_when(
    bob: Client, configured: None, django_assert_max_num_queries: Any
) -> None:
    happened(3, ago=timedelta(hours=2))
    happened(1234)
    now = timezone.now()
    reads("amqp", 1237, moved_at=now)
    reads("kafka:0", 0, moved_at=now - timedelta(hours=2))
    reads("kafka:1", 1236, moved_at=now)
    reads("backend.sessions", 1000, failing_since=now - timedelta(minutes=5), error=f"It is away. {HOSTILE}")
    with django_assert_max_num_queries(20):
        page = text(bob)
    assert "Delivering" in row_of(page, "Messages and sessions")
    assert "Behind 1,237" in row_of(page, "Part 1 of 4")
    assert "Delivering 1 " in row_of(page, "Part 2 of 4")
    assert "Not begun" in row_of(page, "Part 3 of 4")
    failing = row_of(page, "Sessions")
    assert "Failing 237 empty" in failing
    assert "Failing for 5 min" in failing
    assert "It is away." in failing
    assert HOSTILE not in page
    assert "1,237 events" in words(page)
    assert "2 h 0 min ago it was recorded" in words(page)
    assert "1 of 6" in words(page)


def test_what_the_backend_and_webhooks_have_in_their_queues_is_told(
    bob: Client, configured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, hook = timezone.now(), a_webhook("billing")
    happened(1)
    for name in ("backend.sessions", "amqp", hook.reader):
        reads(name, numbering.head(), moved_at=now)
    monkeypatch.setattr(
        delivery, "wanted_sinks", lambda: dict.fromkeys(["amqp", "backend.sessions", hook.reader])
    )
    assert "Delivering 0 empty" in row_of(text(bob), "Sessions")
    for index, state in enumerate((SessionReport.State.PENDING, SessionReport.State.DEAD, "delivered")):
        SessionReport.objects.create(
            event_id=UUID(int=index),
            kind="open",
            cp_id="CP16",
            transaction_id=str(index),
            body="{}",
            created_at=now - timedelta(hours=1),
            next_at=now,
            state=state,
            last_error=f"It answered 500. {HOSTILE}",
        )
    for index, waiting in enumerate((Delivery.State.WAITING, Delivery.State.DEAD, Delivery.State.DELIVERED)):
        Delivery.objects.create(
            endpoint=hook, event_id=UUID(int=index), type="cp.boot", position=1, state=waiting, created_at=now
        )
    Endpoint.objects.filter(pk=hook.pk).update(failures=1, failing_since=now, last_error="It answered 500.")
    page = text(bob)
    sessions = row_of(page, "Sessions")
    assert "Behind 0 1 waiting, 1 dead" in sessions
    assert "It answered 500." in sessions
    assert "/api/v1/backend/sessions/replay/" in page
    assert re.search("Failing 0 1 waiting, 1 dead .* It answered 500", row_of(page, "billing"))
    assert "Delivering 0 – none" in row_of(page, "Messages and sessions")
    assert HOSTILE not in page


def test_no_password_of_a_broker_is_shown(bob: Client, configured: None) -> None:
    page = text(bob)
    assert "kafka-1:9092, kafka-2:9092" in page
    assert "rabbit.example:5671" in page
    assert "hunter2" not in page
    assert "csms:" not in words(page)


def test_what_is_configured_and_not_begun_is_not_called_unconfigured(
    bob: Client, configured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "wanted_sinks", dict)
    page = words(text(bob))
    assert page.count("No relay has begun with it.") == 3
    assert "set KAFKA_BROKERS" not in page


def test_figures_that_stand_still_say_so(bob: Client) -> None:
    happened(1)
    assert "stand still" not in text(bob)
    for ago in (timedelta(seconds=5), timedelta(minutes=20)):
        record("cp.status", "CP16", {}, occurred_at=timezone.now())
        Event.objects.filter(position=None).update(recorded_at=timezone.now() - ago)
        page = words(text(bob))
        assert ("The figures stand still" in page) == (ago > timedelta(minutes=1))
    assert "CSMS_EMBEDDED_WORKER" in page
    assert "Not numbered 2" in page


def test_events_without_a_number_are_counted_to_a_bound(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "UNNUMBERED_MAX", 2)
    for _ in range(3):
        record("cp.status", "CP16", {}, occurred_at=timezone.now())
    assert "Not numbered ≥ 2" in words(text(bob))


def test_dead_deliveries_are_counted_to_a_bound_and_the_page_says_so(
    bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = a_webhook("billing")
    for n in range(3):
        Delivery.objects.create(
            endpoint=endpoint, event_id=uuid7(), type="t", position=n, state="dead", created_at=timezone.now()
        )
    assert "3 dead" in words(text(bob))
    monkeypatch.setattr(selectors, "COUNTED", 2)
    monkeypatch.setattr(delivery.Queue, "most", 2)
    assert "≥ 2 dead" in words(text(bob))


def test_webhooks_are_told_by_name_and_state(bob: Client) -> None:
    now = timezone.now()
    happened(2)
    working, paused, off = a_webhook("billing"), a_webhook("paused one"), a_webhook(HOSTILE)
    pause_endpoint(paused, by="adam", now=now)
    change_endpoint(off, {"enabled": False}, by="adam", now=now)
    happened(5, ago=timedelta(hours=1))  # and that one was paused is an event, too
    Reader.objects.create(name="webhook:019aa5c2-8f00-7000-8123-0123456789ab", position=1)
    page = text(bob)
    assert f'href="/sys/webhooks/{working.pk}"' in page
    assert "Behind 6" in row_of(page, "billing")
    assert "Paused 6" in row_of(page, "paused one")
    assert "Not configured" in row_of(page, "A webhook that was deleted")
    assert HOSTILE not in page
    assert "Off –" in words(page)
    assert "3 of them" in page
    assert "Failing 0 of 2" in words(page)  # the alerts of the house are one


def test_it_is_in_the_menu_live_and_read_in_parts(bob: Client) -> None:
    page = text(bob)
    assert f'href="{PAGE}" aria-current="page"' in page
    assert '<div id="figures" data-live="" data-live-every="5">' in page
    for part in ("figures", "kinds"):
        answer = bob.get(PAGE, headers={"Live": part}).content.decode()
        assert answer.startswith(f'<div id="{part}">')
        assert "<html" not in answer


def test_who_may_not_look_sees_nothing(client: Client, charlie: Any) -> None:
    assert client.get(PAGE).status_code == 302
    assert signed_in(charlie).get(PAGE).status_code == 302


def test_every_state_has_a_word() -> None:
    assert set(FAMILIES["webhook"]) == set(STATES)
    assert set(FAMILIES["delivery"]) == set(Delivery.State.values)
    assert {word.tone for family in FAMILIES.values() for word in family.values()} <= {
        "ok",
        "wait",
        "bad",
        "idle",
    }
    place = {"name": "x", "title": "x", "link": "", "events": 0, "oldest_at": None, "failing_since": None}
    kept = {state for state in SINK if delivery.Place(**place, state=state, error="", moved_at=None).kept}
    assert kept == set(SINK) - {"off", "gone"}
