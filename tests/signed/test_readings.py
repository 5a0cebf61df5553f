"""Meter values of OCPP 2.0.1: numbers are exact, contexts apart, places known, and what is signed stays as it came."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chargers.handling import INT32_MAX
from chargers.models import Connector
from chargers.protocol.session import CallReceived, Session
from chargers.protocol.versions import Version
from chargers.ratings.models import Rating
from chargers.topology.models import Evse
from chargers.topology.services import meet, note_activity
from chargers.traits.values import Traits
from tests.transactions.cast import NOON, Wireless201, at
from transactions.numbers import is_plain, number_of
from transactions.samples import read_samples201
from transactions.seen_power import look_at_power
from transactions.signed.models import SignedReading
from transactions.signed.ocpp201 import measured

POWER, CURRENT = "Power.Active.Import", "Current.Import"


def value(number: object, unit: str = "", power: int = 0, **labels: Any) -> dict[str, Any]:
    told = ({"unit": unit} if unit else {}) | ({"multiplier": power} if power else {})
    return {"value": number, **labels, **({"unitOfMeasure": told} if told else {})}


@given(st.one_of(st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False)))
def test_an_ordinary_number_is_read_at_once_and_as_its_text_would_be(number: float) -> None:
    assert number_of(number) == number_of(str(number))
    if is_plain(number):
        assert f"{number_of(str(number)):f}" == str(number)


@pytest.mark.parametrize(
    ("sample", "wh"),
    [
        (value(1500), 1500),
        (value(12.345, "kWh"), 12_345),
        (value(4.35, power=3), 4350),  # by doubles 4350.000000000001
        (value(1.005, "kWh", 3), 1_005_000),
        (value(123456789, power=-3), 123_457),
        (value(8.2e6, "mWh"), 8_200_000_000_000),
        (value(-20), -20),
        (value(1500, "Wh", 3.0), 1_500_000),  # 3.0 is an integer to JSON Schema
    ],
)
def test_energy_is_exact(sample: dict[str, Any], wh: int):
    assert read_samples201([sample]).energy_wh == wh


@pytest.mark.parametrize("number", [1e300, 10**13 + 1, 1e14, float(10**18), True, None, "12 Wh"])
def test_what_no_meter_counts_to_is_used_for_nothing(number: object):
    found = read_samples201([value(number), value(7.2, "kW", measurand=POWER)])
    assert (found.energy_wh, found.power_w) == (None, 7200)
    assert found.unused == ("Energy.Active.Import.Register",)


def test_figures_of_lines_are_added_and_derived():
    lines = [value(231 + n, measurand="Voltage", phase=f"L{n}-N") for n in (1, 2, 3)]
    amps = [value(16, "A", measurand=CURRENT, phase=f"L{n}") for n in (1, 2, 3)]
    found = read_samples201([*lines, *amps, value(64, "Percent", measurand="SoC", location="EV")])
    assert (found.voltage_v, found.current_a, found.soc_percent) == (233, 16, 64)
    assert (found.power_w, found.power_derived) == (16 * (232 + 233 + 234), True)
    other = [value(0.1, "kWh", phase=f"L{n}") for n in (1, 2, 3)]
    assert read_samples201(other).energy_wh == 300
    assert read_samples201([value(5, location="Inlet"), value(6, "apples")]).energy_wh is None


def test_each_context_is_a_reading_of_its_own():
    items = [
        value(1000, context="Transaction.Begin"),
        value(1, "kW", measurand=POWER),
        value(5000, context="Transaction.End"),
        value(2, "kW", measurand=POWER, context="Sample.Periodic"),
    ]
    begin, periodic, end = measured([{"timestamp": at(3), "sampledValue": items}])
    assert [(m.reading.context, m.reading.energy_wh) for m in (begin, periodic, end)] == [
        ("Transaction.Begin", 1000),
        ("", None),
        ("Transaction.End", 5000),
    ]
    assert [len(orjson.loads(m.samples)) for m in (begin, periodic, end)] == [1, 2, 1], "none is lost"
    [empty] = measured([{}])
    assert (empty.claimed_at, empty.samples) == (None, b"[]")


# --- what a station says outside of transactions ----------------------------------------------------------------------


@pytest.fixture
def cs201(db: None) -> Wireless201:
    return Wireless201()


def say(cs201: Wireless201, evse: int, *items: dict[str, Any], minutes: float = 0) -> None:
    told = [{"timestamp": at(minutes), "sampledValue": list(items)}]
    assert cs201.say("MeterValues", {"evseId": evse, "meterValue": told}, minutes) == {}


def test_readings_are_kept_as_they_came_and_told_in_text(cs201: Wireless201):
    items = [
        value(12.5, "kWh", 0, context="Sample.Clock"),
        value(1.5, power=3, measurand=POWER, context="Sample.Clock"),
    ]
    say(cs201, 0, *items)
    [reading] = cs201.readings
    assert (reading.connector_number, reading.energy_wh, reading.power_w) == (0, 12_500, 1500)
    assert json.loads(reading.samples) == items
    assert (reading.transaction_id, reading.claimed_transaction_id) == (None, "")
    [told] = cs201.told("cp.meter")
    assert (told["connector_id"], told["evse_id"], told["evse_connector_id"]) == (0, 0, 0)
    assert told["meter_values"][0]["samples"] == [
        {"value": "12.5", "context": "Sample.Clock", "unit": "kWh"},
        {"value": "1500", "context": "Sample.Clock", "measurand": POWER},
    ]


def test_an_evse_is_where_its_charging_connector_is(cs201: Wireless201):
    def number() -> int:
        say(cs201, 2, value(1))
        return cs201.readings[-1].connector_number

    assert number() == 2
    for connector in (1, 2):
        meet(cs201.row.pk, 2, connector, known_from=Evse.Known.REPORT)
    assert number() == 2
    note_activity(cs201.row.pk, 2, "SuspendedEV", number=2002, now=NOON)
    assert number() == Connector.objects.get(charge_point=cs201.row, evse_connector=2).number == 2002
    say(cs201, 10**12, value(1))
    say(cs201, -1, value(1))
    assert [r.connector_number for r in cs201.readings[-2:]] == [INT32_MAX] * 2, (
        "absurd, and not the main meter"
    )


def test_wrong_units_are_corrected_by_the_traits(cs201: Wireless201):
    cs201.holder.traits = Traits(energy_factor=Decimal(1000))
    say(cs201, 1, value(1.5))
    assert [r.energy_wh for r in cs201.readings] == [1500]


def test_power_that_is_offered_is_read_with_its_unit(cs201: Wireless201):
    say(cs201, 1, value(22, "kW", measurand="Power.Offered"), value(7.2, power=3, measurand=POWER))
    look_at_power(now=timezone.now())
    rating = Rating.objects.get(pk=cs201.row.pk)
    assert (rating.offered_w, rating.seen_power_w) == (22_000, 7200)


def test_signed_values_keep_every_byte(cs201: Wireless201):
    odd = 'T0NNRnx7ICJhIiA6IDEuMCB9fA==\r\n\t"ü"\\' * 200
    signed = {"signedMeterData": odd, "signingMethod": "", "encodingMethod": "OCMF v1", "publicKey": " k=\n"}
    say(cs201, 3, value(1, signedMeterValue=signed, context="Transaction.End"), value(2, measurand=POWER))
    [kept] = SignedReading.objects.all()
    assert {
        "signedMeterData": kept.data,
        "signingMethod": kept.signing_method,
        "encodingMethod": kept.encoding_method,
        "publicKey": kept.public_key,
    } == signed
    end = next(r for r in cs201.readings if r.context == "Transaction.End")
    assert (kept.meter_value_id, kept.evse_number, kept.context) == (end.pk, 3, "Transaction.End")
    assert (kept.transaction_id, kept.sampled_at, kept.charge_point_id) == (None, NOON, cs201.row.pk)
    assert kept.measurand == "Energy.Active.Import.Register"


def test_a_value_stays_whose_signature_has_less_than_it_should():
    """2.0.1 wants all four texts; stations leave out the key, since it was told before."""
    session = Session(Version.V201, 30)
    sample = {"value": 5, "signedMeterValue": {"signedMeterData": "x"}}
    frame = [
        2,
        "1",
        "MeterValues",
        {"evseId": 1, "meterValue": [{"timestamp": at(), "sampledValue": [sample]}]},
    ]
    event = session.receive_text(orjson.dumps(frame).decode(), 0)
    assert isinstance(event, CallReceived)
    [reading] = measured(event.payload["meterValue"])
    assert (reading.reading.energy_wh, reading.signed[0].data, reading.signed[0].public_key) == (5, "x", "")
