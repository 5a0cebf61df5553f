"""Alice, an administrator, edits traits and aliases in /admin/; what she saves goes through the services."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from chargers.models import ChargePoint
from chargers.services import register_charge_point
from chargers.traits.models import ChargePointTraits, Deviation, IdentityAlias, ModelTraits
from csms.core.access.models import Role, User
from csms.core.events.models import Event
from csms.core.ids import uuid7

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MODELS, OWN, ALIASES, DEVIATIONS = (
    f"/admin/traits/{name}/" for name in ("modeltraits", "chargepointtraits", "identityalias", "deviation")
)


@pytest.fixture
def alice() -> Client:
    values = {"role": Role.ADMINISTRATOR, "is_staff": True, "is_superuser": True}
    client = Client()
    client.force_login(User.objects.create(username="alice", **values))
    return client


@pytest.fixture
def row() -> ChargePoint:
    return register_charge_point("CP16", now=NOON)


def said(**traits: Any) -> dict[str, str]:
    return {"traits": json.dumps(traits), "note": "why"}


def told() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("type", flat=True))


def test_traits_of_a_model_are_added_changed_and_removed(alice: Client):
    patterns = {"vendor": "Acme", "model": "*", "firmware": "*"}
    assert alice.post(f"{MODELS}add/", patterns | said(call_timeout=9)).status_code == 302
    made = ModelTraits.objects.get()
    assert (made.vendor, made.traits, made.note) == ("Acme", {"call_timeout": 9}, "why")
    assert alice.post(f"{MODELS}{made.pk}/change/", said(call_timeout=10)).status_code == 302
    assert ModelTraits.objects.get().traits == {"call_timeout": 10}
    assert alice.get(MODELS).status_code == 200
    assert alice.post(f"{MODELS}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ModelTraits.objects.exists()
    assert told() == ["model.traits"] * 3


@pytest.mark.parametrize(
    "traits", ['{"leniency": "lax"}', '{"nonsense": 1}', "[]", "no JSON", '{"call_timeout": -1}']
)
def test_traits_that_are_none_are_refused_in_the_form(alice: Client, traits: str):
    answer = alice.post(f"{MODELS}add/", {"vendor": "A", "model": "*", "firmware": "*", "traits": traits})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not ModelTraits.objects.exists()


def test_traits_of_a_charge_point(alice: Client, row: ChargePoint):
    assert alice.post(f"{OWN}add/", {"charge_point": row.pk} | said(leniency="strict")).status_code == 302
    assert ChargePointTraits.objects.get(charge_point=row).traits == {"leniency": "strict"}
    assert alice.post(f"{OWN}{row.pk}/change/", said(leniency="tolerant")).status_code == 302
    assert alice.post(f"{OWN}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert told() == ["cp.traits"] * 3


def test_aliases_are_added_and_removed_and_never_taken_twice(alice: Client, row: ChargePoint):
    other = register_charge_point("CP17", now=NOON)
    assert alice.post(f"{ALIASES}add/", {"identity": "CP16_SN", "charge_point": row.pk}).status_code == 302
    alias = IdentityAlias.objects.get(identity="CP16_SN", charge_point=row)
    for identity, owner in (("CP17", row), ("cp16_sn", other), ("a:b", row)):
        answer = alice.post(f"{ALIASES}add/", {"identity": identity, "charge_point": owner.pk})
        assert answer.status_code == 200, identity
    assert alice.post(f"{ALIASES}{alias.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not IdentityAlias.objects.exists()
    assert told() == ["cp.alias"] * 2


def test_the_ledger_is_looked_at_and_not_touched(alice: Client):
    entry = Deviation.objects.create(
        vendor="A", model="B", firmware="C", action="D", field="e", rule="f", verdict="deviant", key="k", count=1,
        first_at=NOON, last_at=NOON, last_cp_id="CP16", last_frame_id=uuid7(),
    )  # fmt: skip
    assert alice.get(DEVIATIONS).status_code == 200
    assert alice.get(f"{DEVIATIONS}?q=A").status_code == 200
    assert alice.get(f"{DEVIATIONS}add/").status_code == 403
    assert alice.post(f"{DEVIATIONS}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
