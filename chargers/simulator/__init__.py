"""A fleet of believable OCPP 1.6 and 2.0.1 charge points: clients like any other, with no back door into the house."""

from chargers.simulator.fleet import FleetOptions, FleetReport, OptionError, run_fleet
from chargers.simulator.scenarios import SCENARIOS

__all__ = ["SCENARIOS", "FleetOptions", "FleetReport", "OptionError", "run_fleet"]
