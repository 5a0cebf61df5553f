"""Reports of several messages: collected in any order, used once and whole."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import orjson
import pytest
from django.db import OperationalError

from chargers.models import ChargePoint, Command
from chargers.reporting.models import NumberSeries, Report, ReportPart
from chargers.reporting.selectors import reports_of
from chargers.reporting.services import (
    NUMBER_MAX,
    PARTS_MAX,
    apply_due,
    expect_report,
    next_number,
    settle_request,
    take_part,
)
from chargers.services import Refusal
from csms import routing
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.pruning import prune
from tests.support.house import fresh, known, now

pytestmark = pytest.mark.django_db
NOW = now()


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """What the reports said that were used."""
    seen: list[list[Any]] = []

    def use(report: Report, parts: Any, at: datetime) -> str:
        if parts[0] == {"n": "bad"}:
            Report.objects.filter(pk=report.pk).update(problem="half done")
            raise ValueError
        seen.append([part["n"] for part in parts])
        return "The report was used."

    monkeypatch.setitem(routing.REPORTS, "variables", use)
    return seen


@pytest.fixture
def cs201() -> ChargePoint:
    return known("CS201")


def asked(row: ChargePoint, number: int = 1) -> Report:
    command = Command.objects.create(
        charge_point=row, type="get-base-report", by="alice", created_at=NOW, expires_at=NOW
    )
    report = expect_report(row.pk, "variables", number, command_id=command.pk, now=NOW)
    settle_request(command.pk, None, now=NOW)
    return report


def part(
    row: ChargePoint, n: Any, *, more: bool = True, number: int = 1, seq: int | None = None, after: int = 0
) -> str:
    return take_part(
        row.pk,
        "variables",
        number,
        seq_no=n if seq is None else seq,
        more=more,
        payload={"n": n},
        generated_at=NOW,
        now=NOW + timedelta(seconds=after),
    ).state


def command_of(report: Report) -> Command:
    return Command.objects.get(pk=report.command_id)


def test_numbers_are_never_given_twice(cs201: ChargePoint):
    assert [next_number(cs201.pk, "report") for _ in range(3)] == [1, 2, 3]
    assert next_number(cs201.pk, "remote_start") == next_number(known("CS202").pk, "report") == 1
    NumberSeries.objects.update(last=NUMBER_MAX)
    with pytest.raises(Refusal, match="no number left"):
        next_number(cs201.pk, "report")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0, 0, 2, 1)])
def test_parts_come_in_any_order_and_more_than_once(cs201: ChargePoint, used: Any, order: tuple[int, ...]):
    report = asked(cs201)
    for came, n in enumerate(order):
        if came < 3:
            assert apply_due(now=NOW) == 0
        part(cs201, n, more=n != 2)
    assert fresh(report).state == "whole"
    assert (apply_due(now=NOW), apply_due(now=NOW)) == (1, 0)
    assert used == [[0, 1, 2]]
    assert (fresh(report).applied_at, ReportPart.objects.count()) == (NOW, 0)
    assert command_of(report).effect == "The report was used."
    assert part(cs201, 0, more=False) == "whole", "one that is over takes no more"
    assert (apply_due(now=NOW), len(used)) == (0, 1)


def test_two_reports_at_once_are_told_apart_by_their_numbers(cs201: ChargePoint, used: Any):
    asked(cs201, 1), asked(cs201, 2)
    part(cs201, "a", seq=0), part(cs201, "x", seq=0, number=2)
    part(cs201, "y", seq=1, number=2, more=False), part(cs201, "b", seq=1, more=False)
    assert apply_due(now=NOW) == 2
    assert sorted(used) == [["a", "b"], ["x", "y"]]


def test_what_is_missing_is_waited_for_and_then_said(cs201: ChargePoint, used: Any):
    report = asked(cs201)
    part(cs201, 0), part(cs201, 3, more=False, after=50)
    assert apply_due(now=NOW + timedelta(seconds=100)) == 0
    assert apply_due(now=NOW + timedelta(seconds=110)) == 1
    assert (fresh(report).state, fresh(report).problem) == ("incomplete", "of its parts 1, 2 did not come")
    assert "1, 2 did not come" in command_of(report).effect
    part(cs201, 1), part(cs201, 2)
    assert (fresh(report).state, apply_due(now=NOW)) == ("whole", 1), "late is better than never"
    assert used == [[0, 1, 2, 3]]


def test_a_report_without_an_end_or_without_any_part_is_given_up(cs201: ChargePoint, used: Any):
    first, second = asked(cs201, 1), asked(cs201, 2)
    part(cs201, 0)
    assert apply_due(now=NOW + timedelta(hours=1)) == 2
    assert [fresh(r).problem for r in (first, second)] == ["its end did not come", "it did not come"]
    assert used == []


def test_what_was_refused_is_not_waited_for(cs201: ChargePoint):
    report = expect_report(cs201.pk, "variables", 1, command_id=UUID(int=1), now=NOW)
    settle_request(UUID(int=1), "refused", now=NOW)
    assert (apply_due(now=NOW + timedelta(days=1)), fresh(report).state) == (0, "refused")


def test_what_nobody_asked_for_is_kept_and_not_used(cs201: ChargePoint, used: Any):
    part(cs201, 0, more=False, number=99)
    assert (apply_due(now=NOW), used) == (0, [])
    [report] = reports_of(cs201)
    assert (report.state, report.part_count) == ("whole", 1)  # type: ignore[attr-defined]
    prune(get_config(), now=NOW + timedelta(days=6))
    assert (ReportPart.objects.count(), Report.objects.count()) == (1, 1)
    prune(get_config(), now=NOW + timedelta(days=402))
    assert (ReportPart.objects.count(), Report.objects.count()) == (0, 0)


def test_reports_that_nobody_asked_for_fill_no_store(cs201: ChargePoint):
    for number in range(30):
        part(cs201, 0, more=False, number=number)
    assert Report.objects.count() == ReportPart.objects.count() == 20
    asked(cs201, 100)
    assert part(cs201, 0, more=False, number=100) == "whole"


@pytest.mark.parametrize("wrong", [PARTS_MAX, -1])
def test_a_report_without_end_fills_no_store(
    cs201: ChargePoint, used: Any, monkeypatch: pytest.MonkeyPatch, wrong: int
):
    report, overs = asked(cs201), []
    monkeypatch.setattr("chargers.reporting.services.tell", overs.append)
    part(cs201, 0)
    assert part(cs201, 1, seq=wrong) == "incomplete"
    assert part(cs201, 1, more=False) == "incomplete", "it is over, and takes no more"
    assert (ReportPart.objects.count(), "more than" in fresh(report).problem) == (0, True)
    assert [(over.report_id, over.state) for over in overs] == [(report.pk, "incomplete")]
    command = Command.objects.get()
    assert "more than" in command.effect
    assert apply_due(now=NOW + timedelta(days=1)) == 0


def test_one_that_cannot_be_used_leaves_nothing_half_done_and_keeps_no_other_waiting(
    cs201: ChargePoint, used: Any
):
    bad = asked(cs201, 1)
    part(cs201, "bad", seq=0, more=False), asked(cs201, 2), part(cs201, "good", seq=0, more=False, number=2)
    assert apply_due(now=NOW) == 1
    assert used == [["good"]]
    assert "could not be used" in fresh(bad).problem
    assert apply_due(now=NOW) == 0


def test_one_is_not_given_up_because_the_database_was_away(
    cs201: ChargePoint, used: Any, monkeypatch: pytest.MonkeyPatch
):
    report = asked(cs201)
    part(cs201, 1, seq=0, more=False)
    with monkeypatch.context() as away:
        away.setattr("chargers.reporting.services.appliers", Mock(side_effect=OperationalError("deadlock")))
        with pytest.raises(OperationalError):
            apply_due(now=NOW)
    assert (fresh(report).state, apply_due(now=NOW), used) == ("whole", 1, [[1]])


def ends(row: ChargePoint) -> list[tuple[str, dict[str, Any]]]:
    """The ends that were told."""
    told = Event.objects.filter(cp_id=row.cp_id, type__startswith="report.").order_by("id")
    return [(event.type, orjson.loads(event.payload)) for event in told]


def test_each_end_is_told_once(cs201: ChargePoint, used: Any):
    whole, large = asked(cs201, 1), asked(cs201, 2)
    part(cs201, 0, more=False)
    for seq in (PARTS_MAX, PARTS_MAX + 1):
        part(cs201, 0, number=2, seq=seq)
    for word, number in (("refused", 3), ("empty", 4)):
        expect_report(cs201.pk, "variables", number, command_id=UUID(int=number), now=NOW)
        for _ in range(2):
            settle_request(UUID(int=number), word, now=NOW)
    assert (apply_due(now=NOW), apply_due(now=NOW)) == (1, 0)
    part(cs201, 0, number=9, more=False)  # nobody asked for it
    apply_due(now=NOW)
    assert [type for type, _ in ends(cs201)[1:3]] == ["report.refused", "report.empty"]
    [(large_type, incomplete), _, _, (type, said)] = ends(cs201)
    assert (large_type, incomplete["report_id"]) == ("report.incomplete", str(large.pk))
    assert "more than 1000 parts" in incomplete["problem"]
    assert (type, said["report_id"], said["kind"]) == ("report.used", str(whole.pk), "variables")
    assert (said["request_id"], said["outcome"], said["problem"]) == (1, "The report was used.", "")
    assert said["command_id"] == str(whole.command_id)
