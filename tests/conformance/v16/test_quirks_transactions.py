"""Quirks of real charge points with tokens, meters and transactions, each replayed; no wire needed."""

import json
from decimal import Decimal
from typing import Any

import pytest

from chargers.models import Command
from chargers.traits.services import set_charge_point_traits
from chargers.traits.values import Traits
from csms.core.id_tokens import canonical_token
from tests.transactions.cast import NOON, Wireless, at, token
from transactions.ending import infer_ends
from transactions.models import MeterValue, UnknownToken
from transactions.token_forms import meant_token

pytestmark = pytest.mark.django_db

Sample = dict[str, Any]


@pytest.fixture
def cp16() -> Wireless:
    token()
    return Wireless()


def verdict(cp16: Wireless, tag: str) -> str:
    return cp16.say("Authorize", {"idTag": tag})["idTagInfo"]["status"]


def measure(cp16: Wireless, *samples: Sample, number: int | None = None, received: float = 10) -> MeterValue:
    """What becomes of one reading."""
    payload: dict[str, Any] = {
        "connectorId": 1,
        "meterValue": [{"timestamp": at(received), "sampledValue": list(samples)}],
    }
    cp16.say("MeterValues", payload | ({"transactionId": number} if number else {}), received)
    return cp16.readings[-1]


def sample(value: object, measurand: str = "", unit: str = "", phase: str = "", **more: str) -> Sample:
    labels = {"measurand": measurand, "unit": unit, "phase": phase} | more
    return {"value": str(value)} | {name: label for name, label in labels.items() if label}


# --- identity of tokens -----------------------------------------------------------------------------------------------


def test_quirk_i5_a_serial_number_behind_the_tag_is_not_the_driver(cp16):
    cp16.holder.traits = Traits(token_rule="before_underscore")
    assert verdict(cp16, "ALICE_17643291") == "Accepted"
    number = cp16.start(idTag="ALICE_17643291")["transactionId"]
    assert cp16.only.id_token == "ALICE_17643291", "as it was sent"
    assert cp16.stop(number, idTag="ALICE_99") == {"idTagInfo": {"status": "Accepted"}}
    cp16.start(idTag="ALICE_1", received=40)
    cp16.stop(-1, idTag="ALICE_2", received=50)
    assert [t.status for t in cp16.transactions] == ["ended", "ended"]
    assert not any(t.orphan for t in cp16.transactions)


def test_quirk_i5_the_remote_start_of_the_driver_is_seen_to_work(cp16):
    cp16.holder.traits = Traits(token_rule="before_underscore")
    command = Command.objects.create(
        charge_point=cp16.row,
        type="remote-start",
        params={"id_token": "ALICE"},
        status=Command.Status.ACCEPTED,
        created_at=NOON,
        expires_at=NOON,
    )
    cp16.start(idTag="ALICE_17643291")
    command.refresh_from_db()
    assert command.effect == "The transaction started."
    assert command.effect_subject == str(cp16.only.pk)


def test_quirk_i5b_the_second_part_is_the_driver_at_payment_terminals(cp16):
    cp16.holder.traits = Traits(token_rule="after_semicolon")
    assert verdict(cp16, "TERMINAL7;ALICE") == "Accepted"
    assert verdict(cp16, "ALICE;NOBODY") == "Invalid"
    assert verdict(cp16, "ALICE") == "Accepted"


def test_quirk_i5_is_of_those_that_have_it(cp16):
    assert verdict(cp16, "ALICE_17643291") == "Invalid"


def test_quirk_i6_a_limit_of_a_token_counts_it_in_all_its_forms(cp16):
    token("2069C021", max_active=1)
    cp16.holder.traits = Traits(token_rule="before_underscore")
    assert cp16.start(idTag="20:69:c0:21_1")["idTagInfo"]["status"] == "Accepted"
    assert cp16.start(idTag="2069C021_2", connectorId=2)["idTagInfo"]["status"] == "ConcurrentTx"


@pytest.mark.parametrize("sent", ["20:69:C0:21", "2069c021", "20 69 C0 21", " 2069C021 ", "20-69-c0-21"])
def test_quirk_i6_case_colons_and_blanks_of_a_card_number_vary(cp16, sent):
    token("2069C021")
    assert verdict(cp16, sent) == "Accepted"
    cp16.start(idTag=sent)
    assert cp16.only.id_token == sent, "kept as it was sent"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("20:69:C0:21", "2069c021", True),
        ("alice", "ALICE", True),
        ("AL:ICE", "ALICE", False),  # no card number: each character counts
        ("DE-ABC-1", "DEABC1", False),
        ("20:69:C0", "2069C0", False),  # too short for a card
        ("2069C0210", "2069C021", False),
    ],
)
def test_quirk_i6_only_card_numbers_lose_their_separators(one, other, same):
    assert (canonical_token(one) == canonical_token(other)) is same


@pytest.mark.parametrize("text", ["", "_", ";", "_x", "x;", ";;"])
def test_quirk_i5_what_the_rule_leaves_nothing_of_stays_whole(text):
    assert meant_token(text, "before_underscore") == (text if text != "x;" else "x;")
    assert meant_token(text, "after_semicolon") == text


def test_quirk_i7_a_token_of_exactly_20_characters_and_a_parent_of_more(cp16):
    token("A" * 20, parent="P" * 40)
    info = cp16.say("Authorize", {"idTag": "a" * 20})["idTagInfo"]
    assert info == {"status": "Accepted"}  # cut, the parent might be that of another group


# --- values -----------------------------------------------------------------------------------------------------------

ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


def test_quirk_v6_kwh_called_wh_are_multiplied_and_the_raw_value_stays(cp16):
    cp16.holder.traits = Traits(energy_factor=Decimal(1000))
    number = cp16.start(meterStart=12)["transactionId"]
    reading = measure(cp16, sample("12.5", unit="Wh"), sample("7.4", POWER, "W"), number=number)
    assert (reading.energy_wh, reading.power_w) == (12_500, 7400)
    assert json.loads(reading.samples)[0] == {"value": "12.5", "unit": "Wh"}
    cp16.stop(
        number, meterStop=19, transactionData=[{"timestamp": at(20), "sampledValue": [sample("18.25")]}]
    )
    transaction = cp16.only
    assert (transaction.meter_start_wh, transaction.meter_stop_wh, transaction.energy_wh) == (
        12_000,
        19_000,
        7000,
    )
    assert json.loads(transaction.raw_stop)["meterStop"] == 19
    assert cp16.readings[-1].energy_wh == 18_250
    assert transaction.anomalies == []


def test_quirk_v6_a_factor_makes_no_number_that_cannot_be_stored(cp16):
    cp16.holder.traits = Traits(energy_factor=Decimal(1000))
    number = cp16.start(meterStart=2**62)["transactionId"]
    reading = measure(cp16, sample(9 * 10**12), sample("1e300", POWER), number=number)
    assert (reading.energy_wh, reading.power_w) == (None, None)
    cp16.stop(number, meterStop=9 * 10**12)
    assert cp16.only.energy_wh is None
    assert cp16.only.anomalies == ["meter_unbelievable"]


def test_quirk_v6_an_unknown_factor_raises_suspicion(cp16):
    number = cp16.start(meterStart=0)["transactionId"]
    for minute in (10, 20, 30):
        measure(cp16, sample(minute / 10), sample(7200, POWER), number=number, received=minute)
    cp16.stop(number, meterStop=4, received=31)
    assert (cp16.only.energy_wh, cp16.only.anomalies) == (4, ["unit_suspected"])


def test_quirk_v7_registers_per_session_that_restart_or_fall(cp16):
    number = cp16.start(meterStart=1_000_000)["transactionId"]
    for minute, wh in [(5, 0), (10, 700), (20, 1900)]:
        cp16.meter(wh, number, received=minute)
    cp16.stop(number, meterStop=2500)
    assert (cp16.only.meter_stop_wh, cp16.only.energy_wh) == (2500, 2500)
    assert cp16.only.anomalies == ["meter_stop_below_start", "meter_restarted"]
    second = cp16.start(meterStart=0, received=60)["transactionId"]
    for minute, wh in [(65, 500), (66, 0), (70, 900)]:
        cp16.meter(wh, second, received=minute)
    cp16.stop(second, meterStop=1000, received=75)
    assert (cp16.transactions[1].energy_wh, cp16.transactions[1].anomalies) == (1000, ["meter_fell"])


def test_quirk_v7_a_jump_of_the_register_is_not_billed_and_its_claim_is_kept(cp16):
    number = cp16.start()["transactionId"]
    for minute, wh in [(5, 1500), (10, 2000), (15, 90_000_000), (20, 90_000_500)]:
        cp16.meter(wh, number, received=minute)
    cp16.stop(number, meterStop=90_001_000)
    assert (cp16.only.meter_stop_wh, cp16.only.energy_wh) == (90_001_000, 2000)
    assert cp16.only.anomalies == ["meter_jumped"]
    (told,) = cp16.told("tx.stopped")
    assert (told["consumed_wh"], told["anomalies"]) == (2000, ["meter_jumped"])


@pytest.mark.parametrize(("most", "billed"), [(0, 299_000), (22, 1000)])
def test_quirk_v7_what_is_a_jump_depends_on_what_the_model_can_give(cp16, most: int, billed: int):
    if most:
        set_charge_point_traits(cp16.row, {"connector_max_kw": most}, now=NOON)
    number = cp16.start()["transactionId"]
    for minute, wh in [(10, 2000), (60, 300_000)]:
        cp16.meter(wh, number, received=minute)
    cp16.stop(number, meterStop=300_000, time=at(61), received=61)
    assert cp16.only.energy_wh == billed
    assert ("meter_jumped" in cp16.only.anomalies) == bool(most)


@pytest.mark.parametrize(
    ("samples", "figures"),
    [
        # energy, power, current, voltage
        ([sample(5, unit="kWh", phase="L1")], (5000, None, None, None)),
        ([sample(5, phase=p) for p in ("L1", "L2", "L3")], (15, None, None, None)),
        ([sample(7), *(sample(5, phase=p) for p in ("L1", "L2", "L3"))], (7, None, None, None)),
        (
            [sample(a, "Current.Import", "A", p) for a, p in [(16, "L1"), (15, "L2"), (14, "L3"), (40, "N")]],
            (None, None, 16, None),
        ),
        ([sample(16, "Current.Import", "A", "L1-N")], (None, None, 16, None)),
        ([sample(40, "Current.Import", "A", "N")], (None, None, None, None)),
        ([sample(400, "Voltage", "V", "L1-L2")], (None, None, None, 230.94)),
        (
            [sample(400, "Voltage", "V", "L1-L2"), sample(231, "Voltage", "V", "L1-N")],
            (None, None, None, 231),
        ),
        ([sample(v, "Voltage", "V", p) for v, p in [(228, "L1"), (232, "L2-N")]], (None, None, None, 230)),
        ([sample(2, POWER, "kW", p) for p in ("L1", "L2", "L3")], (None, 6000, None, None)),
    ],
)
def test_quirk_v8_phases(cp16, samples, figures):
    reading = measure(cp16, *samples)
    assert reading.energy_wh == figures[0]
    assert (reading.power_w, reading.current_a, reading.voltage_v) == pytest.approx(figures[1:], abs=0.01)
    assert json.loads(reading.samples) == samples


CURRENTS = [sample(10, "Current.Import", "A", phase) for phase in ("L1", "L2", "L3")]


@pytest.mark.parametrize(
    ("samples", "watts", "derived"),
    [
        ([*CURRENTS, sample(230, "Voltage", "V")], 6900, True),
        (
            [*CURRENTS, *(sample(v, "Voltage", "V", p) for v, p in [(230, "L1"), (220, "L2"), (240, "L3")])],
            6900,
            True,
        ),
        ([*CURRENTS, sample(400, "Voltage", "V", "L1-L2")], 6928.2, True),
        ([sample(125, "Current.Import", "A"), sample(400, "Voltage", "V")], 50_000, True),  # direct current
        ([*CURRENTS, sample(230, "Voltage", "V"), sample(6.8, POWER, "kW")], 6800, False),
        (CURRENTS, None, False),
        ([sample(230, "Voltage", "V")], None, False),
    ],
)
def test_quirk_v9_power_that_is_missing_is_derived_and_marked(cp16, samples, watts, derived):
    reading = measure(cp16, *samples)
    assert reading.power_derived is derived
    assert reading.power_w == (None if watts is None else pytest.approx(watts, abs=0.1))
    assert cp16.told("cp.meter")[0]["meter_values"][0]["power_derived"] is derived


@pytest.mark.parametrize("written", [" 1500 ", '"1500"', "'1500'", "\t1500\n", "1500.0", "1.5e3", ' "1500" '])
def test_quirk_v10_blanks_and_quotes_round_values(cp16, written):
    reading = measure(cp16, sample(written))
    assert reading.energy_wh == 1500
    assert json.loads(reading.samples)[0]["value"] == written


@pytest.mark.parametrize("junk", ["", " ", "NaN", "Infinity", "1,5", "0x10", "12 Wh", "--"])
def test_quirk_v10_what_is_no_number_is_kept_and_read_as_none(cp16, junk):
    reading = measure(cp16, sample(junk), sample(junk, POWER))
    assert (reading.energy_wh, reading.power_w) == (None, None)
    assert json.loads(reading.samples)[0]["value"] == junk


def test_quirk_v12_a_backlog_of_months_is_history_and_bills_nothing(cp16):
    number = cp16.start(received=0)["transactionId"]
    day = 24 * 60
    for back in range(90, 0, -10):
        values = [
            {
                "timestamp": at(-back * day - hour * 60),
                "sampledValue": [sample(900 - back, context="Sample.Clock")],
            }
            for hour in range(8, 0, -1)
        ]
        cp16.say("MeterValues", {"connectorId": 1, "meterValue": values}, 5)
    assert len(cp16.readings) == 72
    assert all(r.offline and r.transaction_id is None for r in cp16.readings)
    assert all(v["offline"] for told in cp16.told("cp.meter") for v in told["meter_values"])
    cp16.meter(2000, number, received=6)
    assert cp16.told("cp.meter")[-1]["meter_values"][0]["offline"] is False
    cp16.stop(number)
    assert (cp16.only.energy_wh, cp16.only.anomalies, cp16.only.offline) == (4000, [], False)


# --- transactions -----------------------------------------------------------------------------------------------------


def test_quirk_x1_a_start_said_twice_is_one_transaction(cp16):
    assert cp16.start() == cp16.start(received=3, time=at(0))
    assert len(cp16.transactions) == 1


@pytest.mark.parametrize("claimed", [0, -1])
def test_quirk_x2_a_stop_without_an_id_is_matched_by_its_token_or_its_group(cp16, claimed):
    token("MUM", parent="FAMILY")
    token("DAD", parent="FAMILY")
    cp16.start(connectorId=2, idTag="MUM")
    cp16.start(connectorId=1)
    cp16.stop(claimed, idTag="DAD")
    mums, alices = cp16.transactions
    assert (mums.status, alices.status) == ("ended", "active")
    assert mums.anomalies == ["matched_by_evidence"]


@pytest.mark.parametrize(("connectors", "connector"), [(1, 1), (2, 0)])
def test_quirk_x2b_connector_0_is_the_only_one_or_the_stations_own_meter(cp16, connectors, connector):
    for number in range(1, connectors + 1):
        report = {"connectorId": number, "status": "Available", "errorCode": "NoError"}
        cp16.say("StatusNotification", report)
    cp16.start()
    cp16.meter(1500, 0, connectorId=0)
    (reading,) = cp16.readings
    assert reading.connector_number == connector
    assert (reading.transaction_id is not None) == (connectors == 1)


def test_quirk_x2b_a_reading_of_connector_0_with_an_id_is_of_its_connector(cp16):
    number = cp16.start(connectorId=2)["transactionId"]
    for _ in range(2):  # asked, then remembered
        cp16.meter(1500, number, connectorId=0)
    assert [r.connector_number for r in cp16.readings] == [2, 2]


def test_quirk_x3_an_end_whose_start_was_lost_is_a_transaction_of_its_own(cp16):
    cp16.stop(4711, idTag="ALICE")
    assert (cp16.only.orphan, cp16.only.energy_wh) == (True, None)
    assert cp16.only.anomalies == ["start_lost"]


def test_quirk_x4_available_and_no_stop(cp16):
    cp16.start()
    cp16.say("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}, 20)
    assert infer_ends(now=cp16.only.started_at.replace(hour=13)) == 1
    assert (cp16.only.end_source, cp16.only.anomalies) == ("inferred", ["stop_inferred"])


def test_quirk_x5_available_before_the_stop(cp16):
    number = cp16.start()["transactionId"]
    cp16.say("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}, 29)
    cp16.stop(number)
    assert (cp16.only.end_source, cp16.only.anomalies) == ("reported", [])


def test_quirk_x7_an_unknown_tag_used_offline_is_recorded_and_answered_invalid(cp16):
    for begun in (-600, -300):
        answer = cp16.start(time=at(begun), idTag="de:ad:be:ef")
        assert answer["idTagInfo"] == {"status": "Invalid"}
        cp16.stop(answer["transactionId"], time=at(begun + 60), idTag="DEADBEEF")
    unknown = UnknownToken.objects.get(canonical="DEADBEEF")
    assert (unknown.id_token, unknown.count, unknown.charge_point) == ("de:ad:be:ef", 2, cp16.row)
    assert [(t.status, t.energy_wh) for t in cp16.transactions] == [("ended", 4000)] * 2
    verdict(cp16, "OTHER")
    assert UnknownToken.objects.count() == 1, "to ask is not to charge"


def test_quirk_x8_a_stop_below_or_before_its_start_uses_the_last_sample(cp16):
    number = cp16.start()["transactionId"]
    cp16.meter(3000, number, received=20)
    cp16.stop(number, meterStop=10, time=at(-99), received=40)
    transaction = cp16.only
    assert transaction.energy_wh == 2000
    assert transaction.stopped_at == cp16.readings[0].sampled_at
    assert sorted(transaction.anomalies) == ["meter_stop_below_start", "stop_before_start"]
    claim = json.loads(transaction.raw_stop)
    assert (claim["meterStop"], claim["timestamp"]) == (10, at(-99)), "the claim stays beside it"


def test_quirk_x11_meter_values_after_the_stop(cp16):
    number = cp16.start()["transactionId"]
    cp16.stop(number)
    cp16.meter(4900, number, received=45, time=at(28))
    assert cp16.readings[0].transaction_id == cp16.only.pk
    assert cp16.only.energy_wh == 4000


def test_quirk_x12_many_boxes_behind_one_identity_charge_side_by_side(cp16):
    numbers = [cp16.start(connectorId=box)["transactionId"] for box in range(1, 17)]
    for box, number in enumerate(numbers, start=1):
        cp16.meter(1000 + box, number, connectorId=box)
    for number in numbers:
        cp16.stop(number)
    assert [t.connector_number for t in cp16.transactions] == list(range(1, 17))
    assert all(t.anomalies == [] and t.energy_wh == 4000 for t in cp16.transactions)
