"""Which version a message has the shape of, where that is not the version of its link (quirk T3)."""

from typing import Any

from .errors import OcppError
from .schemas import FROM_CHARGER
from .versions import Version

ONLY_LATER = FROM_CHARGER[Version.V201] - FROM_CHARGER[Version.V16]
ONLY_EARLIER = FROM_CHARGER[Version.V16] - FROM_CHARGER[Version.V201]
# What both have by one name, by action: a property that only the other one has.
LATER_MARKS = {
    "BootNotification": "chargingStation",
    "StatusNotification": "connectorStatus",
    "MeterValues": "evseId",
    "Authorize": "idToken",
    "FirmwareStatusNotification": "requestId",
}
EARLIER_MARKS = {
    "BootNotification": "chargePointVendor",
    "StatusNotification": "errorCode",
    "MeterValues": "connectorId",
    "Authorize": "idTag",
}
ADVICE = "it has the shape of {shape} on a link of {link}; set the charge point to one version"


def advised(version: Version, action: str, payload: dict[str, Any], error: OcppError) -> OcppError:
    """The same refusal, with advice where a message of one version came by a link of another."""
    if version is Version.V16:
        other, only, marks = Version.V201, ONLY_LATER, LATER_MARKS
    else:
        other, only, marks = Version.V16, ONLY_EARLIER, EARLIER_MARKS
    if action not in only and marks.get(action, "") not in payload:
        return error
    advice = ADVICE.format(shape=other.label, link=version.label)
    return OcppError(error.code, f"{error.description}; {advice}", error.details)
