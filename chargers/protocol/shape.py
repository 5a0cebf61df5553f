"""Which version a message has the shape of, where that is not the version of its link (quirk T3)."""

from typing import Any

from .errors import OcppError
from .schemas import FROM_CHARGER
from .versions import Version

ONLY_LATER = FROM_CHARGER[Version.V201] - FROM_CHARGER[Version.V16]
# What 1.6 calls otherwise, by action: a property that only 2.x has.
MARKS = {
    "BootNotification": "chargingStation",
    "StatusNotification": "connectorStatus",
    "MeterValues": "evseId",
    "Authorize": "idToken",
    "FirmwareStatusNotification": "requestId",
}
ADVICE = "it has the shape of OCPP 2.0.1 on a link of OCPP 1.6; set the charge point to one version"


def advised(version: Version, action: str, payload: dict[str, Any], error: OcppError) -> OcppError:
    """The same refusal, with advice where a message of 2.0.1 came by a link of 1.6."""
    if version is Version.V16 and (action in ONLY_LATER or MARKS.get(action, "") in payload):
        return OcppError(error.code, f"{error.description}; {ADVICE}", error.details)
    return error
