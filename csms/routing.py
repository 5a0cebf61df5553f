"""The OCPP front door: which room answers which action of which version."""

import chargers.ocpp16
import transactions.ocpp16
from chargers.handling import Handler
from chargers.protocol.versions import Version

CALLS: dict[Version, dict[str, Handler]] = {
    Version.V16: chargers.ocpp16.CALLS | transactions.ocpp16.CALLS,
}
