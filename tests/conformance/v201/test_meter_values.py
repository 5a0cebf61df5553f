"""Meter values of OCPP 2.0.1: chapter J, and what signs them. Registers of transactions come with their events."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from chargers.topology.models import DeviceEvent
from csms.core.events.models import Event
from tests.conformance.v201.cast import ALICE, CS201, Session, at, cs201
from tests.support.house import House
from transactions.models import MeterValue, Transaction
from transactions.signed.models import SignedReading

CLOCK = "Sample.Clock"
POWER = "Power.Active.Import"
KEY = "b2NhOmJhc2UxNjphc24xOjMwNTkzMDEzMDYwNw=="
ODD = 'T0NNRnx7ICJGViIgOiAiMS4wIiB9fHt9 \\"ü' * 60  # what no program would write, and nobody may mend


@pytest.fixture
async def station(house: House, alice: None) -> AsyncIterator[CS201]:
    async with cs201(house, booted=False) as connected:
        yield connected


def sample(number: float, context: str = "", **labels: Any) -> dict[str, Any]:
    return {"value": number} | ({"context": context} if context else {}) | labels


def signed(data: str = ODD, key: str = KEY) -> dict[str, str]:
    return {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": key}


def value(*samples: dict[str, Any], time: str = "") -> dict[str, Any]:
    return {"timestamp": time or at(), "sampledValue": list(samples)}


async def send(station: CS201, evse: int, *samples: dict[str, Any]) -> None:
    assert await station.call("MeterValues", {"evseId": evse, "meterValue": [value(*samples)]}) == {}


def readings(station: CS201, **which: Any) -> list[MeterValue]:
    return list(MeterValue.objects.filter(charge_point=station.row, **which).order_by("sampled_at", "pk"))


def charged(station: CS201, session: Session) -> Transaction:
    return Transaction.objects.get(charge_point=station.row, transaction_id=session.transaction_id)


async def test_msg_meter_values(station: CS201):
    samples = [
        sample(1.5, unitOfMeasure={"unit": "kWh"}),
        sample(7.2, measurand=POWER, unitOfMeasure={"unit": "kW"}),
        sample(31, measurand="Current.Import", phase="L1"),
        sample(230.1, measurand="Voltage", phase="L1-N"),
        sample(64, measurand="SoC", location="EV", unitOfMeasure={"unit": "Percent"}),
        sample(30, measurand="Power.Factor"),
    ]
    await send(station, 2, *samples)
    [reading] = readings(station)
    assert (reading.energy_wh, reading.power_w, reading.current_a, reading.voltage_v) == (
        1500,
        7200,
        31,
        230.1,
    )
    assert (reading.soc_percent, reading.connector_number, reading.transaction_id) == (64, 2, None)
    assert json.loads(reading.samples) == samples, "all are kept"
    [event] = Event.objects.filter(cp_id=station.row.cp_id, type="cp.meter")
    assert json.loads(event.payload)["evse_id"] == 2


async def test_tc_j_01_clock_aligned_values_without_a_transaction(station: CS201):
    periodic = {
        "eventId": 1,
        "timestamp": at(),
        "trigger": "Periodic",
        "actualValue": "7.2",
        "eventNotificationType": "CustomMonitor",
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power"},
    }
    for evse in (0, 1, 2):
        await send(station, evse, sample(1000 * evse, CLOCK), sample(0, CLOCK, measurand=POWER))
        event = periodic | {"eventId": evse, "component": {"name": "EVSE", "evse": {"id": evse}}}
        report = {"generatedAt": at(), "seqNo": 0, "tbc": False, "eventData": [event]}
        assert await station.call("NotifyEvent", report) == {}
    assert [(r.connector_number, r.energy_wh, r.context) for r in readings(station)] == [
        (0, 0, CLOCK),
        (1, 1000, CLOCK),
        (2, 2000, CLOCK),
    ]
    assert not Transaction.objects.filter(charge_point=station.row).exists()
    told = DeviceEvent.objects.filter(charge_point=station.row).values_list("evse_number", "value")
    assert set(told) == {(0, "7.2"), (1, "7.2"), (2, "7.2")}


async def test_tc_j_02_clock_aligned_values_beside_a_transaction_and_in_it(station: CS201):
    session = Session(evse=1)
    await station.event(session.started("Authorized", wh=1000, idToken=ALICE))
    await send(station, 2, sample(50, CLOCK))
    await station.event(session.updated("MeterValueClock", wh=1500, context=CLOCK))
    idle, begin, aligned = readings(station, transaction=None) + readings(station, transaction__isnull=False)
    assert (idle.connector_number, idle.context) == (2, CLOCK)
    assert (begin.context, aligned.context, aligned.energy_wh) == ("Transaction.Begin", CLOCK, 1500)
    assert begin.transaction == aligned.transaction == charged(station, session)


async def _ended(station: CS201, context: str, **more: Any) -> tuple[Transaction, list[MeterValue]]:
    """A session that brings all its readings with its end, and its transaction and readings."""
    session = Session()
    await station.event(session.started("Authorized", time=at(minutes=60), idToken=ALICE))
    between = [value(sample(1000 + 10 * n, context, **more), time=at(minutes=60 - n)) for n in (30, 15, 45)]
    begin = value(sample(1000, "Transaction.Begin", **more), time=at(minutes=60))
    end = value(sample(6000, "Transaction.End", **more), time=at(minutes=1))
    await station.event(session.ended(meterValue=[begin, *between, end], time=at(minutes=1)))
    transaction = charged(station, session)
    return transaction, readings(station, transaction=transaction)


async def test_tc_j_03_clock_aligned_values_in_the_end(station: CS201):
    transaction, found = await _ended(station, CLOCK)
    assert [r.context for r in found] == ["Transaction.Begin", *[CLOCK] * 3, "Transaction.End"]
    assert [r.energy_wh for r in found] == [1000, 1150, 1300, 1450, 6000]
    assert (transaction.meter_start_wh, transaction.meter_stop_wh, transaction.energy_wh) == (
        1000,
        6000,
        5000,
    )


async def test_tc_j_04_clock_aligned_values_are_signed(station: CS201):
    await send(station, 3, sample(1, CLOCK, signedMeterValue=signed()))
    transaction, found = await _ended(station, CLOCK, signedMeterValue=signed())
    kept = SignedReading.objects.filter(charge_point=station.row)
    assert {(row.data, row.public_key, row.encoding_method) for row in kept} == {(ODD, KEY, "OCMF")}
    assert [row.evse_number for row in kept.filter(transaction=None)] == [3]
    of_session = kept.filter(transaction=transaction)
    assert {row.meter_value_id for row in of_session} == {r.pk for r in found}
    assert sorted(row.context for row in of_session) == sorted(r.context for r in found)


async def test_tc_j_07_sampled_values_in_the_start(station: CS201):
    session = Session()
    samples = [sample(1234, "Transaction.Begin"), sample(0, "Transaction.Begin", measurand=POWER)]
    await station.event(session.started("CablePluggedIn", meterValue=[value(*samples)]))
    transaction = charged(station, session)
    assert (transaction.meter_start_wh, transaction.meter_begin_seen) == (1234, True)
    [reading] = readings(station)
    assert (reading.context, reading.energy_wh, reading.power_w) == ("Transaction.Begin", 1234, 0)


async def test_tc_j_08_the_register_at_the_beginning_comes_when_the_evse_is_known(station: CS201):
    session = Session()
    started = session.started("Authorized", idToken=ALICE, time=at(minutes=9))
    await station.event({name: item for name, item in started.items() if name != "evse"})
    assert charged(station, session).meter_start_wh is None
    begin = value(sample(700, "Transaction.Begin"), time=at(minutes=8))
    await station.event(
        session.updated("CablePluggedIn", evse={"id": 2, "connectorId": 1}, meterValue=[begin])
    )
    await station.event(session.ended(wh=900))
    transaction = charged(station, session)
    assert (transaction.meter_start_wh, transaction.energy_wh, transaction.evse_number) == (700, 200, 2)


async def test_tc_j_09_sampled_values_in_between(station: CS201):
    session = Session()
    await station.event(session.started("Authorized", wh=1000, idToken=ALICE))
    for wh in (1100, 1200, 1300):
        await station.event(session.updated("MeterValuePeriodic", wh=wh))
    found = readings(station, transaction=charged(station, session))
    assert [(r.energy_wh, r.context) for r in found[1:]] == [(1100, ""), (1200, ""), (1300, "")]


async def test_tc_j_10_sampled_values_in_the_end(station: CS201):
    transaction, found = await _ended(station, "Sample.Periodic")
    assert [(r.energy_wh, r.context) for r in found[1:]] == [
        (1150, ""),
        (1300, ""),
        (1450, ""),
        (6000, "Transaction.End"),
    ]
    assert transaction.energy_wh == 5000


async def test_tc_j_11_sampled_values_are_signed(station: CS201):
    session = Session()
    await station.event(
        session.started(
            "Authorized",
            idToken=ALICE,
            meterValue=[value(sample(1000, "Transaction.Begin", signedMeterValue=signed("begin")))],
        )
    )
    await station.event(
        session.updated(meterValue=[value(sample(2000, signedMeterValue=signed("between", "")))])
    )
    await station.event(
        session.ended(meterValue=[value(sample(3000, "Transaction.End", signedMeterValue=signed("end", "")))])
    )
    transaction = charged(station, session)
    kept = SignedReading.objects.filter(transaction=transaction).order_by("pk")
    assert [(row.data, row.public_key, row.context) for row in kept] == [
        ("begin", KEY, "Transaction.Begin"),
        ("between", "", ""),
        ("end", "", "Transaction.End"),
    ]
    assert transaction.energy_wh == 2000, "a signed value is a value, too"


async def test_s2_65_meter_values_are_telemetry_and_never_billed(station: CS201):
    session = Session(evse=1)
    begin = value(sample(1, "Transaction.Begin", unitOfMeasure={"unit": "Wh", "multiplier": 3}))
    await station.event(session.started("Authorized", idToken=ALICE, meterValue=[begin]))
    for evse in (0, 1):
        await send(station, evse, sample(900_000, "Transaction.End"))
    end = value(sample(0.002_5, "Transaction.End", unitOfMeasure={"unit": "kWh", "multiplier": 3}))
    await station.event(session.ended(meterValue=[end]))
    transaction = charged(station, session)
    assert (transaction.meter_start_wh, transaction.meter_stop_wh) == (1000, 2500)
    assert transaction.energy_wh == 1500
    assert [r.connector_number for r in readings(station, transaction=None)] == [0, 1]


async def test_s2_66_signed_meter_values_stay_byte_for_byte(station: CS201):
    told = {
        "signedMeterData": ODD + "\r\n\t\u2028" + str(uuid4()),
        "signingMethod": " ECDSA-secp256r1-SHA256",
        "encodingMethod": "OCMF 1.0 ",
        "publicKey": KEY + "\n",
    }
    await send(station, 1, sample(12.5, signedMeterValue=told, measurand=POWER))
    [kept] = SignedReading.objects.filter(charge_point=station.row)
    assert told == {
        "signedMeterData": kept.data,
        "signingMethod": kept.signing_method,
        "encodingMethod": kept.encoding_method,
        "publicKey": kept.public_key,
    }
    assert kept.measurand == POWER
