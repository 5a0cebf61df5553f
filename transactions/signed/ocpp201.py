"""OCPP 2.0.1 of meter values, signed or not, outside of transactions and inside. Wire words become neutral here."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import orjson

from chargers.commands.ordering import Order
from chargers.handling import Call, Handler, Translated, int32
from chargers.protocol.times import parse_time
from transactions.numbers import EXACT, is_plain, number_of, unit_of
from transactions.readings import Measured, outlet_of, record_meter_values
from transactions.sampled import label_of
from transactions.samples import read_samples201
from transactions.signed.values import signed_values

LABELS = ("context", "measurand", "phase", "location")  # those that have the same name in all versions


def measured(meter_values: Iterable[dict[str, Any]]) -> list[Measured]:
    """Return the readings of a list of MeterValue (2.0.1, 2.33), of MeterValues or of a TransactionEvent.

    Sampled values of another context are a reading of their own: a register at the beginning and one at the end may
    come under one time, and are two registers. Never raises, so it may run before the message waits for the writer.
    """
    return [
        Measured(
            parse_time(value.get("timestamp", "")),
            read_samples201(items),
            orjson.dumps(items),
            tuple(label_of(item, "measurand") for item in items),
            orjson.dumps([_told(item) for item in items]),
            signed_values(items),
        )
        for value in meter_values
        for items in _by_context(value.get("sampledValue", ()))
    ]


def corrected(call: Call, readings: list[Measured]) -> list[Measured]:
    """Read the samples again for a charge point that is known for wrong units (quirk V6)."""
    factor = call.holder.traits.energy_factor
    if factor == 1:
        return readings
    return [
        replace(item, reading=read_samples201(orjson.loads(item.samples), times=factor)) for item in readings
    ]


def _by_context(items: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the sampled values by context, in the order in which the contexts come first."""
    words = [item.get("context") for item in items]
    if words and words.count(words[0]) == len(words):  # as nearly always
        return [list(items)]
    found: dict[str, list[dict[str, Any]]] = {}
    for context, some in groupby(items, lambda item: label_of(item, "context")):
        found.setdefault(context, []).extend(some)
    return list(found.values()) or [[]]


def _told(item: dict[str, Any]) -> dict[str, str]:
    """Return a sampled value in the words of 1.6, as events tell it: its power of ten is worked into its value."""
    unit, power = unit_of(item)
    value = item.get("value", "")
    if (power or not is_plain(value)) and (number := number_of(value)) is not None:
        value = f"{EXACT.scaleb(number, power):f}"
    labels = {name: str(item[name]) for name in LABELS if name in item}
    return {"value": str(value), **labels, **({"unit": unit} if unit else {})}


def _measure(payload: dict[str, Any]) -> None:
    payload["measured"] = measured(payload.pop("meterValue", ()))


def meter_values(call: Call) -> dict[str, Any]:
    """2.0.1, J01: telemetry of an EVSE, or of the main meter (evseId 0). Never part of a transaction (S2-65)."""
    place = outlet_of(call.holder.charge_point_id, int32(call.payload.get("evseId", 0)))
    record_meter_values(
        charge_point_id=call.holder.charge_point_id,
        cp_id=call.holder.cp_id,
        connector_number=place.number,
        transaction_pk=None,
        claimed_id="",
        measured=corrected(call, call.payload["measured"]),
        now=call.received_at,
        place=place,
    )
    return {}


CALLS: dict[str, Handler] = {"MeterValues": Translated(_measure, meter_values)}

ORDERS: dict[str, Order] = {}
