"""OCPP 2.0.1 of provisioning. Wire words become neutral here."""

from chargers.commands.ordering import Order
from chargers.handling import Handler

CALLS: dict[str, Handler] = {}

ORDERS: dict[str, Order] = {}
