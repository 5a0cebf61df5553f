"""A firmware makes a charge point of 1.6 one of 2.0.1: what was known of it stays true, and nothing is said twice."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from ocpp import v16, v201
from ocpp.routing import after, on
from websockets.exceptions import InvalidStatus

from chargers.commands.ordering import Author, CommandRefused
from chargers.commands.sending import send_command
from chargers.configuration.models import ConfigurationKey
from chargers.models import Command, RefusedHandshake
from chargers.reporting.services import apply_due
from chargers.traits.services import set_charge_point_traits
from tests.chargers.wire.cast import offline
from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, known, order, settings_are
from tests.support.house import now as clock
from transactions.ending import infer_ends
from transactions.models import IdToken, Transaction

V201: dict[str, Any] = {"subprotocol": "ocpp2.0.1", "response_timeout": 15}
ALICE = {"id_token": "ALICE", "type": "ISO14443"}


class Before(v16.ChargePoint):
    """Two connectors, and settings by the names of 1.6."""

    @on("GetConfiguration")
    def on_get(self, **_: Any) -> v16.call_result.GetConfiguration:
        keys = {"HeartbeatInterval": "300", "NumberOfConnectors": "2"}
        return v16.call_result.GetConfiguration(
            configuration_key=[{"key": k, "value": v, "readonly": False} for k, v in keys.items()]
        )


class After(v201.ChargePoint):
    """The same device with two EVSEs; it keeps what it was told."""

    def __init__(self, cp_id: str, socket: Any, **options: Any) -> None:
        super().__init__(cp_id, socket, **options)
        self.told: list[str] = []

    async def route_message(self, raw_msg: str) -> None:
        self.told.append(raw_msg)
        await super().route_message(raw_msg)

    @on("GetBaseReport")
    def on_report(self, **_: Any) -> v201.call_result.GetBaseReport:
        return v201.call_result.GetBaseReport(status="Accepted")

    @after("GetBaseReport")
    async def after_report(self, request_id: int, **_: Any) -> None:
        entry = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "HeartbeatInterval"},
            "variable_attribute": [{"value": "60"}],
        }
        await self.call(
            v201.call.NotifyReport(
                request_id=request_id, generated_at=now(), seq_no=0, report_data=[entry], tbc=False
            )
        )


@pytest.fixture(autouse=True)
def alice(house: House) -> Iterator[None]:
    IdToken.objects.get_or_create(id_token="ALICE", defaults={"created_at": clock()})
    with settings_are(CSMS_INFERRED_END_GRACE="1", CSMS_CONFIGURATION_SETTLE="0"):
        yield


async def test_a_charge_point_of_1_6_becomes_one_of_2_0_1(house: House):
    row = known("MOVING")

    def keys() -> dict[str, str | None]:
        rows = ConfigurationKey.objects.filter(charge_point=row, known=True)
        return dict(rows.values_list("name", "value"))

    async with independent(house, row.cp_id, Before, response_timeout=15) as old:
        boot = v16.call.BootNotification(
            charge_point_vendor="Acme", charge_point_model="Two", firmware_version="1"
        )
        await old.call(boot)
        for number in (1, 2):
            report = v16.call.StatusNotification(
                connector_id=number, error_code="NoError", status="Available"
            )
            await old.call(report)
        await eventually(lambda: len(keys()) == 2)
        begun = v16.call.StartTransaction(connector_id=1, id_tag="ALICE", meter_start=1000, timestamp=now())
        number = (await old.call(begun)).transaction_id
    await offline(row)
    waiting = {"author": Author("alice"), "now": clock(), "may_wait": True}
    soft = send_command(fresh(row), "reset", {"type": "Soft"}, expires_in=timedelta(hours=1), **waiting)

    # Pinned to 1.6 it is let in by that alone, as it was; nothing has changed by the attempt.
    set_charge_point_traits(row, {"only_version": "ocpp1.6"}, now=clock())
    with pytest.raises(InvalidStatus, match="400"):
        async with independent(house, row.cp_id, After, **V201):
            raise AssertionError("it was let in by a version that is not to be spoken with it")
    await eventually(lambda: RefusedHandshake.objects.filter(identity=row.cp_id, reason="other_version"))
    assert (fresh(row).protocol, len(keys()), fresh(soft).status) == ("ocpp1.6", 2, Command.Status.QUEUED)
    set_charge_point_traits(row, {"only_version": ""}, now=clock())

    async with independent(house, row.cp_id, After, **V201) as new:
        # What was ordered in the words of 1.6 is not said in those of 2.0.1, and says why.
        assert fresh(soft).status == Command.Status.FAILED
        assert "in the words of OCPP 1.6" in fresh(soft).error_description
        told = {"model": "Two", "vendor_name": "Acme", "firmware_version": "2"}
        await new.call(v201.call.BootNotification(charging_station=told, reason="FirmwareUpdate"))
        await eventually(lambda: apply_due(now=clock()) or "OCPPCommCtrlr/HeartbeatInterval" in keys())
        assert keys() == {"OCPPCommCtrlr/HeartbeatInterval": "60"}, "keys of 1.6 are not known any more"
        assert ConfigurationKey.objects.filter(charge_point=row, name="HeartbeatInterval").exists()
        assert not [frame for frame in new.told if '"Reset"' in frame]
        with pytest.raises(CommandRefused, match="has no such command"):
            order(row, "extended-trigger-message", requested_message="Heartbeat")

        # Its connectors are those that it had, each on an EVSE of its own.
        for evse in (1, 2):
            status = {"connector_status": "Occupied", "evse_id": evse, "connector_id": 1}
            await new.call(v201.call.StatusNotification(timestamp=now(), **status))
        connectors = row.connectors.filter(number__gt=0).order_by("number")
        places = connectors.values_list("number", "evse_number", "evse_connector", "status")
        assert list(places) == [(1, 1, 1, "Occupied"), (2, 2, 1, "Occupied")]

        # The session of 1.6 runs until something says otherwise: here the next car at the same place.
        first = Transaction.objects.get(number=number)
        assert (first.status, first.end_evidence) == ("active", "")
        start: dict[str, Any] = {"id_token": ALICE, "evse": {"id": 1, "connector_id": 1}}
        for seq, (kind, trigger, wh) in enumerate(
            [("Started", "Authorized", 2000), ("Ended", "EVDeparted", 2500)]
        ):
            context = "Transaction.Begin" if kind == "Started" else "Transaction.End"
            sample = {"timestamp": now(), "sampled_value": [{"value": wh, "context": context}]}
            event = v201.call.TransactionEvent(
                event_type=kind,
                timestamp=now(),
                trigger_reason=trigger,
                seq_no=seq,
                transaction_info={"transaction_id": str(number)},  # the same id, by chance
                meter_value=[sample],
                **(start if kind == "Started" else {}),
            )
            await new.call(event)
    infer_ends(now=clock() + timedelta(seconds=2))
    first = fresh(first)
    assert (first.superseded, first.status, first.end_source) == (True, "ended", "inferred")
    assert (first.meter_start_wh, first.meter_stop_wh, first.number) == (1000, None, number)
    [second] = Transaction.objects.filter(charge_point=row).exclude(pk=first.pk)
    assert (second.status, second.energy_wh, second.number) == ("ended", 500, None)
    assert second.anomalies == ["id_reused", "started_on_busy_connector"]
