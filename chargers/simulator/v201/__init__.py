"""Simulated charging stations that speak OCPP 2.0.1, on the line, meters, cars and clock of the 1.6 ones."""

from chargers.simulator.v201.station import Station

__all__ = ["Station"]
