"""Sessions of the core profile, test case by test case of the Open Charge Alliance."""

from datetime import UTC, datetime, timedelta

from tests.conformance.v16.cast import CP16, at, cp16, fresh, token
from tests.conformance.v16.transactions_cast import alice, connector, only, told, transactions
from tests.support.charger import RawCharger
from tests.support.house import House
from transactions.models import UnknownToken

__all__ = ["alice"]


async def test_tc_001_cold_boot(house: House):
    async with cp16(house, booted=False) as charger:
        answer = await charger.boot()
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        assert answer["currentTime"].endswith("Z")
        skew = datetime.fromisoformat(answer["currentTime"]) - datetime.now(UTC)
        assert abs(skew) < timedelta(minutes=1)
        for number in (0, 1, 2):
            await charger.status("Available", number)
        assert (await charger.call("Heartbeat"))["currentTime"].endswith("Z")
        assert fresh(charger.row).booted_at is not None
        assert [connector(charger, n).status for n in (0, 1, 2)] == ["Available"] * 3


async def test_tc_003_regular_session_plugin_first(house: House):
    async with cp16(house) as charger:
        await charger.status("Preparing")
        assert await charger.authorize("ALICE") == {"status": "Accepted"}
        answer = await charger.start()
        assert answer["idTagInfo"] == {"status": "Accepted"}
        assert answer["transactionId"] > 0
        await charger.status("Charging")
        transaction = only(charger)
        assert (transaction.number, transaction.status) == (answer["transactionId"], "active")
        assert (transaction.authorization, transaction.anomalies) == ("Accepted", [])
        assert connector(charger).status == "Charging"
        (event,) = told(charger, "tx.started")
        assert (event["transaction_id"], event["offline"]) == (transaction.transaction_id, False)


async def test_tc_004_1_regular_session_identification_first(house: House):
    async with cp16(house) as charger:
        await charger.status("Available")
        assert await charger.authorize("ALICE") == {"status": "Accepted"}
        await charger.status("Preparing")
        answer = await charger.start()
        assert answer["idTagInfo"]["status"] == "Accepted"
        await charger.status("Charging")
        assert only(charger).number == answer["transactionId"]


async def test_tc_004_2_identification_first_connection_timeout(house: House):
    async with cp16(house) as charger:
        assert await charger.authorize("ALICE") == {"status": "Accepted"}
        await charger.status("Preparing")
        await charger.status("Available")
        assert transactions(charger) == [], "no session dangles after an Authorize"
        assert told(charger, "tx.started") == []
        assert connector(charger).status == "Available"


async def test_tc_005_1_ev_side_disconnect_stops_transaction(house: House):
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        await charger.status("Charging")
        await charger.status("SuspendedEV")
        assert await charger.stop(number, 1500, reason="EVDisconnected") == {}
        await charger.status("Finishing")
        await charger.status("Available")
        transaction = only(charger)
        assert (transaction.status, transaction.stop_reason) == ("ended", "EVDisconnected")
        assert (transaction.energy_wh, transaction.end_source) == (1500, "reported")
        assert connector(charger).status == "Available"


async def test_tc_007_start_with_cached_id(house: House):
    token("BLOCKED", blocked=True)
    async with cp16(house) as charger:
        assert (await charger.start())["idTagInfo"] == {"status": "Accepted"}
        # Its cache is not ours: each start is judged anew.
        assert (await charger.start("BLOCKED", 2))["idTagInfo"] == {"status": "Blocked"}
        assert [t.authorization for t in transactions(charger)] == ["Accepted", "Blocked"]


async def test_tc_024_lock_failure(house: House):
    async with cp16(house) as charger:
        await charger.authorize("ALICE")
        await charger.status("Faulted", error="ConnectorLockFailure", info="lock stuck", vendorErrorCode="E7")
        row = connector(charger)
        assert (row.status, row.error_code) == ("Faulted", "ConnectorLockFailure")
        assert (row.info, row.vendor_error_code) == ("lock stuck", "E7")
        assert transactions(charger) == []


async def test_tc_032_1_power_failure_with_transactions_stopped_before(house: House):
    async with cp16(house) as charger:
        number = (await charger.start(timestamp=at(hours=2)))["transactionId"]
        row = charger.row
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as wire:
        charger = CP16(row, wire)
        assert (await charger.boot())["status"] == "Accepted"
        assert only(charger).status == "active", "S16-16: a boot ends nothing"
        await charger.status("Available", 0)
        await charger.status("Available", 1)
        late = at(hours=1)
        assert await charger.stop(number, 4000, timestamp=late, reason="PowerLoss") == {}
        transaction = only(charger)
        assert (transaction.status, transaction.stop_reason) == ("ended", "PowerLoss")
        assert transaction.stopped_at == datetime.fromisoformat(late)
        assert (transaction.energy_wh, transaction.offline) == (4000, True)


async def test_tc_037_1_offline_start_valid_tag(house: House):
    async with cp16(house) as charger:
        begun = at(hours=30)
        answer = await charger.start(timestamp=begun)
        assert answer["transactionId"] > 0
        assert answer["idTagInfo"] == {"status": "Accepted"}
        transaction = only(charger)
        assert transaction.started_at == datetime.fromisoformat(begun)
        assert transaction.offline
        assert transaction.anomalies == []
        assert told(charger, "tx.started")[0]["offline"] is True


async def test_tc_037_3_offline_start_invalid_tag_stop_on_invalid(house: House):
    async with cp16(house) as charger:
        answer = await charger.start("NOBODY", timestamp=at(hours=1))
        assert answer["transactionId"] > 0
        assert answer["idTagInfo"] == {"status": "Invalid"}
        assert await charger.stop(answer["transactionId"], 10, reason="DeAuthorized") == {}
        transaction = only(charger)
        assert (transaction.status, transaction.stop_reason) == ("ended", "DeAuthorized")
        assert transaction.authorization == "Invalid"
        assert UnknownToken.objects.filter(id_token="NOBODY").exists(), "an operator may admit it"


async def test_tc_039_offline_transaction(house: House):
    async with cp16(house) as charger:
        number = (await charger.start(timestamp=at(hours=5), meterStart=100))["transactionId"]
        assert await charger.stop(number, 700, timestamp=at(hours=4), idTag="ALICE") == {
            "idTagInfo": {"status": "Accepted"}
        }
        transaction = only(charger)
        assert (transaction.status, transaction.energy_wh, transaction.offline) == ("ended", 600, True)
        assert 3500 < (transaction.duration_seconds or 0) < 3700
