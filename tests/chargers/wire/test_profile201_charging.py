"""Authorization, local lists and transactions (blocks C, D, E) with the `ocpp` package's charge point of 2.0.1."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result

from chargers.models import Command
from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, order
from tests.support.house import now as clock
from transactions.local_lists import services
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import IdToken, MeterValue, Transaction

V201: dict[str, Any] = {"subprotocol": "ocpp2.0.1", "response_timeout": 15}
MUM, DAD = ({"id_token": name, "type": "ISO14443"} for name in ("MUM", "DAD"))
FAMILY = {"id_token": "FAMILY", "type": "Central"}


@pytest.fixture(autouse=True)
def family(house: House) -> Iterator[None]:
    for name in ("MUM", "DAD"):
        IdToken.objects.create(id_token=name, type="ISO14443", parent="FAMILY", created_at=clock())
    yield
    LocalList.objects.update(policy="off")
    IdToken.objects.all().delete()


class Charging(ChargePoint):
    """Keeps a list and a cache, and knows which transaction runs and how many messages wait."""

    def __init__(self, cp_id: str, socket: Any, **options: Any) -> None:
        super().__init__(cp_id, socket, **options)
        self.list_version = 0
        self.listed: dict[str, Any] = {}
        self.cached: dict[str, Any] = {}
        self.running = ""
        self.waiting = 0

    @on("SendLocalList")
    def on_list(
        self,
        version_number: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
        **_: Any,
    ) -> call_result.SendLocalList:
        if update_type == "Differential" and version_number <= self.list_version:
            return call_result.SendLocalList(status="VersionMismatch")
        if update_type == "Full":
            self.listed = {}
        for entry in local_authorization_list or ():
            self.listed[entry["id_token"]["id_token"]] = entry.get("id_token_info")
        self.list_version = version_number
        return call_result.SendLocalList(status="Accepted")

    @on("GetLocalListVersion")
    def on_version(self, **_: Any) -> call_result.GetLocalListVersion:
        return call_result.GetLocalListVersion(version_number=self.list_version)

    @on("ClearCache")
    def on_clear(self, **_: Any) -> call_result.ClearCache:
        self.cached = {}
        return call_result.ClearCache(status="Accepted")

    @on("GetTransactionStatus")
    def on_status(self, transaction_id: str | None = None, **_: Any) -> call_result.GetTransactionStatus:
        ongoing = None if transaction_id is None else transaction_id == self.running
        return call_result.GetTransactionStatus(messages_in_queue=self.waiting > 0, ongoing_indicator=ongoing)

    async def presents(self, token: dict[str, str]) -> dict[str, Any]:
        info: dict[str, Any] = (await self.call(call.Authorize(id_token=token))).id_token_info
        self.cached[token["id_token"]] = info
        return info

    async def event(self, kind: str, name: str, number: int, trigger: str, **told: Any) -> Any:
        wh, time = told.pop("wh", None), told.pop("time", "") or now()
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic")
        if wh is not None:
            sample = {"value": wh, "context": context}
            told["meter_value"] = [{"timestamp": time, "sampled_value": [sample]}]
        return await self.call(
            call.TransactionEvent(
                event_type=kind,
                timestamp=time,
                trigger_reason=trigger,
                seq_no=number,
                transaction_info={"transaction_id": name} | told.pop("info", {}),
                **told,
            )
        )


async def accepted(command: Command) -> Command:
    await eventually(lambda: fresh(command).status not in Command.OPEN)
    settled: Command = fresh(command)
    assert settled.status == Command.Status.ACCEPTED, settled.error_description
    return settled


def stored(name: str) -> Transaction:
    return Transaction.objects.get(transaction_id=name)


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_tokens_are_judged_listed_and_forgotten(house: House):
    row = known("LISTING201")
    async with independent(house, row.cp_id, Charging, **V201) as station:
        assert (await station.presents(MUM))["group_id_token"] == FAMILY
        assert (await station.presents({"id_token": "NOBODY", "type": "ISO14443"}))["status"] != "Accepted"
        assert (await station.presents({"id_token": "", "type": "NoAuthorization"}))["status"] == "Accepted"
        await accepted(order(row, "clear-cache"))
        assert station.cached == {}

        services.set_policy(row, policy="all", tokens=[], groups=[], now=clock())
        await accepted(order(row, "send-local-list"))
        assert {name: info["group_id_token"] for name, info in station.listed.items()} == {
            "MUM": FAMILY,
            "DAD": FAMILY,
        }
        assert station.list_version > 0
        version = await accepted(order(row, "get-local-list-version"))
        assert version.answer == {"versionNumber": station.list_version}
        mirror = LocalListEntry.objects.filter(local_list__charge_point=row)
        assert set(mirror.values_list("id_token", flat=True)) == {"MUM", "DAD"}


async def test_what_was_charged_offline_is_told_and_what_runs_is_ended_by_a_relative(house: House):
    row = known("CAVE201")
    begun: dict[str, Any] = {"evse": {"id": 1, "connector_id": 1}, "id_token": MUM}
    async with independent(house, row.cp_id, Charging, **V201) as station:
        # While it was offline it charged; the reading in the middle is kept for later.
        offline: dict[str, Any] = {"offline": True}
        past = [("Started", 0, "Authorized", 180, 10_000), ("Ended", 3, "EVDeparted", 120, 19_000)]
        for kind, number, trigger, minutes, wh in past:
            more = begun if kind == "Started" else {"id_token": DAD, "info": {"stopped_reason": "Local"}}
            answer = await station.event(
                kind, "PAST", number, trigger, time=ago(minutes), wh=wh, **offline, **more
            )
            assert answer.id_token_info == {"status": "Accepted", "group_id_token": FAMILY}
            assert answer.total_cost is None, "what is history costs no driver anything now"
        assert (stored("PAST").gaps, stored("PAST").waits_until is None) == ([[1, 2]], False)

        # It says that messages wait, and then brings one of them; the other is lost.
        station.waiting = 1
        await accepted(order(row, "get-transaction-status", transaction_id="PAST"))
        assert stored("PAST").waits_until is not None
        late: dict[str, Any] = {"time": ago(150), "wh": 14_000, **offline}
        for _ in range(2):  # it repeats, with another message id
            await station.event("Updated", "PAST", 2, "MeterValuePeriodic", **late)
        station.waiting = 0
        await accepted(order(row, "get-transaction-status", transaction_id="PAST"))
        await eventually(lambda: stored("PAST").waits_until is None)
        past_row = stored("PAST")
        assert (past_row.status, past_row.energy_wh, past_row.gaps) == ("ended", 9000, [[1, 1]])
        assert (past_row.offline, past_row.anomalies) == (True, ["events_missing"])
        readings = MeterValue.objects.filter(transaction=past_row).order_by("sampled_at")
        assert list(readings.values_list("energy_wh", flat=True)) == [10_000, 14_000, 19_000]

        # The next session is live: cable first, a card later, and another card of the family stops it.
        station.running = "LIVE"
        plugged = begun | {"id_token": None}
        nobody = await station.event("Started", "LIVE", 0, "CablePluggedIn", wh=19_000, **plugged)
        assert nobody.id_token_info is None
        owner = await station.event("Updated", "LIVE", 1, "Authorized", id_token=MUM)
        await station.event(
            "Updated", "LIVE", 2, "ChargingStateChanged", info={"charging_state": "Charging"}, wh=19_010
        )
        ongoing = await accepted(order(row, "get-transaction-status", transaction_id="live"))
        assert ongoing.answer == {"ongoingIndicator": True, "messagesInQueue": False}, "by its own spelling"
        presented = await station.presents(DAD)
        assert presented["group_id_token"] == owner.id_token_info["group_id_token"]
        stop: dict[str, Any] = {"id_token": DAD, "wh": 19_020, "info": {"stopped_reason": "Local"}}
        await station.event("Ended", "LIVE", 3, "StopAuthorized", **stop)
        live = stored("LIVE")
        assert (live.status, live.energy_wh, live.anomalies, live.gaps) == ("ended", 20, [], [])
        assert (live.id_token, live.stop_id_token, live.stop_reason) == ("MUM", "DAD", "Local")
