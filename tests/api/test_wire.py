"""Frames and refused handshakes through the API."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from chargers.models import RefusedHandshake
from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, frame, online
from tests.api.test_paging import pages
from tests.api.wire_cast import ALL_FRAMES, DAY, FRAMES, answer, names, passed

REFUSED = f"{API}/refused-handshakes/"


def test_a_frame_is_shown_verbatim(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16 = charge_point()
    text = '[2, "m1",\t"Heartbeat", {}] '
    one = frame(cp16, text=text, latency_us=None, notes="odd blanks", verdict="deviant")
    frame(charge_point("OTHER"))
    with django_assert_num_queries(5):  # token and its use, charge point, frames, their pairs
        body = bob.get(FRAMES).json()
    [row] = body["results"]
    assert row == {
        "id": str(one.pk),
        "at": "2026-03-04T12:00:00.000Z",
        "cp_id": "CP16",
        "connection_id": str(one.connection_id),
        "direction": "in",
        "message_type": 2,
        "message_id": "m1",
        "action": "Heartbeat",
        "verdict": "deviant",
        "notes": "odd blanks",
        "latency_us": None,
        "pair": None,
        "text": text,
    }
    assert set(body["window"]) == {"from", "to"}


def test_frames_are_filtered(bob: APIClient) -> None:
    cp16 = charge_point()
    frame(cp16, message_id="a", action="BootNotification")
    frame(cp16, message_id="b", direction="out", kind=3, latency_us=1500)
    frame(cp16, message_id="c", verdict="refused", id=uuid7_floor(NOON))
    cases = {
        "": ["b", "a"],
        "?direction=out": ["b"],
        "?action=BootNotification": ["a"],
        "?action=Reset": [],
        "?verdict=refused": [],
        "?verdict=refused&from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z": ["c"],
    }
    assert {q: [r["message_id"] for r in bob.get(FRAMES + q).json()["results"]] for q in cases} == cases


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("direction=up", "invalid", "direction"),
        ("verdict=good", "invalid", "verdict"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:01Z", "window_too_large", "from"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "invalid", "from"),
    ],
)
def test_a_wrong_window_is_refused(bob: APIClient, refusal: Any, query: str, code: str, field: str) -> None:
    charge_point()
    refusal(bob.get(f"{FRAMES}?{query}"), 422, code, field)


def test_who_was_turned_away_is_listed_newest_first(bob: APIClient) -> None:
    for number, identity in enumerate(["CP-A", "CP-B", "<script>"]):
        RefusedHandshake.objects.create(
            identity=identity,
            peer=f"10.0.0.{number}",
            reason="unknown" if number else "wrong_password",
            detail="nobody registered this charge point",
            http_status=404,
            count=number + 1,
            first_at=NOON,
            last_at=NOON + timedelta(minutes=number),
        )
    rows = bob.get(REFUSED).json()["results"]
    assert rows[0] == {
        "identity": "<script>",
        "peer": "10.0.0.2",
        "reason": "unknown",
        "detail": "nobody registered this charge point",
        "http_status": 404,
        "count": 3,
        "first_at": "2026-03-04T12:00:00.000Z",
        "last_at": "2026-03-04T12:02:00.000Z",
    }
    cases = {
        "?q=cp-": ["CP-B", "CP-A"],
        "?peer=10.0.0.1": ["CP-B"],
        "?reason=wrong_password": ["CP-A"],
        "?since=2026-03-04T12:01:00Z": ["<script>", "CP-B"],
    }
    assert {q: [row["identity"] for row in bob.get(REFUSED + q).json()["results"]] for q in cases} == cases


def test_refused_handshakes_are_bounded_and_sorted(bob: APIClient, refusal: Any) -> None:
    for number, identity in enumerate("abc"):
        RefusedHandshake.objects.create(
            identity=identity,
            peer="10.0.0.1",
            reason="unknown",
            http_status=404 if number else 401,
            count=(5, 1, 9)[number],
            first_at=NOON - timedelta(minutes=number),
            last_at=NOON + timedelta(minutes=number),
        )
    cases = {
        "until=2026-03-04T12:01:00Z": "a",
        "since=2026-03-04T12:01:00Z&until=2026-03-04T12:02:00Z": "b",
        "http_status=401": "a",
        "sort=last_at": "abc",
        "sort=first_at": "cba",
        "sort=-count": "cab",
        "sort=identity": "abc",
    }
    found = {
        q: "".join(row["identity"] for row in bob.get(f"{REFUSED}?{q}").json()["results"]) for q in cases
    }
    assert found == cases
    same = "since=2026-03-04T12:00:00Z&until=2026-03-04T12:00:00Z"
    refusal(bob.get(f"{REFUSED}?{same}"), 422, "invalid", "since")
    refusal(bob.get(f"{REFUSED}?sort=peer"), 422, "invalid", "sort")


# --- pairs ------------------------------------------------------------------------------------------------------------


def test_a_call_and_its_answer_know_each_other(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16 = charge_point()
    call = passed(cp16, 0)
    said = answer(cp16, 0.1, verdict="refused", kind=4)
    passed(cp16, 1, message_id="", kind=None, verdict="ignored")
    url = f"{FRAMES}?{DAY}&sort=at"
    with django_assert_num_queries(5):  # token and its use, charge point, frames, their pairs
        first, second, third = bob.get(url).json()["results"]
    assert first["pair"] == {
        "id": str(said.pk),
        "at": "2026-03-04T12:00:00.100Z",
        "message_type": 4,
        "verdict": "refused",
        "latency_us": 1500,
    }
    assert (second["pair"]["id"], second["pair"]["latency_us"]) == (str(call.pk), None)
    assert third["pair"] is None
    # Also where only one of them is on the page.
    [alone] = bob.get(f"{url}&direction=out").json()["results"]
    assert alone["pair"]["id"] == str(call.pk)


def test_pairs_are_told_apart_where_message_ids_are_not(bob: APIClient) -> None:
    """The same message id comes from both sides, again later, on another connection and at another charge point."""
    cp16, other = charge_point(), charge_point("OTHER")
    ours = passed(cp16, 0, direction="out", notes="ours")
    theirs = passed(cp16, 1, notes="theirs")
    to_theirs = answer(cp16, 2)
    to_ours = answer(cp16, 3, direction="in")
    again = passed(cp16, 4)
    repeated = answer(cp16, 5)
    once_more = answer(cp16, 6)
    elsewhere = passed(cp16, 7, connection_id=uuid4())
    stranger = passed(other, 8, connection_id=uuid4())
    found = {
        row["id"]: row["pair"] and row["pair"]["id"]
        for row in bob.get(f"{ALL_FRAMES}?{DAY}").json()["results"]
    }
    wanted = {
        ours: to_ours, theirs: to_theirs, to_theirs: theirs, to_ours: ours, again: repeated, repeated: again,
        once_more: again, elsewhere: None, stranger: None,
    }  # fmt: skip
    assert found == {str(row.pk): pair and str(pair.pk) for row, pair in wanted.items()}


def test_an_answer_after_a_minute_is_no_pair(bob: APIClient) -> None:
    cp16 = charge_point()
    passed(cp16, 0)
    answer(cp16, 60.5)
    alone = bob.get(f"{FRAMES}?{DAY}&direction=out").json()["results"]
    assert [row["pair"] for row in alone] == [None]


def test_frames_that_are_far_apart_have_their_pairs_too(bob: APIClient) -> None:
    """As those of a rare kind are; what lies between them is not read."""
    cp16, other = charge_point(), charge_point("OTHER")
    calls = {
        str(passed(cp, 600 * n, verdict="deviant", message_id=f"m{n}").pk): str(
            answer(cp, 600 * n + 59, message_id=f"m{n}").pk
        )
        for n, cp in enumerate([cp16, other, cp16, cp16, other])
    }
    # Ten minutes later the same id again: another exchange.
    answer(cp16, 5 * 600 + 30, message_id="m0")
    found = bob.get(f"{ALL_FRAMES}?{DAY}&verdict=deviant").json()["results"]
    assert {row["id"]: row["pair"]["id"] for row in found} == calls


# --- the whole fleet --------------------------------------------------------------------------------------------------


def test_frames_of_all_charge_points_are_filtered(bob: APIClient, django_assert_num_queries: Any) -> None:
    cp16, other = online(charge_point()), charge_point("OTHER")
    link = cp16.connection_id
    passed(
        cp16,
        0,
        '[2,"a","BootNotification",{"x":"50% Größe_"}]',
        notes="a",
        action="BootNotification",
        message_id="a",
        connection_id=link,
    )
    passed(other, 1, notes="b", verdict="deviant")
    answer(other, 2, notes="c", message_id="a", kind=4)
    passed(cp16, -3600 * 12 - 1, notes="d")
    passed(cp16, 3600 * 12, notes="e")
    cases = {
        "": "cba",
        "&cp_id=cp16": "a",
        "&cp_id=nobody": "",
        "&direction=in": "ba",
        "&message_type=2": "ba",
        "&message_type=4": "c",
        "&message_id=a": "ca",
        "&message_id=A": "",
        "&action=BootNotification": "a",
        "&verdict=deviant": "b",
        f"&connection_id={link}": "a",
        f"&connection_id={link}&cp_id=other": "",
        f"&connection_id={uuid4()}": "",
        "&sort=at": "abc",
    }
    assert {q: names(bob, f"{ALL_FRAMES}?{DAY}{q}") for q in cases} == cases
    with django_assert_num_queries(3):  # token, frames, their pairs
        bob.get(f"{ALL_FRAMES}?{DAY}")
    hour = "from=2026-03-04T11:30:00Z&to=2026-03-04T12:30:00Z"
    texts = {"bootn": "a", "50%25 gr": "a", "%25x": "", "GR": "a", "[]": "cb"}
    assert {q: names(bob, f"{ALL_FRAMES}?{hour}&text={q}") for q in texts} == texts
    assert names(bob, f"{FRAMES}?{DAY}&text=_%22%7D") == "a"
    assert names(bob, f"{FRAMES}?{DAY}&text=e%22%7D") == "", "an underscore stands for itself"


def test_text_is_looked_for_in_an_hour_of_the_fleet(bob: APIClient, refusal: Any) -> None:
    charge_point()
    refusal(bob.get(f"{ALL_FRAMES}?{DAY}&text=x"), 422, "window_too_large", "from")
    assert bob.get(f"{ALL_FRAMES}?{DAY}&text=x&cp_id=CP16").status_code == 200
    for query in ("text=x", "text=x&to=2026-03-04T12:00:00Z"):
        window = bob.get(f"{ALL_FRAMES}?{query}").json()["window"]
        length = datetime.fromisoformat(window["to"]) - datetime.fromisoformat(window["from"])
        assert length == timedelta(hours=1)


@pytest.mark.parametrize(
    "query",
    ["message_type=1", "message_type=7", "message_id=%00", "text=%00", "connection_id=7", "format=xml"],
)
def test_a_wrong_filter_is_refused(bob: APIClient, refusal: Any, query: str) -> None:
    charge_point()
    for url in (FRAMES, ALL_FRAMES):
        refusal(bob.get(f"{url}?{query}"), 422, "invalid", query.split("=")[0])


def test_newcomers_shift_no_page_of_frames(bob: APIClient) -> None:
    cp16 = charge_point()
    wanted = [str(passed(cp16, n).pk) for n in range(5)][::-1]
    seen = pages(bob, f"{ALL_FRAMES}?{DAY}", lambda number: passed(cp16, 100 + number))
    assert [row["id"] for row in seen] == wanted


def test_frames_as_csv_run_in_no_spreadsheet(bob: APIClient) -> None:
    passed(charge_point(), 0, '=cmd|"/C calc"!A0\r\n@x')
    streamed: Any = bob.get(f"{ALL_FRAMES}?{DAY}&format=csv")
    text = b"".join(streamed.streaming_content).decode()
    assert text.splitlines()[0].endswith("pair.verdict,pair.latency_us,text")
    assert '"\'=cmd|""/C calc""!A0\r\n@x"' in text


def test_frames_as_lines_of_json_are_verbatim(bob: APIClient, refusal: Any) -> None:
    cp16 = charge_point()
    rows = [passed(cp16, n, '=cmd|"/C calc"!A0\r\n\u2028@x') for n in range(3)]
    url = f"{ALL_FRAMES}?{DAY}&sort=at"
    shown = bob.get(url).json()["results"]
    for streamed in (
        bob.get(f"{url}&format=ndjson"),
        bob.get(url, headers={"Accept": "application/x-ndjson"}),
    ):
        assert streamed["Content-Type"] == "application/x-ndjson"
        assert streamed["Content-Disposition"] == 'attachment; filename="frames.ndjson"'
        assert streamed["X-Export-Complete"] == "true"
        assert streamed["X-Window"].startswith("2026-03-04T00:00:00.000Z/")
        lines = b"".join(streamed.streaming_content).split(b"\n")  # type: ignore[attr-defined]
        assert lines.pop() == b""
        assert [json.loads(line) for line in lines] == shown
    assert [row["text"] for row in shown] == [row.text for row in rows]
    refusal(bob.get(f"{url}&format=ndjson&limit=1"), 422, "invalid", "limit")
