"""What can be wrong with a message, in neutral words and in the exact spelling of each OCPP version."""

from enum import Enum
from typing import Any

from .versions import Version

MAX_DESCRIPTION = 255  # OCPP-J 2.x, 4.2.3: errorDescription is a string of at most 255 characters.


class Fault(Enum):
    """A version-neutral name for an OCPP error code; `wire_code` gives the spelling on the wire."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL = "InternalError"
    PROTOCOL = "ProtocolError"
    SECURITY = "SecurityError"
    FORMAT = "FormatViolation"
    PROPERTY = "PropertyConstraintViolation"
    OCCURRENCE = "OccurrenceConstraintViolation"
    TYPE = "TypeConstraintViolation"
    GENERIC = "GenericError"
    MESSAGE_TYPE = "MessageTypeNotSupported"
    RPC_FRAMEWORK = "RpcFrameworkError"


class OcppError(Exception):
    """A message that cannot be served: its fault, a description for the peer, and details for our own log.

    The details are never sent to a charger (OCPP-J: errorDetails is sent as an empty object).
    """

    def __init__(self, code: Fault, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code.value}: {description}" if description else code.value)
        self.code = code
        self.description = description
        self.details = details or {}


# OCPP-J 1.6, 4.2.3, table 7: its two misspellings are normative; the codes it does not know take the nearest
# it has.
_SPELT_IN_16 = {
    Fault.FORMAT: "FormationViolation",
    Fault.OCCURRENCE: "OccurenceConstraintViolation",
    Fault.MESSAGE_TYPE: "GenericError",
    Fault.RPC_FRAMEWORK: "FormationViolation",
}

_READ = {fault.value.casefold(): fault for fault in Fault} | {
    "formationviolation": Fault.FORMAT,
    "occurenceconstraintviolation": Fault.OCCURRENCE,
    "messagetypenotsupportederror": Fault.MESSAGE_TYPE,
}


def wire_code(fault: Fault, version: Version) -> str:
    """The error code as this version spells it (OCPP-J 1.6 table 7; OCPP-J 2.x, 4.3)."""
    if version is Version.V16:
        return _SPELT_IN_16.get(fault, fault.value)
    return fault.value


def read_code(text: object) -> Fault:
    """The fault behind a charger's error code: any spelling of any version, and GENERIC for the unknown."""
    if not isinstance(text, str):
        return Fault.GENERIC
    return _READ.get(text.strip().casefold(), Fault.GENERIC)
