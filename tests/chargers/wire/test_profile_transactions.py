"""Charging with the `ocpp` package's charge point, an independent client: offline first, then live and with a group."""

from datetime import UTC, datetime, timedelta

from ocpp.v16 import ChargePoint, call

from tests.chargers.wire.independent import independent, now
from tests.support.house import House, settings_are
from transactions.ending import infer_ends
from transactions.models import IdToken, MeterValue, Transaction


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Charging(ChargePoint):
    """One connector with an absolute register."""

    async def wake(self) -> None:
        boot = await self.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="One"))
        assert boot.status == "Accepted"

    async def status(self, word: str, time: str = "") -> None:
        report = call.StatusNotification(
            connector_id=1, error_code="NoError", status=word, timestamp=time or now()
        )
        await self.call(report)

    async def begin(self, tag: str, meter: int, time: str) -> tuple[int, dict[str, str]]:
        answer = await self.call(
            call.StartTransaction(connector_id=1, id_tag=tag, meter_start=meter, timestamp=time)
        )
        return answer.transaction_id, answer.id_tag_info

    async def meter(self, number: int, wh: int, time: str) -> None:
        value = {"timestamp": time, "sampled_value": [{"value": str(wh), "context": "Sample.Periodic"}]}
        await self.call(call.MeterValues(connector_id=1, transaction_id=number, meter_value=[value]))


def stored(number: int) -> Transaction:
    return Transaction.objects.get(number=number)


async def test_what_was_charged_offline_is_told_and_then_a_relative_stops_what_is_live(house: House):
    for tag in ("MUM", "DAD"):
        IdToken.objects.get_or_create(
            id_token=tag, defaults={"parent": "FAMILY", "created_at": datetime.now(UTC)}
        )

    # It boots, and the link is lost.
    async with independent(house, "CAVE", Charging, response_timeout=15) as station:
        await station.wake()
        await station.status("Available")

    # Back online it tells, with the times of then, what happened meanwhile.
    async with independent(house, "CAVE", Charging, response_timeout=15) as station:
        await station.status("Available")
        number, info = await station.begin("MUM", 10_000, ago(180))
        assert info == {"status": "Accepted", "parent_id_tag": "FAMILY"}
        await station.meter(number, 14_000, ago(150))
        answer = await station.call(
            call.StopTransaction(
                transaction_id=number,
                meter_stop=19_000,
                timestamp=ago(120),
                id_tag="mum",
                transaction_data=[{"timestamp": ago(130), "sampled_value": [{"value": "17500"}]}],
            )
        )
        assert answer.id_tag_info == {"status": "Accepted", "parent_id_tag": "FAMILY"}
        told = stored(number)
        assert (told.status, told.energy_wh, told.offline, told.anomalies) == ("ended", 9000, True, [])
        assert round((told.duration_seconds or 0) / 60) == 60
        readings = MeterValue.objects.filter(transaction=told).order_by("pk")
        assert [(r.energy_wh, r.offline) for r in readings] == [(14_000, True), (17_500, True)]

        # The next car charges live; the station knows by the parent that the other card may stop it.
        await station.status("Preparing")
        asked = await station.call(call.Authorize(id_tag="MUM"))
        live, _ = await station.begin("MUM", 19_000, now())
        await station.status("Charging")
        await station.meter(live, 19_010, now())
        presented = await station.call(call.Authorize(id_tag="DAD"))
        assert presented.id_tag_info["parent_id_tag"] == asked.id_tag_info["parent_id_tag"]
        await station.status("Finishing")
        answer = await station.call(
            call.StopTransaction(
                transaction_id=live, meter_stop=19_020, timestamp=now(), id_tag="DAD", reason="Local"
            )
        )
        assert answer.id_tag_info["status"] == "Accepted"
        await station.status("Available")
        ended = stored(live)
        assert (ended.status, ended.energy_wh, ended.offline, ended.anomalies) == ("ended", 20, False, [])
        assert (ended.id_token, ended.stop_id_token) == ("MUM", "DAD")

        # The last car's end is lost; the free connector tells, and the real end after all.
        lost, _ = await station.begin("DAD", 19_020, now())
        await station.meter(lost, 19_030, now())
        await station.status("Available")
        with settings_are(CSMS_INFERRED_END_GRACE="1"):
            infer_ends(now=datetime.now(UTC) + timedelta(seconds=2))
        closed = stored(lost)
        assert (closed.end_source, closed.energy_wh, closed.anomalies) == ("inferred", 10, ["stop_inferred"])
        await station.call(call.StopTransaction(transaction_id=lost, meter_stop=19_035, timestamp=now()))
        whole = stored(lost)
        assert (whole.end_source, whole.energy_wh, whole.anomalies) == ("reported", 15, ["stop_replaced"])
