"""The newest figures beside one transaction that was read already."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from csms.core.ids import uuid7_floor
from tests.console.cast import make_charge_point
from tests.console.fleet import make_reading, make_transaction
from transactions.models import MeterValue
from transactions.selectors import LIVE, add_live_figures, transactions, with_live_figures


@pytest.mark.django_db
def test_they_are_those_that_lists_have(django_assert_num_queries: Any) -> None:
    transaction = make_transaction(make_charge_point(), 7)
    make_reading(transaction, 2, 2000)
    make_reading(transaction, 1, 3000)
    now = timezone.now()
    with django_assert_num_queries(1):
        add_live_figures(transaction, now=now)
    listed = with_live_figures(transactions(), now=now).get()
    assert transaction.live_register_wh == 3000  # type: ignore[attr-defined]
    assert [getattr(transaction, name) for name in LIVE] == [getattr(listed, name) for name in LIVE]


@pytest.mark.django_db
def test_one_that_has_ended_has_none_and_one_that_is_gone_neither(django_assert_num_queries: Any) -> None:
    ended = make_transaction(make_charge_point(), 7, status="ended", stopped_at=timezone.now(), energy_wh=1)
    with django_assert_num_queries(0):
        add_live_figures(ended, now=timezone.now())
    gone = make_transaction(make_charge_point("CP17"), 8)
    make_reading(gone, 1, 3000)
    MeterValue.objects.all().delete()
    type(gone).objects.filter(pk=gone.pk).delete()
    add_live_figures(gone, now=timezone.now())
    for transaction in (ended, gone):
        assert [getattr(transaction, name) for name in LIVE] == [None] * len(LIVE)


@pytest.mark.django_db
def test_for_thousands_an_old_register_counts_as_ever_and_a_new_one_before_it() -> None:
    charge_point, now = make_charge_point(), timezone.now()
    silent, heard = make_transaction(charge_point, 7), make_transaction(charge_point, 8)
    for transaction in (silent, heard):
        make_reading(transaction, 0, 3000)
    days_ago = uuid7_floor(now - timedelta(days=2))
    MeterValue.objects.filter(transaction=silent).update(id=days_ago)
    make_reading(heard, 0, 4000)
    few = with_live_figures(transactions(), now=now).order_by("number").values_list(*LIVE)
    many = with_live_figures(transactions(), now=now, thousands=True).order_by("number").values_list(*LIVE)
    assert list(many) == list(few)
    assert [(row[0], row[2]) for row in many] == [(3000, None), (4000, 11000)]
