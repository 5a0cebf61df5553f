"""A charge point without a wire: what it says goes straight to the handlers, at a time of the test's choosing."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import transaction
from django.test import TestCase

from chargers.handling import Call, Holder
from chargers.models import ChargePoint, Registration
from chargers.protocol.versions import Version
from csms.core.events.models import Event
from csms.core.ids import uuid7
from csms.routing import CALLS
from transactions.models import IdToken, MeterValue, Transaction

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

UNSET = ["1970-01-01T00:00:13Z", "", "not a time", "1000000", "222222017-10-27T19:10:11Z"]  # clocks never set


def at(minutes: float = 0) -> str:
    """A time as the charge point writes it: minutes from noon."""
    return (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def sample(wh: int, minutes: float, context: str = "Sample.Periodic") -> dict:
    return {"timestamp": at(minutes), "sampledValue": [{"value": str(wh), "context": context}]}


class Wireless:
    """Says OCPP 1.6 as `cp_id`. `received` is minutes from noon by our clock."""

    version = Version.V16

    def __init__(self, cp_id: str = "CP16") -> None:
        self.row = ChargePoint.objects.create(
            cp_id=cp_id, registration=Registration.ACCEPTED, created_at=NOON
        )
        self.reconnect()

    def reconnect(self) -> None:
        """A new connection remembers nothing of the old one."""
        self.holder = Holder(self.row.pk, self.row.cp_id, Registration.ACCEPTED, uuid7(), self.version)

    def say(self, action: str, payload: dict[str, Any], received: float = 0) -> dict[str, Any]:
        call = Call(self.holder, action, payload, NOON + timedelta(minutes=received))
        with transaction.atomic():  # as the writer does
            return CALLS[self.version][action](call)

    def start(self, time: str = "", received: float = 0, **more: Any) -> dict[str, Any]:
        payload = {"connectorId": 1, "idTag": "ALICE", "meterStart": 1000, "timestamp": time or at(received)}
        return self.say("StartTransaction", payload | more, received)

    def stop(self, number: int, time: str = "", received: float = 30, **more: Any) -> dict[str, Any]:
        payload = {"transactionId": number, "meterStop": 5000, "timestamp": time or at(received)}
        return self.say("StopTransaction", payload | more, received)

    def meter(
        self, wh: object, number: int | None = None, received: float = 10, **more: Any
    ) -> dict[str, Any]:
        sample = {"timestamp": more.pop("time", at(received)), "sampledValue": [{"value": str(wh)}]}
        payload: dict[str, Any] = {"connectorId": 1, "meterValue": [sample], **more}
        if number is not None:
            payload["transactionId"] = number
        return self.say("MeterValues", payload, received)

    @property
    def transactions(self) -> list[Transaction]:
        return list(Transaction.objects.filter(charge_point=self.row).order_by("pk"))

    @property
    def only(self) -> Transaction:
        (transaction,) = self.transactions
        return transaction

    @property
    def readings(self) -> list[MeterValue]:
        return list(MeterValue.objects.filter(charge_point=self.row).order_by("pk"))

    def told(self, type: str) -> list[dict[str, Any]]:
        """The payloads of the events of this type."""
        events = Event.objects.filter(cp_id=self.row.cp_id, type=type).order_by("pk")
        return [orjson.loads(e.payload) for e in events]


class Wireless201(Wireless):
    """Says OCPP 2.0.1; `tests.conformance.v201.cast.Session` builds its events."""

    version = Version.V201

    def __init__(self, cp_id: str = "CS201") -> None:
        super().__init__(cp_id)
        ChargePoint.objects.filter(pk=self.row.pk).update(protocol=self.version)

    def event(self, event: dict[str, Any], received: float = 0) -> dict[str, Any]:
        """Say a TransactionEvent, and let what follows its commit happen."""
        with TestCase.captureOnCommitCallbacks(execute=True):
            return self.say("TransactionEvent", deepcopy(event), received)  # its bulk is translated in place


def token(id_token: str = "ALICE", **values: Any) -> IdToken:
    return IdToken.objects.create(id_token=id_token, created_at=NOON, **values)
