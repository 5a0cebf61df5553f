"""OCPP 1.6 of this block. Wire words become neutral ones here."""

from chargers.handling import Handler
from chargers.ordering import Order

CALLS: dict[str, Handler] = {}

ORDERS: dict[str, Order] = {}
