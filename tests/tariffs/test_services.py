"""Which tariff holds, what a transaction used, and that it is priced once, again when need be, and never at a loss."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from chargers.models import STATUS_REPORTS
from csms.core.events.models import Event
from csms.core.writer import Batch, _local
from tests.api import cast
from tests.api.cast import charge_point
from tests.tariffs.cast import PAST, assigned, report, tariff
from tests.transactions.cast import NOON, Wireless, at, token
from transactions.ending import infer_ends
from transactions.models import Transaction
from transactions.tariffs import services
from transactions.tariffs.models import Cost, Tariff
from transactions.tariffs.pricing import Unpriceable
from transactions.tariffs.selectors import tariff_of, usage

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def cp16() -> Wireless:
    token()
    return Wireless()


@pytest.fixture
def everywhere() -> Tariff:
    row = tariff(energy_price="0.45", tax_percent="19")
    assigned(row)
    return row


def texts(cost: Cost) -> tuple[str, ...]:
    return tuple(f"{amount:f}" for amount in (cost.net, cost.tax, cost.total))


# --- which one holds --------------------------------------------------------------------------------------------------


def test_a_charge_points_tariff_goes_before_its_sites_before_the_one_for_everywhere() -> None:
    rows = {name: tariff(name) for name in ("everywhere", "harbour", "own", "other")}
    assigned(rows["other"], charge_point("CP99"))
    assigned(rows["other"], site="Airport")
    cp16, cp17, cp18 = (
        charge_point(site="Harbour"),
        charge_point("CP17", site="Harbour"),
        charge_point("CP18"),
    )
    runs = [cast.session(one) for one in (cp16, cp17, cp18)]

    def held() -> list[str | None]:
        return [row.name if (row := tariff_of(run)) else None for run in runs]

    assert held() == [None, None, None]
    assigned(rows["everywhere"])
    assert held() == ["everywhere"] * 3
    assigned(rows["harbour"], site="Harbour")
    assert held() == ["harbour", "harbour", "everywhere"]
    own = assigned(rows["own"], cp16)
    assigned(rows["harbour"], site="Harbour")
    assigned(rows["everywhere"])
    assert held() == ["own", "harbour", "everywhere"], "the place counts before the time"
    services.unassign_tariff(own)
    assert held() == ["harbour", "harbour", "everywhere"]


def test_a_tariff_holds_for_what_starts_from_its_time_on() -> None:
    cp16 = charge_point()
    run = cast.session(cp16)
    old, new = tariff("old"), tariff("new")
    assigned(old, valid_from=cast.NOON - DAY)
    assigned(new, valid_from=cast.NOON + timedelta(microseconds=1))
    assert tariff_of(run) == old
    assigned(new, valid_from=cast.NOON)
    assert tariff_of(run) == new
    assigned(old, valid_from=cast.NOON)
    assert tariff_of(run) == old, "of two at one time the last word counts"


def test_a_retired_tariff_holds_for_what_started_before() -> None:
    cp16 = charge_point()
    run, later = cast.session(cp16), cast.session(cp16, started_at=cast.NOON + MINUTE)
    old, fallback = tariff("old"), tariff("fallback")
    assigned(old, cp16)
    assigned(fallback)
    services.retire_tariff(old, now=cast.NOON + MINUTE)
    services.retire_tariff(old, now=cast.NOON - DAY)
    assert (tariff_of(run), tariff_of(later)) == (old, fallback)
    old.refresh_from_db()
    with pytest.raises(services.TariffRefusal, match="was retired"):
        assigned(old)


def test_a_place_is_one() -> None:
    with pytest.raises(services.TariffRefusal) as refused:
        assigned(tariff(), charge_point(), site="Harbour")
    assert refused.value.field == "site"


# --- what was used ----------------------------------------------------------------------------------------------------


def used(run: Transaction) -> tuple[int, int]:
    found = usage(run, until=cast.NOON + timedelta(hours=2))
    return found.charging_seconds // 60, found.parking_seconds // 60


def test_statuses_of_its_connector_tell_how_long_it_charged() -> None:
    cp16 = charge_point()
    run = cast.ended(cp16)
    assert used(run) == (60, 0), "nobody knows better"
    report(cp16, "SuspendedEV", cast.NOON + 30 * MINUTE, connector_number=2)
    report(charge_point("CP17"), "SuspendedEV", cast.NOON + 30 * MINUTE)
    assert used(run) == (60, 0)
    report(cp16, "Charging", cast.NOON - MINUTE)
    report(cp16, "SuspendedEV", cast.NOON + 45 * MINUTE)
    report(cp16, "Finishing", cast.NOON + 70 * MINUTE)
    assert used(run) == (45, 15)


def test_what_is_told_late_counts_for_when_it_was_if_it_came_before_the_end() -> None:
    cp16 = charge_point()
    run = cast.ended(cp16)
    late = cast.NOON + 59 * MINUTE
    report(cp16, "Charging", cast.NOON + MINUTE)
    report(cp16, "SuspendedEV", late, claimed=cast.NOON + 31 * MINUTE)
    assert used(run) == (30, 29)
    report(cp16, "Charging", late + 5 * MINUTE, claimed=cast.NOON + 40 * MINUTE)
    assert used(run) == (30, 29), "the same transaction costs the same, whenever it is asked"


def test_an_offline_transaction_is_priced_by_what_was_told_with_it() -> None:
    cp16 = charge_point()
    told = cast.NOON + 5 * DAY
    run = cast.ended(cp16, start_received_at=told, stop_received_at=told + MINUTE, offline=True)
    report(cp16, "Available", cast.NOON - DAY)
    report(cp16, "Charging", told, claimed=cast.NOON)
    report(cp16, "SuspendedEV", told, claimed=cast.NOON + 20 * MINUTE)
    report(cp16, "Available", told, claimed=cast.NOON + 61 * MINUTE)
    assert used(run) == (20, 40)


def test_a_clock_ahead_or_behind_is_measured_by_itself() -> None:
    for cp_id, skew in (("CP16", 4 * MINUTE), ("CP17", -90 * MINUTE)):
        cp16 = charge_point(cp_id)
        run = cast.ended(
            cp16,
            started_at=cast.NOON + skew,
            stopped_at=cast.NOON + timedelta(hours=1) + skew,
        )
        report(cp16, "Charging", cast.NOON + MINUTE, claimed=cast.NOON + MINUTE + skew)
        report(cp16, "SuspendedEV", cast.NOON + 3 * MINUTE, claimed=cast.NOON + 3 * MINUTE + skew)
        assert used(run) == (2, 57), skew


def test_a_clock_that_was_never_set_finds_its_statuses_too() -> None:
    cp16 = charge_point()
    begin = cast.NOON.replace(year=1970)
    run = cast.ended(cp16, started_at=begin, stopped_at=begin + timedelta(hours=1))
    for minute, word in ((1, "Charging"), (31, "SuspendedEV")):
        report(cp16, word, cast.NOON + minute * MINUTE, claimed=begin + minute * MINUTE)
    assert used(run) == (30, 29)


def test_a_status_from_the_future_happened_when_it_was_received() -> None:
    cp16 = charge_point()
    run = cast.ended(cp16)
    report(cp16, "Charging", cast.NOON, claimed=cast.NOON + 400 * DAY)
    report(cp16, "SuspendedEV", cast.NOON + 15 * MINUTE, claimed=cast.NOON + 400 * DAY)
    assert used(run) == (15, 45)


def test_a_connector_that_flaps_without_end_is_priced_by_the_last_of_it(monkeypatch: Any) -> None:
    monkeypatch.setattr("transactions.tariffs.selectors.REPORTS_MAX", 3)
    cp16 = charge_point()
    run = cast.ended(cp16)
    for minute in range(10):
        report(cp16, ("SuspendedEV", "Charging")[minute % 2], cast.NOON + minute * MINUTE)
    charging, parking = used(run)
    assert (charging, parking) == (52, 1)


# --- pricing ----------------------------------------------------------------------------------------------------------


def test_an_end_is_priced_and_told(cp16: Wireless, everywhere: Tariff) -> None:
    cp16.stop(cp16.start()["transactionId"])
    cost = Cost.objects.get()
    assert cost.transaction == cp16.only
    assert texts(cost) == ("1.8000", "0.3400", "2.1400")
    assert (cost.energy_wh, cost.charging_seconds, cost.parking_seconds) == (4000, 1800, 0)
    [told] = cp16.told("tx.priced")
    assert told == {
        "transaction_id": cp16.only.transaction_id,
        "tariff": "Harbour",
        "currency": "EUR",
        "components": [{"kind": "energy", "quantity": "4", "unit": "kWh", "price": "0.45", "amount": "1.80"}],
        "net": "1.80",
        "tax": "0.34",
        "total": "2.14",
        "total_before": None,
    }
    types = Event.objects.order_by("pk").values_list("type", flat=True)
    assert list(types).index("tx.stopped") < list(types).index("tx.priced")


def test_a_repeat_says_nothing_new(cp16: Wireless, everywhere: Tariff) -> None:
    number = cp16.start()["transactionId"]
    for _ in range(2):
        cp16.stop(number, received=30, time=at(30))
    cp16.stop(number, received=40, meterStop=9000)  # a different end: the first stands
    services.price_again(cp16.only, now=NOON + DAY)
    assert len(cp16.told("tx.priced")) == 1
    assert Cost.objects.get().priced_at == NOON + 30 * MINUTE


def test_without_a_tariff_an_end_costs_nothing(cp16: Wireless) -> None:
    cp16.stop(cp16.start()["transactionId"])
    assert cp16.only.status == "ended"
    assert not Cost.objects.exists()
    assert services.price_again(cp16.only, now=NOON) is None
    assert cp16.told("tx.priced") == []


def test_an_inferred_end_is_priced_again_when_the_real_one_comes_by_the_same_prices(
    cp16: Wireless, everywhere: Tariff
) -> None:
    number = cp16.start()["transactionId"]
    cp16.meter(2000, number)
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": at(20)}
    cp16.say("StatusNotification", free, 20)
    assert infer_ends(now=NOON + timedelta(hours=3)) == 1
    assert texts(Cost.objects.get())[0] == "0.4500"
    services.change_tariff(everywhere, {"energy_price": Decimal("9")}, now=NOON + 4 * DAY)
    services.unassign_tariff(everywhere.assignments.get())
    cp16.stop(number, time=at(19), received=300)
    cost = Cost.objects.get()
    assert (texts(cost)[0], cost.prices["energy"]) == ("1.8000", "0.45")
    first, second = cp16.told("tx.priced")
    assert (first["total_before"], second["total_before"]) == (None, first["total"])
    assert second["net"] == "1.80"


def test_a_late_start_is_priced_by_the_tariff_of_its_own_time(cp16: Wireless) -> None:
    before, after = tariff("before", energy_price="1"), tariff("after", energy_price="2")
    assigned(before)
    assigned(after, valid_from=NOON + 10 * MINUTE)
    cp16.stop(0, received=30, idTag="ALICE")
    assert cp16.only.orphan
    [first] = cp16.told("tx.priced")
    assert (first["tariff"], first["net"]) == ("after", "0.00")
    cp16.start(time=at(0), received=31)
    assert not cp16.only.orphan
    [_, second] = cp16.told("tx.priced")
    assert (second["tariff"], second["net"], second["total_before"]) == ("before", "4.00", "0.00")
    assert Cost.objects.get().tariff == before


def test_pricing_again_takes_the_prices_of_today(cp16: Wireless, everywhere: Tariff) -> None:
    cp16.stop(cp16.start()["transactionId"])
    assert services.change_tariff(everywhere, {"energy_price": Decimal("0.50")}, now=NOON)
    assert not services.change_tariff(everywhere, {"energy_price": Decimal("0.5")}, now=NOON)
    again = services.price_again(cp16.only, now=NOON + DAY)
    assert again == Cost.objects.get()
    assert texts(Cost.objects.get()) == ("2.0000", "0.3800", "2.3800")
    assert [told["total_before"] for told in cp16.told("tx.priced")] == [None, "2.14"]


def test_an_offline_end_is_priced(cp16: Wireless, everywhere: Tariff) -> None:
    number = cp16.start(time=at(0), received=3000)["transactionId"]
    cp16.stop(number, time=at(30), received=3001)
    assert cp16.only.offline
    assert Cost.objects.get().charging_seconds == 1800


def test_a_failure_of_pricing_never_loses_the_end(
    cp16: Wireless, everywhere: Tariff, monkeypatch: Any, caplog: Any
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        Tariff.objects.update(name="half done")
        raise AssertionError

    monkeypatch.setattr(services, "tariff_of", broken)
    number = cp16.start()["transactionId"]
    assert cp16.stop(number) == {}
    assert (cp16.only.status, cp16.only.energy_wh) == ("ended", 4000)
    assert len(cp16.told("tx.stopped")) == 1
    assert not Cost.objects.exists()
    assert Tariff.objects.get().name == "Harbour"
    assert "tariff.not_priced" in caplog.text
    monkeypatch.undo()
    assert services.price_again(cp16.only, now=NOON) is not None


def test_a_failure_of_pricing_loses_no_status_of_the_same_batch(
    cp16: Wireless, everywhere: Tariff, monkeypatch: Any
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(services, "usage", broken)
    number = cp16.start()["transactionId"]
    with_batch = Batch()
    _local.batch = with_batch
    try:
        with transaction.atomic():
            for minute, word in ((1, "Charging"), (20, "SuspendedEV")):
                said = {"connectorId": 1, "status": word, "errorCode": "NoError", "timestamp": at(minute)}
                cp16.say("StatusNotification", said, minute)
            cp16.stop(number)
            for table, rows in with_batch.rows.items():
                table.write(rows)
    finally:
        _local.batch = None
    assert STATUS_REPORTS.model.objects.count() == 2
    assert len(cp16.told("tx.stopped")) == 1


def test_a_database_that_is_away_is_the_writers_matter(
    cp16: Wireless, everywhere: Tariff, monkeypatch: Any
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(services, "tariff_of", away)
    number = cp16.start()["transactionId"]
    with pytest.raises(OperationalError):
        cp16.stop(number)
    monkeypatch.undo()
    assert cp16.only.status == "active", "the writer tries all of it again"
    cp16.stop(number)
    assert Cost.objects.exists()


def test_a_cost_beyond_all_measure_is_not_kept(cp16: Wireless, caplog: Any) -> None:
    assigned(tariff(energy_price="99999999.9999"))
    cp16.stop(cp16.start()["transactionId"], meterStop=200_000)
    assert cp16.only.status == "ended"
    assert not Cost.objects.exists()
    assert "it would cost" in caplog.text
    with pytest.raises(Unpriceable):
        services.price_again(cp16.only, now=NOON)


def test_amounts_are_exact_in_the_store_and_so_are_their_sums() -> None:
    row = tariff(energy_price="99999999.9999", session_price="0.0001", tax_percent="99.99")
    row.refresh_from_db()
    assert (row.energy_price, row.session_price) == (Decimal("99999999.9999"), Decimal("0.0001"))
    cp16 = charge_point()
    amounts = [Decimal(text) for text in ("0.1", "0.2", "0.0001", "9999999999.9999", "1234567890.1234")]
    for amount in amounts * 3:
        facts: dict[str, Any] = {"prices": {}, "currency": "CLF", "charging_seconds": 0, "parking_seconds": 0}
        run = cast.ended(cp16)
        Cost.objects.create(
            transaction=run, tariff=row, net=amount, tax=0, total=amount, priced_at=PAST, **facts
        )
        assert Cost.objects.get(pk=run.pk).total == amount
    assert Cost.objects.aggregate(whole=Sum("total"))["whole"] == 3 * sum(amounts)
    assert Cost.objects.filter(total=Decimal("0.2")).count() == 3
    with pytest.raises(ValueError, match="four decimals"):
        Cost.objects.update(total=Decimal("0.00001"))


# --- what it takes ----------------------------------------------------------------------------------------------------


def test_what_pricing_adds_to_an_end(cp16: Wireless, monkeypatch: Any) -> None:
    def stopped(cp_id: str) -> int:
        charger = Wireless(cp_id)
        number = charger.start()["transactionId"]
        with CaptureQueriesContext(connection) as captured:
            charger.stop(number)
        return len([query for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]])

    with monkeypatch.context() as patched:
        patched.setattr(services, "price_transaction", lambda *_, **__: None)
        bare = stopped("CP20")
    assert stopped("CP21") - bare == 2, "whether it was priced, and which tariff holds"
    assigned(tariff(energy_price="0.45"))
    assert stopped("CP22") - bare == 6, "the statuses since and before, too, the cost and its event"
