"""OCPP 1.6 spoken by charge points: tokens, transactions and meter values. Wire words become neutral ones here."""

import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
from prometheus_client import Counter

from chargers.commands.ordering import BadParam, Order
from chargers.commands.saying import translated
from chargers.handling import Asked, Call, Handler, Translated, int32
from chargers.protocol.times import format_time, parse_time
from chargers.topology.ocpp16 import NO_EVSES
from csms.core.writer import after_commit
from transactions import readings, services
from transactions.asking import ask_about, remembered
from transactions.authorization import Authorization, Where
from transactions.authorization import authorize as judge
from transactions.charging_profiles.ocpp16 import profile_places, said_profile, wire_profile
from transactions.claims import believable_register
from transactions.counts import AUTHORIZATIONS, OWN
from transactions.readings import Measured
from transactions.samples import ENERGY, read_samples16
from transactions.token_forms import meant_token

log = logging.getLogger(__name__)

PARENT_MAX = 20  # characters; 1.6: IdToken is a CiString20Type
PARENTS_LEFT_OUT = Counter(
    "csms_parent_id_tags_left_out_total",
    "Answers of OCPP 1.6 without the group of a token, whose name is longer than 20 characters.",
)


# What only OCPP 2.x can say, in words of 1.6 (7.2 AuthorizationStatus): unknown is Invalid, "not here" is Blocked.
LESSER_WORDS = {
    "NoCredit": "Blocked",
    "NotAllowedTypeEVSE": "Blocked",
    "NotAtThisLocation": "Blocked",
    "NotAtThisTime": "Blocked",
    "Unknown": "Invalid",
}


def authorize(call: Call) -> dict[str, Any]:
    """1.6, 4.1."""
    driver = meant_token(call.payload["idTag"], call.holder.traits.token_rule)
    where = Where(call.holder.charge_point_id, call.holder.cp_id)
    verdict = judge(driver, now=call.received_at, said=call.verdict, where=where)
    AUTHORIZATIONS.add(verdict.status, OWN if call.verdict is None else call.verdict.source)
    return {"idTagInfo": _id_tag_info(verdict)}


def _stopper(call: Call, id_tag: str) -> dict[str, Any]:
    """Return what the answer says of the token that stopped: nothing if that is another's to say and unknown here."""
    driver = meant_token(id_tag, call.holder.traits.token_rule)
    decides, said = remembered(driver)
    if not id_tag or (decides and said is None):
        return {}
    return {"idTagInfo": _id_tag_info(judge(driver, now=call.received_at, said=said))}


def _id_tag_info(authorization: Authorization) -> dict[str, Any]:
    # S16-08: the parent goes into every answer, so that members of a group can stop each other's transactions.
    info: dict[str, Any] = {"status": LESSER_WORDS.get(authorization.status, authorization.status)}
    if authorization.expires_at is not None:
        info["expiryDate"] = format_time(authorization.expires_at)
    if len(authorization.parent) > PARENT_MAX:
        # Cut, it might be that of another group, and members of either could stop each other's transactions.
        PARENTS_LEFT_OUT.inc()
        log.warning("authorization.parent_too_long", extra={"parent": authorization.parent[:300]})
    elif authorization.parent:
        info["parentIdTag"] = authorization.parent
    return info


def start_transaction(call: Call) -> dict[str, Any]:
    """1.6, 4.8: always answered with a transaction id (S16-02)."""
    payload = call.payload
    time = payload.get("timestamp", "")
    started = services.start_transaction(
        charge_point_id=call.holder.charge_point_id,
        cp_id=call.holder.cp_id,
        connector_number=int32(payload["connectorId"]),
        id_token=payload["idTag"],
        meter_start_wh=_register(call, "meterStart"),
        claimed_at=parse_time(time),
        claimed_time=time,
        reservation_id=int32(payload["reservationId"]) if "reservationId" in payload else None,
        raw=orjson.dumps(payload).decode(),
        now=call.received_at,
        token_rule=call.holder.traits.token_rule,
        said=call.verdict,
    )
    return {
        "transactionId": started.transaction.number,
        "idTagInfo": _id_tag_info(started.authorization),
    }


def stop_transaction(call: Call) -> dict[str, Any]:
    """1.6, 4.10: a stop cannot be refused; the verdict on the stopping token only informs (S16-06)."""
    payload = call.payload
    time = payload.get("timestamp", "")
    id_token = payload.get("idTag", "")
    measured = _corrected(call, _measured(payload.get("transactionData", ())))
    stopped = services.stop_transaction(
        charge_point_id=call.holder.charge_point_id,
        cp_id=call.holder.cp_id,
        claimed_id=str(payload.get("transactionId", "")),
        id_token=id_token,
        meter_stop_wh=_register(call, "meterStop"),
        claimed_at=parse_time(time),
        claimed_time=time,
        reason=payload.get("reason", "Local"),  # S16-07
        raw=orjson.dumps(payload).decode(),
        now=call.received_at,
        measured=measured,
        token_rule=call.holder.traits.token_rule,
    )
    transaction = stopped.transaction
    if stopped.new and measured:
        _record(
            call,
            transaction.connector_number or 0,
            str(transaction.pk),
            transaction.transaction_id,
            measured,
        )
    return _stopper(call, id_token)


def _register(call: Call, name: str) -> int | None:
    """Return a register in Wh, corrected if the charge point is known for another unit (quirk V6)."""
    claimed: int | None = call.payload.get(name)
    factor = call.holder.traits.energy_factor
    # Beyond belief it is left alone: it is not used, and its product might be more than a number can be.
    if claimed is None or factor == 1 or not believable_register(claimed):
        return claimed
    return round(claimed * factor)


def meter_values(call: Call) -> dict[str, Any]:
    """1.6, 4.7: stored with or without a transaction (S16-09)."""
    payload = call.payload
    connector = int32(payload["connectorId"])
    claimed = payload.get("transactionId")
    home: readings.Home | None = None
    if claimed is not None:
        memory = call.holder.memory
        home = memory.get(claimed)
        if home is None:
            home = found = readings.find_transaction(call.holder.charge_point_id, str(claimed), connector)
            if found is not None and claimed > 0:
                after_commit(lambda: memory.__setitem__(claimed, found))
    _record(
        call,
        # A station with one connector may call it 0 (quirk X2b).
        connector or (home.connector_number if home else 0),
        home.transaction_pk if home else None,
        "" if claimed is None else str(claimed),
        _corrected(call, payload["measured"]),
    )
    return {}


def _measure(payload: dict[str, Any]) -> None:
    payload["measured"] = _measured(payload.pop("meterValue"))


def _measured(meter_value: Iterable[dict[str, Any]]) -> list[Measured]:
    return [
        Measured(
            parse_time(item.get("timestamp", "")),
            read_samples16(item["sampledValue"]),
            orjson.dumps(item["sampledValue"]),
            tuple([sample.get("measurand", ENERGY) for sample in item["sampledValue"]]),
        )
        for item in meter_value
    ]


def _corrected(call: Call, measured: list[Measured]) -> list[Measured]:
    """Read the samples again for a charge point that is known for wrong units (quirk V6)."""
    factor = call.holder.traits.energy_factor
    if factor == 1:
        return measured
    return [
        replace(item, reading=read_samples16(orjson.loads(item.samples), times=factor)) for item in measured
    ]


def _record(
    call: Call, connector: int, transaction_pk: str | None, claimed_id: str, measured: list[Measured]
) -> None:
    readings.record_meter_values(
        charge_point_id=call.holder.charge_point_id,
        cp_id=call.holder.cp_id,
        connector_number=connector,
        transaction_pk=transaction_pk,
        claimed_id=claimed_id,
        measured=measured,
        now=call.received_at,
    )


CALLS: dict[str, Handler] = {
    "Authorize": Asked(ask_about("idTag"), authorize),
    "MeterValues": Translated(_measure, meter_values),
    "StartTransaction": Asked(ask_about("idTag"), start_transaction),
    "StopTransaction": stop_transaction,
}


ID_TAG_MAX = 20  # CiString20Type
_ID = re.compile(r"-?[0-9]{1,10}")  # as we write it, and not all that `int` reads


def _remote_start(params: dict[str, Any]) -> dict[str, Any]:
    """1.6, 5.11. Raise BadParam for a token that is too long for an idTag."""
    if len(params["id_token"]) > ID_TAG_MAX:
        raise BadParam("id_token", f"an idTag of OCPP 1.6 has at most {ID_TAG_MAX} characters")
    # S16-19: connectorId is never 0, and left out when any connector will do.
    chosen = {"connectorId": params["connector_id"]} if "connector_id" in params else {}
    payload = {"idTag": params["id_token"], **chosen}
    if "charging_profile" in params:
        # Without a transactionId: the transaction has none yet (S16-50).
        payload["chargingProfile"] = wire_profile(params["charging_profile"], params["profile_id"])
    return payload


def _said_start(payload: dict[str, Any]) -> dict[str, Any]:
    plain = translated(payload, {"idTag": "id_token", "connectorId": "connector_id"})
    return plain | (said_profile(payload["chargingProfile"]) if "chargingProfile" in payload else {})


def _remote_stop(params: dict[str, Any]) -> dict[str, Any]:
    """1.6, 5.12. Raise BadParam for an id that is no number."""
    text = params["transaction_id"]
    if not _ID.fullmatch(text):
        raise BadParam("transaction_id", f"{text!r} is no transaction id of OCPP 1.6, which is a number")
    return {"transactionId": int(text)}


ORDERS: dict[str, Order] = {
    "remote-start": Order(
        "RemoteStartTransaction",
        _remote_start,
        said=_said_start,
        places={"id_token": "idTag", **profile_places("chargingProfile")},
        fields=frozenset({"id_token", "connector_id", "charging_profile"}),
        instead=NO_EVSES,
    ),
    "remote-stop": Order(
        "RemoteStopTransaction",
        _remote_stop,
        said=lambda payload: {"transaction_id": str(payload["transactionId"])},
    ),
}
