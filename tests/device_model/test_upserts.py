"""Rows by the thousand: made, changed where they are there, and known by their ids."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from chargers.configuration.models import ConfigurationKey
from chargers.device_model.models import Component, Variable
from chargers.models import ChargePoint
from csms.core import upserts
from csms.core.upserts import upsert
from tests.api.cast import NOON, charge_point

pytestmark = pytest.mark.django_db


def stored(row: models.Model) -> dict[str, Any]:
    return type(row)._default_manager.filter(pk=row.pk).values().get()


def key(cp: ChargePoint, name: str, **values: Any) -> ConfigurationKey:
    return ConfigurationKey(charge_point=cp, name=name, folded=name.casefold(), **values)


def test_rows_are_as_save_would_have_made_them():
    component = Component.objects.create(charge_point=charge_point(), name="C", key="c")
    told = {"unit": "%s", "list": ["a", None, 1.5], "text": "null"}
    odd = {"name": "Ü%s", "min_limit": Decimal("-1.5"), "supports_monitoring": False, "told": told}
    mine = Variable(component=component, key="mine", **odd)
    upsert([mine], unique=["component", "key"], update=["told"])
    theirs = Variable.objects.create(component=component, key="theirs", **odd)
    different = {"id", "key"}
    assert {**stored(mine), **dict.fromkeys(different)} == {**stored(theirs), **dict.fromkeys(different)}
    assert (mine._state.adding, mine._state.db) == (False, "default")
    mine.unit = "W"
    mine.save()
    assert stored(mine)["unit"] == "W"
    plain = Variable(component=component, key="plain", told="null")
    upsert([plain], unique=["component", "key"], update=["told"])
    assert stored(plain)["told"] == "null", "a text of JSON is a text"


def test_of_a_row_that_is_there_only_what_is_named_changes():
    cp = charge_point()
    there = key(cp, "A/One", value="1", told_value="2", reported_at=NOON)
    there.save()
    command, later = uuid4(), NOON + timedelta(seconds=1)
    again = key(cp, "a/ONE", value="10", told_value=None, told_by=command, reported_at=later)
    upsert(
        [key(cp, "B/Two"), again], unique=["charge_point", "folded"], update=["name", "value", "reported_at"]
    )
    assert again.pk == there.pk
    row = stored(there)
    assert (row["name"], row["value"], row["reported_at"]) == ("a/ONE", "10", later)
    assert (row["told_value"], row["told_by"]) == ("2", None)
    assert ConfigurationKey.objects.count() == 2


def test_however_many_there_are_each_has_its_id(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upserts, "AT_ONCE", 20)
    cp = charge_point()
    rows = [key(cp, f"C/V{n}", value=str(n)) for n in range(45)]
    with CaptureQueriesContext(connection) as captured:
        upsert(rows, unique=["charge_point", "folded"], update=["value"])
    assert len(captured) == 3
    assert dict(ConfigurationKey.objects.values_list("pk", "name")) == {row.pk: row.name for row in rows}
    upsert([], unique=["charge_point", "folded"], update=["value"])
