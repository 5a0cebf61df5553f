"""The matrix of conformance in the console: as the tests made it, filtered, and with an empty one."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils.html import escape

from console.views import conformance
from tests.conformance import report

PATH = "/sys/conformance"


def text(client: Client, query: str = "", **more: object) -> str:
    answer = client.get(PATH + query, **more)
    assert answer.status_code == 200
    return answer.content.decode()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def ids(page: str) -> list[str]:
    return re.findall(r'<td class="card-cell strong nowrap">([^<]+)</td>', page)


def every_id(client: Client, query: str = "?") -> list[str]:
    """The ids of all pages of a list, which has 100 to a page."""
    found: list[str] = []
    for number in range(1, 100):
        here = ids(text(client, f"{query}&page={number}"))
        found += here
        if len(here) < conformance.SIZE:
            break
    return found


def test_the_data_that_ships_has_every_version() -> None:
    assert [row.version for row in conformance.matrix()] == [
        label for version, label in report.VERSIONS for _ in report.rows(version)
    ]


@pytest.mark.parametrize(("version", "label"), report.VERSIONS)
def test_the_data_that_ships_has_every_row_with_its_tests_or_its_waiver(version: str, label: str) -> None:
    rows, waived = report.rows(version), report.waivers(version)
    tests = report.matched(rows, report.cases(version), waived, report.covered(version))
    shipped = {row.id: row for row in conformance.matrix() if row.version == label}
    assert list(shipped) == [row.id for row in rows]
    for row in rows:
        assert shipped[row.id].tests == tuple(test.name for test in tests[row.id])
        assert shipped[row.id].waiver == waived.get(row.id, "")


def test_whoever_may_look_sees_counts_rows_and_reasons(bob: Client) -> None:
    page = text(bob)
    rows = sum(len(report.rows(version)) for version, _ in report.VERSIONS)
    waived = sum(len(report.waivers(version)) for version, _ in report.VERSIONS)
    assert len(ids(page)) == conformance.SIZE
    assert words(page[page.index("<tfoot>") : page.index("</tfoot>")]).split() == [
        "Together",
        str(rows),
        str(rows - waived),
        str(waived),
    ]
    assert "test_msg_authorize_has_no_side_effect" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=msg-authorize", lambda r: r.id == "MSG-Authorize"),
        ("?state=waived", lambda r: not r.tested),
        ("?block=Reservation", lambda r: r.block == "Reservation"),
        (
            "?version=OCPP+1.6&kind=Published+attacks",
            lambda r: r.version == "OCPP 1.6" and r.kind == "Published attacks",
        ),
        ("?version=OCPP+2.0.1", lambda r: r.version == "OCPP 2.0.1"),
        ("?mandatory=O&state=tested", lambda r: r.mandatory == "O" and r.tested),
        ("?state=nonsense&q=q-x9", lambda r: r.id == "Q-X9"),
    ],
    ids=["text", "state", "block", "kind", "version", "two", "unreadable"],
)
def test_it_is_filtered(bob: Client, query: str, expected: object) -> None:
    assert every_id(bob, query) == [row.id for row in conformance.matrix() if expected(row)]


def test_a_waiver_shows_its_reason(bob: Client) -> None:
    page = text(bob, "?state=waived") + text(bob, "?state=waived&page=2")
    for version, _ in report.VERSIONS:
        for reason in report.waivers(version).values():
            assert escape(reason) in page


def test_pages_follow_one_another_and_a_fragment_is_only_the_list(bob: Client) -> None:
    assert every_id(bob) == [row.id for row in conformance.matrix()]
    assert "<html" not in text(bob, "?page=2", headers={"Live": "list"})


@pytest.mark.parametrize("content", [None, "[]"], ids=["missing", "empty"])
def test_without_a_matrix_it_says_what_to_do(
    bob: Client, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "none.json").write_text(content)
        assert json.loads(content) == []
    empty = conformance.matrix.__wrapped__(tmp_path / "none.json")
    monkeypatch.setattr(conformance, "matrix", lambda: empty)
    page = text(bob)
    assert "There is no matrix" in page
    assert "make conformance" in page
    assert "No row matches" in text(bob, "?q=x")


def test_strangers_are_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get(PATH).status_code == 302


def test_it_asks_the_database_only_who_looks(
    bob: Client, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    bob.get(PATH)
    with django_assert_num_queries(2):
        bob.get(PATH)
