"""Traits, aliases and the ledger as they are stored; alice administers, charge points are of Acme."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from chargers import connections
from chargers.models import ChargePoint
from chargers.services import Refusal, find_charge_point, register_charge_point, retire_charge_point
from chargers.traits import ledger, selectors, services
from chargers.traits.ledger import Kind, Ledger, Tally
from chargers.traits.models import Deviation, IdentityAlias, ModelTraits
from chargers.traits.values import DEFAULTS
from csms.core.events.models import Event
from csms.core.ids import uuid7_text

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_rules() -> Iterator[None]:
    """What another test said of models was rolled back."""
    selectors.forget_rules()
    yield
    selectors.forget_rules()


def made(
    cp_id: str = "CP16", vendor: str = "Acme", model: str = "One", firmware: str = "1.2.3"
) -> ChargePoint:
    row = register_charge_point(cp_id, now=NOON)
    row.vendor, row.model, row.firmware_version = vendor, model, firmware
    row.save()
    return row


def said(vendor: str, model: str = "*", firmware: str = "*", **traits: Any) -> ModelTraits:
    return services.set_model_traits(vendor, model, firmware, traits=traits, now=NOON)


def test_without_a_word_the_defaults_hold():
    assert selectors.traits_of(made()) == DEFAULTS


def test_the_more_exact_pattern_prevails_and_the_charge_points_own_before_all():
    cp16 = made()
    said("acme", energy_factor="1000", call_timeout=60, token_rule="before_underscore", profile_unit="A")
    said("ACME", "one", call_timeout=90, token_rule="after_semicolon")
    said("Acme", "O*", "1.2.?", token_rule="")
    services.set_charge_point_traits(cp16, {"profile_unit": "W"}, now=NOON)
    traits = selectors.traits_of(cp16)
    assert traits.energy_factor == Decimal(1000)
    assert (traits.call_timeout, traits.token_rule, traits.profile_unit) == (90, "", "W")
    assert selectors.traits_of_all([cp16.pk]) == {cp16.pk: traits}


@pytest.mark.parametrize(
    ("patterns", "fits"),
    [
        (("Acme",), True),
        (("acme", "one"), True),
        (("A*e",), True),
        (("Acm?", "O?e", "1.*"), True),
        (("Acme", "One", "1.2.4"), False),
        (("cme",), False),
        (("Acme", "[O]ne"), False),
        (("Acme", "O.e"), False),
        (("*",), True),
    ],
)
def test_patterns(patterns: tuple[str, ...], fits: bool):
    said(*patterns, call_timeout=77)
    assert (selectors.traits_of(made()).call_timeout == 77) is fits


def test_connecting_costs_one_query_for_traits_and_none_for_blocks(django_assert_num_queries: Any):
    cp16 = made()
    said("Acme", call_timeout=77)
    selectors.model_rules()
    with django_assert_num_queries(1):
        find_charge_point("CP16")
    with django_assert_num_queries(2):
        assert connections.admit("CP16", now=NOON).traits.call_timeout == 77
    assert cp16.pk


def test_the_same_patterns_are_one_row_whatever_their_case():
    first = said("Acme", "One", call_timeout=1)
    assert said(" ACME ", "one", call_timeout=2).pk == first.pk
    assert ModelTraits.objects.get().traits == {"call_timeout": 2}


def test_bad_traits_and_empty_patterns_are_refused():
    with pytest.raises(Refusal) as refused:
        said("Acme", leniency="lax")
    assert refused.value.field == "leniency"
    with pytest.raises(Refusal) as refused:
        said("  ", call_timeout=1)
    assert refused.value.field == "vendor"
    with pytest.raises(ValidationError):
        ModelTraits(vendor="x", traits={"call_timeout": -1}, changed_at=NOON).full_clean()


def test_changes_leave_the_house_as_events():
    cp16 = made()
    services.set_charge_point_traits(cp16, {"leniency": "strict"}, now=NOON)
    assert services.remove_charge_point_traits(cp16, now=NOON)
    assert not services.remove_charge_point_traits(cp16, now=NOON)
    services.remove_model_traits(said("Acme", call_timeout=1), now=NOON)
    services.remove_alias(services.add_alias(cp16, "CP16_SN1", now=NOON), now=NOON)
    types = list(Event.objects.order_by("pk").values_list("type", "cp_id"))
    assert [kind for kind in types if kind[0] in ("cp.traits", "model.traits", "cp.alias")] == [
        *[("cp.traits", "CP16")] * 2,
        *[("model.traits", "")] * 2,
        *[("cp.alias", "CP16")] * 2,
    ]


def test_an_alias_leads_to_its_charge_point_and_to_no_second_one():
    cp16, other = made(), made("CP17")
    services.add_alias(cp16, "CP16_SN1", now=NOON)
    services.add_alias(cp16, "cp16_sn1", now=NOON)
    assert IdentityAlias.objects.count() == 1
    assert connections.admit("cp16_SN1", now=NOON).pk == cp16.pk
    for identity in ("CP17", "cp17", "a:b", "", "x" * 49):
        with pytest.raises(Refusal):
            services.add_alias(cp16, identity, now=NOON)
    with pytest.raises(Refusal):
        services.add_alias(other, "CP16_SN1", now=NOON)
    assert not ChargePoint.objects.filter(cp_id__iexact="CP16_SN1").exists()


def test_who_came_under_the_other_identity_first_is_retired_and_then_it_is_an_alias():
    cp16, stray = made(), made("CP16_SN1")
    with pytest.raises(Refusal, match="retire"):
        services.add_alias(cp16, "CP16_SN1", now=NOON)
    retire_charge_point(stray, now=NOON)
    services.add_alias(cp16, "CP16_SN1", now=NOON)
    assert connections.admit("CP16_SN1", now=NOON).cp_id == "CP16"


# --- the ledger -------------------------------------------------------------------------------------------------------


def counted(
    book: Ledger, charge_point: ChargePoint, *notes: str, times: int = 1, at: datetime = NOON
) -> None:
    for _ in range(times):
        book.count(charge_point.pk, "StatusNotification", notes, "deviant", uuid7_text(), at)


def stored(book: Ledger) -> None:
    taken = book.taken()
    ledger.store(taken)
    book.stored(taken)


def test_deviations_are_counted_by_model_and_firmware_over_charge_points():
    book = Ledger()
    one, two, newer = made(), made("CP17"), made("CP18", firmware="2.0")
    counted(book, one, "info: 51 characters, at most 50 are allowed, kept whole", times=3)
    counted(
        book, two, "info: 99 characters, at most 50 are allowed, kept whole", at=NOON + timedelta(hours=1)
    )
    counted(book, newer, "info: 99 characters, at most 50 are allowed, kept whole")
    stored(book)
    counted(
        book, one, "info: 52 characters, at most 50 are allowed, kept whole", at=NOON + timedelta(hours=2)
    )
    stored(book)
    assert not book.pending
    entry = Deviation.objects.get(firmware="1.2.3")
    assert (entry.vendor, entry.model, entry.action, entry.field) == (
        "Acme",
        "One",
        "StatusNotification",
        "info",
    )
    assert (entry.count, entry.first_at, entry.last_at) == (5, NOON, NOON + timedelta(hours=2))
    assert entry.last_cp_id == "CP16"
    assert Deviation.objects.get(firmware="2.0").count == 1


def test_what_is_counted_while_storing_is_stored_next():
    book, cp16 = Ledger(), made()
    counted(book, cp16, "an empty frame", times=2)
    taken = book.taken()
    counted(book, cp16, "an empty frame", times=3, at=NOON + timedelta(hours=1))
    ledger.store(taken)
    book.stored(taken)
    assert book.pending
    stored(book)
    assert Deviation.objects.get().count == 5


def test_storing_costs_few_queries_however_much_was_counted(django_assert_max_num_queries: Any):
    book = Ledger()
    for number in range(20):
        counted(book, made(f"CP{number}"), *(f"field{n}: is odd" for n in range(10)), times=50)
    with django_assert_max_num_queries(4):
        stored(book)
    assert Deviation.objects.count() == 10
    assert set(Deviation.objects.values_list("count", flat=True)) == {1000}


def test_the_ledger_is_bounded_in_memory_and_in_the_store(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger, "PENDING_MAX", 50)
    monkeypatch.setattr(ledger, "KINDS_MAX", 10)
    book, cp16 = Ledger(), made()
    for number in range(200):
        counted(book, cp16, f"evil{number}x: is odd")
    assert len(book._pending) <= 51
    stored(book)
    assert Deviation.objects.count() <= 11
    assert sum(Deviation.objects.values_list("count", flat=True)) == 200
    monkeypatch.setattr(ledger, "ROWS_MAX", 11)
    counted(book, made("CP99", vendor="Evil"), "new: is odd")
    stored(book)
    assert Deviation.objects.get(vendor="").rule == ledger.OTHER


def test_a_charge_point_that_is_gone_is_passed_over():
    ledger.store({Kind(987_654, "A", "b", "c", "deviant"): Tally(1, NOON, NOON, uuid7_text())})
    assert not Deviation.objects.exists()
