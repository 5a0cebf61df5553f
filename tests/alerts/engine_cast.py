"""Conditions and happenings that a test makes up, so that the engine is asked and nothing else."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from alerts.finding import Condition, Found, Param, Params, Scope
from alerts.models import Alert
from alerts.rules import selectors
from alerts.rules.models import Rule
from alerts.rules.services import create_rule
from chargers.models import ChargePoint
from tests.api.cast import NOON


class Wrong:
    """A condition that holds for what the test says."""

    def __init__(self, *, retold: bool = False) -> None:
        self.found: list[Found] = []
        self.asked: list[tuple[Params, Scope]] = []
        self.breaks = False
        limit = Param("limit", "s", 5, 1, 9)
        self.condition = Condition("wrong", "Wrong", self.find, (limit,), retold=retold)

    def find(self, now: datetime, params: Params, scope: Scope) -> Iterator[Found]:
        self.asked.append((params, scope))
        if self.breaks:
            raise RuntimeError("it broke")
        yield from self.found

    def holds(self, *subjects: str | ChargePoint, since: datetime = NOON, **values: Any) -> None:
        """From now on it holds for these, and for nothing else."""
        self.found = [
            Found(f"charge-point:{of.cp_id}", since, "It is wrong.", of.pk, **values)
            if isinstance(of, ChargePoint)
            else Found(of, since, "It is wrong.", **values)
            for of in subjects
        ]


def known(monkeypatch: pytest.MonkeyPatch, slug: str, *, retold: bool = False) -> Wrong:
    """Let there be a condition that the test decides on."""
    wrong = Wrong(retold=retold)
    monkeypatch.setitem(selectors.ABOUT, slug, wrong.condition)
    return wrong


def rule(slug: str = "wrong", **values: Any) -> Rule:
    """A rule that alice made."""
    values = {"name": slug.capitalize(), "about": slug, "severity": "warning"} | values
    return create_rule(slug, values, by="alice", now=NOON)


def only_these_rules() -> None:
    """Remove the shipped rules: a test that needs them says so."""
    Rule.objects.all().delete()


def alert(slug: str = "wrong") -> Alert:
    """The only alert of a rule."""
    return Alert.objects.get(rule=slug)
