"""The OCPP front door: which room answers which action of which version, and what may be told to charge points.

The rooms below find these tables by their names in the settings, as Django finds middleware.
"""

import chargers.catalogue
import chargers.ocpp16
import transactions.catalogue
import transactions.ocpp16
from chargers.handling import Handler
from chargers.ordering import CommandType, Order
from chargers.protocol.versions import Version

CALLS: dict[Version, dict[str, Handler]] = {
    Version.V16: chargers.ocpp16.CALLS | transactions.ocpp16.CALLS,
}

# In the order in which people look for them.
COMMANDS: dict[str, CommandType] = transactions.catalogue.COMMANDS | chargers.catalogue.COMMANDS

ORDERS: dict[Version, dict[str, Order]] = {
    Version.V16: transactions.ocpp16.ORDERS | chargers.ocpp16.ORDERS,
}
