"""The pure half of the simulator: what a car draws, what a meter counts, what a charger's keys take."""

import random

import pytest

from chargers.simulator.cars import AC_EFFICIENCY, CARS, Battery, draw, fits, taper
from chargers.simulator.clock import timestamp
from chargers.simulator.hardware import HARDWARE, nameplate
from chargers.simulator.keys import Keys
from chargers.simulator.meter import MEASURANDS, NOMINAL_VOLTS, VOLTAGE_BAND, Meter, sampled_values

PAIRS = [
    pytest.param(hardware, car, id=f"{hardware.model}-{car.name}".replace(" ", "_"))
    for hardware in HARDWARE
    for car in fits(hardware)
]


@pytest.mark.parametrize(("hardware", "car"), PAIRS)
def test_a_whole_charge_never_runs_backwards_and_never_exceeds_a_limit(hardware, car):
    meter = Meter(hardware, 1_000_000.4, random.Random(7))
    battery = Battery.at(car, hardware, soc=10, target=100)
    last_register, last_soc = meter.energy_wh, battery.soc
    for _ in range(24 * 60):
        flow = draw(car, hardware, battery.soc)
        battery.take(meter.run(flow, 60))
        reading = meter.read(battery.soc)
        assert reading.energy_wh >= last_register
        assert battery.soc >= last_soc
        last_register, last_soc = reading.energy_wh, battery.soc
        if hardware.is_dc:
            assert reading.watts <= min(hardware.dc_watts, car.dc_watts)
        else:
            assert all(phase.amps <= min(hardware.amps, car.ac_amps) for phase in reading.phases)
            assert sum(phase.amps > 0 for phase in reading.phases) <= min(hardware.phases, car.ac_phases)
            assert reading.watts <= hardware.rated_watts * (1 + VOLTAGE_BAND)
            assert all(abs(phase.volts / NOMINAL_VOLTS - 1) < VOLTAGE_BAND + 1e-9 for phase in reading.phases)
    assert battery.is_full
    assert not draw(car, hardware, battery.soc).flows


def test_dc_power_is_flat_to_80_percent_and_falls_steadily_after():
    fast = next(hardware for hardware in HARDWARE if hardware.kind == "dc150")
    tourer = next(car for car in CARS if car.name == "tourer")
    powers = [draw(tourer, fast, soc).watts for soc in range(101)]
    assert set(powers[:81]) == {150_000}
    assert all(later < earlier for earlier, later in zip(powers[80:], powers[81:], strict=False))
    assert powers[90] < 100_000
    assert powers[100] == 0


def test_the_taper_meets_its_ends():
    assert taper(80, 80, 0.1) == 1
    assert taper(99.999, 80, 0.1) == pytest.approx(0.1, abs=1e-3)
    assert taper(100, 80, 0.1) == 0


def test_a_single_phase_car_uses_one_phase_of_three():
    twin = next(hardware for hardware in HARDWARE if hardware.kind == "ac22")
    city = next(car for car in CARS if car.ac_phases == 1 and car.ac_amps == 32)
    assert draw(city, twin, 50).amps == (32, 0, 0)


def test_the_meter_counts_what_flows():
    wallbox = next(hardware for hardware in HARDWARE if hardware.kind == "ac7")
    meter = Meter(wallbox, 0, random.Random(1))
    energy = sum(meter.run(draw(CARS[0], wallbox, 50), 60) for _ in range(60))
    assert meter.energy_wh == int(energy)
    assert 0.94 * 32 * 230 < energy < 1.04 * 32 * 230
    battery = Battery.at(CARS[0], wallbox, 50, 100)
    battery.take(energy)
    assert battery.soc == pytest.approx(50 + 100 * energy * AC_EFFICIENCY / CARS[0].battery_wh)


def test_no_time_means_no_energy_even_when_the_clock_steps_back():
    meter = Meter(HARDWARE[0], 5000, random.Random(1))
    assert meter.run(draw(CARS[1], HARDWARE[0], 50), 0) == 0
    assert meter.run(draw(CARS[1], HARDWARE[0], 50), -60) == 0
    assert meter.energy_wh == 5000


def test_samples_of_three_phases_add_up_to_the_total():
    meter = Meter(HARDWARE[0], 0, random.Random(3))
    meter.run(draw(CARS[1], HARDWARE[0], 50), 60)
    samples = sampled_values(meter.read(), list(MEASURANDS), "Sample.Periodic")
    powers = [s for s in samples if s["measurand"] == "Power.Active.Import"]
    total = next(float(s["value"]) for s in powers if "phase" not in s)
    assert sum(float(s["value"]) for s in powers if "phase" in s) == pytest.approx(total, abs=0.3)
    assert [s["phase"] for s in samples if s["measurand"] == "Voltage"] == ["L1-N", "L2-N", "L3-N"]
    assert not [s for s in samples if s["measurand"] in ("SoC", "Temperature")]


def test_dc_samples_have_no_phases_but_a_state_of_charge():
    fast = next(hardware for hardware in HARDWARE if hardware.is_dc)
    meter = Meter(fast, 0, random.Random(3))
    meter.run(draw(CARS[2], fast, 50), 60)
    samples = sampled_values(meter.read(soc=50.4, celsius=30), list(MEASURANDS), "Trigger")
    assert {s["measurand"] for s in samples} == set(MEASURANDS)
    assert not [s for s in samples if "phase" in s]
    assert next(s for s in samples if s["measurand"] == "SoC")["value"] == "50"


@pytest.mark.parametrize("hardware", HARDWARE, ids=lambda hardware: hardware.model)
def test_nameplates_fit_the_fields_of_boot_notification(hardware):
    payload = nameplate(hardware, random.Random(5)).boot_payload()
    assert len(payload["chargePointVendor"]) <= 20
    assert len(payload["chargePointModel"]) <= 20
    assert len(payload["chargePointSerialNumber"]) <= 25
    assert len(payload["meterType"]) <= 25
    assert payload == nameplate(hardware, random.Random(5)).boot_payload()


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "10", "Accepted"),
        ("heartbeatINTERVAL", "60", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "99999999999999999999", "Rejected"),
        ("AuthorizeRemoteTxRequests", "TRUE", "Accepted"),
        ("AuthorizeRemoteTxRequests", "maybe", "Rejected"),
        ("MeterValuesSampledData", "SoC, Voltage", "Accepted"),
        ("MeterValuesSampledData", "SoC,Altitude", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("WebSocketPingInterval", "60", "RebootRequired"),
        ("Colour", "red", "NotSupported"),
    ],
)
def test_keys_take_what_they_can_use(key, value, status):
    assert Keys(2).change(key, value) == status


def test_timestamps_are_utc_with_milliseconds():
    assert timestamp()[-5] == "."
    assert timestamp().endswith("Z")
