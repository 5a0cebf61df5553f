"""The event stream: what leaves the house, newest first or on from a position, and how far each sink is."""

import json
import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import ChargePoint, Frame
from console import queries
from console.views.event_stream import EVENTS_SHOWN
from csms.core.events import numbering, selectors
from csms.core.events.models import Event, Reader
from csms.core.events.services import record
from csms.core.tracing import begin_trace
from tests.console.cast import HOSTILE, make_charge_point, person, signed_in

PAGE = "/sys/events"


def happened(type: str = "cp.status", cp_id: str = "CP16", number: bool = True, **payload: Any) -> None:
    record(type, cp_id, payload or {"status": "Available"}, occurred_at=timezone.now())
    while number and numbering.number_events(now=timezone.now()):
        pass


def text(client: Client, **query: Any) -> str:
    answer = client.get(f"{PAGE}?{urlencode(query)}" if query else PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


def types_in(page: str) -> list[str]:
    return re.findall(r'<span class="event-type">([^<]+)</span>', page)


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return make_charge_point("CP16")


def test_the_newest_of_the_whole_house_come_first(alice: Client, cp16: ChargePoint) -> None:
    happened("cp.boot", vendor="Acme")
    happened("cp.status", cp_id="OTHER", status="Faulted")
    happened("tx.started", number=False)
    page = text(alice)
    assert types_in(page) == ["tx.started", "cp.status", "cp.boot"]
    assert "no number yet" in page
    assert "&quot;status&quot;: &quot;Faulted&quot;" in page
    assert 'href="/inspect/charge-points/OTHER"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"type": "cp.boot"}, ["cp.boot"]),
        ({"type": "cp.*"}, ["cp.status", "cp.boot"]),
        ({"q": "BOOT"}, ["cp.boot"]),
        ({"q": "st", "type": "cp.*"}, ["cp.status"]),
        ({"q": "coffee"}, []),
        ({"cp_id": "cp16"}, ["tx.started", "cp.boot"]),
        ({"cp_id": "nobody"}, []),
        ({"after": 1}, ["cp.status", "tx.started"]),
        ({"after": 0, "cp_id": "CP16", "type": "cp.*"}, ["cp.boot"]),
        ({"after": 3}, []),
        ({"before": 3}, ["cp.status", "cp.boot"]),
        ({"type": "coffee", "after": "x", "before": "'"}, ["tx.started", "cp.status", "cp.boot"]),
    ],
)
def test_events_are_filtered(
    alice: Client, cp16: ChargePoint, query: dict[str, Any], expected: list[str]
) -> None:
    happened("cp.boot")
    happened("cp.status", cp_id="OTHER")
    happened("tx.started")
    assert types_in(text(alice, **query)) == expected


def test_it_reads_on_from_a_position_page_by_page(alice: Client, cp16: ChargePoint) -> None:
    for number in range(EVENTS_SHOWN + 3):
        record("cp.status", "CP16", {"n": number}, occurred_at=timezone.now())
    while numbering.number_events(now=timezone.now()):
        pass
    first = text(alice, after=0)
    more = re.search(r'rel="next" href="([^"]+)"', first)
    assert more is not None
    second = alice.get(PAGE + more[1].replace("&amp;", "&")).content.decode()
    numbers = [int(found) for found in re.findall(r'event-number">(\d+)<', first + second)]
    assert numbers == list(range(1, EVENTS_SHOWN + 4))
    assert 'rel="next"' not in second


def test_a_position_that_is_not_kept_or_not_there_says_so(alice: Client, cp16: ChargePoint) -> None:
    for _ in range(3):
        happened()
    Event.objects.filter(position=1).delete()
    page = text(alice, after=0)
    assert "not kept any more" in page
    assert "after=1" in page
    assert "the last position is 3" in text(alice, after=99)


def test_a_rare_type_is_looked_for_step_by_step(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "SCANNED", 2)
    happened("cp.boot")
    for _ in range(3):
        happened()
    page = text(alice, type="cp.boot")
    assert "Nothing so far" in page
    more = re.search(r'rel="next" href="([^"]+)"', page)
    assert more is not None
    assert types_in(alice.get(PAGE + more[1].replace("&amp;", "&")).content.decode()) == ["cp.boot"]


def test_each_sink_stands_beside_with_its_lag(
    alice: Client, cp16: ChargePoint, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.views import delivery

    for _ in range(5):
        happened()
    monkeypatch.setattr(delivery, "wanted_sinks", lambda: {"amqp": None, "kafka:0": None})
    Reader.objects.create(name="amqp", position=2, moved_at=timezone.now())
    page = text(alice)
    assert "3 events behind" in page
    assert 'href="/sys/events?after=2"' in page
    assert "It has not begun." in page
    assert 'href="/sys/delivery"' in page
    assert 'href="/sys/events"' in alice.get("/sys/delivery").content.decode()


def test_without_sinks_it_says_that_nobody_is_told(bob: Client) -> None:
    page = text(bob)
    assert "Nobody outside is told" in page
    assert "No event is kept" in page


def test_an_event_leads_to_the_message_that_it_follows_from(alice: Client, cp16: ChargePoint) -> None:
    frame = Frame.objects.create(
        charge_point=cp16,
        connection_id=UUID(int=1),
        at=timezone.now(),
        direction="in",
        verdict="ok",
        text="[]",
    )
    begin_trace(frame.pk.hex)
    happened()
    begin_trace("a" * 32)
    happened()
    begin_trace("")
    page = text(alice)
    assert page.count(f'href="/inspect/frames?frame={frame.pk}"') == 1
    assert page.count("Trace <code>") == 1


def test_following_asks_the_socket_for_what_the_filters_say(alice: Client, cp16: ChargePoint) -> None:
    def asked(path: str, **query: Any) -> Any:
        page = alice.get(f"{path}?{urlencode({'live': 1} | query)}").content.decode()
        found = re.search(r'data-tail="device-events" data-tail-params="([^"]*)"', page)
        assert found is not None
        assert "tail.js" in page
        given = json.loads(found[1].replace("&quot;", '"'))
        queries.read_question("device-events", given)  # it takes them
        return given

    assert asked(PAGE) == {}
    assert asked(PAGE, cp_id="cp16", type="tx.stopped") == {"cp_id": "CP16", "types": ["tx.stopped"]}
    assert asked(PAGE, q="coffee") == {"types": ["-"]}
    tab = "/inspect/charge-points/CP16/events"
    assert asked(tab) == {"cp_id": "CP16"}
    assert asked(tab, type="cp.*") == {"cp_id": "CP16", "types": ["cp.*"]}


def test_whatever_a_charger_said_is_only_text(alice: Client, bob: Client, cp16: ChargePoint) -> None:
    happened("cp.status", cp_id=HOSTILE, info=HOSTILE, text="\u202eevil")
    for client in (alice, bob):
        for page in (text(client), text(client, after=0), text(client, cp_id=HOSTILE, live=1, q=HOSTILE)):
            assert HOSTILE not in page
            assert "\u202e" not in page


def test_a_long_payload_is_cut(alice: Client, cp16: ChargePoint) -> None:
    happened("cp.ocpp_frames", message="x" * 200_000)
    assert len(text(alice)) < 40_000
    assert len(text(alice, after=0)) < 40_000


def test_who_may_not_look_sees_nothing(client: Client, charlie: Any) -> None:
    assert client.get(PAGE).status_code == 302
    assert signed_in(charlie).get(PAGE).status_code == 302


@pytest.mark.parametrize("count", [1, 30])
def test_the_queries_do_not_grow_with_the_events(
    cp16: ChargePoint, count: int, django_assert_num_queries: Any
) -> None:
    alice = signed_in(person("alice", "operator"))
    for number in range(count):
        begin_trace(UUID(int=number + 1).hex)
        happened()
    begin_trace("")
    text(alice)  # who is signed in, and the like
    with django_assert_num_queries(12):
        text(alice)
