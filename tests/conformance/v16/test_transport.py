"""OCPP-J 1.6 as a central system keeps it: the handshake, liveness and order, the boot gate."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from chargers.commands.ordering import CommandRefused
from chargers.models import Connector, RefusedHandshake, Registration
from tests.conformance.v16.cast import STATUS, cp16, eventually, fresh, known, order, stamp
from tests.support.charger import RawCharger
from tests.support.house import House


async def turned_away(house: House, path: str, **options: Any) -> int:
    """Knock, and return the status of the refusal."""
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, path, **options):
            pass
    status: int = refused.value.response.status_code
    return status


async def noted(identity: str) -> RefusedHandshake:
    return await eventually(lambda: RefusedHandshake.objects.filter(identity=identity).first())


# --- the handshake ----------------------------------------------------------------------------------------------------


async def test_t_003_never_trust_the_path_alone(house: House):
    known("T-003", password="sixteen-bytes-key")
    known("T-003-OTHER", password="another-bytes-key")
    other = {"Authorization": "Basic VC0wMDMtT1RIRVI6YW5vdGhlci1ieXRlcy1rZXk="}  # right, for T-003-OTHER
    assert await turned_away(house, "T-003", additional_headers=other) == 401
    assert (await noted("T-003")).reason == "wrong_username"
    async with RawCharger.connect(house.ocpp_url, "T-003-OTHER", additional_headers=other):
        pass


async def test_tc_088_subprotocol_negotiation(house: House):
    row = known("TC-088")
    async with RawCharger.connect(house.ocpp_url, "TC-088", subprotocols=["ocpp1.6"]) as charger:
        assert charger.socket.subprotocol == "ocpp1.6"
        assert (await charger.boot())["status"] == "Accepted"
    assert await turned_away(house, "TC-088", subprotocols=["ocpp0.1"]) == 400
    await eventually(lambda: fresh(row).connection_id is None)


async def test_t_010_compression_that_is_offered_is_not_needed(house: House):
    known("T-010")
    async with RawCharger.connect(house.ocpp_url, "T-010", compression="deflate") as charger:
        assert "Sec-WebSocket-Extensions" not in charger.socket.response.headers
        assert (await charger.boot())["status"] == "Accepted"


async def test_t_038_what_clients_say_of_certificates_is_not_believed(house: House):
    known("T-038", password="sixteen-bytes-key")
    for header in ("X-Client-Cert", "X-SSL-Client-Verify", "X-Forwarded-Client-Cert", "SSL-Client-Cert"):
        assert await turned_away(house, "T-038", additional_headers={header: "SUCCESS CN=T-038"}) == 401


# --- liveness ---------------------------------------------------------------------------------------------------------


async def test_t_073_reconnect_without_boot(house: House):
    async with cp16(house, "T-073"):
        pass
    async with RawCharger.connect(house.ocpp_url, "T-073") as again:
        assert (await again.call("StatusNotification", STATUS))[0] == 3


async def test_t_075_per_station_ordering(house: House):
    async with cp16(house) as charger:
        words = ["Preparing", "Charging", "SuspendedEV", "Charging", "Finishing", "Available"]
        for number, word in enumerate(words):
            await charger.wire.send([2, f"o{number}", "StatusNotification", {**STATUS, "status": word}])
        answered = [(await charger.wire.receive())[1] for _ in words]
        assert answered == [f"o{number}" for number in range(len(words))]
        stored = charger.row.statusreport_set.order_by("pk").values_list("status", flat=True)
        assert list(stored) == words
        assert Connector.objects.get(charge_point=charger.row, number=1).status == "Available"


async def test_t_075_ordering_never_depends_on_the_charge_points_clock_alone(house: House):
    """A clock that was years ahead and is set right does not freeze the state that it told before."""
    async with cp16(house) as charger:
        ahead = (datetime.now(UTC) + timedelta(days=900)).strftime("%Y-%m-%dT%H:%M:%SZ")
        await charger.status("Charging", timestamp=ahead)
        await charger.status("Available", timestamp=stamp())
        await charger.status("Preparing", timestamp="1970-01-01T00:00:10Z")
        connector = Connector.objects.get(charge_point=charger.row, number=1)
        assert (connector.status, connector.status_at) == ("Preparing", connector.received_at)


# --- the boot gate ----------------------------------------------------------------------------------------------------


async def test_t_080_messages_before_acceptance_get_security_error(house: House):
    row = known("T-080", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, "T-080") as charger:
        assert (await charger.boot())["status"] == "Pending"
        assert (await charger.call("StatusNotification", STATUS))[2] == "SecurityError"
        order(row, "trigger-message", requested_message="StatusNotification", connector_id=1)
        frame = await charger.receive()
        await charger.send([3, frame[1], {"status": "Accepted"}])
        assert (await charger.call("StatusNotification", STATUS))[0] == 3  # what was asked for is served
        assert (await charger.call("Authorize", {"idTag": "ALICE"}))[2] == "SecurityError"  # and nothing else


async def test_t_085_no_boot_trigger_after_acceptance(house: House):
    async with cp16(house) as charger:
        with pytest.raises(CommandRefused):
            charger.order("trigger-message", requested_message="BootNotification")
