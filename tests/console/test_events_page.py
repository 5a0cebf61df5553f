"""The events of one charge point, and the OCPP message from which one follows."""

import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import ChargePoint, Frame
from console.views.charge_point_events import EVENTS_SHOWN, grouped, type_choices
from csms.core.events import numbering, selectors
from csms.core.events.catalogue import EVENT_TYPES, covers_any
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.tracing import begin_trace
from tests.console.cast import HOSTILE, make_charge_point, person, signed_in
from tests.console.fleet import unknown

PAGE = "/inspect/charge-points/CP16/events"


def happened(type: str = "cp.status", cp_id: str = "CP16", number: bool = True, **payload: Any) -> None:
    record(type, cp_id, payload or {"status": "Available"}, occurred_at=timezone.now())
    while number and numbering.number_events(now=timezone.now()):
        pass


def text(client: Client, path: str = PAGE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def types_in(page: str) -> list[str]:
    return re.findall(r'<span class="event-type">([^<]+)</span>', page)


def make_frame(charge_point: ChargePoint, **values: Any) -> Frame:
    values = {
        "charge_point": charge_point,
        "connection_id": UUID(int=1),
        "at": timezone.now(),
        "direction": "in",
        "kind": 2,
        "message_id": "m1",
        "action": "StatusNotification",
        "verdict": "ok",
        "text": '[2,"m1","StatusNotification",{"connectorId":1}]',
    } | values
    return Frame.objects.create(**values)


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return make_charge_point("CP16")


def test_the_newest_event_comes_first_with_type_number_time_and_payload(
    alice: Client, cp16: ChargePoint
) -> None:
    happened("cp.boot", vendor="Acme")
    happened("cp.status", status="Charging", cp_id="OTHER")
    happened("cp.status", status="Faulted")
    page = text(alice)
    assert types_in(page) == ["cp.status", "cp.boot"]
    assert "no. 2" in page
    assert "in the whole house 3" in page
    assert "&quot;status&quot;: &quot;Faulted&quot;" in page
    assert "Charging&quot;" not in page
    assert EVENT_TYPES["cp.boot"].summary in page
    assert " UTC</time>" in page


def test_what_has_no_number_yet_is_shown_above_and_said_so(alice: Client, cp16: ChargePoint) -> None:
    happened("cp.boot")
    happened("cp.status", number=False)
    page = text(alice)
    assert types_in(page) == ["cp.status", "cp.boot"]
    assert page.index("no number yet") < page.index("no. 1")


def test_whatever_a_charger_said_is_only_text(alice: Client, bob: Client, cp16: ChargePoint) -> None:
    happened("cp.status", info=HOSTILE, vendor='"><img src=x onerror=alert(1)>')
    happened("cp.boot", text="\u202eevil")
    for client in (alice, bob):
        page = text(client)
        assert HOSTILE not in page
        assert "<img" not in page
        assert "\u202e" not in page
        assert "&lt;script&gt;" in page


def test_a_long_payload_is_cut(alice: Client, cp16: ChargePoint) -> None:
    happened("cp.ocpp_frames", message="x" * 100_000)
    assert 20_000 < len(text(alice)) < 60_000


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=cp.boot", ["cp.boot"]),
        ("type=cp.*", ["cp.status", "cp.boot"]),
        ("type=tx.*", ["tx.started"]),
        ("type=cert.*", []),
        ("type=coffee", ["tx.started", "cp.status", "cp.boot"]),
        ("type=%00&before=%27&page=-1", ["tx.started", "cp.status", "cp.boot"]),
    ],
)
def test_they_are_filtered_by_type_and_nonsense_filters_nothing(
    alice: Client, cp16: ChargePoint, query: str, expected: list[str]
) -> None:
    for type in ("cp.boot", "cp.status", "tx.started"):
        happened(type)
    page = text(alice, f"{PAGE}?{query}")
    assert types_in(page) == expected
    assert ("Nothing matches" in page) == (not expected)


def test_every_choice_of_the_filter_covers_something() -> None:
    offered = [value for _, group in type_choices()[1:] for value, _ in group]
    assert all(covers_any(value) for value in offered)
    assert set(EVENT_TYPES) <= set(offered)
    assert sum(len(names) for names in grouped(EVENT_TYPES).values()) == len(EVENT_TYPES)


def test_all_pages_together_show_each_event_once(alice: Client, cp16: ChargePoint) -> None:
    for number in range(EVENTS_SHOWN * 2 + 5):
        record("cp.status" if number % 2 else "cp.meter", "CP16", {"n": number}, occurred_at=timezone.now())
    while numbering.number_events(now=timezone.now()):
        pass
    seen: list[int] = []
    path: str | None = PAGE
    while path is not None:
        page = text(alice, path)
        seen += [int(number) for number in re.findall(r"no\. (\d+)</span>", page)]
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = PAGE + more[1].replace("&amp;", "&") if more else None
    assert seen == list(range(EVENTS_SHOWN * 2 + 5, 0, -1))
    older = text(alice, f"{PAGE}?type=cp.meter&before={EVENTS_SHOWN}")
    assert "type=cp.meter" in older
    assert ">Newest</a>" in older


def test_a_rare_type_is_looked_for_step_by_step(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "SCANNED", 3)
    happened("cp.boot")
    for _ in range(4):
        happened("cp.status")
    page = text(alice, f"{PAGE}?type=cp.boot")
    assert types_in(page) == []
    assert "Nothing so far" in page
    more = re.search(r'rel="next" href="([^"]+)"', page)
    assert more is not None
    last = text(alice, PAGE + more[1].replace("&amp;", "&"))
    assert types_in(last) == ["cp.boot"]
    assert 'rel="next"' not in last


def test_an_event_leads_to_the_message_that_it_follows_from(alice: Client, cp16: ChargePoint) -> None:
    frame = make_frame(cp16, text='[2,"m1","StatusNotification",{"info":"' + HOSTILE + '"}]')
    make_frame(cp16, direction="out", kind=3, action="", text='[3,"m2",{"not":"its"}]', message_id="m2")
    make_frame(
        cp16, direction="out", kind=3, action="StatusNotification", text='[3,"m1",{}]', latency_us=1500
    )
    begin_trace(frame.pk.hex)
    try:
        happened("cp.status")
    finally:
        begin_trace("")
    address = f"/inspect/charge-points/CP16/frames/{frame.pk}"
    assert f'href="{address}"' in text(alice)
    page = text(alice, address)
    assert "StatusNotification" in page
    assert "Its answer" in page
    assert "its&quot;" not in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_a_trace_that_is_no_frame_of_this_charge_point_is_no_link(alice: Client, cp16: ChargePoint) -> None:
    foreign = make_frame(make_charge_point("OTHER"))
    for trace in (uuid7().hex, foreign.pk.hex, "a" * 32):
        begin_trace(trace)
        happened("cp.status")
    begin_trace("")
    page = text(alice)
    assert "/frames/" not in page
    assert page.count("Trace <code>") == 3


def test_a_message_of_another_charge_point_or_one_that_is_gone_is_not_found(
    alice: Client, cp16: ChargePoint
) -> None:
    foreign = make_frame(make_charge_point("OTHER"))
    for pk in (foreign.pk, unknown()):
        answer = alice.get(f"/inspect/charge-points/CP16/frames/{pk}")
        assert answer.status_code == 404
    assert "CSMS_RETAIN_FRAMES_DAYS" in answer.content.decode()


def test_an_empty_page_says_where_events_come_from(bob: Client, cp16: ChargePoint) -> None:
    assert "No event of CP16 is kept" in text(bob)


def test_who_may_not_look_sees_nothing(client: Client, cp16: ChargePoint, charlie: Any) -> None:
    frame = make_frame(cp16)
    for path in (PAGE, f"/inspect/charge-points/CP16/frames/{frame.pk}"):
        assert client.get(path).status_code == 302
        assert signed_in(charlie).get(path).status_code == 302
    bob = signed_in(person("bob", "viewer"))
    assert bob.get("/inspect/charge-points/cp16/events")["Location"] == PAGE
    assert bob.get("/inspect/charge-points/NOBODY/events").status_code == 404


def test_the_queries_do_not_grow_with_the_events(
    alice: Client, cp16: ChargePoint, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        begin_trace(make_frame(cp16, message_id=str(number)).pk.hex)
        happened("cp.status")
    begin_trace("")
    text(alice)  # who is signed in, and the like
    with django_assert_max_num_queries(8):
        page = text(alice)
    assert page.count("/frames/") == 40
