"""Names of the enumerations in the OpenAPI document: a generated client has classes of these names."""

from typing import Any

SUFFIX = "Enum"  # what drf-spectacular puts after a name of its own making
REFERENCE = "#/components/schemas/"

# Where the field's name alone says too little, or what it is a field of says it better. Others lose the suffix.
NAMES = {
    "BlankEnum": "EmptyText",
    "ChangeAvailabilityTypeEnum": "AvailabilityType",
    "ComponentKindEnum": "CostComponentKind",
    "ComponentUnitEnum": "CostComponentUnit",
    "ConnectorAvailabilityStandingEnum": "AvailabilityStanding",
    "DriftEnum": "ConfigurationDrift",
    "EndEnum": "UnexplainedChargingEnd",
    "EndEvidenceEnum": "TransactionEndEvidence",
    "EndSourceEnum": "TransactionEndSource",
    "EventTypeEnum": "TransactionEventType",
    "EvidenceEnum": "FirmwareEvidence",
    "ExtendedTriggerMessageRequestedMessageEnum": "ExtendedTriggerableMessage",
    "FigureEnum": "SeriesFigure",
    "FlagEnum": "ReportFlag",
    "LogEnum": "LogKind",
    "MeKindEnum": "CallerKind",
    "NewBulkJobTypeEnum": "BulkCommandType",
    "NullEnum": "Nothing",
    "PendingKindEnum": "PendingListUpdate",
    "PolicyEnum": "LocalListPolicy",
    "ReasonEnum": "LeftOutReason",
    "ResultEnum": "ConfigurationResult",
    "TokenChangeWhatEnum": "TokenChangeKind",
    "TriggerMessageRequestedMessageEnum": "TriggerableMessage",
    "UpdateTypeEnum": "LocalListUpdateType",
    "WhyEnum": "BulkJobStopReason",
}


def name(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give the enumerations their names. Raises ValueError for one that something else has."""
    schemas: dict[str, Any] = result["components"]["schemas"]
    names = {one: NAMES.get(one, one.removesuffix(SUFFIX)) for one in schemas if one.endswith(SUFFIX)}
    if taken := schemas.keys() & names.values() or len(names) - len(set(names.values())):
        raise ValueError(f"enumerations need other names in csms/api_enums.py: {taken}")
    result["components"]["schemas"] = dict(
        sorted((names.get(one, one), schema) for one, schema in schemas.items())
    )
    _refer(result, {REFERENCE + old: REFERENCE + new for old, new in names.items()})
    return result


def _refer(part: Any, references: dict[str, str]) -> None:
    if isinstance(part, dict):
        if part.get("$ref") in references:
            part["$ref"] = references[part["$ref"]]
        part = part.values()
    elif not isinstance(part, list):
        return
    for inner in part:
        _refer(inner, references)
