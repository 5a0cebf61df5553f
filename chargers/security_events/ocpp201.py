"""OCPP 2.0.1 of security events (A04): in the words of 1.6, whose white paper took them from it."""

from chargers.commands.ordering import Order
from chargers.handling import Handler
from chargers.security_events.ocpp16 import security_event_notification

CALLS: dict[str, Handler] = {"SecurityEventNotification": security_event_notification}

ORDERS: dict[str, Order] = {}
