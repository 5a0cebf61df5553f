"""Readings thinned to steps of time: exact, in one unit, and never more than can be taken."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, reading, session
from transactions import series as thinning
from transactions.models import Transaction
from transactions.series_api import read_duration

SECOND = timedelta(seconds=1)


@pytest.fixture
def transaction(db: None) -> Transaction:
    return session(charge_point())


def take(transaction: Transaction | None, seconds: float, samples: Any = (), **values: Any) -> None:
    """A reading so many seconds after noon, received then."""
    at: datetime = NOON + seconds * SECOND
    values = {"sampled_at": at, "received_at": at, "id": uuid7_floor(at), "energy_wh": None} | values
    owner = values.pop("charge_point", None) or transaction.charge_point  # type: ignore[union-attr]
    reading(owner, transaction, samples=orjson.dumps(samples).decode(), **values)


def url(transaction: Transaction) -> str:
    return f"{API}/transactions/{transaction.pk}/meter-values/series/"


def asked(client: APIClient, path: str, **query: object) -> Any:
    response = client.get(path, query)
    assert response.status_code == 200, response.content
    return response.json()


def points(series: Any) -> list[tuple[str, ...]]:
    return [
        (point["at"][11:19], point["min"], point["mean"], point["max"], point["last"], point["count"])
        for point in series["points"]
    ]


def test_each_step_has_least_mean_greatest_and_last(bob: APIClient, transaction: Transaction) -> None:
    take(transaction, 0, power_w=11000.5, energy_wh=1000)
    take(transaction, 20, power_w=9000.0, energy_wh=1060)
    take(transaction, 59.999, power_w=10000.0)
    take(transaction, 60, power_w=0.1, energy_wh=1100)
    take(transaction, 200, soc_percent=40.0)
    answer = asked(bob, url(transaction), every=60)
    assert answer["every_seconds"] == 60
    assert answer["window"] == {"from": "2026-03-04T12:00:00.000Z", "to": "2026-03-04T12:04:00.000Z"}
    found = {series["figure"]: series for series in answer["series"]}
    assert {name: series["unit"] for name, series in found.items()} == {
        "power_w": "W",
        "energy_wh": "Wh",
        "soc_percent": "Percent",
    }
    assert points(found["power_w"]) == [
        ("12:00:00", "9000", "10000.166667", "11000.5", "10000", 3),
        ("12:01:00", "0.1", "0.1", "0.1", "0.1", 1),
    ]
    assert points(found["energy_wh"]) == [
        ("12:00:00", "1000", "1030", "1060", "1060", 2),
        ("12:01:00", "1100", "1100", "1100", "1100", 1),
    ]
    assert points(found["soc_percent"]) == [("12:03:00", "40", "40", "40", "40", 1)]
    [only] = asked(bob, url(transaction), every="PT5M", figure="soc_percent")["series"]
    assert points(only) == [("12:00:00", "40", "40", "40", "40", 1)]


def test_the_last_is_what_was_measured_last_however_it_came(bob: APIClient, transaction: Transaction) -> None:
    sample = [{"value": "5", "measurand": "SoC"}]
    take(transaction, 30, [{"value": "7", "measurand": "SoC"}], power_w=7.0)
    take(transaction, 10, sample, power_w=5.0, id=uuid7_floor(NOON + 90 * SECOND))
    figure, samples = asked(bob, url(transaction), every=60, figure="power_w", measurand="SoC")["series"]
    assert points(figure)[0][4] == points(samples)[0][4] == "7"


def test_large_registers_are_exact(bob: APIClient, transaction: Transaction) -> None:
    take(transaction, 0, [{"value": "9007199254740993.1"}], energy_wh=9_007_199_254_740_993)
    take(transaction, 1, [{"value": "0.2"}], energy_wh=9_007_199_254_740_994)
    figure, samples = asked(bob, url(transaction), every=60, figure="energy_wh", measurand="*")["series"]
    assert points(figure)[0][1:5] == (
        "9007199254740993",
        "9007199254740993.5",
        "9007199254740994",
        "9007199254740994",
    )
    assert points(samples)[0][1:5] == ("0.2", "4503599627370496.65", "9007199254740993.1", "0.2")


def test_units_become_one_and_that_is_said(bob: APIClient, transaction: Transaction) -> None:
    take(
        transaction,
        0,
        [{"value": "1.2345", "unit": "kWh"}, {"value": "7", "measurand": "Power.Active.Import"}],
    )
    take(transaction, 1, [{"value": "1234.6", "unit": "Wh"}])
    take(transaction, 2, [{"value": "1235"}])
    take(transaction, 3, [{"value": "2", "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}])
    take(transaction, 4, [{"value": "7", "measurand": "Pressure", "unit": "bar"}])
    series = {
        one["measurand"]: one for one in asked(bob, url(transaction), every=60, measurand="*")["series"]
    }
    energy = series["Energy.Active.Import.Register"]
    assert points(energy) == [("12:00:00", "1234.5", "1426.025", "2000", "2000", 4)]
    assert energy["unit"] == "Wh"
    assert energy["normalised"] == [
        {"unit": "", "times": "1", "count": 1},
        {"unit": "Wh", "times": "1000", "count": 1},
        {"unit": "kWh", "times": "1000", "count": 1},
    ]
    assert (series["Power.Active.Import"]["unit"], series["Pressure"]["unit"]) == ("W", "bar")
    assert series["Pressure"]["normalised"] == []


def test_each_phase_location_and_connector_is_a_series(bob: APIClient, transaction: Transaction) -> None:
    volts = [{"value": str(230 + n), "measurand": "Voltage", "phase": f"L{n}"} for n in (1, 2, 3)]
    take(transaction, 0, [*volts, {"value": "1", "measurand": "Voltage", "phase": "L1", "location": "Inlet"}])
    take(None, 1, volts[:1], charge_point=transaction.charge_point, connector_number=2, power_w=5.0)
    path = f"{API}/charge-points/CP16/meter-values/series/"
    window = {"from": "2026-03-04T11:00:00Z", "to": "2026-03-04T13:00:00Z"}
    found = asked(bob, path, measurand="Voltage", **window)["series"]
    assert [(s["connector_id"], s["phase"], s["location"], s["points"][0]["last"]) for s in found] == [
        (1, "L1", "Inlet", "1"),
        (1, "L1", "Outlet", "231"),
        (1, "L2", "Outlet", "232"),
        (1, "L3", "Outlet", "233"),
        (2, "L1", "Outlet", "231"),
    ]
    assert len(asked(bob, path, measurand="Voltage", phase="L1", location="Outlet", **window)["series"]) == 2
    assert len(asked(bob, path, phase="L2", **window)["series"]) == 1
    assert len(asked(bob, path, connector_id=1, phase="L1", **window)["series"]) == 2
    [power] = asked(bob, path, **window)["series"]
    assert (power["connector_id"], power["figure"]) == (2, "power_w")
    name = transaction.transaction_id
    assert asked(bob, path, transaction=name, **window)["series"] == []
    assert len(asked(bob, path, transaction=name, measurand="*", **window)["series"]) == 4


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "1e400", "1e-99", "9" * 31, "", "x", "1,5", "0x10", "=1+1", None, True, {}, "１a"],
)
def test_what_is_no_number_is_counted_and_nothing_more(
    bob: APIClient, transaction: Transaction, value: Any
) -> None:
    take(transaction, 0, [{"value": value}])
    take(transaction, 1, [{"value": ' "12.50" '}])  # quirk V10
    take(transaction, 2, [{"value": "7", "format": "SignedData"}])
    [series] = asked(bob, url(transaction), every=60, measurand="*")["series"]
    assert series["unusable"] == 2
    assert points(series) == [("12:00:00", "12.5", "12.5", "12.5", "12.5", 1)]


def test_numbers_are_written_without_exponent(bob: APIClient, transaction: Transaction) -> None:
    take(transaction, 0, [{"value": "1E+3"}, {"value": "-0.00", "measurand": "SoC"}])
    values = [one["points"][0]["last"] for one in asked(bob, url(transaction), measurand="*")["series"]]
    assert values == ["1000", "0"]


def test_a_series_has_at_most_so_many_points(bob: APIClient, refusal: Any, transaction: Transaction) -> None:
    take(transaction, 0, [{"value": "1"}], energy_wh=1)
    take(transaction, 1999, [{"value": "2"}], energy_wh=2)
    assert len(asked(bob, url(transaction), every=1)["series"][0]["points"]) == 2
    take(transaction, 2000, energy_wh=3)
    answer = bob.get(url(transaction), {"every": 1})
    refusal(answer, 422, "too_many_points", "every")
    assert "at most 2000" in answer.json()["error"]["detail"]
    shortest = int(answer.json()["error"]["detail"].split(" seconds or more")[0].rsplit(" ", 1)[1])
    assert asked(bob, url(transaction), every=shortest)["every_seconds"] == shortest
    assert len(asked(bob, url(transaction), every=1, to="2026-03-04T12:10:00Z")["series"]) == 1


def test_the_step_is_chosen_by_the_time_that_there_is(bob: APIClient, transaction: Transaction) -> None:
    take(transaction, 0, energy_wh=1)
    for hours, every in ((1, 60), (40, 300), (24 * 15, 900), (24 * 365 * 30, 7 * 86400)):
        take(transaction, 3600 * hours, energy_wh=2)
        assert asked(bob, url(transaction))["every_seconds"] == every


def test_too_many_readings_and_too_many_series_are_refused(
    bob: APIClient, refusal: Any, transaction: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        take(transaction, number, [{"value": "1", "measurand": f"M{number}"}], energy_wh=number)
    monkeypatch.setattr(thinning, "STEP", 2)  # and the steps do not show
    assert len(asked(bob, url(transaction), measurand="*")["series"]) == 5
    monkeypatch.setattr(thinning, "SERIES_MAX", 4)
    refusal(bob.get(url(transaction), {"measurand": "*"}), 422, "too_many_series", "measurand")
    assert len(asked(bob, url(transaction), measurand="M1,M2")["series"]) == 2
    monkeypatch.setattr(thinning, "READINGS_MAX", 4)
    refusal(bob.get(url(transaction)), 422, "too_many_readings", "from")


def test_a_charge_point_has_what_was_measured_in_the_window_also_when_it_came_late(bob: APIClient) -> None:
    cp16 = charge_point()

    def late(measured: float, received: float) -> None:
        at = NOON + received * SECOND
        take(None, measured, charge_point=cp16, energy_wh=int(measured), id=uuid7_floor(at), received_at=at)

    late(-1, 100)
    late(0, 0)
    late(10, 86_000)  # offline until then
    late(20, 90_000 + 86400)  # too late to be looked for
    late(59, -200)  # its clock is ahead
    late(60, 60)
    window = {"from": "2026-03-04T12:00:00Z", "to": "2026-03-04T12:01:00Z"}
    [energy] = asked(bob, f"{API}/charge-points/CP16/meter-values/series/", every=60, **window)["series"]
    assert points(energy) == [("12:00:00", "0", "23", "59", "59", 3)]


def test_there_may_be_nothing(bob: APIClient, refusal: Any, transaction: Transaction) -> None:
    empty = {"every_seconds": 900, "window": None, "series": []}
    assert asked(bob, url(transaction), every=900) == empty
    assert asked(bob, f"{API}/charge-points/cp16/meter-values/series/", every="PT15M") == empty
    refusal(bob.get(f"{API}/charge-points/NOBODY/meter-values/series/"), 404, "unknown_charge_point")
    nowhere = "00000000-0000-7000-8000-000000000000"
    refusal(bob.get(f"{API}/transactions/{nowhere}/meter-values/series/"), 404, "unknown_transaction")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1),
        ("900", 900),
        ("PT15M", 900),
        ("PT1H30M", 5400),
        ("P1D", 86400),
        ("P1DT1S", 86401),
        ("P1W", 604800),
        ("PT0S", 0),
        ("P", None),
        ("PT", None),
        ("P1M", None),
        ("P1Y", None),
        ("PT1.5S", None),
        ("-PT1S", None),
        ("1.5", None),
        ("٣", None),
        ("PT٣S", None),
        ("pt1s", None),
        ("9" * 10, None),
    ],
)
def test_a_step_is_in_seconds_or_a_duration(text: str, seconds: int | None) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("every=0", "invalid", "every"),
        ("every=PT0S", "invalid", "every"),
        ("every=P367D", "invalid", "every"),
        ("every=often", "invalid", "every"),
        ("every=a%00b", "invalid", "every"),
        ("figure=power", "invalid", "figure"),
        ("order=newest", "invalid", "order"),
        ("limit=1", "invalid", "limit"),
        ("from=2026-03-04T12:00:00Z&to=2026-03-04T12:00:00Z", "invalid", "from"),
    ],
)
def test_a_wrong_parameter_of_a_series_is_named(
    bob: APIClient, refusal: Any, transaction: Transaction, query: str, code: str, field: str
) -> None:
    refusal(bob.get(f"{url(transaction)}?{query}"), 422, code, field)
    refusal(bob.get(f"{API}/charge-points/CP16/meter-values/series/?{query}"), 422, code, field)


def test_queries_are_few(bob: APIClient, transaction: Transaction, django_assert_num_queries: Any) -> None:
    for number in range(20):
        take(transaction, number, [{"value": "1"}], energy_wh=1)
    bob.get(url(transaction))
    with django_assert_num_queries(8):  # token, transaction, extent, the five figures
        asked(bob, url(transaction))
    with django_assert_num_queries(4):
        asked(bob, url(transaction), figure="energy_wh")
    with django_assert_num_queries(4):  # one for each STEP readings
        asked(bob, url(transaction), measurand="*")
