"""Whoever sends a payload word for word brings the ids: the house takes them, and follows them as its own."""

from typing import Any

import pytest

from chargers.diagnostics.models import LogJob
from chargers.firmware.models import FirmwareJob
from chargers.jobs import State
from chargers.reservations.models import Reservation
from tests.conformance.v16.cast import CP16, at, cp16, fresh, token
from tests.conformance.v16.charging_cast import in_hours, profile
from tests.exact.cast import gets, refused, takes
from tests.firmware.cast import certificate, signature
from tests.support.house import House
from transactions.charging_profiles.models import InstalledProfile

INT32_MAX = 2**31 - 1


@pytest.fixture(autouse=True)
def _alice(house: House) -> None:
    token("ALICE")


# --- reservations -----------------------------------------------------------------------------------------------------


def reserve(number: int, **values: Any) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "expiryDate": in_hours(1),
        "idTag": "ALICE",
        "reservationId": number,
    } | values


def reservations(charger: CP16) -> list[tuple[int, str]]:
    rows = Reservation.objects.filter(charge_point=charger.row).order_by("pk")
    return list(rows.values_list("number", "status"))


async def test_a_reservation_has_the_number_that_came_and_is_used_by_it(house: House):
    async with cp16(house) as charger:
        await takes(charger, "ReserveNow", reserve(4711))
        assert reservations(charger) == [(4711, "accepted")]
        await charger.start("ALICE", reservationId=4711)
        assert reservations(charger) == [(4711, "used")]


async def test_the_same_number_takes_the_place_of_the_reservation(house: House):
    async with cp16(house) as charger:
        await takes(charger, "ReserveNow", reserve(5))
        await takes(charger, "ReserveNow", reserve(5, connectorId=2), {"status": "Occupied"})
        assert reservations(charger) == [(5, "accepted"), (5, "refused")]
        await takes(charger, "ReserveNow", reserve(5, connectorId=2))
        assert reservations(charger) == [(5, "replaced"), (5, "refused"), (5, "accepted")]


async def test_two_charge_points_may_have_reservations_of_one_number(house: House):
    async with cp16(house) as one, cp16(house) as other:
        for charger in (one, other):
            await takes(charger, "ReserveNow", reserve(6))
        await takes(one, "CancelReservation", {"reservationId": 6})
        assert (reservations(one), reservations(other)) == ([(6, "cancelled")], [(6, "accepted")])


async def test_a_reservation_of_somebody_else_can_be_cancelled(house: House):
    async with cp16(house) as charger:
        command = await takes(charger, "CancelReservation", {"reservationId": 99})
        assert (command.type, command.status) == ("cancel-reservation", "accepted")
        await charger.status("Available")
        assert fresh(command).effect == "", "nobody knows which connector it was"
        assert reservations(charger) == []
        command = await takes(charger, "CancelReservation", {"reservationId": 99}, {"status": "Rejected"})
        assert command.status == "rejected"


async def test_what_protects_reservations_holds(house: House):
    async with cp16(house) as charger:
        assert set(refused(charger, "ReserveNow", reserve(1, expiryDate=at(hours=1)))) == {"expiryDate"}
        assert set(refused(charger, "ReserveNow", reserve(0))) == {"reservationId"}
        assert set(refused(charger, "ReserveNow", reserve(2**40))) == {"reservationId"}
        assert set(refused(charger, "ReserveNow", reserve(1, idTag=""))) == {"idTag"}
        told = {
            "configurationKey": [{"key": "ReserveConnectorZeroSupported", "readonly": True, "value": "no"}]
        }
        await charger.hears("get-configuration", told)
        assert set(refused(charger, "ReserveNow", reserve(1, connectorId=0))) == {"connectorId"}


# --- charging profiles ------------------------------------------------------------------------------------------------


def wire(number: int = 1, limit: float = 16, connector: int = 0, **values: Any) -> dict[str, Any]:
    """What SetChargingProfile has."""
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        "startSchedule": at(minutes=1),
    }
    terms = {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    return {"connectorId": connector, "csChargingProfiles": terms | values}


def relative(**values: Any) -> dict[str, Any]:
    """A TxProfile, for `wire`."""
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
    }
    return {
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    } | values


def profiles(charger: CP16) -> list[tuple[int, str]]:
    rows = InstalledProfile.objects.filter(charge_point=charger.row).order_by("pk")
    return list(rows.values_list("profile_id", "status"))


async def test_a_profile_of_the_same_id_takes_the_place_of_the_older_wherever_it_is(house: House):
    async with cp16(house) as charger:
        for limit in (16, 10, 6.5):
            await takes(charger, "SetChargingProfile", wire(1, limit))
        assert profiles(charger) == [(1, "replaced"), (1, "replaced"), (1, "installed")]
        await takes(charger, "SetChargingProfile", wire(1, 6, connector=2, stackLevel=4))
        assert profiles(charger)[-2:] == [(1, "replaced"), (1, "installed")]
        replaced = InstalledProfile.objects.filter(charge_point=charger.row, status="replaced").last()
        assert replaced is not None
        assert replaced.note == "A newer profile of its id took its place."
        await takes(charger, "ClearChargingProfile", {"id": 1})
        assert profiles(charger)[-1] == (1, "cleared")


async def test_one_that_was_refused_replaces_nothing(house: House):
    async with cp16(house) as charger:
        await takes(charger, "SetChargingProfile", wire(1))
        await takes(charger, "SetChargingProfile", wire(1, 6), {"status": "Rejected"})
        assert profiles(charger) == [(1, "installed"), (1, "refused")]


async def test_after_the_highest_id_the_house_finds_others(house: House):
    async with cp16(house) as charger:
        await takes(charger, "SetChargingProfile", wire(INT32_MAX))
        command = await charger.hears("set-charging-profile", connector_id=1, charging_profile=profile())
        assert 0 < command.params["profile_id"] < INT32_MAX
        await takes(charger, "SetChargingProfile", wire(0, connector=2))
        assert [status for _, status in profiles(charger)] == ["installed"] * 3


async def test_a_transaction_profile_belongs_to_the_transaction_that_runs(house: House):
    async with cp16(house) as charger:
        payload = wire(3, connector=1, **relative())
        assert set(refused(charger, "SetChargingProfile", payload)) == {"csChargingProfiles.transactionId"}
        number = (await charger.start("ALICE"))["transactionId"]
        await takes(charger, "SetChargingProfile", payload)  # none named: the one on the connector
        row = InstalledProfile.objects.get(charge_point=charger.row)
        assert row.transaction is not None
        assert row.transaction.number == number
        stranger = wire(4, connector=1, **relative(transactionId=number + 1))
        assert set(refused(charger, "SetChargingProfile", stranger)) == {"csChargingProfiles.transactionId"}
        await takes(charger, "SetChargingProfile", wire(4, connector=1, **relative(transactionId=number)))
        assert profiles(charger) == [(3, "replaced"), (4, "installed")]
        await charger.stop(number)
        assert profiles(charger)[-1] == (4, "ended")


async def test_what_protects_profiles_holds(house: House):
    periods = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod"
    async with cp16(house) as charger:
        wrong = wire(1, connector=1, chargingProfilePurpose="ChargePointMaxProfile")
        assert set(refused(charger, "SetChargingProfile", wrong)) == {"connectorId"}
        over = wire(1, validTo=at(hours=1))
        assert set(refused(charger, "SetChargingProfile", over)) == {"csChargingProfiles.validTo"}
        late = wire(1)
        late["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["startPeriod"] = 5
        assert set(refused(charger, "SetChargingProfile", late)) == {f"{periods}.0.startPeriod"}
        named = wire(1, transactionId=1)
        assert set(refused(charger, "SetChargingProfile", named)) == {"csChargingProfiles.transactionId"}
        negative = {"csChargingProfiles.chargingProfileId"}
        assert set(refused(charger, "SetChargingProfile", wire(-1))) == negative


async def test_the_profile_of_a_start_keeps_its_id_and_gets_its_transaction(house: House):
    async with cp16(house) as charger:
        terms = wire(8, **relative())["csChargingProfiles"]
        start = {"idTag": "ALICE", "connectorId": 1, "chargingProfile": terms}
        command = await takes(charger, "RemoteStartTransaction", start)
        number = (await charger.start("ALICE"))["transactionId"]
        row = InstalledProfile.objects.get(charge_point=charger.row)
        assert (row.profile_id, row.status) == (8, "installed")
        assert row.transaction is not None
        assert row.transaction.number == number
        assert fresh(command).effect == "The transaction started."

        wrong = start | {"chargingProfile": terms | {"chargingProfilePurpose": "TxDefaultProfile"}}
        field = {"chargingProfile.chargingProfilePurpose"}
        assert set(refused(charger, "RemoteStartTransaction", wrong)) == field
        named = start | {"chargingProfile": terms | {"transactionId": number}}
        field = {"chargingProfile.transactionId"}
        assert set(refused(charger, "RemoteStartTransaction", named)) == field
        assert set(refused(charger, "RemoteStartTransaction", {"idTag": "A", "connectorId": 0})) == {
            "connectorId"
        }


# --- jobs -------------------------------------------------------------------------------------------------------------


def get_log(number: int, location: str = "https://acme.example/in") -> dict[str, Any]:
    return {"logType": "SecurityLog", "requestId": number, "log": {"remoteLocation": location}}


def update(number: int, **values: Any) -> dict[str, Any]:
    firmware = {
        "location": "https://acme.example/fw",
        "retrieveDateTime": at(minutes=1),
        "signingCertificate": certificate(),
        "signature": signature(),
    }
    return {"requestId": number, "firmware": firmware | values}


async def test_a_log_has_the_number_that_came_and_is_followed_by_it(house: House):
    async with cp16(house) as one, cp16(house) as other:
        for charger in (one, other):
            await takes(charger, "GetLog", get_log(1), {"status": "Accepted", "filename": "s.log"})
        await one.call("LogStatusNotification", {"status": "Uploaded", "requestId": 1})
        states = [LogJob.objects.get(charge_point=charger.row).state for charger in (one, other)]
        assert states == [State.SUCCEEDED, State.RUNNING]


async def test_an_update_has_the_number_that_came_and_is_followed_by_it(house: House):
    async with cp16(house) as one, cp16(house) as other:
        for charger in (one, other):
            await takes(charger, "SignedUpdateFirmware", update(1))
        await one.call("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 1})
        states = [FirmwareJob.objects.get(charge_point=charger.row).state for charger in (one, other)]
        assert states == [State.SUCCEEDED, State.RUNNING]
        assert set(refused(one, "SignedUpdateFirmware", update(1))) == {"requestId"}


@pytest.mark.parametrize("number", [-1, 0, INT32_MAX, 2**40])
async def test_a_number_that_no_job_can_have_is_refused(house: House, number: int):
    async with cp16(house) as charger:
        assert set(refused(charger, "GetLog", get_log(number))) == {"requestId"}
        assert set(refused(charger, "SignedUpdateFirmware", update(number))) == {"requestId"}


async def test_one_number_names_one_log(house: House):
    async with cp16(house) as charger:
        await gets(charger, "GetLog", get_log(3))
        assert set(refused(charger, "GetLog", get_log(3))) == {"requestId"}


async def test_what_protects_jobs_holds(house: House):
    async with cp16(house) as charger:
        for odd in ("", " https://acme.example", "file:///etc/passwd", "https://"):
            assert set(refused(charger, "GetLog", get_log(1, odd))) == {"log.remoteLocation"}
            assert set(refused(charger, "GetDiagnostics", {"location": odd})) == {"location"}
            old = {"location": odd, "retrieveDate": at(hours=1)}
            assert set(refused(charger, "UpdateFirmware", old)) == {"location"}
            new = update(1, location=odd)
            assert set(refused(charger, "SignedUpdateFirmware", new)) == {"firmware.location"}
        backwards = {"location": "ftp://a.example", "startTime": at(hours=1), "stopTime": at(hours=2)}
        assert set(refused(charger, "GetDiagnostics", backwards)) == {"stopTime"}
        early = update(1, installDateTime=at(hours=1))
        assert set(refused(charger, "SignedUpdateFirmware", early)) == {"firmware.installDateTime"}
        over = update(1, signingCertificate=certificate(days=(-3, -1)))
        assert set(refused(charger, "SignedUpdateFirmware", over)) == {"firmware.signingCertificate"}
        unsigned = update(1, signature="?")
        assert set(refused(charger, "SignedUpdateFirmware", unsigned)) == {"firmware.signature"}
