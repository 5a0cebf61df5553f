"""Every list as CSV: all of it, a few rows at a time, and nothing in it that a spreadsheet would run."""

import asyncio
import csv
import gc
import io
import threading
import urllib.request
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chargers.connector_api import FleetConnectorShape
from chargers.models import ChargePoint
from csms.core import api_csv
from csms.core.api_csv import cell, columns, line, streamed
from tests.api.cast import API, NOON, charge_point, connector, ended, frame, online
from tests.api.documents import the_document
from tests.support.server import running_server

LIST = f"{API}/charge-points/"


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.json()
    return b"".join(answer.streaming_content).decode()


def table(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(answer), newline="")))


def test_either_way_of_asking_is_answered_with_a_file(bob: APIClient) -> None:
    charge_point("CP16", name="Harbour, pier 3")
    charge_point("CP17", name='the "old" one')
    for answer in (bob.get(f"{LIST}?format=csv"), bob.get(LIST, headers={"Accept": "text/csv"})):
        assert answer["Content-Type"].startswith("text/csv; charset=utf-8")
        assert answer["Content-Disposition"] == 'attachment; filename="charge-points.csv"'
        assert answer["X-Export-Complete"] == "true"
        assert "Link" not in answer
        rows = table(answer)
        assert [(row["cp_id"], row["name"]) for row in rows] == [
            ("CP16", "Harbour, pier 3"),
            ("CP17", 'the "old" one'),
        ]


@pytest.mark.parametrize(
    ("accept", "query", "kind"),
    [
        ("*/*", "", "application/json"),
        ("application/json, text/csv", "", "application/json"),
        ("text/csv, application/json;q=0.5", "", "text/csv"),
        ("text/csv;q=0.5, application/json", "", "application/json"),
        ("text/*", "", "text/csv"),
        ("text/csv", "?format=json", "application/json"),
        ("application/json", "?format=csv", "text/csv"),
    ],
)
def test_what_is_accepted_most_is_answered_unless_format_says_more(
    bob: APIClient, accept: str, query: str, kind: str
) -> None:
    answer = bob.get(LIST + query, headers={"Accept": accept})
    assert answer["Content-Type"].split(";")[0] == kind


def test_only_lists_are_files(bob: APIClient, refusal: Any) -> None:
    charge_point()
    refusal(bob.get(f"{LIST}CP16/", headers={"Accept": "text/csv"}), 406, "not_acceptable")
    refusal(bob.get(f"{LIST}CP16/?format=csv"), 422, "invalid", "format")


@pytest.mark.parametrize("query", ["colour=red", "online=maybe", "cursor=nonsense", "sort=nothing"])
def test_errors_are_in_the_envelope(bob: APIClient, charlie: APIClient, refusal: Any, query: str) -> None:
    name = query.split("=", maxsplit=1)[0]
    answer = bob.get(f"{LIST}?{query}", headers={"Accept": "text/csv"})
    refusal(answer, 422, "invalid", name)
    assert answer["Content-Type"] == "application/json"
    refusal(bob.get(f"{LIST}?{query}&format=csv"), 422, "invalid", name)
    refusal(charlie.get(LIST, headers={"Accept": "text/csv"}), 401, "unauthenticated")


@pytest.mark.parametrize("query", ["limit=10", "count=true"])
def test_what_does_not_go_with_a_file_is_refused(bob: APIClient, refusal: Any, query: str) -> None:
    refusal(bob.get(f"{LIST}?format=csv&{query}"), 422, "invalid", query.split("=", maxsplit=1)[0])


def test_filters_sort_and_cursor_count(bob: APIClient) -> None:
    for number in range(6):
        charge_point(f"CP{number}", vendor="Acme" if number % 2 else "Bolt")
    assert [row["cp_id"] for row in table(bob.get(f"{LIST}?format=csv&vendor=acme&sort=-cp_id"))] == [
        "CP5",
        "CP3",
        "CP1",
    ]
    cursor = bob.get(f"{LIST}?limit=4").json()["next_cursor"]
    assert [row["cp_id"] for row in table(bob.get(f"{LIST}?format=csv&cursor={cursor}"))] == ["CP4", "CP5"]


def test_an_empty_list_is_a_line_of_names(bob: APIClient) -> None:
    assert text(bob.get(f"{API}/connectors/?format=csv")) == ",".join(columns(FleetConnectorShape)) + "\r\n"


def test_a_head_has_no_body(bob: APIClient) -> None:
    charge_point()
    answer = bob.head(f"{LIST}?format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    assert text(answer) == ""


def test_the_window_is_said(bob: APIClient) -> None:
    cp16 = charge_point()
    frame(cp16)
    url = f"{LIST}CP16/frames/?format=csv&from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z"
    answer = bob.get(url)
    assert answer["X-Window"] == "2026-03-04T00:00:00.000Z/2026-03-05T00:00:00.000Z"
    assert answer["Content-Disposition"] == 'attachment; filename="charge-points-CP16-frames.csv"'


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-7, "-7"),
        (-0.5, "-0.5"),
        (Decimal("-12.50"), "-12.50"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("-12.50", "-12.50"),
        ("-1e-7", "-1e-7"),
        ("2026-03-04T12:00:00.000Z", "2026-03-04T12:00:00.000Z"),
        ({}, "{}"),
        ([1, None], '"[1,null]"'),
        ({"a": "=1"}, '"{""a"":""=1""}"'.replace(",", ",")),
        ("a,b", '"a,b"'),
        ("a;b", '"a;b"'),
        ('say "hi"', '"say ""hi"""'),
        ("a\r\nb", '"a\r\nb"'),
        (" a", " a"),
    ],
)
def test_a_cell_is_written_so_that_it_reads_back(value: Any, written: str) -> None:
    assert cell(value) == written
    assert next(csv.reader(io.StringIO(line(iter([value, "end"])), newline="")))[1] == "end"


@pytest.mark.parametrize(
    "hostile",
    [
        "=1+1",
        '=HYPERLINK("http://x","y")',
        "+1",
        "+cmd|' /C calc'!A0",
        "-1+1",
        "-",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "＝1+1",
        "＋1",
        "－1",
        "＠A1",
        "--7",
        "-7 ",
        "-٣",
        "-1\n",
        " =1+1",
        "\u00a0=1+1",
        "\u202e=1+1",
        "\u200b@A1",
        "\ufeff=1+1",
    ],
)
def test_no_text_is_a_formula(bob: APIClient, hostile: str) -> None:
    [read] = next(csv.reader(io.StringIO(line(iter([hostile])), newline="")))
    assert read == f"'{hostile}"
    charge_point("CP16", vendor=hostile, name="x;=1+1", labels={"note": hostile})
    [row] = table(bob.get(f"{LIST}?format=csv"))
    assert row["vendor"] == f"'{hostile}"
    assert row["name"] == "x;=1+1"
    assert '"x;=1+1"' in text(bob.get(f"{LIST}?format=csv"))
    assert row["labels"].startswith("{")


def test_an_identity_cannot_break_the_name_of_the_file(bob: APIClient) -> None:
    charge_point('a"; x="ü')
    answer = bob.get(f"{LIST}a%22%3B%20x%3D%22%C3%BC/boots/?format=csv")
    assert answer.status_code == 200
    assert '"; x=' not in answer["Content-Disposition"]


def test_shapes_in_shapes_have_dotted_names() -> None:
    class Shape(FleetConnectorShape):
        """A shape with one in it."""

        inner = FleetConnectorShape(source="*")

    assert [name for name in columns(Shape) if name.startswith("inner.")] == [
        f"inner.{name}" for name in columns(FleetConnectorShape)
    ]


def test_the_document_says_so_of_every_list() -> None:
    paths = the_document()["paths"]
    lists = 0
    for path, operations in paths.items():
        operation = operations.get("get", {})
        fine = operation.get("responses", {}).get("200", {})
        named = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", ())}
        assert ("cursor" in named) == ("text/csv" in fine.get("content", {})), path
        if "cursor" not in named:
            continue
        lists += 1
        assert {"limit", "count", "format"} <= set(named), path
        assert {"json", "csv"} <= set(named["format"]["enum"]), path
        assert named["count"]["type"] == "boolean", path
        assert "X-Export-Complete" in fine["description"], path
        assert fine["content"]["text/csv"]["schema"] == {"type": "string"}, path
        [example] = fine["content"]["text/csv"]["examples"].values()
        assert example["value"].endswith("\r\n"), path
    assert lists > 30
    sort = {p["name"]: p["schema"] for p in paths[LIST]["get"]["parameters"]}["sort"]["enum"]
    assert {"cp_id", "-cp_id", "last_seen_at", "-last_seen_at"} <= set(sort)


# --- long files -------------------------------------------------------------------------------------------------------


def test_5000_rows_come_in_steps_and_not_one_is_lost(bob: APIClient) -> None:
    ChargePoint.objects.bulk_create(
        ChargePoint(cp_id=f"CP{number:05}", created_at=NOON, last_seen_at=NOON if number % 2 else None)
        for number in range(5000)
    )
    bob.get(LIST)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = bob.get(f"{LIST}?format=csv&sort=-last_seen_at")
        begun = len(queries)
        steps = [chunk.decode() for chunk in answer.streaming_content]
    rows = list(csv.DictReader(io.StringIO("".join(steps), newline="")))
    assert len({row["cp_id"] for row in rows}) == len(rows) == 5000
    assert [row["last_seen_at"] == "" for row in rows] == [False] * 2500 + [True] * 2500
    assert begun <= 6  # the token, and where the file is cut
    assert len(queries) - begun <= 12  # five steps of charge points and connectors; one is in two parts
    assert max(chunk.count("\r\n") for chunk in steps) == api_csv.STEP


def test_a_file_is_cut_where_a_link_leads_on(bob: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_csv, "EXPORT_MAX", 3)
    monkeypatch.setattr(api_csv, "STEP", 2)
    for number in range(7):
        charge_point(f"CP{number}", last_seen_at=NOON + timedelta(minutes=number % 2) if number > 3 else None)
    following: str | None = f"{LIST}?format=csv&sort=last_seen_at"
    files = []
    while following:
        answer = bob.get(following)
        following = answer["Link"].split(">")[0][1:] if "Link" in answer else None
        assert answer["X-Export-Complete"] == ("false" if following else "true")
        if len(files) == 0:
            # It comes before the cut, so it belongs to this file though it is added only now.
            charge_point("NEW", last_seen_at=NOON)
        files.append([row["cp_id"] for row in table(answer)])
    assert files == [["CP4", "CP6", "NEW", "CP5"], ["CP0", "CP1", "CP2"], ["CP3"]]


def test_a_step_waits_for_whoever_reads(bob: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_csv, "STEP", 2)
    for number in range(6):
        charge_point(f"CP{number}")
    chunks = iter(bob.get(f"{LIST}?format=csv").streaming_content)
    next(chunks)
    with CaptureQueriesContext(connection) as queries:
        next(chunks)
    assert len(queries) == 2
    charge_point("CP9")  # what is added behind is still seen
    assert b"".join(chunks).decode().count("\r\n") == 5


def test_a_file_that_nobody_reads_on_keeps_no_rows(bob: APIClient) -> None:
    for number in range(5):
        charge_point(f"CP{number}")

    def rows() -> int:
        gc.collect()
        return sum(type(thing) is ChargePoint for thing in gc.get_objects())

    before = rows()
    chunks = iter(bob.get(f"{LIST}?format=csv").streaming_content)
    assert b"cp_id" in next(chunks)
    assert b"CP4" in next(chunks)
    assert rows() == before


async def test_a_server_with_a_loop_takes_each_step_in_a_thread() -> None:
    scope = {"type": "http", "method": "GET", "path": "/api/v1/x/", "query_string": b"", "headers": []}
    loops = []

    def chunks() -> Any:
        for number in range(3):
            try:
                asyncio.get_running_loop()
                loops.append(number)
            except RuntimeError:
                pass
            yield f"{number}\r\n"

    answer = streamed(ASGIRequest(scope, io.BytesIO()), chunks(), "csv")
    assert answer.is_async
    assert [chunk async for chunk in answer] == [b"0\r\n", b"1\r\n", b"2\r\n"]
    assert loops == []
    assert not streamed(RequestFactory().get("/api/v1/x/"), chunks(), "csv").is_async


async def test_many_files_at_once_are_written_by_two_threads_so_that_charge_points_are_served_meanwhile() -> (
    None
):
    scope = {"type": "http", "method": "GET", "path": "/api/v1/x/", "query_string": b"", "headers": []}
    threads = set()

    def chunks() -> Any:
        for number in range(5):
            threads.add(threading.get_ident())
            yield f"{number}\r\n"

    async def read() -> int:
        return len([chunk async for chunk in streamed(ASGIRequest(scope, io.BytesIO()), chunks(), "csv")])

    assert await asyncio.gather(*(read() for _ in range(20))) == [5] * 20
    assert 1 <= len(threads) <= 2


def test_the_shapes_of_the_fleet_fit(bob: APIClient) -> None:
    cp16 = online(charge_point(site="Harbour"))
    connector(cp16, 1, "Faulted", error_code="GroundFailure")
    ended(cp16)
    [row] = table(bob.get(f"{API}/connectors/?format=csv"))
    assert (row["cp_id"], row["status"], row["faulted"], row["online"]) == ("CP16", "Faulted", "true", "true")
    [row] = table(bob.get(f"{API}/sites/?format=csv"))
    assert (row["site"], row["charge_points"], row["faulted"]) == ("Harbour", "1", "1")
    [row] = table(bob.get(f"{API}/transactions/?format=csv"))
    assert row["cp_id"] == "CP16"


def test_a_real_server_streams_it(database_url: str, tmp_path: Path) -> None:
    with running_server(tmp_path, database_url) as server:
        key = server.manage("create_api_token", "alice").stdout.split()[0]
        server.manage("add_charge_point", "CP16", "--name", "=1+1")
        request = urllib.request.Request(
            f"{server.base_url}{LIST}",
            headers={"Authorization": f"Bearer {key}", "Accept": "text/csv"},
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Transfer-Encoding"] == "chunked"
            [row] = csv.DictReader(io.TextIOWrapper(answer, encoding="utf-8", newline=""))
        assert (row["cp_id"], row["name"]) == ("CP16", "'=1+1")
        assert "must consume" not in server.log()  # Django's words for a stream that it reads whole first


@pytest.mark.parametrize("sort", ["vendor", "-vendor", "-last_seen_at", "-site", "cp_id"])
def test_files_join_without_a_gap_in_every_order(
    bob: APIClient, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(api_csv, "EXPORT_MAX", 3)
    monkeypatch.setattr(api_csv, "STEP", 2)
    for number in range(8):
        charge_point(f"CP{number}", vendor="ÿ" * 2000 if number % 3 else "", site="x" * (number % 2))
    following: str | None = f"{LIST}?format=csv&sort={sort}"
    seen: list[str] = []
    while following:
        answer = bob.get(following)
        seen += [row["cp_id"] for row in table(answer)]
        following = answer["Link"].split(">")[0][1:] if "Link" in answer else None
    assert len(seen) == 8
    assert seen == [row["cp_id"] for row in bob.get(f"{LIST}?sort={sort}").json()["results"]]
