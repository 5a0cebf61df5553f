"""The ledger of numbered events takes each number of a transaction once, by itself or in bulk."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from csms.core.ids import uuid7_text
from tests.transactions.cast import NOON, Wireless
from transactions.models import Transaction
from transactions.sequence.models import TRANSACTION_EVENTS, TransactionEvent
from transactions.signed.models import SignedReading

pytestmark = pytest.mark.django_db


def row_of(session: Transaction, seq_no: int | None, twin: int = 0) -> tuple[Any, ...]:
    told = {
        "id": uuid7_text(),
        "transaction": str(session.pk),
        "charge_point": session.charge_point_id,
        "seq_no": seq_no,
        "twin": twin,
        "kind": "Updated",
        "trigger": "MeterValuePeriodic",
        "charging_state": "Charging",
        "occurred_at": NOON,
        "received_at": NOON,
        "offline": False,
        "fingerprint": "ab" * 16,
    }
    texts = {"stopped_reason", "token_key", "token_type"}
    return tuple(told.get(f.name, "" if f.name in texts else None) for f in TRANSACTION_EVENTS.fields)


def test_a_number_is_there_once_and_a_twin_stands_beside_it():
    session = Transaction.objects.create(
        charge_point=Wireless("CS201").row, transaction_id="T", started_at=NOON
    )
    TRANSACTION_EVENTS.write([row_of(session, 0), row_of(session, 1), row_of(session, 1, twin=1)])
    TRANSACTION_EVENTS.add(*row_of(session, None))
    TRANSACTION_EVENTS.add(*row_of(session, None))
    with pytest.raises(IntegrityError), transaction.atomic():
        TRANSACTION_EVENTS.write([row_of(session, 1)])
    events = TransactionEvent.objects.filter(transaction=session).order_by("seq_no", "twin")
    assert [(e.seq_no, e.twin) for e in events if e.seq_no is not None] == [(0, 0), (1, 0), (1, 1)]
    assert events.filter(seq_no=None).count() == 2
    assert events[0].occurred_at == NOON


def test_a_signed_reading_keeps_every_byte():
    session = Transaction.objects.create(
        charge_point=Wireless("CS201").row, transaction_id="T", started_at=NOON
    )
    odd = 'OCMF|{"a" : 1.0 }|\r\n\t"ü"\\' * 400
    SignedReading.objects.create(
        transaction=session, charge_point=session.charge_point, sampled_at=NOON, data=odd, public_key=" k "
    )
    [kept] = session.signed_readings.all()  # type: ignore[attr-defined]
    assert (kept.data, kept.public_key) == (odd, " k ")
