"""Which version says which command how: the wire side of the catalogue."""

from chargers import ocpp16
from chargers.handling import Order
from chargers.protocol.versions import Version

ORDERS: dict[Version, dict[str, Order]] = {
    Version.V16: ocpp16.ORDERS,
}
