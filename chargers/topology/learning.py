"""What a station's device model tells of its EVSEs and connectors: how many, of which kind, how strong, how they are.

It is read from what is kept of the station, so that it may be learnt after any report, or after a single variable.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from chargers.configuration.models import ConfigurationKey
from chargers.device_model.addresses import ACTUAL
from chargers.models import ChargePoint, Connector
from chargers.topology.models import Evse
from chargers.topology.places import MOST, PLACES_MAX
from chargers.topology.services import Known, meet
from chargers.topology.states import note_state
from csms.core.live import announce

POWER_MAX = 2**31 - 1
# The supply of a kind of connector; those of any other kind are AC.
DC = ("cccs", "cg105", "ctesla", "pan")

# Of thousands of variables some hundred are of places, so the others are not read.
PLACES = reduce(
    or_,
    (Q(variable__component__key__startswith=kind) for kind in ("chargingstation", "evse", "connector")),
)
SAID = (
    "variable__component__name",
    "variable__component__evse_number",
    "variable__component__evse_connector",
    "variable__name",
    "value",
    "variable__max_limit",
)
Said = Mapping[str, tuple[str, Decimal | None]]
"""What variables of one component say: the value and its upper limit, by name in lower case."""


def learn(charge_point: ChargePoint, *, said_at: datetime | None, now: datetime) -> int:
    """Take over what the device model tells of places; return how many EVSEs it has.

    `said_at` is when the station has made its report, by its own clock. What a person told, and what has facts, is
    never taken away: an EVSE of which the station tells no more is noted as gone. Idempotent.
    """
    told = _told(charge_point)
    listed: set[int] = set()
    stated = []
    for (kind, evse, connector), said in sorted(told.items())[: PLACES_MAX + 1]:
        if kind == "evse":
            meet(charge_point.pk, evse, known_from=Known.REPORT)
            _keep_evse(charge_point, evse, said)
        elif kind == "connector":
            where = meet(charge_point.pk, evse, connector, known_from=Known.REPORT)
            _keep_connector(charge_point, where.number, said)
        listed |= {evse} - {0}
        if state := _value(said, "availabilitystate"):
            stated.append((evse, connector, state))
    if listed:
        _note_supply(charge_point, listed)
        evses = Evse.objects.filter(charge_point=charge_point)
        evses.exclude(number__in=listed).filter(known_from=Known.REPORT, gone_at=None).update(gone_at=now)
        evses.filter(number__in=listed).exclude(gone_at=None).update(gone_at=None)
    for evse, connector, state in stated:
        note_state(charge_point.pk, charge_point.cp_id, evse, connector, state, said_at=said_at, now=now)
    announce("fleet", f"charge-point:{charge_point.pk}")
    return len(listed)


def _told(charge_point: ChargePoint) -> dict[tuple[str, int, int], Said]:
    """Return what is known of the components that are places, by their kind and place."""
    found: dict[tuple[str, int, int], dict[str, tuple[str, Decimal | None]]] = {}
    rows = ConfigurationKey.objects.filter(
        PLACES, charge_point=charge_point, known=True, attribute=ACTUAL, variable__isnull=False
    )
    for name, evse, connector, variable, value, limit in rows.values_list(*SAID):
        kind, evse, connector = name.casefold(), evse or 0, connector or 0
        place = {"chargingstation": not evse, "evse": evse and not connector, "connector": evse and connector}
        if not place.get(kind) or evse > MOST or connector > MOST:
            continue
        found.setdefault((kind, evse, connector), {})[variable.casefold()] = (value or "", limit)
    return dict(found)


def _value(said: Said, name: str) -> str:
    return said[name][0].strip() if name in said else ""


def _number(text: str) -> int | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return int(number) if number.is_finite() and 0 <= number <= POWER_MAX else None


def _keep_evse(charge_point: ChargePoint, evse: int, said: Said) -> None:
    values: dict[str, Any] = {}
    if (limit := said.get("power", ("", None))[1]) is not None and 0 <= limit <= POWER_MAX:
        values["max_power_w"] = int(limit)  # what it can give is the limit of what it gives
    if (phases := _number(_value(said, "supplyphases"))) in (1, 2, 3):
        values["phases"] = phases
    if values:
        Evse.objects.filter(charge_point=charge_point, number=evse).update(**values)


def _keep_connector(charge_point: ChargePoint, number: int, said: Said) -> None:
    kind = _value(said, "connectortype")[:20]
    if kind:
        Connector.objects.filter(charge_point=charge_point, number=number).update(connector_type=kind)


def _note_supply(charge_point: ChargePoint, evses: set[int]) -> None:
    """Note what each EVSE supplies, by the kinds of its connectors; as it was while none is told."""
    supplies: dict[int, set[str]] = {}
    kinds = Connector.objects.filter(charge_point=charge_point, evse_number__in=evses).exclude(
        connector_type=""
    )
    for evse, kind in kinds.values_list("evse_number", "connector_type"):
        supplies.setdefault(evse, set()).add("DC" if kind.casefold().startswith(DC) else "AC")
    for evse, supply in supplies.items():
        Evse.objects.filter(charge_point=charge_point, number=evse).update(supply="+".join(sorted(supply)))
