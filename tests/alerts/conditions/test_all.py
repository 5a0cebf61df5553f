"""What is true of every condition: it holds, keeps to its scope, stands strangers, and is cheap for a large fleet."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.conditions import CONDITIONS, HAPPENINGS
from alerts.finding import Scope
from alerts.models import TEXT_MAX
from chargers.models import ChargePoint
from csms.core.refusals import BadField
from tests.alerts.conditions.cast import CASES, HOSTILE, NOON, at_hand, found, wrong

pytestmark = pytest.mark.django_db

SLUGS = sorted(CONDITIONS)
OF_CHARGE_POINTS = sorted(slug for slug, case in CASES.items() if case.make is not None)
SUBJECT_MAX = 200


def holds(slug: str, scope: Scope | None = None) -> list[Any]:
    return found(slug, scope=scope, **CASES[slug].params)


def test_every_condition_has_a_case_and_a_name_of_its_own() -> None:
    assert set(CASES) == set(CONDITIONS)
    assert not set(CONDITIONS) & set(HAPPENINGS)
    assert len({condition.title for condition in CONDITIONS.values()}) == len(CONDITIONS)
    for slug, condition in CONDITIONS.items():
        assert slug == condition.slug
        assert condition.scoped == (CASES[slug].make is not None)


@pytest.mark.parametrize("slug", SLUGS)
def test_it_holds_of_what_is_wrong_and_of_nothing_else(slug: str) -> None:
    at_hand("HEALTHY")
    assert holds(slug) == []
    charger = wrong(slug)
    [one] = holds(slug)
    assert one.began_at <= NOON
    assert one.text.endswith((".", charger.name or ".", "GroundFailure", "WeakSignal", "500", "no CA"))
    if CASES[slug].make is not None and slug != "site-outage":
        assert one.charge_point_id == charger.pk
    assert holds(slug) == [one]  # it changes nothing


@pytest.mark.parametrize("slug", OF_CHARGE_POINTS)
def test_it_keeps_to_its_scope(slug: str) -> None:
    wrong(slug, "CP16", site="Depot", model="One", labels={"isnull": "1"})
    wrong(slug, "CP17", site="Harbour", model="Two", labels={"isnull": "2"})
    both = {one.subject for one in holds(slug)}
    assert len(both) == 2
    by_site = holds(slug, Scope(sites=("Depot",)))
    assert len(by_site) == 1
    if slug != "site-outage":
        for scope in (Scope(cp_ids=("CP16",)), Scope(models=("One",)), Scope(labels=(("isnull", "1"),))):
            assert holds(slug, scope) == by_site
    assert holds(slug, Scope(sites=("Nowhere",))) == []
    assert holds(slug, Scope(sites=("Depot",), models=("Two",))) == []


@pytest.mark.parametrize("slug", sorted(slug for slug in OF_CHARGE_POINTS if CASES[slug].serves))
@pytest.mark.parametrize(
    "values", [{"retired_at": NOON}, {"registration": "rejected"}, {"registration": "pending"}]
)
def test_it_is_of_those_that_serve(slug: str, values: dict[str, Any]) -> None:
    wrong(slug)
    ChargePoint.objects.update(**values)
    assert holds(slug) == []


@pytest.mark.parametrize("slug", OF_CHARGE_POINTS)
def test_words_of_strangers_are_one_line_of_bounded_length(slug: str) -> None:
    wrong(slug, name=(HOSTILE * 5)[:100], site=(HOSTILE * 5)[:100])
    [one] = holds(slug)
    assert len(one.text) <= TEXT_MAX
    assert one.text.isprintable()
    assert one.subject.isprintable()
    assert len(one.subject) <= SUBJECT_MAX


@pytest.mark.parametrize("slug", SLUGS)
def test_it_asks_as_often_for_a_hundred_as_for_one(slug: str) -> None:
    wrong(slug, "CP0", site="Site 0")
    with CaptureQueriesContext(
        connection,
    ) as for_one:
        holds(slug)
    for nth in range(1, 100):
        wrong(slug, f"CP{nth}", site=f"Site {nth}")
    with CaptureQueriesContext(connection) as for_all:
        assert len({one.subject for one in holds(slug)}) == (100 if CASES[slug].grows else 1)
    assert len(for_all) == len(for_one) <= 6


@pytest.mark.parametrize("slug", SLUGS)
def test_its_parameters_are_checked(slug: str) -> None:
    for param in CONDITIONS[slug].params:
        assert param.title
        for bad in (
            *([param.least - 1, param.most + 1, 1.5, True, "1", None] if not param.choices else ["", 1]),
        ):
            with pytest.raises(BadField) as refused:
                found(slug, **{param.name: bad})
            assert refused.value.field == f"params.{param.name}"
    with pytest.raises(BadField, match="no parameter 'isnull'"):
        found(slug, isnull=1)
