"""What drivers are told of running costs: in answers and by CostUpdated, at useful intervals, and never of history."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from chargers.commands.exact import send_exact
from chargers.commands.ledger import claim_next, settle_answer
from chargers.commands.ordering import Author, CommandRefused
from chargers.commands.sending import send_command
from chargers.configuration.models import ConfigurationKey
from chargers.handling import Call
from chargers.models import ChargePoint, Command
from chargers.protocol.frames import encode
from chargers.protocol.versions import Version
from csms.core.ids import uuid7_floor
from tests.api.cast import online
from tests.support.house import settings_are
from tests.tariffs.cast import assigned, tariff
from tests.transactions.cast import NOON, Wireless201, at
from transactions.models import MeterValue, Transaction
from transactions.sequence.models import TransactionEvent
from transactions.tariffs import services
from transactions.tariffs.answering import answer_extras
from transactions.tariffs.live import tell_costs
from transactions.tariffs.models import LiveCost, Tariff
from transactions.tariffs.selectors import usage
from transactions.tariffs.speaking import prices_text, shown_by, wire_amount

pytestmark = pytest.mark.django_db
ALICE = Author("alice")
_numbers = count(1)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


@pytest.fixture
def cs201() -> Wireless201:
    station = Wireless201()
    online(station.row)
    ChargePoint.objects.filter(pk=station.row.pk).update(protocol=Version.V201)
    station.row.refresh_from_db()
    return station


@pytest.fixture
def harbour() -> Tariff:
    """0.50 EUR a kWh with tax, and parking after ten minutes."""
    row = tariff(energy_price="0.40", parking_price="6", parking_grace_seconds=600, tax_percent="25")
    assigned(row)
    return row


def says(cs201: Wireless201, address: str, value: str) -> None:
    ConfigurationKey.objects.update_or_create(
        charge_point=cs201.row, folded=address.casefold(), defaults={"name": address, "value": value}
    )


def shows_costs(cs201: Wireless201, value: str = "true") -> None:
    says(cs201, "TariffCostCtrlr/Enabled[Cost]", value)


def running(cs201: Wireless201, **values: Any) -> Transaction:
    told: dict[str, Any] = {
        "transaction_id": "Tx-1",
        "evse_number": 1,
        "connector_number": 1,
        "started_at": NOON,
        "start_received_at": NOON,
        "meter_start_wh": 1000,
        "charging_state": "Charging",
    }
    return Transaction.objects.create(charge_point=cs201.row, **(told | values))


def state(transaction: Transaction, word: str, minute: float, seq_no: int, twin: int = 0) -> None:
    TransactionEvent.objects.create(
        transaction=transaction,
        charge_point=transaction.charge_point,
        seq_no=seq_no,
        twin=twin,
        kind="Updated",
        charging_state=word,
        occurred_at=minutes(minute),
        received_at=minutes(minute),
        fingerprint="ab",
    )
    transaction.charging_state = word
    transaction.save()


def register(transaction: Transaction, wh: int, minute: float) -> None:
    MeterValue.objects.create(
        transaction=transaction,
        charge_point=transaction.charge_point,
        connector_number=1,
        sampled_at=minutes(minute),
        received_at=minutes(minute),
        energy_wh=wh,
        samples="[]",
        id=UUID(int=uuid7_floor(minutes(minute)).int + next(_numbers)),
    )


def extras(
    cs201: Wireless201, transaction: Transaction, minute: float, kind: str = "Updated", **event: Any
) -> dict[str, Any]:
    """What the answer to an event of that minute says beside the verdict."""
    transaction.refresh_from_db()
    info = {"transactionId": transaction.transaction_id, "chargingState": transaction.charging_state}
    payload = {"eventType": kind, "timestamp": at(minute), "transactionInfo": info} | event
    call = Call(cs201.holder, "TransactionEvent", payload, minutes(minute))
    return answer_extras(call, str(transaction.pk), ended=kind == "Ended")


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done after a commit is done at once."""
    monkeypatch.setattr("transactions.tariffs.answering.after_commit", lambda callback: callback())


# --- in answers -------------------------------------------------------------------------------------------------------


def test_the_running_cost_is_told_once_in_the_interval_and_when_the_state_changes(
    cs201: Wireless201, harbour: Tariff
):
    session = running(cs201)
    register(session, 3345, 1)
    assert extras(cs201, session, 0, "Started") == {}
    assert extras(cs201, session, 1) == {"totalCost": 1.18}
    register(session, 4000, 1.5)
    with CaptureQueriesContext(database) as asked:
        assert extras(cs201, session, 1.5) == {}
    assert len(asked) == 1, "the test has read the transaction: what is not due costs no query"
    state(session, "SuspendedEVSE", 1.6, 1)
    assert extras(cs201, session, 1.6) == {"totalCost": 1.5}
    register(session, 5000, 2.6)
    assert extras(cs201, session, 2.6) == {"totalCost": 2}
    told = LiveCost.objects.get(transaction=session)
    assert (told.total, told.currency, told.told_at, told.via) == (2, "EUR", minutes(2.6), "answer")
    assert cs201.told("cost.updated")[-1] == {
        "transaction_id": "Tx-1",
        "currency": "EUR",
        "total": "2.00",
        "via": "answer",
        "final": False,
    }
    cs201.reconnect()
    assert extras(cs201, session, 2.7) == {"totalCost": 2}, "a new connection begins with a look"


def test_where_no_tariff_holds_a_look_costs_next_to_nothing(cs201: Wireless201):
    session = running(cs201)
    register(session, 3345, 1)
    with CaptureQueriesContext(database) as asked:
        assert extras(cs201, session, 1) == {}
    # The test, whether it was away, the transaction, its tariff; at most, for every session asks once a minute.
    assert len(asked) <= 4
    assert not LiveCost.objects.exists()


@pytest.mark.parametrize(
    "event",
    [{"offline": True}, {"timestamp": at(-30)}, {"eventType": "Started"}],
)
def test_what_waited_in_the_station_is_no_running_cost(
    cs201: Wireless201, harbour: Tariff, event: dict[str, Any]
):
    session = running(cs201, started_at=minutes(-60))
    register(session, 3000, -30)
    assert extras(cs201, session, 1, **event) == {}
    done = running(cs201, transaction_id="Tx-2", status="ended", stopped_at=minutes(1), energy_wh=1000)
    services.price_transaction(done, "CS201", now=minutes(1))
    if "eventType" not in event:
        assert extras(cs201, done, 1, "Ended", **event) == {}, "nor is its end a final one that is looked at"


def test_no_cost_is_told_that_is_not_known_or_not_shown(cs201: Wireless201):
    session = running(cs201)
    register(session, 3000, 1)
    assert extras(cs201, session, 1) == {}, "no tariff: unknown"
    assigned(tariff(energy_price="1"))
    shows_costs(cs201, "false")
    assert extras(cs201, session, 3) == {}
    shows_costs(cs201, "True")
    says(cs201, "TariffCostCtrlr/Currency", "CHF")
    assert extras(cs201, session, 5) == {}, "it would be taken for francs"
    says(cs201, "TariffCostCtrlr/Currency", "eur")
    assert extras(cs201, session, 7) == {"totalCost": 2}
    with settings_are(CSMS_COST_INTERVAL="0"):
        assert extras(cs201, session, 9) == {}


def test_the_final_cost_is_that_of_the_bill_and_free_is_zero(cs201: Wireless201):
    free, dear = tariff("free"), tariff("dear", energy_price="0.3333", tax_percent="7.7")
    for name, row, said in (("a", free, 0), ("b", dear, 4.44)):
        assigned(row, cs201.row, valid_from=NOON)
        session = running(
            cs201,
            transaction_id=name,
            status="ended",
            stopped_at=minutes(60),
            stop_received_at=minutes(60),
            energy_wh=12_347,
        )
        assert extras(cs201, session, 60, "Ended") == {}, "not priced yet"
        services.price_transaction(session, "CS201", now=minutes(60))
        answer = extras(cs201, session, 60, "Ended")
        assert answer == {"totalCost": said}
        assert extras(cs201, session, 61, "Updated") == {}, "after the end there is no running cost"
        assert LiveCost.objects.get(transaction=session).total == session.cost.total  # type: ignore[attr-defined]


def test_a_cost_that_cannot_be_meant_costs_nothing_but_itself(
    cs201: Wireless201, caplog: pytest.LogCaptureFixture
):
    assigned(tariff(energy_price="90000000"))
    session = running(cs201)
    register(session, 10**12, 1)
    assert extras(cs201, session, 1) == {}
    assert [record.message for record in caplog.records] == ["tariff.not_told"]
    assert not LiveCost.objects.filter(told_at__isnull=False).exists()


def test_new_prices_are_told_where_texts_are_shown(cs201: Wireless201, harbour: Tariff):
    session = running(cs201)
    register(session, 2000, 1)
    says(cs201, "TariffCostCtrlr/Enabled[Tariff]", "true")
    assert "updatedPersonalMessage" not in extras(cs201, session, 1), "those of its start are known"
    state(session, "SuspendedEV", 2, 1)
    assert "updatedPersonalMessage" not in extras(cs201, session, 11), "parking is free for ten minutes"
    assert extras(cs201, session, 13)["updatedPersonalMessage"] == {
        "format": "UTF8",
        "content": "7.5 EUR/h (P)",
    }
    assert "updatedPersonalMessage" not in extras(cs201, session, 15)
    services.change_tariff(harbour, {"parking_price": Decimal(8)}, now=minutes(16))
    assert extras(cs201, session, 17)["updatedPersonalMessage"]["content"] == "10 EUR/h (P)"
    says(cs201, "TariffCostCtrlr/Enabled[Tariff]", "false")
    state(session, "Charging", 18, 2)
    assert "updatedPersonalMessage" not in extras(cs201, session, 19)
    says(cs201, "DisplayMessageCtrlr/Available", "true")
    told = extras(cs201, session, 21)["updatedPersonalMessage"]["content"]
    assert told == "0.5 EUR/kWh + 10 EUR/h (P) > 10 min"


def test_texts_of_prices_are_as_the_driver_pays_them():
    whole = tariff(
        energy_price="0.45", charging_price="1.2", session_price="0.5", tax_percent="19", currency="CHF"
    )
    assert prices_text(whole, parked=True) == "0.595 CHF + 0.5355 CHF/kWh + 1.428 CHF/h"
    assert prices_text(tariff("free")) == "0 EUR"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12.30", "12.3"),
        ("12.347", "12.347"),
        ("0.00", "0"),
        ("9999999999.9999", "9999999999.9999"),
        ("7", "7"),
    ],
)
def test_lib_10_amounts_have_all_their_decimals_on_the_wire(amount: str, text: str):
    assert encode(wire_amount(Decimal(amount))) == text
    assert orjson.dumps(wire_amount(Decimal(amount))).decode() == text, "also where an answer is kept"


# --- what the clock tells ---------------------------------------------------------------------------------------------


def told_by_clock(cs201: Wireless201, minute: float) -> list[dict[str, Any]]:
    """What the clock has sent, taken by the station."""
    tell_costs(now=minutes(minute))
    sent = []
    while claimed := claim_next(
        cs201.row.pk, connection_id=cs201.row.connection_id, version=Version.V201, now=minutes(minute)
    ):
        assert claimed.action == "CostUpdated"
        sent.append(claimed.payload)
        settle_answer(claimed.command_id, {}, version=Version.V201, now=minutes(minute))
    return sent


def test_the_clock_tells_what_no_answer_has_told(cs201: Wireless201, harbour: Tariff):
    session = running(cs201)
    register(session, 3000, 1)
    assert told_by_clock(cs201, 2) == [], "unknown whether it shows costs: it is not called"
    shows_costs(cs201, "false")
    assert told_by_clock(cs201, 4) == []
    shows_costs(cs201)
    assert told_by_clock(cs201, 0.5) == [], "it has only begun"
    assert told_by_clock(cs201, 6) == [{"transactionId": "Tx-1", "totalCost": 1}]
    assert LiveCost.objects.get().via == "command"
    register(session, 4000, 6.5)
    assert told_by_clock(cs201, 6.5) == [], "not sooner than the interval"
    assert told_by_clock(cs201, 7) == [{"transactionId": "Tx-1", "totalCost": 1.5}]
    assert told_by_clock(cs201, 9) == [], "the same total is no news"
    register(session, 5000, 9)
    assert extras(cs201, session, 10) == {"totalCost": 2}
    assert told_by_clock(cs201, 10.5) == [], "an answer has told it"
    register(session, 6000, 11)
    with settings_are(CSMS_COST_INTERVAL="0"):
        assert told_by_clock(cs201, 12) == []
    Transaction.objects.update(status="ended", stopped_at=minutes(12))
    assert told_by_clock(cs201, 14) == [], "only for a running transaction"
    Transaction.objects.update(status="active", stopped_at=None)
    ChargePoint.objects.update(connection_id=None)
    assert tell_costs(now=minutes(16)) == 0, "and only while the station is there"


def test_one_that_cannot_be_priced_does_not_hold_up_the_others(
    cs201: Wireless201, harbour: Tariff, caplog: pytest.LogCaptureFixture
):
    shows_costs(cs201)
    register(running(cs201), 10**13, 1)
    harbour.energy_price = Decimal(90_000_000)
    harbour.save()
    assert tell_costs(now=minutes(2), at_most=1) == 0
    other = running(cs201, transaction_id="Tx-2", connector_number=2)
    register(other, 1100, 1)
    assert tell_costs(now=minutes(2), at_most=1) == 1
    assert Command.objects.get().params["transaction_id"] == "Tx-2"


# --- what people order ------------------------------------------------------------------------------------------------


def order(cs201: Wireless201, **params: Any) -> Command:
    return send_command(cs201.row, "cost-updated", params, author=ALICE, now=minutes(5))


def test_people_may_tell_a_cost_of_a_running_transaction_only(cs201: Wireless201):
    def refused(**params: Any) -> str:
        with pytest.raises(CommandRefused) as refusal:
            order(cs201, **params)
        return refusal.value.detail

    assert "no transaction 'tx-1' runs at CS201" in refused(transaction_id="tx-1", total_cost="1")
    register(running(cs201), 3000, 1)
    assert "no tariff holds" in refused(transaction_id="tx-1")
    for odd in ("-1", "1.12345", "1e3", "١"):
        assert "total_cost" in refused(transaction_id="tx-1", total_cost=odd)
    assigned(tariff(energy_price="1"))
    assert order(cs201, transaction_id="tx-1").params["total_cost"] == "2.00"
    given = order(cs201, transaction_id="tx-1", total_cost="1.5").params
    assert (given["transaction_id"], given["total_cost"]) == ("Tx-1", "1.5"), "as the station writes it"
    says(cs201, "TariffCostCtrlr/Currency", "SEK")
    assert "its tariff is in EUR" in refused(transaction_id="tx-1")
    shows_costs(cs201, "false")
    assert "shows no costs" in refused(transaction_id="tx-1", total_cost="1")


def test_an_exact_payload_is_understood_where_it_is_an_amount(cs201: Wireless201):
    register(running(cs201), 3000, 1)

    def sent(total: float) -> Command:
        payload = {"transactionId": "TX-1", "totalCost": total}
        return send_exact(cs201.row, "CostUpdated", payload, author=ALICE, now=minutes(5))

    assert (sent(12.3456).type, sent(12.3456).params["total_cost"]) == ("cost-updated", "12.3456")
    assert sent(1.123456).type == "exact", "only the ledger knows it"
    with pytest.raises(CommandRefused, match="no transaction 'TX-9' runs"):
        send_exact(
            cs201.row,
            "CostUpdated",
            {"transactionId": "TX-9", "totalCost": 1},
            author=ALICE,
            now=minutes(5),
        )


# --- what was used ----------------------------------------------------------------------------------------------------


def used(session: Transaction, minute: float) -> tuple[float, float]:
    session.refresh_from_db()
    found = usage(session, until=minutes(minute))
    return found.charging_seconds / 60, found.parking_seconds / 60


def test_the_states_that_events_told_say_how_long_it_charged(cs201: Wireless201):
    session = running(cs201, charging_state="")
    assert used(session, 60) == (60, 0), "nobody told: all of it"
    state(session, "EVConnected", 0, 0)
    assert used(session, 60) == (0, 0), "it was told, and never charged"
    state(session, "Charging", 10, 1)
    state(session, "SuspendedEV", 25, 4)
    state(session, "SuspendedEVSE", 30, 5)
    state(session, "Charging", 20, 2)
    state(session, "SuspendedEV", 22, 2, twin=1)
    state(session, "Charging", 40, 6)
    state(session, "EVConnected", 50, 7)
    assert used(session, 60) == (25, 15), "10 to 25 and 40 to 50; 25 to 30 and 50 to 60 it took nothing"
    state(session, "Idle", 55, 8)
    assert used(session, 60) == (25, 10), "no vehicle, no parking"


def test_the_stations_own_count_stands_where_no_states_are_told(cs201: Wireless201):
    session = running(cs201, charging_state="", seconds_charging=1200)
    assert used(session, 60) == (20, 0)


def test_what_a_station_shows_is_as_it_last_said(cs201: Wireless201):
    shown = shown_by(cs201.row.pk)
    assert (shown.costs, shown.currency, shown.texts) == (None, "", False)
    shows_costs(cs201)
    ConfigurationKey.objects.update(known=False)
    assert shown_by(cs201.row.pk).costs is None, "it does not know it any more"
