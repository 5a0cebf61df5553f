"""What the house knows of tokens and transactions beyond OCPP 1.6, and what 1.6 is told of it."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from django.db import IntegrityError, transaction

from chargers.models import ChargePoint
from csms.core.backend.answers import TokenStatus
from csms.core.id_tokens import canonical_token
from tests.transactions.cast import NOON, Wireless, token
from transactions.authorization import Authorization
from transactions.models import IdToken, Transaction
from transactions.ocpp16 import _id_tag_info
from transactions.selectors import by_wire_id


@pytest.mark.parametrize("status", get_args(TokenStatus))
def test_every_verdict_is_one_of_the_five_in_1_6(status: TokenStatus):
    told = _id_tag_info(Authorization(status))["status"]
    assert told in ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")
    assert (told == "Accepted") == (status == "Accepted")


@pytest.mark.parametrize(
    ("text", "type", "canonical"),
    [
        ("20:69:c0:21", "", "2069C021"),
        ("20-69-c0-21", "ISO14443", "2069C021"),
        ("20-69-c0-21", "Central", "20-69-C0-21"),
        ("de-8aa-1234567-8", "eMAID", "DE8AA12345678"),
        ("de-8aa-1234567-8", "", "DE-8AA-1234567-8"),
    ],
)
def test_the_type_says_which_signs_of_a_token_count(text: str, type: str, canonical: str):
    assert canonical_token(text, type) == canonical


@pytest.mark.django_db
def test_one_text_may_be_two_tokens_of_two_types():
    token("DEADBEEF")
    assert token("DE-AD-BE-EF", type="ISO14443").canonical == "DEADBEEF"
    assert token("DE-AD-BE-EF", type="Central").canonical == "DE-AD-BE-EF"
    with pytest.raises(IntegrityError), transaction.atomic():
        token("de:ad:be:ef", type="ISO14443")
    assert IdToken.objects.filter(canonical="DEADBEEF").count() == 2


@pytest.mark.django_db
def test_an_id_on_the_wire_has_no_case_and_may_come_again_after_a_boot():
    row = Wireless("CS201").row

    def begins(id: str, generation: int = 0, charge_point: ChargePoint = row) -> Transaction:
        return Transaction.objects.create(
            charge_point=charge_point, transaction_id=id, wire_generation=generation, started_at=NOON
        )

    first, again = begins("AB-1"), begins("ab-1", 1)
    other = begins("AB-1", charge_point=Wireless("CS202").row)
    assert list(by_wire_id(row.pk, "aB-1")) == [again, first]
    assert list(by_wire_id(other.charge_point_id, "AB-1")) == [other]
    with pytest.raises(IntegrityError), transaction.atomic():
        begins("Ab-1", 1)
    assert again.number is None
    assert first.started_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
