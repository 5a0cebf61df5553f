"""Smart charging with the `ocpp` package's charge point, an independent client: limits set, asked for, cleared."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from tests.chargers.wire.independent import independent, now
from tests.support.charger import eventually
from tests.support.house import House, fresh, order
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile
from transactions.models import IdToken


class Limited(ChargePoint):
    """Keeps profiles, and says the limit of the last one as its schedule."""

    def __init__(self, cp_id: str, socket: Any) -> None:
        super().__init__(cp_id, socket, response_timeout=15)
        self.profiles: dict[int, dict[str, Any]] = {}

    @on(Action.set_charging_profile)
    def on_set(
        self, connector_id: int, cs_charging_profiles: dict[str, Any]
    ) -> call_result.SetChargingProfile:
        self.profiles[cs_charging_profiles["charging_profile_id"]] = cs_charging_profiles
        return call_result.SetChargingProfile(status="Accepted")

    @on(Action.clear_charging_profile)
    def on_clear(self, id: int | None = None, **criteria: Any) -> call_result.ClearChargingProfile:
        gone = [one for one in self.profiles if id in (None, one)]
        for one in gone:
            del self.profiles[one]
        return call_result.ClearChargingProfile(status="Accepted" if gone else "Unknown")

    @on(Action.remote_start_transaction)
    def on_start(self, id_tag: str, charging_profile: dict[str, Any], **more: Any) -> Any:
        self.profiles[charging_profile["charging_profile_id"]] = charging_profile
        return call_result.RemoteStartTransaction(status="Accepted")

    @on(Action.get_composite_schedule)
    def on_composite(self, connector_id: int, duration: int, **more: Any) -> call_result.GetCompositeSchedule:
        last = list(self.profiles.values())[-1]["charging_schedule"]
        return call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start=now(),
            charging_schedule={
                "duration": duration,
                "charging_rate_unit": last["charging_rate_unit"],
                "charging_schedule_period": [
                    period | {"limit": float(period["limit"])} for period in last["charging_schedule_period"]
                ],
            },
        )


async def test_a_charge_point_is_limited_by_default_then_for_one_driver_then_no_more(house: House) -> None:
    IdToken.objects.get_or_create(id_token="ALICE", defaults={"created_at": datetime.now(UTC)})
    start = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()

    def limit(purpose: str, kind: str, amperes: str) -> dict[str, Any]:
        schedule: dict[str, Any] = {"unit": "A", "periods": [{"start_period": 0, "limit": amperes}]}
        return {
            "purpose": purpose,
            "kind": kind,
            "schedule": schedule | ({"start": start} if kind == "Absolute" else {}),
        }

    async with independent(house, "LIMITED", Limited) as station:

        async def ordered(slug: str, **params: Any) -> Any:
            command = order(station.row, slug, **params)
            await eventually(lambda: fresh(command).answered_at)
            assert fresh(command).status == "accepted", fresh(command).error_description
            return fresh(command)

        def mirrored() -> list[tuple[str, str]]:
            rows = InstalledProfile.objects.filter(charge_point=station.row).order_by("pk")
            return [(row.purpose, row.status) for row in rows]

        await station.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="One"))
        default = limit("TxDefaultProfile", "Absolute", "16.1")
        await ordered("set-charging-profile", connector_id=0, charging_profile=default)
        assert mirrored() == [("TxDefaultProfile", "installed")]

        started = await ordered(
            "remote-start",
            id_token="ALICE",
            connector_id=1,
            charging_profile=limit("TxProfile", "Relative", "6.1"),
        )
        assert "transaction_id" not in station.profiles[2]
        begun = await station.call(
            call.StartTransaction(connector_id=1, id_tag="ALICE", meter_start=0, timestamp=now())
        )
        await eventually(lambda: fresh(started).effect == "The transaction started.")

        third = limit("TxProfile", "Relative", "10.1")
        await ordered("set-charging-profile", connector_id=1, charging_profile=third)
        assert station.profiles[3]["transaction_id"] == begun.transaction_id
        assert mirrored() == [
            ("TxDefaultProfile", "installed"),
            ("TxProfile", "replaced"),
            ("TxProfile", "installed"),
        ]

        asked = await ordered("get-composite-schedule", connector_id=1, duration=600)
        schedule = CompositeSchedule.objects.get(command_id=asked.pk)
        assert [period["limit"] for period in schedule.periods] == ["10.1"]
        assert (schedule.differs, schedule.difference) == (False, "")

        await station.call(
            call.StopTransaction(transaction_id=begun.transaction_id, meter_stop=10, timestamp=now())
        )
        assert mirrored()[2] == ("TxProfile", "ended")
        await ordered("clear-charging-profile")
        assert station.profiles == {}
        assert mirrored()[0] == ("TxDefaultProfile", "cleared")
