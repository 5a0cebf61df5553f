"""Charging profiles at the fleet: what they do to a charge, and how they are answered."""

from dataclasses import replace

import pytest

from chargers.simulator.scenarios import SCENARIOS
from tests.simulator.asking import ask, stamp, status_of
from tests.simulator.cast import charging, fleet

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ocpp")


def profile(limit=8.0, purpose="TxDefaultProfile", identity=1, level=0, unit="A", **more):
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "chargingProfileId": identity,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule | more.pop("schedule", {}),
        **more,
    }


async def install(system, connector, body):
    request = {"connectorId": connector, "csChargingProfiles": body}
    return status_of(await ask(system, "SetChargingProfile", request))


def amps(system):
    samples = system.payloads("MeterValues")[-1]["meterValue"][0]["sampledValue"]
    return max(float(s["value"]) for s in samples if s["measurand"] == "Current.Import")


@pytest.fixture
def ac_only(monkeypatch):
    idle = replace(SCENARIOS["idle"].rest[0], hardware="ac22")
    monkeypatch.setitem(SCENARIOS, "idle", replace(SCENARIOS["idle"], rest=(idle,)))


@pytest.mark.usefixtures("ac_only")
async def test_limits_bend_the_charge_and_end_with_their_profile(system):
    async with charging(system):
        await system.until(lambda: amps(system) > 14)
        assert await install(system, 1, profile(8.0, "TxProfile", transactionId=1, level=1)) == "Accepted"
        await system.until(lambda: 7 < amps(system) <= 8)
        assert await install(system, 0, profile(5.0, "ChargePointMaxProfile", identity=2)) == "Accepted"
        await system.until(lambda: system.statuses(1)[-1] == "SuspendedEVSE")  # below 6 A no car charges
        assert status_of(await ask(system, "ClearChargingProfile", {"id": 2})) == "Accepted"
        await system.until(lambda: system.statuses(1)[-1] == "Charging")
        assert status_of(await ask(system, "ClearChargingProfile", {"id": 2})) == "Unknown"
        every = {"chargingProfilePurpose": "TxProfile", "connectorId": 1}
        assert status_of(await ask(system, "ClearChargingProfile", every)) == "Accepted"
        await system.until(lambda: amps(system) > 14)


@pytest.mark.usefixtures("ac_only")
async def test_profiles_that_break_a_rule_are_rejected(system):
    async with charging(system):
        two = [{"startPeriod": 0, "limit": 9.0}, {"startPeriod": 0, "limit": 8.0}]
        late = [{"startPeriod": 60, "limit": 9.0}]
        wrong = {
            "a transaction of nobody": (1, profile(purpose="TxProfile", transactionId=99)),
            "no transaction here": (2, profile(purpose="TxProfile")),
            "of no connector": (9, profile()),
            "maximum of one outlet": (1, profile(purpose="ChargePointMaxProfile")),
            "too high in the stack": (1, profile(level=10)),
            "two at once": (1, profile(schedule={"chargingSchedulePeriod": two})),
            "not from the start": (1, profile(schedule={"chargingSchedulePeriod": late})),
            "recurring, but when": (1, profile() | {"chargingProfileKind": "Recurring"}),
        }
        for name, (connector, body) in wrong.items():
            assert await install(system, connector, body) == "Rejected", name
        places = [(connector, level) for connector in (0, 1, 2) for level in range(7)]
        answers = [
            await install(system, connector, profile(identity=n, level=level))
            for n, (connector, level) in enumerate(places)
        ]
        assert answers == ["Accepted"] * 20 + ["Rejected"]  # MaxChargingProfilesInstalled


@pytest.mark.usefixtures("ac_only")
async def test_the_composite_schedule_is_what_the_profiles_come_to(system):
    async with charging(system):
        start = stamp()
        periods = [{"startPeriod": 0, "limit": 10.0}, {"startPeriod": 600, "limit": 20.0, "numberPhases": 1}]
        schedule = {"startSchedule": start, "duration": 1200, "chargingSchedulePeriod": periods}
        assert await install(system, 0, profile(16.0, "ChargePointMaxProfile", identity=1)) == "Accepted"
        assert await install(system, 1, profile(identity=2, schedule=schedule)) == "Accepted"
        assert await install(system, 1, profile(12.0, "TxProfile", 3, validFrom=stamp(hours=2))) == "Accepted"
        answer = await ask(system, "GetCompositeSchedule", {"connectorId": 1, "duration": 3600})
        found = answer["chargingSchedule"]["chargingSchedulePeriod"]
        assert [(p["limit"], p["numberPhases"]) for p in found] == [(10.0, 3), (16.0, 1), (16.0, 3)]
        assert [p["startPeriod"] for p in found] == [0, pytest.approx(600, abs=5), pytest.approx(1200, abs=5)]
        power = {"connectorId": 1, "duration": 60, "chargingRateUnit": "W"}
        power = await ask(system, "GetCompositeSchedule", power)
        assert power["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 10 * 3 * 230
        nowhere = await ask(system, "GetCompositeSchedule", {"connectorId": 9, "duration": 60})
        assert nowhere == {"status": "Rejected"}
        whole = await ask(system, "GetCompositeSchedule", {"connectorId": 0, "duration": 60})
        assert whole["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 16.0


@pytest.mark.usefixtures("ac_only")
async def test_a_profile_that_comes_with_a_remote_start_counts_from_the_start(system):
    async with fleet(system):
        await system.until(lambda: system.statuses(2))
        start = {"idTag": "ALICE", "connectorId": 1, "chargingProfile": profile(7.0, "TxProfile")}
        assert status_of(await ask(system, "RemoteStartTransaction", start)) == "Accepted"
        await system.until(lambda: system.payloads("MeterValues"))
        assert amps(system) <= 7
        start["chargingProfile"] = profile(7.0)
        assert status_of(await ask(system, "RemoteStartTransaction", start)) == "Rejected"
