"""Exports: every row of what the filters show, safe cells, headings for people, and a bound that says so."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from chargers.models import ChargePoint
from console import export as exporting
from console.export import Column, Cut, export, wanted
from tests.console.cast import NOW, make_charge_point

pytestmark = pytest.mark.django_db

COLUMNS = (
    Column("Charge point", "cp_id"),
    Column("Name", "name"),
    Column("First seen", "created_at"),
    Column("Site's first letter", "letter", lambda row: row.site[:1]),
    Column("Process", "process", "process.pid"),
)


def asked(query: str = "export=csv") -> Any:
    return RequestFactory().get(f"/inspect/things?{query}")


def text_of(answer: StreamingHttpResponse | HttpResponse) -> str:
    assert isinstance(answer, StreamingHttpResponse)
    return b"".join(answer).decode()  # type: ignore[arg-type]


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_file_has_headings_for_people_and_moments_in_utc() -> None:
    make_charge_point("CP16", name="Yard, left", site="Rome")
    answer = export(asked(), ChargePoint.objects.all(), COLUMNS, "charge-points")
    assert answer["Content-Type"].startswith("text/csv")
    assert 'filename="charge-points-' in answer["Content-Disposition"]
    assert read(text_of(answer)) == [
        ["Charge point", "Name", "First seen", "Site's first letter", "Process"],
        ["CP16", "Yard, left", "2026-05-04T12:00:00.000Z", "R", ""],
    ]


def test_no_cell_is_a_formula() -> None:
    make_charge_point("CP16", name="=HYPERLINK(1)", site="+")
    rows = read(text_of(export(asked(), ChargePoint.objects.all(), COLUMNS, "x")))
    assert rows[1][1] == "'=HYPERLINK(1)"
    assert rows[1][3] == "'+"


def test_as_ndjson_it_is_verbatim() -> None:
    make_charge_point("CP16", name="=1+1")
    text = text_of(export(asked("export=ndjson"), ChargePoint.objects.all(), COLUMNS, "x"))
    assert json.loads(text) == {
        "cp_id": "CP16",
        "name": "=1+1",
        "created_at": "2026-05-04T12:00:00.000Z",
        "letter": "",
        "process": None,
    }


def test_every_row_is_there_once_over_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "STEP", 2)
    for number in range(7):
        make_charge_point(f"CP{number}", created_at=NOW + timedelta(days=number % 2))
    rows = ChargePoint.objects.all()
    shown = read(text_of(export(asked(), rows, COLUMNS, "x", order=("-created_at", "-pk"))))
    assert sorted(row[0] for row in shown[1:]) == [f"CP{number}" for number in range(7)]
    assert [row[2] for row in shown[1:]] == sorted((row[2] for row in shown[1:]), reverse=True)


def test_the_bound_is_said_where_it_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "STEP", 2)
    monkeypatch.setattr(exporting, "EXPORT_MAX", 3)
    for number in range(3):
        make_charge_point(f"CP{number}")
    whole = read(text_of(export(asked(), ChargePoint.objects.all(), COLUMNS, "x")))
    assert len(whole) == 4
    make_charge_point("CP9")
    cut = read(text_of(export(asked(), ChargePoint.objects.all(), COLUMNS, "x")))
    assert len(cut) == 5
    assert cut[-1] == ["More than 3 rows: narrow the filters to have the others."]
    lines = text_of(export(asked("export=ndjson"), ChargePoint.objects.all(), COLUMNS, "x")).splitlines()
    assert len(lines) == 4
    assert "More than 3 rows" in json.loads(lines[-1])["cut"]


def test_steps_of_ones_own_may_end_with_a_reason() -> None:
    def steps() -> Any:
        yield [make_charge_point("CP16")]
        raise Cut("Looked at 10 frames.")

    assert [row[0] for row in read(text_of(export(asked(), steps(), COLUMNS, "x")))[1:]] == [
        "CP16",
        "Looked at 10 frames.",
    ]


def test_only_known_kinds_are_wanted() -> None:
    assert (wanted(asked()), wanted(asked("export=ndjson"))) == ("csv", "ndjson")
    assert wanted(asked("export=exe")) == "" == wanted(asked(""))
