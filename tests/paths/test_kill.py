"""Promise 1, acknowledged means stored: a server killed in the middle of a storm loses nothing and doubles nothing."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.paths.store import rows
from tests.support.charger import RawCharger, eventually
from tests.support.server import Server, running_server

CHARGERS = 30
KILLS = 3
READINGS = 4  # in a transaction


@dataclass
class Storming:
    """A charge point that starts, meters and stops without rest, and repeats what was not acknowledged.

    The two habits of the field: a repeat has the id of the first try, or a new one and the same content.
    """

    server: Server
    cp_id: str
    new_id: bool
    clock: datetime
    started: dict[str, str] = field(default_factory=dict)  # time of the start -> transaction id
    metered: list[tuple[str, int]] = field(default_factory=list)  # transaction id, Wh
    stopped: list[str] = field(default_factory=list)
    bills: dict[str, int] = field(default_factory=dict)  # transaction id -> Wh
    unanswered: tuple[str, str, dict[str, Any]] | None = None
    repeats: int = 0
    rest: bool = False
    meter: int = 0

    SUBPROTOCOL = "ocpp1.6"
    BOOT: ClassVar[dict[str, Any]] = {"chargePointVendor": "Acme", "chargePointModel": "One"}

    @property
    def acknowledged(self) -> int:
        return len(self.started) + len(self.metered) + len(self.stopped)

    def tick(self) -> str:
        self.clock += timedelta(seconds=1)
        return self.clock.isoformat().replace("+00:00", "Z")

    def plan(self) -> tuple[str, dict[str, Any]]:
        """The next message, from what has been acknowledged."""
        if len(self.started) == len(self.stopped):
            facts = {"connectorId": 1, "idTag": "ALICE", "meterStart": self.meter, "timestamp": self.tick()}
            return "StartTransaction", facts
        number = int(list(self.started.values())[-1])
        self.meter += 7
        if len(self.metered) < READINGS * len(self.started):
            sample = {"timestamp": self.tick(), "sampledValue": [{"value": str(self.meter)}]}
            return "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
        return "StopTransaction", {
            "transactionId": number,
            "meterStop": self.meter,
            "timestamp": self.tick(),
        }

    def note(self, action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
        match action:
            case "StartTransaction":
                assert answer["idTagInfo"]["status"] == "Accepted", answer
                number = str(answer["transactionId"])
                self.started[payload["timestamp"]] = number
                self.bills[number] = -payload["meterStart"]
            case "MeterValues":
                value = int(payload["meterValue"][0]["sampledValue"][0]["value"])
                self.metered.append((str(payload["transactionId"]), value))
            case "StopTransaction":
                number = str(payload["transactionId"])
                self.stopped.append(number)
                self.bills[number] += payload["meterStop"]

    def again(self, payload: dict[str, Any]) -> dict[str, Any]:
        """What a repeat with a new id says."""
        return payload

    async def run(self) -> None:
        while not (self.rest and self.unanswered is None and len(self.started) == len(self.stopped)):
            try:
                spoken = {"subprotocols": [self.SUBPROTOCOL]}
                async with RawCharger.connect(self.server.ocpp_url, self.cp_id, **spoken) as charger:
                    await charger.result("BootNotification", self.BOOT)
                    await self.speak(charger)
            except (OSError, WebSocketException, InvalidHandshake, TimeoutError):
                await asyncio.sleep(0.1)

    async def speak(self, charger: RawCharger) -> None:
        while True:
            if self.unanswered is not None:
                message_id, action, payload = self.unanswered
                self.repeats += 1
                if self.new_id:
                    message_id, payload = str(uuid4()), self.again(payload)
            elif self.rest and len(self.started) == len(self.stopped):
                return
            else:
                message_id, (action, payload) = str(uuid4()), self.plan()
                self.unanswered = (message_id, action, payload)
            frame = await charger.call(action, payload, message_id)
            assert frame[0] == 3, frame
            self.note(action, payload, frame[2])
            self.unanswered = None


class Storming201(Storming):
    """The same in 2.0.1: it names its transactions and numbers their events, and calls what it repeats offline."""

    SUBPROTOCOL = "ocpp2.0.1"
    BOOT: ClassVar[dict[str, Any]] = {
        "reason": "PowerUp",
        "chargingStation": {"model": "Two", "vendorName": "Acme"},
    }

    def plan(self) -> tuple[str, dict[str, Any]]:
        session, number = divmod(len(self.metered), READINGS + 2)
        kind = {0: "Started", READINGS + 1: "Ended"}.get(number, "Updated")
        self.meter += 7
        time = self.tick()
        where = {"evse": {"id": 1}, "idToken": {"idToken": "ALICE", "type": "ISO14443"}} if not number else {}
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic")
        sample = {"timestamp": time, "sampledValue": [{"value": self.meter, "context": context}]}
        return "TransactionEvent", where | {
            "eventType": kind,
            "timestamp": time,
            "triggerReason": "MeterValuePeriodic",
            "seqNo": number,
            "transactionInfo": {"transactionId": f"{self.cp_id}-{session}"},
            "meterValue": [sample],
        }

    def note(self, action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
        name = payload["transactionInfo"]["transactionId"]
        value = payload["meterValue"][0]["sampledValue"][0]["value"]
        self.metered.append((name, value))
        match payload["eventType"]:
            case "Started":
                assert answer["idTokenInfo"]["status"] == "Accepted", answer
                self.started[payload["timestamp"]] = name
                self.bills[name] = -value
            case "Ended":
                self.stopped.append(name)
                self.bills[name] += value

    def again(self, payload: dict[str, Any]) -> dict[str, Any]:
        return payload | {"offline": True}


def stored(server: Server) -> tuple[list[tuple[str, str, str, int]], list[tuple[str, int]]]:
    """(cp_id, transaction id, status, Wh) of all transactions, (transaction id, Wh) of all readings."""
    transactions = rows(
        server,
        "SELECT c.cp_id, t.transaction_id, t.status, t.energy_wh FROM transactions_transaction t "
        "JOIN chargers_chargepoint c ON c.id = t.charge_point_id",
    )
    readings = rows(
        server,
        "SELECT t.transaction_id, m.energy_wh FROM transactions_metervalue m "
        "LEFT JOIN transactions_transaction t ON t.id = m.transaction_id",
    )
    return transactions, readings


def check_nothing_acknowledged_is_lost(server: Server, fleet: list[Storming]) -> None:
    # What was acknowledged until now; the store is read after that.
    started = {n for charger in fleet for n in charger.started.values()}
    stopped = {n for charger in fleet for n in charger.stopped}
    metered = {m for charger in fleet for m in charger.metered}
    transactions, readings = stored(server)
    assert started <= {number for _, number, _, _ in transactions}
    assert stopped <= {number for _, number, status, _ in transactions if status == "ended"}
    assert metered <= set(readings)


@pytest.mark.parametrize("seed", [16])
async def test_a_server_killed_in_a_storm_loses_nothing_and_doubles_nothing(tmp_path, database_url, seed):
    chance = random.Random(seed)
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    with running_server(
        tmp_path,
        database_url,
        CSMS_UNKNOWN_CHARGE_POINTS="accept",
        CSMS_UNKNOWN_ID_TAGS="accept",
    ) as server:
        # Two of three speak 1.6, the third 2.0.1; of each every second one has the other habit.
        kinds = [Storming201 if n % 3 == 0 else Storming for n in range(CHARGERS)]
        fleet = [kind(server, f"STORM{n:02}", bool(n % 2), begin) for n, kind in enumerate(kinds)]
        tasks = [asyncio.create_task(charger.run()) for charger in fleet]
        try:
            for _ in range(KILLS):
                wanted = sum(c.acknowledged for c in fleet) + chance.randint(300, 1500)
                await eventually(lambda wanted=wanted: sum(c.acknowledged for c in fleet) >= wanted, 60)
                await asyncio.to_thread(server.kill)
                check_nothing_acknowledged_is_lost(server, fleet)
                await asyncio.to_thread(server.start)
            for charger in fleet:
                charger.rest = True
            async with asyncio.timeout(60):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        assert await asyncio.to_thread(server.stop) == 0

        # The storm really hit both habits in the middle of something.
        for kind in (Storming, Storming201):
            spoken = [c for c in fleet if c.SUBPROTOCOL == kind.SUBPROTOCOL]
            assert sum(c.repeats for c in spoken if c.new_id) > 0
            assert sum(c.repeats for c in spoken if not c.new_id) > 0

        transactions, readings = stored(server)
        expected = sorted((c.cp_id, number, "ended", wh) for c in fleet for number, wh in c.bills.items())
        assert sorted(transactions) == expected
        assert sorted(readings) == sorted(m for c in fleet for m in c.metered)
        assert len({number for _, number, _, _ in transactions}) == len(transactions)
        numbered = rows(server, "SELECT transaction_id, seq_no, twin FROM sequence_transactionevent")
        told = sum(len(c.metered) for c in fleet if isinstance(c, Storming201))
        assert len(numbered) == len(set(numbered)) == told
        assert not any(twin for _, _, twin in numbered)

        events: dict[str, list[str]] = {"tx.started": [], "tx.stopped": [], "cp.meter": []}
        for type, payload in rows(server, "SELECT type, payload FROM events_event"):
            if type in events:
                events[type].append(json.loads(payload)["transaction_id"])
        numbers = sorted(number for _, number, _, _ in transactions)
        assert sorted(events["tx.started"]) == numbers
        assert sorted(events["tx.stopped"]) == numbers
        assert sorted(events["cp.meter"]) == sorted(number for number, _ in readings)
