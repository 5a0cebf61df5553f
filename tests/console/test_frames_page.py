"""The frame explorer: what passed over every wire, calls with their answers, in a bounded time and a bounded search."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from chargers.history import frame_search
from chargers.models import ChargePoint, Command, Frame
from console import queries
from console.frame_filters import WINDOW_MAX, action_names, typed, window_of
from console.views import frames as view
from csms.core.ids import uuid7_floor
from tests.console.cast import HOSTILE, NOW, make_charge_point, person, signed_in
from tests.console.fleet import make_online, make_transaction, unknown

PAGE = "/inspect/frames"
LINK = UUID(int=1)


def make_frame(charge_point: ChargePoint, ago: float = 60, **values: Any) -> Frame:
    """A frame of so many seconds ago; by default a call that came."""
    at = timezone.now() - timedelta(seconds=ago)
    make_frame.count += 1  # type: ignore[attr-defined]
    values = {
        "id": UUID(int=uuid7_floor(at).int + make_frame.count),  # type: ignore[attr-defined]
        "connection_id": LINK,
        "at": at,
        "direction": "in",
        "kind": 2,
        "message_id": f"m{make_frame.count}",  # type: ignore[attr-defined]
        "action": "StatusNotification",
        "verdict": "ok",
        "text": '[2,"m","StatusNotification",{"connectorId":1}]',
    } | values
    return Frame.objects.create(charge_point=charge_point, **values)


make_frame.count = 0  # type: ignore[attr-defined]


def make_exchange(charge_point: ChargePoint, ago: float = 60, **values: Any) -> tuple[Frame, Frame]:
    """A call and its answer, 25 ms later."""
    call = make_frame(charge_point, ago, **values)
    answer = make_frame(
        charge_point,
        ago - 0.025,
        direction="in" if call.direction == "out" else "out",
        kind=3,
        message_id=call.message_id,
        action=call.action,
        connection_id=call.connection_id,
        text=f'[3,"{call.message_id}",{{"its":"answer"}}]',
        latency_us=25_000,
    )
    return call, answer


def text(client: Client, path: str = PAGE, **query: Any) -> str:
    answer = client.get(f"{path}?{urlencode(query)}" if query else path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def shown(page: str) -> list[str]:
    """The ids of the frames with which the exchanges of a page begin."""
    return re.findall(r'<details class="frame exchange" id="frame-([0-9a-f-]+)"', page)


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return make_charge_point("CP16")


# --- calls and answers ------------------------------------------------------------------------------------------------


def test_a_call_and_its_answer_are_one_row_with_latency_and_verdict(alice: Client, cp16: ChargePoint) -> None:
    call, _ = make_exchange(cp16)
    page = text(alice)
    assert shown(page) == [str(call.pk)]
    assert "25\u00a0ms" in page
    assert "answered" in page
    assert "&quot;its&quot;: &quot;answer&quot;" in page
    assert f'href="/inspect/charge-points/CP16/frames/{call.pk}"' in page


def test_halves_without_the_other_say_so(alice: Client, cp16: ChargePoint) -> None:
    make_frame(cp16)
    assert "No answer" in text(alice)
    Frame.objects.all().delete()
    make_frame(cp16, kind=4, direction="out", text='[4,"m","InternalError","",{}]')
    page = text(alice)
    assert "No call" in page
    assert "InternalError" in page


def test_a_filter_that_lets_one_half_through_shows_the_other_too(alice: Client, cp16: ChargePoint) -> None:
    call, _ = make_exchange(cp16)
    for query in (
        {"direction": "in"},
        {"direction": "out"},
        {"kind": 3},
        {"q": "ITS"},
        {"message_id": call.message_id},
    ):
        page = text(alice, **query)
        assert shown(page) == [str(call.pk)], query
        assert "&quot;its&quot;: &quot;answer&quot;" in page


def test_the_same_message_id_of_another_charge_point_is_another_exchange(
    alice: Client, cp16: ChargePoint
) -> None:
    make_frame(cp16, message_id="7")
    other = make_charge_point("OTHER")
    make_frame(other, kind=3, direction="out", message_id="7", connection_id=UUID(int=2), text='[3,"7",{}]')
    page = text(alice)
    assert len(shown(page)) == 2
    assert "No answer" in page
    assert "No call" in page


# --- filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abcd"),
        ({"cp_id": "cp16"}, "abc"),
        ({"cp_id": "oth"}, "d"),
        ({"cp_id": "nobody"}, ""),
        ({"action": "heartbeat"}, "b"),
        ({"direction": "out"}, "c"),
        ({"verdict": "refused"}, "b"),
        ({"verdict": "ok"}, "acd"),
        ({"message_id": "ccc"}, "c"),
        ({"q": "GROUND"}, "d"),
        ({"q": "%"}, ""),
        ({"q": "ground", "cp_id": "CP16"}, ""),
        ({"connection": str(UUID(int=9))}, "c"),
        ({"kind": "3"}, ""),
        ({"window": "15m"}, "abc"),
        # What cannot be read counts as not given.
        ({"kind": "x", "verdict": "coffee", "direction": "up", "window": "9y", "connection": "1"}, "abcd"),
        ({"before": "'", "q": "a\x00", "from": "yesterday"}, "abcd"),
    ],
)
def test_frames_are_filtered(alice: Client, cp16: ChargePoint, query: dict[str, str], expected: str) -> None:
    other = make_charge_point("OTHER")
    connection = make_online(cp16)
    connection.pk = UUID(int=9)
    connection.save()
    frames = {
        "a": make_frame(cp16, 30),
        "b": make_frame(cp16, 60, action="Heartbeat", verdict="refused"),
        "c": make_frame(cp16, 90, direction="out", message_id="ccc", connection_id=UUID(int=9)),
        "d": make_frame(other, 1800, text='[2,"1","StatusNotification",{"errorCode":"GroundFailure"}]'),
    }
    assert shown(text(alice, **query)) == [str(frames[name].pk) for name in expected]


def test_an_empty_result_says_what_to_do(alice: Client, cp16: ChargePoint) -> None:
    assert "No frame in the last hour" in text(alice)
    assert "No frame matches" in text(alice, action="Heartbeat")


def test_a_page_of_older_ones_that_has_none_says_so(alice: Client, cp16: ChargePoint) -> None:
    only = make_frame(cp16)
    for page in (PAGE, f"/inspect/charge-points/{cp16.cp_id}/frames"):
        answer = alice.get(page, {"before": str(only.pk)})
        assert answer.status_code == 200
        assert "No frame matches" in answer.content.decode()
        assert alice.get(page, {"before": str(UUID(int=1))}).status_code == 200


def test_actions_of_every_version_are_offered() -> None:
    assert {"BootNotification", "StartTransaction", "TransactionEvent"} <= set(action_names())


# --- time -------------------------------------------------------------------------------------------------------------


def test_the_window_is_what_was_typed_and_never_longer_than_seven_days() -> None:
    hour = timedelta(hours=1)
    assert window_of("", None, None, now=NOW).since == NOW - hour
    assert window_of("24h", None, None, now=NOW).since == NOW - 24 * hour
    both = window_of("24h", NOW - 3 * hour, NOW - 2 * hour, now=NOW)
    assert (both.since, both.until, both.cut) == (NOW - 3 * hour, NOW - 2 * hour, False)
    long = window_of("", NOW - timedelta(days=30), NOW, now=NOW)
    assert (long.since, long.cut) == (NOW - WINDOW_MAX, True)
    only_from = window_of("", NOW - timedelta(days=30), None, now=NOW)
    assert (only_from.until, only_from.cut) == (NOW - timedelta(days=23), False)
    only_to = window_of("6h", None, NOW - hour, now=NOW)
    assert (only_to.since, only_to.until) == (NOW - 7 * hour, NOW - hour)
    turned = window_of("", NOW, NOW - hour, now=NOW)
    assert turned.problem
    assert window_of("", NOW + hour, None, now=NOW).until > NOW


def test_typed_bounds_are_understood_and_said(alice: Client, cp16: ChargePoint) -> None:
    old = make_frame(cp16, 3 * 86400)
    make_frame(cp16)
    around = {"from": typed(old.at - timedelta(minutes=1)), "to": typed(old.at + timedelta(minutes=1))}
    assert shown(text(alice, **around)) == [str(old.pk)]
    assert "At most 7 days" in text(alice, **{"from": "2020-01-01T00:00"}, to=typed(timezone.now()))
    assert "lies before its beginning" in text(alice, **{"from": around["to"], "to": around["from"]})
    assert "lies in the years" in text(alice, **{"from": "0001-01-01T00:00"})


# --- bounds of the search ---------------------------------------------------------------------------------------------


def test_a_search_says_when_it_stopped_and_goes_on_from_there(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_search, "AMONG_TEXTS", 3)
    rare = make_frame(cp16, 600, text='[2,"1","DataTransfer",{"vendorId":"rare"}]')
    for ago in (500, 400, 300, 200):
        make_frame(cp16, ago)
    page = text(alice, q="rare")
    assert shown(page) == []
    assert "Nothing so far" in page
    assert "looked at 3 frames, back to" in page
    more = re.search(r'rel="next" href="([^"]+)"', page)
    assert more is not None
    last = text(alice, PAGE + more[1].replace("&amp;", "&"))
    assert shown(last) == [str(rare.pk)]
    assert "data-stopped" not in last


def test_the_others_of_a_charge_point_do_not_count_in_its_search(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_search, "AMONG_TEXTS", 3)
    rare = make_frame(cp16, 600, text='[2,"1","DataTransfer",{"vendorId":"rare"}]')
    other = make_charge_point("OTHER")
    for ago in range(100, 110):
        make_frame(other, ago)
    assert shown(text(alice, q="rare", cp_id="CP16")) == [str(rare.pk)]


def test_all_pages_together_show_each_frame_once(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "EXCHANGES_SHOWN", 3)
    made = [str(make_frame(cp16, 600 - number).pk) for number in range(8)]
    seen: list[str] = []
    path: str | None = f"{PAGE}?action=StatusNotification"
    while path is not None:
        page = text(alice, path)
        seen += shown(page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = PAGE + more[1].replace("&amp;", "&") if more else None
    assert seen == made[::-1]
    assert ">Newest</a>" in page


# --- ways on ----------------------------------------------------------------------------------------------------------


def test_a_frame_leads_to_its_transaction_its_command_and_its_charge_point(
    alice: Client, cp16: ChargePoint
) -> None:
    transaction = make_transaction(cp16, 4711)
    make_exchange(
        cp16, 90, text='[2,"1","MeterValues",{"connectorId":1,"transactionId": 4711,"meterValue":[]}]'
    )
    call, answer = make_exchange(
        cp16, 60, direction="out", action="Reset", text='[2,"1","Reset",{"type":"Soft"}]'
    )
    command = Command.objects.create(
        charge_point=cp16,
        type="reset",
        by="alice",
        created_at=call.at,
        expires_at=call.at,
        message_id=call.message_id,
    )
    page = text(alice)
    assert f'href="/inspect/transactions/{transaction.pk}"' in page
    assert "Transaction 4711" in page
    assert "A command of alice" in page
    assert f'href="/sys/commands?q=CP16&amp;type=reset#command-{command.pk}"' in page
    assert f'id="command-{command.pk}"' in text(alice, "/sys/commands", q="CP16", type="reset")
    for frame in (call, answer):  # from either half
        alone = text(alice, f"/inspect/charge-points/CP16/frames/{frame.pk}")
        assert "The message" in alone
        assert "Its answer" in alone
        assert "A command of alice" in alone
        assert "frames?from=" in alone


def test_a_deep_link_leads_to_the_frame(alice: Client, bob: Client, cp16: ChargePoint) -> None:
    frame = make_frame(cp16, 86400 * 9)
    for client in (alice, bob):
        answer = client.get(f"{PAGE}?frame={frame.pk}")
        assert answer["Location"] == f"/inspect/charge-points/CP16/frames/{frame.pk}"
        assert client.get(f"{PAGE}?frame={unknown()}").status_code == 404
        assert client.get(f"{PAGE}?frame=1'").status_code == 404


def test_the_tab_of_a_charge_point_shows_its_own(alice: Client, cp16: ChargePoint) -> None:
    mine = make_frame(cp16)
    make_frame(make_charge_point("OTHER"))
    page = text(alice, "/inspect/charge-points/CP16/frames", cp_id="OTHER")
    assert shown(page) == [str(mine.pk)]
    assert 'aria-current="page">Frames</a>' in page
    assert 'name="cp_id"' not in page
    assert alice.get("/inspect/charge-points/cp16/frames")["Location"].endswith("/CP16/frames")
    assert alice.get("/inspect/charge-points/NOBODY/frames").status_code == 404


def test_following_asks_the_socket_for_what_the_filters_say(alice: Client, cp16: ChargePoint) -> None:
    def asked(path: str = PAGE, **query: Any) -> Any:
        page = text(alice, path, live=1, **query)
        found = re.search(r'data-tail="frames" data-tail-params="([^"]*)"', page)
        assert found is not None
        assert "tail.js" in page
        assert 'name="window"' not in page
        given = json.loads(found[1].replace("&quot;", '"'))
        queries.read_question("frames", given)  # it takes them
        return given

    assert asked() == {}
    assert asked(cp_id="CP16", action="bootnotification", direction="in", kind=2, verdict="refused") == {
        "cp_id": "CP16",
        "action": "BootNotification",
        "direction": "in",
        "message_type": 2,
        "verdict": "refused",
    }
    assert asked(message_id="m1", q="x", window="7d", connection=str(LINK)) == {
        "message_id": "m1",
        "text": "x",
        "connection_id": str(LINK),
    }
    assert asked("/inspect/charge-points/CP16/frames", direction="out") == {
        "cp_id": "CP16",
        "direction": "out",
    }


# --- files ------------------------------------------------------------------------------------------------------------


def read(client: Client, path: str = PAGE, **query: Any) -> str:
    answer = client.get(f"{path}?{urlencode(query)}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_frames_are_exported_as_they_are_filtered(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "EXPORT_STEP", 2)
    made = [make_frame(cp16, 600 - number, notes="=1+1") for number in range(5)]
    make_frame(make_charge_point("OTHER"))
    rows = list(csv.DictReader(io.StringIO(read(alice, cp_id="CP16", export="csv"))))
    assert [row["Frame"] for row in rows] == [str(frame.pk) for frame in made[::-1]]
    assert rows[0]["Notes"] == "'=1+1"
    assert rows[0]["Text"] == made[4].text
    lines = [json.loads(line) for line in read(alice, cp_id="CP16", export="ndjson").splitlines()]
    assert [line["id"] for line in lines] == [str(frame.pk) for frame in made[::-1]]
    assert lines[0]["notes"] == "=1+1"
    assert len(read(alice, "/inspect/charge-points/CP16/frames", export="ndjson").splitlines()) == 5


def test_an_export_that_searched_long_says_where_it_stopped(
    alice: Client, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_search, "AMONG_TEXTS", 2)
    monkeypatch.setattr(view, "EXPORT_LOOKED_AT", 2)
    for ago in range(100, 110):
        make_frame(cp16, ago)
    assert "Stopped after a long search" in read(alice, q="rare", export="csv")


# --- who and what -----------------------------------------------------------------------------------------------------


def test_whatever_a_charger_said_is_only_text(alice: Client, bob: Client, cp16: ChargePoint) -> None:
    evil = {"action": HOSTILE, "notes": HOSTILE, "message_id": HOSTILE, "verdict": "deviant"}
    frame = make_frame(
        cp16, **evil, text='[2,"' + HOSTILE + '","\u202e",{"transactionId":"' + HOSTILE + '"}]'
    )
    for client in (alice, bob):
        for path in (PAGE, f"/inspect/charge-points/CP16/frames/{frame.pk}"):
            page = text(client, path)
            assert HOSTILE not in page
            assert "\u202e" not in page
            assert "&lt;script&gt;" in page
        page = text(client, q=HOSTILE, action=HOSTILE, message_id=HOSTILE)
        assert HOSTILE not in page


def test_a_long_frame_is_cut_in_the_list(alice: Client, cp16: ChargePoint) -> None:
    frame = make_frame(cp16, text="x" * 500_000)
    assert len(text(alice)) < 60_000
    assert "Only the first 20000 characters" in text(alice, f"/inspect/charge-points/CP16/frames/{frame.pk}")
    assert len(read(alice, export="ndjson")) > 500_000


def test_who_may_not_look_sees_nothing(client: Client, cp16: ChargePoint, charlie: Any) -> None:
    for path in (PAGE, f"{PAGE}?export=csv", "/inspect/charge-points/CP16/frames"):
        assert client.get(path).status_code == 302
        assert signed_in(charlie).get(path).status_code == 302


@pytest.mark.parametrize("count", [1, 30])
def test_the_queries_do_not_grow_with_the_frames(
    cp16: ChargePoint, count: int, django_assert_num_queries: Any
) -> None:
    alice = signed_in(person("alice", "operator"))
    for number in range(count):
        charge_point = make_charge_point(f"X{number}")
        transaction = make_transaction(charge_point, number)
        body = f'[2,"1","MeterValues",{{"transactionId":{transaction.transaction_id}}}]'
        make_exchange(charge_point, 60 + number, direction="out", text=body)
    text(alice)  # who is signed in, and the like
    # session, person, edge and rows, pairs, transactions, commands
    with django_assert_num_queries(7):
        assert len(shown(text(alice))) == min(count, view.EXCHANGES_SHOWN // 2)
