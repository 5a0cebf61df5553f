"""Tokens that charged though nobody registered them: seen, counted, admitted, forgotten; and forms of old rows."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps

from csms.core.config import get_config
from csms.pruning import prune
from tests.transactions.cast import NOON, Wireless, token
from transactions.models import IdToken, Transaction, UnknownToken
from transactions.tokens import add_id_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> Wireless:
    return Wireless()


def test_a_token_is_seen_at_each_new_start_and_not_at_its_repeats(cp16):
    for _ in range(2):
        cp16.start(idTag="CARD")
    cp16.start(idTag="card", received=60)
    other = Wireless("CP17")
    other.start(idTag="CARD", received=90)
    seen = UnknownToken.objects.get()
    assert (seen.id_token, seen.count, seen.charge_point) == ("CARD", 3, other.row)
    assert (seen.first_at, seen.last_at) == (NOON, NOON + timedelta(minutes=90))


def test_known_tokens_and_what_nobody_could_register_are_not_listed(cp16):
    token("BLOCKED", blocked=True)
    for connector, tag in enumerate(["BLOCKED", "", " ", "\x1b[2J", "X" * 300], start=1):
        cp16.start(idTag=tag, connectorId=connector)
    assert [u.id_token for u in UnknownToken.objects.all()] == []


def test_a_token_that_is_registered_is_unknown_no_more(cp16):
    cp16.start(idTag="20:69:C0:21")
    add_id_token("2069c021", now=NOON)
    assert UnknownToken.objects.count() == 0
    assert cp16.start(idTag="20:69:C0:21", received=60)["idTagInfo"] == {"status": "Accepted"}


def test_those_not_seen_for_long_are_forgotten(cp16):
    cp16.start(idTag="CARD")
    days = get_config().retain_connections_days
    prune(get_config(), now=NOON + timedelta(days=days - 1))
    assert UnknownToken.objects.count() == 1
    assert prune(get_config(), now=NOON + timedelta(days=days + 1))["unknown tokens"] == 1


def test_rows_of_before_get_the_forms_that_are_compared(cp16):
    for n, text in enumerate(["2069C021", "20:69:c0:21", "alice"]):
        IdToken.objects.bulk_create([IdToken(id_token=text, canonical=f"old {n}", created_at=NOON)])
    ended = cp16.start(idTag="20:69:C0:21")["transactionId"]
    cp16.stop(ended)
    Transaction.objects.update(token_key="", end_source="")
    import_module("transactions.migrations.0003_evidence_canonical_tokens_and_units").fill(apps, None)
    assert list(IdToken.objects.order_by("pk").values_list("canonical", flat=True)) == [
        "2069C021",
        "20:69:C0:21",  # two that were different tokens stay so
        "ALICE",
    ]
    assert (cp16.only.token_key, cp16.only.end_source) == ("2069C021", "reported")
