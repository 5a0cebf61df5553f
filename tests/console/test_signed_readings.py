"""What stations of OCPP 2.x sign and what they tell their drivers, on the pages of transactions."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from tests.console.cast import HOSTILE, make_charge_point
from tests.console.fleet import make_transaction
from transactions.models import Transaction
from transactions.signed.models import SignedReading
from transactions.tariffs.models import LiveCost


@pytest.fixture
def session(db: None) -> Transaction:
    row = make_transaction(make_charge_point(), 7)
    Transaction.objects.filter(pk=row.pk).update(number=None, transaction_id="Tx-7", evse_number=1)
    row.refresh_from_db()
    return row


def sign(session: Transaction, data: str, key: str = "", minute: int = 0) -> None:
    SignedReading.objects.create(
        transaction=session,
        charge_point=session.charge_point,
        evse_number=1,
        sampled_at=timezone.now() + timedelta(minutes=minute),
        context="Transaction.Begin",
        data=data,
        public_key=key,
        encoding_method=HOSTILE,
    )


def test_signed_readings_are_shown_with_their_keys_and_taken_along(bob: Client, session: Transaction) -> None:
    address = f"/inspect/transactions/{session.pk}"
    assert "Signed readings" not in bob.get(address).content.decode(), "there are none"
    sign(session, f"OCMF|{HOSTILE}", "the key")
    sign(session, "OCMF|second")
    text = bob.get(address).content.decode()
    assert "Signed readings" in text
    assert (
        'class="table-responsive readings" data-keep-scroll tabindex="0" role="group" aria-label="Signed'
        in text
    )
    assert HOSTILE not in text
    assert ("told with it" in text, "told before" in text) == (True, True)
    file = bob.get(f"{address}/signed.xml")
    assert file["Content-Disposition"] == 'attachment; filename="Tx-7.xml"'
    assert file.content.count(b"<value ") == 2
    listed = bob.get(f"{address}/signed.json")
    assert [row["signed_meter_data"] for row in listed.json()["results"]] == [
        f"OCMF|{HOSTILE}",
        "OCMF|second",
    ]
    assert [row["public_key_from"] for row in listed.json()["results"]] == ["value", "earlier"]


def test_the_files_are_for_those_who_are_signed_in(client: Client, session: Transaction) -> None:
    for name in ("signed.xml", "signed.json"):
        assert client.get(f"/inspect/transactions/{session.pk}/{name}").status_code == 302


def test_what_the_driver_was_told_stands_beside_the_estimate(bob: Client, session: Transaction) -> None:
    address = f"/inspect/transactions/{session.pk}"
    assert "Cost told to the driver" not in bob.get(address).content.decode()
    told = LiveCost.objects.create(transaction=session, looked_at=timezone.now())
    assert "Cost told to the driver" not in bob.get(address).content.decode(), "it was looked at only"
    told.total, told.currency, told.via, told.told_at = Decimal("12.3"), "EUR", "command", timezone.now()
    told.save()
    text = bob.get(address).content.decode()
    assert "Cost told to the driver" in text
    assert "12.30\u00a0EUR" in text
    listed = bob.get("/inspect/transactions").content.decode()
    assert "so far, as its driver was told" in listed
    assert "12.30\u00a0EUR" in listed
