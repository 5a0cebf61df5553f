"""The physical components of a station: its cabinet, its EVSEs and their connectors, as far as they are told."""

from functools import partial
from typing import TYPE_CHECKING

from chargers.simulator.hardware import NOMINAL_VOLTS
from chargers.simulator.v201.rows import NO, YES, Row, built, choice, decimal, flag, integer, text
from chargers.simulator.v201.variables import BOTH, Place, Variable

if TYPE_CHECKING:
    from chargers.simulator.v201.evse import Evse
    from chargers.simulator.v201.station import Station

STATES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")


def parts(station: "Station") -> list[Variable]:
    """The variables of the cabinet, of each EVSE and of each connector."""
    table = _cabinet(station)
    for evse in station.evses:
        table |= _evse(station, evse)
        for connector in range(1, len(evse.connectors) + 1):
            table |= _connector(station, evse, connector)
    return built(table)


def _health(enabled: bool = True) -> list[Row]:
    return [flag("Enabled", YES if enabled else NO), flag("Problem", NO)]


def _cabinet(station: "Station") -> dict[Place, list[Row]]:
    plate, hardware = station.nameplate, station.hardware
    phases = "0" if hardware.is_dc else str(hardware.phases)
    return {
        Place("ChargingStation"): [
            choice("AvailabilityState", lambda: station.state, STATES),
            flag("Available", YES),
            flag("Enabled", lambda: YES if station.is_operative else NO),
            flag("Problem", lambda: YES if any(evse.fault for evse in station.evses) else NO),
            flag("AllowNewSessionsPendingFirmwareUpdate", NO, BOTH),
            text("Model", hardware.model),
            text("VendorName", hardware.vendor),
            text("SerialNumber", plate.serial),
            text("FirmwareVersion", lambda: station.nameplate.firmware),
            integer("SupplyPhases", "3", 0, 3),
            text("PhaseRotation", "RST", high=3),
        ],
        Place("Controller"): [
            text("Manufacturer", hardware.vendor),
            text("Model", f"{hardware.model} main board"),
            text("SerialNumber", f"{plate.serial}-C"),
            text("FirmwareVersion", lambda: station.nameplate.firmware),
            flag("Active", YES),
            flag("Problem", NO),
            integer("Interval", "10", 1, 3600, instance="Heartbeat", unit="s"),
            decimal("Temperature", "41.5", "Celsius", 95),
        ],
        Place("ElectricalFeed"): [
            *_health(),
            flag("Active", YES),
            decimal("ACVoltage", f"{NOMINAL_VOLTS:g}", "V", 265),
            decimal("Power", lambda: f"{station.watts:.0f}", "W", hardware.rated_watts * len(station.evses)),
            decimal("Energy", lambda: str(station.energy_wh), "Wh"),
            text("PowerType", "AC"),
            integer("SupplyPhases", "3", 0, 3),
        ],
        Place("FiscalMetering"): [
            *_health(),
            text("Manufacturer", hardware.vendor),
            text("Model", hardware.meter_type),
            text("SerialNumber", plate.meter_serial),
            text("PublicKey", station.signer.public_key),
            decimal("EnergyImport", lambda: str(station.energy_wh), "Wh"),
        ],
        Place("FanControl"): [*_health(), decimal("FanSpeed", "1200", "RPM", 4800, {"Target": "1200"})],
        Place("TemperatureSensor", "cabinet"): [*_health(), decimal("Temperature", "33.0", "Celsius", 80)],
        Place("AccessBarrier"): [flag("Enabled", NO), flag("Active", NO)],
        Place("Display"): [*_health(), integer("Count", "2", 0, 8, instance="HeightInChars")],
        Place("DistributionPanel"): [*_health(), integer("Fuse", "63", 0, 250, instance="1", unit="A")],
        Place("CPPWMController"): _health(not hardware.is_dc),
        Place("UpstreamProtectionTrigger"): [*_health(), flag("Tripped", NO)],
        Place("OverCurrentBreaker"): [*_health(), flag("Tripped", NO), integer("SupplyPhases", phases, 0, 3)],
        Place("Modem" if station.has_modem else "LANPort"): [
            *_health(),
            flag("Active", YES),
            text("Manufacturer", hardware.vendor),
        ],
    }


def _evse(station: "Station", evse: "Evse") -> dict[Place, list[Row]]:
    hardware = station.hardware
    place = partial(Place, evse=evse.number)
    power = f"{hardware.rated_watts:.0f}"
    return {
        place("EVSE"): [
            choice("AvailabilityState", lambda: evse.shown, STATES),
            flag("Available", YES),
            flag("Enabled", lambda: YES if evse.is_operative else NO),
            flag("Problem", lambda: YES if evse.fault is not None else NO),
            flag("AllowReset", YES if hardware.is_dc else NO),
            text("EvseId", f"DE*SIM*E{station.cp_id}*{evse.number}", BOTH, high=48),
            text("ISO15118EvseId", f"DE*SIM*E{station.cp_id}*{evse.number}", BOTH, high=37),
            integer("SupplyPhases", "0" if hardware.is_dc else str(hardware.phases), 0, 3),
            decimal("Power", lambda: f"{evse.watts:.0f}", "W", hardware.rated_watts, {"MaxSet": power}),
            decimal("DCVoltage" if hardware.is_dc else "ACVoltage", lambda: f"{evse.volts:.1f}", "V", 1000),
            decimal("DCCurrent" if hardware.is_dc else "ACCurrent", lambda: f"{evse.amps:.1f}", "A", 500),
            decimal("ChargeTime", lambda: str(evse.charge_seconds), "s"),
        ],
        place("TokenReader"): [
            *_health(),
            choice("TokenType", "ISO14443", ("ISO14443", "ISO15693"), kind="MemberList"),
            flag("Operated", NO),
        ],
        place("FiscalMetering"): [
            decimal("EnergyImport", lambda: str(evse.meter.energy_wh), "Wh"),
            text("PublicKey", station.signer.public_key),
            *_health(),
        ],
        place("RCD"): [
            *_health(),
            flag("Tripped", NO),
            integer("Tries", "0", 0, 3),
            integer("TriesMax", "3", 0, 9),
        ],
        place("OverCurrentProtection"): [*_health(), flag("Tripped", NO)],
        place("GroundIsolationProtection"): [*_health(), decimal("Impedance", "950000", "Ohm")],
        place("ControlMetering"): [
            *_health(),
            decimal("Power", lambda: f"{evse.watts:.0f}", "W", hardware.rated_watts),
        ],
        place("PowerContactor"): [
            *_health(),
            flag("Active", lambda: YES if evse.watts else NO),
            flag("Tripped", NO),
        ],
        place("BayOccupancySensor"): [*_health(), flag("Active", lambda: YES if evse.is_occupied else NO)],
        place("TemperatureSensor"): [*_health(), decimal("Temperature", "31.0", "Celsius", 90)],
        place("LocalEnergyStorage"): [flag("Enabled", NO)],
    }


def _connector(station: "Station", evse: "Evse", number: int) -> dict[Place, list[Row]]:
    connector = evse.connectors[number - 1]
    place = partial(Place, evse=evse.number, connector=number)
    return {
        place("Connector"): [
            choice("AvailabilityState", lambda: connector.status, STATES),
            flag("Available", YES),
            flag("Enabled", lambda: YES if connector.is_operative else NO),
            flag("Problem", lambda: YES if evse.fault is not None else NO),
            text("ConnectorType", connector.kind),
            integer("SupplyPhases", "0" if station.hardware.is_dc else str(station.hardware.phases), 0, 3),
            decimal("Temperature", "28.0", "Celsius", 110),
            integer("PlugCycles", lambda: str(connector.plugged), 0),
        ],
        place("ConnectorPlugRetentionLock"): [
            *_health(),
            flag("Tripped", NO),
            integer("TriesMax", "3", 0, 9),
        ],
        place("ConnectorHolsterSensor"): [*_health()],
        place("CableBreakawaySensor"): [flag("Enabled", NO), flag("Tripped", NO)],
    }
