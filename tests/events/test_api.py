"""Backends pull what happened: in order, resumable for ever, and told when something is missing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from csms.core.events import reading
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.models import Event, Reader
from csms.core.events.numbering import NAME, number_events
from csms.core.events.proto import events_pb2
from csms.core.events.services import record
from csms.core.ids import uuid7_floor
from tests.api.cast import API, client_of

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
URL = f"{API}/events/"


@pytest.fixture
def bob() -> APIClient:
    """May look."""
    return client_of("bob", "read")


EMPTY = {"results": [], "more": False, "gone_before": None}


def tell(*facts: tuple[str, str]) -> list[str]:
    """Record events of these types and charge points, and number them; their ids."""
    ids = [record(type, cp_id, {"n": n}, occurred_at=NOON) for n, (type, cp_id) in enumerate(facts)]
    while number_events(now=NOON):
        pass
    return ids


def pull(client: APIClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def positions(page: dict[str, Any]) -> list[int]:
    return [event["position"] for event in page["results"]]


def pull_all(client: APIClient, query: str = "", after: str | None = None) -> list[int]:
    """All that there is behind a cursor, page by page."""
    found: list[int] = []
    while True:
        page = pull(client, query if after is None else f"{query}&after={after}")
        found += positions(page)
        after = page["next_after"]
        if not page["more"]:
            return found


def refused(client: APIClient, query: str, status: int, code: str, *fields: str) -> dict[str, Any]:
    answer = client.get(f"{URL}?{query}")
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (status, code), body
    assert set(body["error"]["errors"]) == set(fields), body
    return body


def test_an_event_is_told_as_every_other_way_tells_it(bob: APIClient) -> None:
    [id] = tell(("tx.started", "CP16"))
    page = pull(bob)
    [event] = page["results"]
    assert event == bob.get(f"{URL}{id}/").json()
    row = Event.objects.get()
    assert event["payload"].pop("n") == 0
    assert event.pop("payload") == dict.fromkeys(
        field.name for field in events_pb2.TransactionStarted.DESCRIPTOR.fields
    )
    assert event == {
        "event_id": id,
        "type": "tx.started",
        "schema_version": 1,
        "occurred_at": "2026-11-20T12:00:00.000Z",
        "recorded_at": row.recorded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "cp_id": "CP16",
        "sequence": 1,
        "position": 1,
        "trace_id": event["trace_id"],
    }
    assert len(event["trace_id"]) == 32
    assert (page["next_after"], page["more"]) == ("1", False)


def test_pages_follow_each_other_without_a_gap_or_a_repeat(bob: APIClient) -> None:
    tell(*[("cp.status", f"CP{n % 3}") for n in range(25)])
    assert pull_all(bob, "limit=7") == list(range(1, 26))
    assert pull_all(bob, "limit=25") == list(range(1, 26))
    assert pull_all(bob, "limit=1", after="20") == [21, 22, 23, 24, 25]


def test_an_empty_page_tells_where_to_go_on(bob: APIClient) -> None:
    assert pull(bob) == EMPTY | {"next_after": "0"}
    tell(("cp.boot", "CP16"))
    page = pull(bob, "after=0")
    assert positions(page) == [1]
    assert pull(bob, f"after={page['next_after']}") == EMPTY | {"next_after": "1"}
    tell(("cp.boot", "CP16"))
    assert positions(pull(bob, "after=1")) == [2]


def test_a_cursor_passes_over_what_the_filter_leaves_out(bob: APIClient) -> None:
    """Else it would grow old while others' events come, and be refused though nothing was missed."""
    tell(("tx.started", "CP16"), ("cp.status", "CP16"), ("cp.status", "CP16"))
    page = pull(bob, "type=tx.*")
    assert (positions(page), page["next_after"]) == ([1], "3")


def test_what_is_not_numbered_is_not_told(bob: APIClient) -> None:
    id = record("cp.boot", "CP16", {}, occurred_at=NOON)
    assert pull(bob)["results"] == []
    assert bob.get(f"{URL}{id}/").status_code == 404
    number_events(now=NOON)
    assert positions(pull(bob)) == [1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=tx.started", [1]),
        ("type=tx.*", [1, 4]),
        ("type=tx.started&type=cp.boot", [1, 2, 3]),
        ("type=*", [1, 2, 3, 4, 5]),
        ("type=cp.*&type=alert.fired", [2, 3, 5]),
        ("cp_id=CP16", [1, 2, 4]),
        ("cp_id=CP16&cp_id=CS201", [1, 2, 3, 4]),
        ("cp_id=CP16&type=tx.*", [1, 4]),
        ("cp_id=CP1", []),
        ("cp_id=", None),
    ],
)
def test_filters(bob: APIClient, query: str, expected: list[int] | None) -> None:
    tell(
        ("tx.started", "CP16"),
        ("cp.boot", "CP16"),
        ("cp.boot", "CS201"),
        ("tx.stopped", "CP16"),
        ("alert.fired", ""),
    )
    if expected is None:
        refused(bob, query, 422, "invalid", "cp_id")
    else:
        assert pull_all(bob, query) == expected
        assert pull_all(bob, f"{query}&limit=1") == expected


def test_a_window_of_recording(bob: APIClient) -> None:
    for hour in range(5):
        at = NOON + timedelta(hours=hour)
        Event.objects.create(
            id=uuid7_floor(at),
            type="cp.boot",
            occurred_at=at,
            recorded_at=at,
            payload="{}",
            position=hour + 1,
            sequence=hour + 1,
        )
    Reader.objects.create(name=NAME, position=5)
    assert pull_all(bob, "to=2026-11-20T14:00:00Z") == [1, 2]
    assert pull_all(bob, "from=2026-11-20T14:00:00Z") == [3, 4, 5]
    assert pull_all(bob, "from=2026-11-20T14:00:00Z&to=2026-11-20T16:00:00%2B00:00&limit=1") == [3, 4]
    assert pull_all(bob, "from=2026-11-20T14:00:00Z", after="3") == [4, 5]


def test_a_page_looks_at_no_more_than_a_span(bob: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no index knows what is wanted a page ends early, and says that there is more."""
    monkeypatch.setattr(reading, "SPAN", 4)
    tell(*[("cp.status", "CP16")] * 10, ("tx.started", "CP16"))
    page = pull(bob, "type=tx.started")
    assert (page["results"], page["next_after"], page["more"]) == ([], "4", True)
    assert pull_all(bob, "type=tx.started") == [11]
    assert positions(pull(bob, "cp_id=CP16"))[-1] == 11  # there is an index for these


# --- what is not kept any more ----------------------------------------------------------------------------------------


def test_a_cursor_that_is_too_old_is_refused_and_told_the_oldest(bob: APIClient) -> None:
    tell(*[("cp.boot", "CP16")] * 10)
    Event.objects.filter(position__lte=4).delete()
    for after in (0, 3):
        body = refused(bob, f"after={after}", 410, "cursor_gone")
        assert body["oldest"] == "4"
    assert pull_all(bob, after="4") == [5, 6, 7, 8, 9, 10]
    assert pull_all(bob) == [5, 6, 7, 8, 9, 10]


def test_a_hole_at_the_edge_of_what_is_kept_is_a_gap_too(bob: APIClient) -> None:
    """What is old goes by its id: one that committed late has a higher position than some that stay."""
    tell(*[("cp.boot", "CP16")] * 10)
    Event.objects.filter(position__in=(1, 2, 5)).delete()
    for after in (0, 2, 3, 4):
        assert refused(bob, f"after={after}", 410, "cursor_gone")["oldest"] == "5"
    assert pull_all(bob) == pull_all(bob, after="5") == [6, 7, 8, 9, 10]


def test_so_it_is_when_nothing_is_kept(bob: APIClient) -> None:
    tell(*[("cp.boot", "CP16")] * 3)
    Event.objects.all().delete()
    assert refused(bob, "after=2", 410, "cursor_gone")["oldest"] == "3"
    assert pull(bob, "after=3") == pull(bob) == EMPTY | {"next_after": "3"}


def test_a_cursor_that_no_event_has_reached_is_of_another_store(bob: APIClient) -> None:
    """After the return of a backup the same positions are given again, to other events."""
    tell(("cp.boot", "CP16"))
    assert refused(bob, "after=2", 410, "cursor_unknown")["oldest"] == "0"


def test_a_filter_hides_no_gap(bob: APIClient) -> None:
    tell(*[("cp.boot", "CP16")] * 5, ("tx.started", "CP16"))
    Event.objects.filter(position__lte=2).delete()
    refused(bob, "after=1&type=tx.started", 410, "cursor_gone")
    refused(bob, "after=1&cp_id=CP16", 410, "cursor_gone")


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("after=", "after"),
        ("after=1.0", "after"),
        ("after=%D9%A3", "after"),
        ("after=1111111111111111111", "after"),
        ("after=1&after=2", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("type=tx", "type"),
        ("type=tx*", "type"),
        ("type=nonsense.*", "type"),
        ("type=", "type"),
        ("type=tx.started&type=x", "type"),
        ("type=%00", "type"),
        ("from=yesterday", "from"),
        ("from=2026-11-20T12:00:00", "from"),
        ("from=2026-11-20T12:00:00Z&to=2026-11-20T12:00:00Z", "from"),
        ("nonsense=1", "nonsense"),
        ("&".join(["cp_id=CP16"] * 101), "cp_id"),
    ],
)
def test_bad_parameters_are_refused(bob: APIClient, query: str, field: str) -> None:
    refused(bob, query, 422, "invalid", field)


def test_who_may_not_look_is_told_nothing() -> None:
    [id] = tell(("cp.boot", "CP16"))
    charlie, dora = APIClient(), client_of("dora", "admin")
    for path in ("", f"{id}/", "types/", "stream"):
        assert charlie.get(URL + path).status_code == 401
        assert dora.get(URL + path).status_code == 403


def test_an_event_that_nobody_knows(bob: APIClient) -> None:
    answer = bob.get(f"{URL}{uuid4()}/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_event")


def test_the_catalogue(bob: APIClient) -> None:
    types = bob.get(f"{URL}types/").json()["results"]
    assert [type["name"] for type in types] == list(EVENT_TYPES)
    assert all(type["summary"] for type in types)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_is_changed_here(method: str) -> None:
    alice = client_of("alice", "read", "write", "command", "admin")
    for path in ("", "types/", "stream", f"{uuid4()}/"):
        assert getattr(alice, method)(URL + path).status_code == 405


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "statements"),
    [
        ("after=0", 5),
        ("", 5),
        ("after=0&type=tx.*&cp_id=CP16&cp_id=CS201", 5),
        ("after=0&from=2026-11-20T12:00:00Z&to=2099-11-20T14:00:00Z", 7),
    ],
)
def test_a_page_takes_as_many_statements_for_thirty_events_as_for_one(
    bob: APIClient, query: str, statements: int
) -> None:
    """The token, the last position, the page, the oldest position, and whether nothing is missing behind that."""
    tell(("tx.started", "CP16"))
    pull(bob, query)

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            pull(bob, query)
        return len(captured)

    first = asked()
    tell(*[("tx.started", "CP16")] * 29)
    assert (first, asked()) == (statements, statements)


def test_far_from_the_oldest_nothing_is_counted(bob: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "EDGE", 3)
    tell(*[("cp.boot", "CP16")] * 10)
    with CaptureQueriesContext(connection) as captured:
        assert pull_all(bob, after="8") == [9, 10]
    assert not [query["sql"] for query in captured if "COUNT(" in query["sql"]]


@pytest.mark.postgres_only
@pytest.mark.parametrize(
    ("query", "condition"), [("after=5000", "position"), ("after=10&cp_id=CP7", "cp_id")]
)
def test_a_page_is_served_by_an_index(bob: APIClient, query: str, condition: str) -> None:
    tell(*[("cp.status", "CP16")] * 6000, *[("cp.status", "CP7")] * 5)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_event")
    with CaptureQueriesContext(connection) as captured:
        pull(bob, f"{query}&limit=20")
    [page] = [query["sql"] for query in captured if '"payload"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {page}")
        plan = [line for (line,) in cursor.fetchall()]
    assert any("Index Cond" in line and condition in line for line in plan), plan


def test_what_was_asked_for_and_is_not_kept_any_more_is_said(bob: APIClient) -> None:
    ids = tell(*[("tx.started", "CP16")] * 3)
    since = (Event.objects.get(pk=ids[0]).recorded_at - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert bob.get(URL, {"from": since}).json()["gone_before"] is None  # there was nothing before
    Event.objects.filter(pk=ids[0]).delete()  # as the clock does it, oldest first
    kept = Event.objects.get(pk=ids[1]).recorded_at
    page = bob.get(URL, {"from": since}).json()
    assert [event["event_id"] for event in page["results"]] == ids[1:]
    assert datetime.fromisoformat(page["gone_before"]) == kept.replace(
        microsecond=kept.microsecond // 1000 * 1000
    )
    assert bob.get(URL, {"from": since, "after": page["next_after"]}).json()["gone_before"] is None
    later = (kept + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert bob.get(URL, {"from": later}).json()["gone_before"] is None
    Event.objects.all().delete()
    assert bob.get(URL, {"from": since}).json()["results"] == []
