"""Transactions: where they begin and end follows two variables, and each event has its place in a sequence."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from chargers.simulator.clock import timestamp
from chargers.simulator.link import Answer
from chargers.simulator.outbox import Parcel
from chargers.simulator.v201.authorization import Token

if TYPE_CHECKING:
    from chargers.simulator.v201.evse import Evse
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]

# What TxStartPoint and TxStopPoint are made of (OCPP 2.0.1, part 2, 2.6.4).
PARKED, CONNECTED, AUTHORIZED = "ParkingBayOccupancy", "EVConnected", "Authorized"
CLOSED, FLOWS, SIGNED = "PowerPathClosed", "EnergyTransfer", "DataSigned"
EVENT = "TransactionEvent"


@dataclass(slots=True)
class Transaction:
    """A transaction of the station's own numbering; `seq_no` is that of the next event."""

    id: str
    meter_start: int
    seq_no: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_refused: bool = False
    cost: float | None = None
    key_told: bool = False  # with a signed meter value
    seconds_charging: float = 0.0  # real ones, as the timestamps are
    charging_since: datetime | None = None

    def charging(self, flows: bool) -> None:
        """Count the time in which energy flows."""
        now = datetime.now(UTC)
        if self.charging_since is not None:
            self.seconds_charging += (now - self.charging_since).total_seconds()
        self.charging_since = now if flows else None


@dataclass(slots=True)
class Request:
    """Something that a waiting EVSE is woken for."""

    token: Token | None = None
    start_id: int | None = None
    profile: Payload | None = None
    group: Token | None = None


class Session:
    """One visit of a car: facts that come and go, told as the events of at most one transaction."""

    def __init__(self, station: "Station", evse: "Evse") -> None:
        self._station = station
        self._evse = evse
        self.facts: set[str] = set()
        self.transaction: Transaction | None = None
        self.is_over = False  # its transaction has ended
        self.state = "Idle"  # chargingState
        self.token: Token | None = None
        self.reservation_id: int | None = None
        self.remote_start_id: int | None = None
        self.reason: str | None = None  # why charging stops, the first word counts
        self._told: dict[str, Any] = {}  # what an event has said already and need not repeat
        self._collected: list[Payload] = []  # readings for the last event

    def present(self, token: Token) -> None:
        """A driver shows this token: the next event names it, also when it was named before."""
        self.token = token
        self._told.pop("idToken", None)

    def collect(self, reading: Payload | None) -> None:
        """Keep a reading for the last event."""
        if reading is not None and self.transaction is not None:
            self._collected.append(reading)

    def happens(
        self,
        trigger: str,
        *,
        gains: Iterable[str] = (),
        loses: Iterable[str] = (),
        state: str | None = None,
        reason: str | None = None,
        readings: Iterable[Payload | None] = (),
        quietly: bool = False,
        at_last: bool = False,
    ) -> None:
        """Something happened: begin, continue or end the transaction as the two variables have it.

        `quietly`: no event unless it begins or ends one. `at_last`: the transaction ends whatever they say.
        """
        gained, lost = set(gains) - self.facts, set(loses) & self.facts
        self.facts = (self.facts | gained) - lost
        news = state is not None and state != self.state
        self.state = state or self.state
        self.reason = self.reason or reason
        if self.transaction is not None and news:
            self.transaction.charging(self.state == "Charging")
        model = self._station.model
        if self.transaction is None:
            if not self.is_over and not at_last and gained & set(model.names("TxCtrlr", "TxStartPoint")):
                self._begin(trigger)
        elif at_last or lost & set(model.names("TxCtrlr", "TxStopPoint")):
            self._end(trigger)
        elif not quietly:
            self._send("Updated", trigger, [reading for reading in readings if reading is not None])

    def _begin(self, trigger: str) -> None:
        evse, station = self._evse, self._station
        if station.manners.register_restarts:
            evse.meter.restart()
        self.transaction = Transaction(station.new_transaction_id(), evse.meter.energy_wh)
        evse.idle.clear()
        reading = evse.reading("Transaction.Begin", "SampledDataCtrlr", "TxStartedMeasurands")
        self._send("Started", trigger, [reading] if reading else [])

    def _end(self, trigger: str) -> None:
        assert self.transaction is not None
        evse, transaction = self._evse, self.transaction
        transaction.charging(False)
        last = evse.reading("Transaction.End", "SampledDataCtrlr", "TxEndedMeasurands")
        self._send("Ended", trigger, [*self._collected, *([last] if last else [])])
        self.is_over, self.transaction = True, None
        evse.transaction_over(transaction)

    def _send(self, kind: str, trigger: str, readings: list[Payload]) -> None:
        station, transaction = self._station, self.transaction
        assert transaction is not None
        info: Payload = {"transactionId": transaction.id, "chargingState": self.state}
        if self.remote_start_id is not None and self._is_news("remoteStartId", self.remote_start_id):
            info["remoteStartId"] = self.remote_start_id
        if kind != "Started":
            info["timeSpentCharging"] = int(transaction.seconds_charging)
        if kind == "Ended":
            info["stoppedReason"] = self.reason or "Local"
        event: Payload = {
            "eventType": kind,
            "timestamp": timestamp(),
            "triggerReason": trigger,
            "seqNo": transaction.seq_no,
            "transactionInfo": info,
        }
        transaction.seq_no += 1
        if not station.is_reporting and not station.manners.hides_offline:
            event["offline"] = True
        if readings:
            event["meterValue"] = readings
        # OCPP 2.0.1, E01.FR.16: where it runs is told once it is known, and need not be told again.
        is_late = station.manners.late_evse and kind == "Started"
        is_known = "connectorId" in self._told.get("evse", {})
        if not is_late and not is_known and self._is_news("evse", self._evse.place()):
            event["evse"] = self._evse.place()
        if self.token is not None and self._is_news("idToken", self.token.payload()):
            event["idToken"] = self.token.payload()
        if self.reservation_id is not None and self._is_news("reservationId", self.reservation_id):
            event["reservationId"] = self.reservation_id
        if self.state == "Charging" and self._evse.phases_used:
            event["numberOfPhasesUsed"] = self._evse.phases_used
        station.events.put(Parcel(EVENT, event, answered=self._answered(transaction, event)))

    def _is_news(self, name: str, value: Any) -> bool:
        is_news = bool(self._told.get(name) != value)
        self._told[name] = value
        return is_news

    def _answered(self, transaction: Transaction, event: Payload) -> Any:
        station, evse, token = self._station, self._evse, self.token
        kind, metered = event["eventType"], "meterValue" in event
        energy_wh = evse.meter.energy_wh - transaction.meter_start

        def answered(answer: Payload) -> None:
            station.tally.started += kind == "Started"
            station.tally.meter_values += metered and kind == "Updated"
            if kind == "Ended":
                station.tally.stopped += 1
                station.tally.energy_wh += energy_wh
            if "totalCost" in answer:
                transaction.cost = float(answer["totalCost"])
            info = answer.get("idTokenInfo")
            if isinstance(info, dict) and "idToken" in event and token is not None:
                station.authorizer.learn(token, info)
                if info.get("status") != "Accepted":
                    evse.refused(transaction)

        return answered


class Events:
    """The way of TransactionEvents to the outbox, on which some stations lose or swap them."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._updates = 0
        self._held: Parcel | None = None

    def put(self, parcel: Parcel) -> None:
        """Queue an event; a charger with habits sends it later, or never."""
        manners, outbox = self._station.manners, self._station.outbox
        if manners.no_connector and "evse" in parcel.payload:
            parcel.payload["evse"].pop("connectorId", None)
        if manners.loses_started and parcel.payload["eventType"] == "Started":
            return
        if parcel.payload["eventType"] == "Updated":
            self._updates += 1
            if manners.loses_event_every and self._updates % manners.loses_event_every == 0:
                return
            if manners.swaps_events and self._held is None:
                self._held = parcel
                return
        outbox.put(parcel)
        if self._held is not None:
            outbox.put(self._held)
            self._held = None

    @property
    def holds_back(self) -> bool:
        return self._held is not None


def new_transaction_id(station: "Station") -> str:
    """A number never used before, unless this charger counts from 1 again after each boot."""
    return (
        f"TX-{station.count_transaction()}" if station.manners.reuses_transaction_ids else str(uuid.uuid4())
    )


def _status(station: "Station", payload: Payload) -> Answer:
    wanted = payload.get("transactionId")
    in_queue = station.events.holds_back or station.outbox.holds(
        lambda parcel: (
            parcel.action == EVENT and wanted in (None, parcel.payload["transactionInfo"]["transactionId"])
        )
    )
    if wanted is None:
        return Answer({"messagesInQueue": in_queue})
    return Answer({"ongoingIndicator": station.evse_with(wanted) is not None, "messagesInQueue": in_queue})


def _start(station: "Station", payload: Payload) -> Answer:
    token, wanted, profile = (
        Token.of(payload["idToken"]),
        payload.get("evseId"),
        payload.get("chargingProfile"),
    )
    group = Token.of(payload["groupIdToken"]) if "groupIdToken" in payload else None
    if profile is not None and profile["chargingProfilePurpose"] != "TxProfile":
        return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}})
    start_id = int(payload["remoteStartId"])
    # A car that waits for a token comes before an empty place.
    for evse in sorted(station.evses, key=lambda one: not one.is_occupied):
        if wanted in (None, evse.number) and evse.may_start(token, group):
            answer: Payload = {"status": "Accepted"}
            if (running := evse.transaction) is not None:
                answer["transactionId"] = running.id
            return Answer(answer, partial(evse.remote_start, Request(token, start_id, profile, group)))
    return Answer({"status": "Rejected"})


def _stop(station: "Station", payload: Payload) -> Answer:
    evse = station.evse_with(payload["transactionId"])
    if evse is None:
        return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}})
    return Answer({"status": "Accepted"}, evse.stopping("Remote"))


def _cost(station: "Station", payload: Payload) -> Answer:
    evse = station.evse_with(payload["transactionId"])
    if evse is not None and evse.transaction is not None:
        evse.transaction.cost = float(payload["totalCost"])
    return Answer({})


ANSWERS = {
    "CostUpdated": _cost,
    "GetTransactionStatus": _status,
    "RequestStartTransaction": _start,
    "RequestStopTransaction": _stop,
}
