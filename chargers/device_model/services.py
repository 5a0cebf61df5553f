"""What keeps the device model of charge points, as they report it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from chargers.configuration.models import ConfigurationReading
from chargers.configuration.selectors import fold
from chargers.configuration.services import ATTRIBUTES_MAX
from chargers.configuration.variables import Told, record_values
from chargers.device_model.addresses import Address, read_address
from chargers.device_model.models import Component, Variable
from chargers.models import ChargePoint
from chargers.reporting.models import Report
from chargers.topology.learning import learn
from csms.core.live import announce
from csms.core.upserts import upsert

WHOLE = "FullInventory"
READS_ALL = (WHOLE, "ConfigurationInventory")
"""Reports after which what can be set is known; what the first does not list is not there any more (S2-51)."""
LIMIT_MAX = Decimal(10) ** 20
VARIABLES_MAX = ATTRIBUTES_MAX

Key = tuple[str, str]


def take_inventory(report: Report, payloads: Sequence[dict[str, Any]], now: datetime) -> str:
    """Take over what a whole report says of components, variables and their values. Runs in one transaction.

    Of a variable that is there twice the last counts (B07, B08).
    """
    charge_point = report.charge_point
    told: dict[str, tuple[Address, dict[str, Any]]] = {}
    characteristics: dict[Key, dict[str, Any]] = {}
    twice = unread = 0
    for entry in (entry for payload in payloads for entry in payload["entries"]):
        unread += not entry["attributes"]
        for attribute in entry["attributes"]:
            address = read_address(attribute["name"])
            if address is None:
                unread += 1
                continue
            twice += fold(attribute["name"]) in told
            told[fold(attribute["name"])] = (address, attribute)
            if entry["told"] is not None:
                characteristics[_key(address)] = entry["told"]
    variables = _keep_variables(charge_point, [address for address, _ in told.values()], characteristics)
    kept = record_values(
        charge_point,
        [
            Told(
                name=str(address),
                value=attribute["value"],
                variable=variables.get(_key(address)),
                mutability=attribute["mutability"],
                persistent=attribute["persistent"],
                constant=attribute["constant"],
            )
            for address, attribute in told.values()
        ],
        whole=report.about == WHOLE,
        now=now,
    )
    learn(charge_point, said_at=report.generated_at, now=now)
    if report.about in READS_ALL and not _from_before_a_boot(report):
        ConfigurationReading.objects.update_or_create(
            charge_point=charge_point, defaults={"read_at": now, "stale": False}
        )
    announce(f"charge-point:{charge_point.pk}")
    extras = [
        f"{twice} were there twice, of which the last counts" if twice else "",
        f"{unread} have names that cannot be kept" if unread else "",
        f"{kept.left_out} are more than are kept of one charge point" if kept.left_out else "",
        f"{kept.gone} are not there any more" if kept.gone else "",
    ]
    return (
        "; ".join([f"It reports {len(told)} attributes of {len(variables)} variables", *filter(None, extras)])
        + "."
    )


def _from_before_a_boot(report: Report) -> bool:
    """Whether a station has booted since it was asked, perhaps with another firmware: then its boot decides (S2-51)."""
    booted = ChargePoint.objects.values_list("booted_at", flat=True).get(pk=report.charge_point_id)
    return booted is not None and report.asked_at is not None and booted > report.asked_at


def _key(address: Address) -> Key:
    return fold(address.of_component), fold(address.of_variable)


def _keep_variables(
    charge_point: ChargePoint, addresses: Iterable[Address], characteristics: dict[Key, dict[str, Any]]
) -> dict[Key, Variable]:
    """Return the variables of these addresses, stored with what was told of them; there is room for so many."""
    named = {_key(address): address for address in addresses}
    components = {row.key: row for row in Component.objects.filter(charge_point=charge_point)}
    keys = {row.pk: row.key for row in components.values()}
    known = {
        (keys[row.component_id], row.key): row
        for row in Variable.objects.filter(component__charge_point=charge_point)
    }
    room = VARIABLES_MAX - len(known)
    left_out = [key for key in named if key not in known][max(room, 0) :]
    for key in left_out:
        del named[key]
    new: dict[str, Component] = {}
    for (of_component, _), address in named.items():
        if of_component not in components and of_component not in new:
            new[of_component] = Component(
                charge_point=charge_point,
                name=address.component,
                instance=address.component_instance,
                evse_number=address.evse,
                evse_connector=address.connector,
                key=of_component,
            )
    upsert([*new.values()], unique=["charge_point", "key"], update=["name"])
    components |= new
    changed: list[Variable] = []
    found: dict[Key, Variable] = {}
    for key, address in named.items():
        row = known.get(key) or Variable(
            component=components[key[0]],
            name=address.variable,
            instance=address.variable_instance,
            key=key[1],
        )
        news = key in characteristics and _characterize(row, characteristics[key])
        if news or row._state.adding:
            changed.append(row)
        found[key] = row
    upsert(changed, unique=["component", "key"], update=CHARACTERISTICS)
    return found


CHARACTERISTICS = (
    "data_type",
    "unit",
    "min_limit",
    "max_limit",
    "values_list",
    "supports_monitoring",
    "told",
)


def _characterize(row: Variable, told: dict[str, Any]) -> bool:
    """Set what was told of the values that a variable takes; return whether that is anything new."""
    if row.told == told:
        return False
    row.data_type = str(told.get("data_type", ""))[:20]
    row.unit = str(told.get("unit", ""))[:16]
    row.min_limit, row.max_limit = _limit(told.get("min_limit")), _limit(told.get("max_limit"))
    row.values_list = str(told.get("values_list", ""))
    row.supports_monitoring = told.get("supports_monitoring")
    row.told = told
    return True


def _limit(value: object) -> Decimal | None:
    """Return a limit that its column holds; of an absurd one only `told` keeps the words."""
    if value is None:
        return None
    try:
        limit = round(Decimal(str(value)), 9)
    except InvalidOperation:
        return None
    return limit if abs(limit) < LIMIT_MAX else None
