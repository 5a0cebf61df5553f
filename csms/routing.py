"""The OCPP front door: which room answers which action of which version, and what may be told to charge points.

The rooms below find these tables by their names in the settings, as Django finds middleware.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import chargers.availability.catalogue
import chargers.availability.ocpp16
import chargers.availability.services
import chargers.bulk.services
import chargers.callbacks.services
import chargers.catalogue
import chargers.certificates.catalogue
import chargers.certificates.ocpp16
import chargers.commands.effects
import chargers.configuration.catalogue
import chargers.configuration.following
import chargers.configuration.ocpp16
import chargers.diagnostics.catalogue
import chargers.diagnostics.ocpp16
import chargers.firmware.catalogue
import chargers.firmware.ocpp16
import chargers.firmware.services
import chargers.ocpp16
import chargers.reservations.catalogue
import chargers.reservations.ocpp16
import chargers.reservations.services
import chargers.security_events.ocpp16
import chargers.traits.services
import transactions.catalogue
import transactions.charging_profiles.catalogue
import transactions.charging_profiles.ocpp16
import transactions.charging_profiles.services
import transactions.ending
import transactions.local_lists.catalogue
import transactions.local_lists.ocpp16
import transactions.local_lists.services
import transactions.ocpp16
import transactions.plug_and_charge
import transactions.remote_control.services
import transactions.remote_control.starting
import transactions.tariffs.services
from chargers.commands.ordering import CommandType, Order
from chargers.following import Booted, CommandSettled, Follower, SignedIn, StatusReported
from chargers.handling import Handler, VendorHandler
from chargers.protocol.versions import Version
from transactions.happenings import TransactionCorrected, TransactionEnded, TransactionStarted

Value = TypeVar("Value")


def merged(tables: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    """Return one table of all; a name that two of them have is a mistake."""
    whole: dict[str, Value] = {}
    for table in tables:
        if twice := whole.keys() & table.keys():
            raise ValueError(f"two blocks have {', '.join(sorted(twice))}")
        whole |= table
    return whole


V16 = (
    transactions.ocpp16,
    transactions.local_lists.ocpp16,
    transactions.charging_profiles.ocpp16,
    chargers.ocpp16,
    chargers.availability.ocpp16,
    chargers.configuration.ocpp16,
    chargers.reservations.ocpp16,
    chargers.firmware.ocpp16,
    chargers.diagnostics.ocpp16,
    chargers.certificates.ocpp16,
    chargers.security_events.ocpp16,
)

CALLS: dict[Version, dict[str, Handler]] = {
    Version.V16: merged(block.CALLS for block in V16),
}
ORDERS: dict[Version, dict[str, Order]] = {
    Version.V16: merged(block.ORDERS for block in V16),
}

# In the order in which people look for them.
COMMANDS: dict[str, CommandType] = merged(
    block.COMMANDS
    for block in (
        transactions.catalogue,
        chargers.catalogue,
        chargers.availability.catalogue,
        chargers.configuration.catalogue,
        chargers.reservations.catalogue,
        transactions.charging_profiles.catalogue,
        transactions.local_lists.catalogue,
        chargers.firmware.catalogue,
        chargers.diagnostics.catalogue,
        chargers.certificates.catalogue,
    )
)

# Vendor id in lower case -> message id -> handler. What is not here is answered with UnknownVendorId (S-01).
VENDORS: dict[str, dict[str, VendorHandler]] = {
    "org.openchargealliance.iso15118pnc": transactions.plug_and_charge.MESSAGES,
}

FOLLOWERS: dict[type, tuple[Follower, ...]] = {
    Booted: (
        chargers.commands.effects.follow_boot,
        chargers.configuration.following.follow_boot,
        chargers.firmware.services.follow_boot,
        transactions.local_lists.services.follow_boot,
        transactions.charging_profiles.services.follow_boot,
        chargers.traits.services.follow_boot,
    ),
    SignedIn: (chargers.configuration.following.follow_sign_in,),
    CommandSettled: (
        chargers.configuration.following.follow_command,
        chargers.callbacks.services.follow_command,
        chargers.bulk.services.follow_command,
    ),
    StatusReported: (
        chargers.availability.services.follow_status,
        chargers.reservations.services.follow_status,
        transactions.ending.follow_status,
        transactions.remote_control.starting.follow_status,
    ),
    TransactionStarted: (
        transactions.remote_control.services.follow_start,
        transactions.charging_profiles.services.follow_start,
    ),
    TransactionEnded: (
        transactions.charging_profiles.services.follow_end,
        transactions.tariffs.services.follow_end,
    ),
    TransactionCorrected: (transactions.tariffs.services.follow_end,),
}
