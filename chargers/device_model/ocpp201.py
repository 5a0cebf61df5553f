"""OCPP 2.0.1 of the device model: how it writes an address, and which variable has the meaning of a key of 1.6."""

from collections.abc import Mapping
from typing import Any

from chargers.commands.ordering import BadParam, Order
from chargers.device_model.addresses import ATTRIBUTES, NAME_MAX, Address, read_address, read_component
from chargers.handling import Handler, int32

CALLS: dict[str, Handler] = {}

ORDERS: dict[str, Order] = {}

# Appendix 2 of part 2: referenced components and variables. What it says by a limit of a variable is not here.
MEANINGS: dict[str, str] = {
    "additional_root_check": "SecurityCtrlr/AdditionalRootCertificateCheck",
    "certificate_chain_max": "SecurityCtrlr/MaxCertificateChainSize",
    "charging_rate_units": "SmartChargingCtrlr/RateUnit",
    "connection_timeout": "TxCtrlr/EVConnectionTimeOut",
    "cost_enabled": "TariffCostCtrlr/Enabled[Cost]",
    "currency": "TariffCostCtrlr/Currency",
    "display_available": "DisplayMessageCtrlr/Available",
    "file_transfer_protocols": "OCPPCommCtrlr/FileTransferProtocols",
    "local_list_at_once": "LocalAuthListCtrlr/ItemsPerMessage",
    "local_list_bytes": "LocalAuthListCtrlr/BytesPerMessage",
    "local_list_entries": "LocalAuthListCtrlr/Entries",
    "master_pass_group": "AuthCtrlr/MasterPassGroupId",
    "reserve_any": "ReservationCtrlr/NonEvseSpecific",
    "schedule_periods_max": "SmartChargingCtrlr/PeriodsPerSchedule",
    "stack_level_max": "SmartChargingCtrlr/ProfileStackLevel",
    "tariff_enabled": "TariffCostCtrlr/Enabled[Tariff]",
}


def component_of(address: Address) -> dict[str, Any]:
    """Return the ComponentType of an address."""
    evse = None if address.evse is None else {"id": address.evse}
    if evse is not None and address.connector is not None:
        evse["connectorId"] = address.connector
    return {
        "name": address.component,
        **({"instance": address.component_instance} if address.component_instance else {}),
        **({} if evse is None else {"evse": evse}),
    }


def variable_of(address: Address) -> dict[str, Any]:
    """Return the VariableType of an address."""
    instance = {"instance": address.variable_instance} if address.variable_instance else {}
    return {"name": address.variable, **instance}


def attribute_of(address: Address) -> dict[str, Any]:
    """Return component, variable and attributeType of an address; of Actual the type is left out, as it may be."""
    named = {"component": component_of(address), "variable": variable_of(address)}
    return named if address.attribute == "Actual" else {**named, "attributeType": address.attribute}


def address_in(item: Mapping[str, Any], attribute: object = None) -> Address | None:
    """Return the address that an item of a message names by component and variable; None where a name is empty.

    Names are cut to what the standard allows; numbers beyond any EVSE's are the largest.
    """
    component, variable = item["component"], item.get("variable") or {}
    names = [
        str(text or "").strip()[:NAME_MAX]
        for text in (
            component["name"],
            variable.get("name"),
            component.get("instance"),
            variable.get("instance"),
        )
    ]
    if not names[0] or not names[1]:
        return None
    evse = component.get("evse") or {}
    word = attribute if attribute is not None else item.get("attributeType", "Actual")
    return Address(
        names[0],
        names[1],
        names[2],
        names[3],
        int32(evse["id"]) if "id" in evse else None,
        int32(evse["connectorId"]) if "id" in evse and "connectorId" in evse else None,
        next((known for known in ATTRIBUTES if known == word), "Actual"),
    )


def addressed(name: str, field: str) -> Address:
    """Return what one of our parameters names. Raises BadParam for what is no address."""
    address = read_address(name)
    if address is None:
        raise BadParam(field, f"{name!r} is no address of a variable, as in TxCtrlr/EVConnectionTimeOut")
    return address


def targeted(name: str, field: str) -> dict[str, Any]:
    """Return the ComponentVariableType that one of our parameters names: a variable, or a component alone.

    Raises BadParam for what is neither.
    """
    if "/" in name:
        address = addressed(name, field)
        return {"component": component_of(address), "variable": variable_of(address)}
    component = read_component(name)
    if component is None:
        raise BadParam(field, f"{name!r} is neither a component nor the address of a variable")
    return {"component": component_of(component)}


def plain(value: Any) -> Any:
    """Return a value of a payload without the vendor's own additions, which name nothing."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if name != "customData"}
    return value
