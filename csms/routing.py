"""The OCPP front door: which room answers which action of which version, and what may be told to charge points.

The rooms below find these tables by their names in the settings, as Django finds middleware.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import chargers.availability.catalogue
import chargers.availability.ocpp16
import chargers.availability.ocpp201
import chargers.availability.services
import chargers.bulk.services
import chargers.callbacks.services
import chargers.catalogue
import chargers.certificates.catalogue
import chargers.certificates.ocpp16
import chargers.certificates.ocpp201
import chargers.certificates.renewing
import chargers.commands.ledger
import chargers.configuration.catalogue
import chargers.configuration.following
import chargers.configuration.ocpp16
import chargers.configuration.ocpp201
import chargers.device_model.ocpp201
import chargers.device_model.services
import chargers.diagnostics.catalogue
import chargers.diagnostics.ocpp16
import chargers.diagnostics.ocpp201
import chargers.firmware.catalogue
import chargers.firmware.ocpp16
import chargers.firmware.ocpp201
import chargers.firmware.services
import chargers.network.catalogue
import chargers.network.following
import chargers.network.ocpp201
import chargers.ocpp16
import chargers.ocpp201
import chargers.passwords.catalogue
import chargers.passwords.following
import chargers.passwords.ocpp16
import chargers.passwords.ocpp201
import chargers.provisioning.following
import chargers.provisioning.ocpp201
import chargers.reporting.catalogue
import chargers.reporting.ocpp201
import chargers.reservations.catalogue
import chargers.reservations.following
import chargers.reservations.ocpp16
import chargers.reservations.ocpp201
import chargers.resets
import chargers.security_events.ocpp16
import chargers.security_events.ocpp201
import chargers.topology.ocpp201
import chargers.traits.services
import transactions.authorizing.ocpp201
import transactions.catalogue
import transactions.charging_profiles.catalogue
import transactions.charging_profiles.ocpp16
import transactions.charging_profiles.ocpp201
import transactions.charging_profiles.services
import transactions.ending
import transactions.local_lists.catalogue
import transactions.local_lists.ocpp16
import transactions.local_lists.ocpp201
import transactions.local_lists.services
import transactions.ocpp16
import transactions.ocpp201
import transactions.plug_and_charge
import transactions.remote_control.ocpp201
import transactions.remote_control.services
import transactions.remote_control.starting
import transactions.resets
import transactions.sequence.catalogue
import transactions.signed.ocpp201
import transactions.tariffs.catalogue
import transactions.tariffs.ocpp201
import transactions.tariffs.services
from chargers.commands.ordering import CommandType, Order
from chargers.following import (
    Booted,
    CommandSettled,
    Follower,
    ReportOver,
    SignedIn,
    StatusReported,
    VersionChanged,
)
from chargers.handling import Handler, VendorHandler
from chargers.protocol.versions import Version
from chargers.reporting.services import Apply
from transactions.happenings import (
    TransactionAuthorized,
    TransactionCorrected,
    TransactionEnded,
    TransactionStarted,
)

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
    chargers.passwords.ocpp16,
    chargers.reservations.ocpp16,
    chargers.firmware.ocpp16,
    chargers.diagnostics.ocpp16,
    chargers.certificates.ocpp16,
    chargers.security_events.ocpp16,
)

V201 = (
    transactions.ocpp201,
    transactions.authorizing.ocpp201,
    transactions.remote_control.ocpp201,
    transactions.signed.ocpp201,
    transactions.local_lists.ocpp201,
    transactions.charging_profiles.ocpp201,
    transactions.tariffs.ocpp201,
    chargers.ocpp201,
    chargers.topology.ocpp201,
    chargers.availability.ocpp201,
    chargers.passwords.ocpp201,  # before what sets any variable, so that it understands exact payloads first
    chargers.configuration.ocpp201,
    chargers.network.ocpp201,
    chargers.device_model.ocpp201,
    chargers.reporting.ocpp201,
    chargers.provisioning.ocpp201,
    chargers.reservations.ocpp201,
    chargers.firmware.ocpp201,
    chargers.diagnostics.ocpp201,
    chargers.certificates.ocpp201,
    chargers.security_events.ocpp201,
)

CALLS: dict[Version, dict[str, Handler]] = {
    Version.V16: merged(block.CALLS for block in V16),
    Version.V201: merged(block.CALLS for block in V201),
}
ORDERS: dict[Version, dict[str, Order]] = {
    Version.V16: merged(block.ORDERS for block in V16),
    Version.V201: merged(block.ORDERS for block in V201),
}

# What a charge point is set to, by what it means -> the name that the version has for it.
MEANINGS: dict[Version, Mapping[str, str]] = {
    Version.V16: chargers.configuration.ocpp16.MEANINGS,
    Version.V201: chargers.device_model.ocpp201.MEANINGS,
}

# In the order in which people look for them.
COMMANDS: dict[str, CommandType] = merged(
    block.COMMANDS
    for block in (
        transactions.catalogue,
        transactions.sequence.catalogue,
        transactions.tariffs.catalogue,
        chargers.catalogue,
        chargers.availability.catalogue,
        chargers.configuration.catalogue,
        chargers.reporting.catalogue,
        chargers.passwords.catalogue,
        chargers.network.catalogue,
        chargers.reservations.catalogue,
        transactions.charging_profiles.catalogue,
        transactions.local_lists.catalogue,
        chargers.firmware.catalogue,
        chargers.diagnostics.catalogue,
        chargers.certificates.catalogue,
    )
)

# Kind of report -> what uses it once all its parts are there.
REPORTS: dict[str, Apply] = {
    "variables": chargers.device_model.services.take_inventory,
}

# Vendor id in lower case -> message id -> handler. What is not here is answered with UnknownVendorId (S-01).
VENDORS: dict[str, dict[str, VendorHandler]] = {
    "org.openchargealliance.iso15118pnc": transactions.plug_and_charge.MESSAGES,
}

FOLLOWERS: dict[type, tuple[Follower, ...]] = {
    Booted: (
        chargers.resets.follow_boot,
        chargers.configuration.following.follow_boot,
        chargers.firmware.services.follow_boot,
        transactions.local_lists.services.follow_boot,
        transactions.charging_profiles.services.follow_boot,
        chargers.traits.services.follow_boot,
        chargers.network.following.follow_boot,
        chargers.provisioning.following.follow_boot,
        chargers.certificates.renewing.follow_boot,
    ),
    VersionChanged: (
        chargers.commands.ledger.follow_version,
        chargers.configuration.following.follow_version,
    ),
    SignedIn: (
        chargers.passwords.following.follow_sign_in,
        chargers.network.following.follow_sign_in,
    ),
    CommandSettled: (
        chargers.network.following.follow_command,
        chargers.provisioning.following.follow_command,
        chargers.configuration.following.follow_command,
        chargers.callbacks.services.follow_command,
        chargers.bulk.services.follow_command,
    ),
    ReportOver: (chargers.configuration.following.follow_report,),
    StatusReported: (
        chargers.availability.services.follow_status,
        chargers.reservations.following.follow_status,
        chargers.resets.follow_status,
        transactions.ending.follow_status,
        transactions.remote_control.starting.follow_status,
    ),
    TransactionStarted: (
        transactions.remote_control.services.follow_start,
        transactions.charging_profiles.services.follow_start,
    ),
    TransactionAuthorized: (
        transactions.remote_control.services.follow_start,
        transactions.charging_profiles.services.follow_start,
    ),
    TransactionEnded: (
        transactions.remote_control.services.follow_end,
        transactions.charging_profiles.services.follow_end,
        transactions.tariffs.services.follow_end,
        transactions.resets.follow_end,
    ),
    TransactionCorrected: (transactions.tariffs.services.follow_end,),
}
