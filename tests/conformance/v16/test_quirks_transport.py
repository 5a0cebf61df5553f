"""What chargers in the field do with sockets, identities, frames and values; each is served, noted and counted."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chargers.models import ChargePoint, Command, Connection, Connector, Frame, RefusedHandshake
from chargers.traits.models import Deviation
from chargers.traits.services import add_alias, set_charge_point_traits, set_model_traits
from tests.conformance.v16.cast import CP16, STATUS, cp16, eventually, fresh, known, stamp, token
from tests.support.charger import RawCharger
from tests.support.house import House, now, settings_are


async def turned_away(house: House, path: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with RawCharger.connect(house.ocpp_url, path, **options):
            pass
    status: int = refused.value.response.status_code
    return status


def basic(username: str, password: str | bytes) -> dict[str, str]:
    key = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(username.encode() + b":" + key).decode()}


def frame_of(charger: CP16, **values: Any) -> Frame:
    return Frame.objects.filter(charge_point=charger.row, direction="in", **values).latest("pk")


async def ledger(charger: CP16, **values: Any) -> Deviation:
    """The entry of a deviation, once it has been stored."""
    return await eventually(lambda: Deviation.objects.filter(last_cp_id=charger.row.cp_id, **values).first())


def clock(charger: CP16) -> Any:
    return Connector.objects.get(charge_point=charger.row, number=1)


# --- T: transport -----------------------------------------------------------------------------------------------------


async def test_quirk_t1_no_subprotocol_by_exception_of_one_charge_point(house: House):
    row = known("Q-T1")
    assert await turned_away(house, "Q-T1", subprotocols=None) == 400
    set_charge_point_traits(row, {"default_version": "ocpp1.6"}, now=now())
    async with RawCharger.connect(house.ocpp_url, "Q-T1", subprotocols=None) as charger:
        assert charger.socket.subprotocol is None
        assert (await charger.boot())["status"] == "Accepted"
    assert (
        await turned_away(house, "Q-T1", subprotocols=["ocpp7.0"]) == 400
    )  # nobody speaks what was not offered
    known("Q-T1-OTHER")
    assert await turned_away(house, "Q-T1-OTHER", subprotocols=None) == 400


async def test_quirk_t1_no_subprotocol_by_exception_of_a_model(house: House):
    row = known("Q-T1-MODEL")
    ChargePoint.objects.filter(pk=row.pk).update(vendor="United Q-T1", model="Grizz")
    made = set_model_traits("united q-t1*", traits={"default_version": "ocpp1.6"}, now=now())
    try:
        async with RawCharger.connect(house.ocpp_url, "Q-T1-MODEL", subprotocols=None) as charger:
            assert (await charger.boot())["status"] == "Accepted"
    finally:
        made.delete()


async def test_quirk_t1_no_subprotocol_by_default_of_the_house(house: House):
    known("Q-T1-ALL")
    with settings_are(CSMS_SUBPROTOCOL_DEFAULT="ocpp1.6"):
        async with RawCharger.connect(house.ocpp_url, "Q-T1-ALL", subprotocols=None) as charger:
            assert (await charger.boot())["status"] == "Accepted"


async def test_quirk_t2_several_subprotocols_and_a_pin(house: House):
    """The version belongs to the connection: a probe of three seconds says nothing of the next one."""
    row = known("Q-T2")
    async with RawCharger.connect(house.ocpp_url, "Q-T2", subprotocols=["ocpp1.6"]):
        pass
    assert await turned_away(house, "Q-T2", subprotocols=["ocpp7.0"]) == 400
    set_charge_point_traits(row, {"only_version": "ocpp1.6"}, now=now())
    for offered in (["ocpp7.0", "ocpp1.6"], ["ocpp1.6", "ocpp7.0"]):
        async with RawCharger.connect(house.ocpp_url, "Q-T2", subprotocols=offered) as charger:
            assert charger.socket.subprotocol == "ocpp1.6"
            assert house.gateway.held[row.pk].session.version == "ocpp1.6"
    assert await turned_away(house, "Q-T2", subprotocols=["ocpp7.0"]) == 400


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"vendorName": "A", "model": "B"}}),
        ("TransactionEvent", {"eventType": "Started", "seqNo": 0}),
        (
            "StatusNotification",
            {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1},
        ),
    ],
)
async def test_quirk_t3_201_on_a_16_link_is_recorded_with_advice(house: House, action: str, payload: Any):
    async with cp16(house) as charger:
        error = await charger.wire.call(action, payload)
        assert error[0] == 4
        assert "2.0.1" in error[3]
        assert "2.0.1" in frame_of(charger, action=action).notes
        counted = await ledger(charger, action=action)
        assert "set the charge point to one version" in counted.rule


async def test_quirk_t4_no_ping_and_no_pong_is_no_reason_to_close(house: House):
    with settings_are(CSMS_LIVENESS_TIMEOUT="900", CSMS_HEARTBEAT_INTERVAL="300"):
        async with cp16(house) as charger:
            held = house.gateway.held[charger.row.pk]
            assert held.liveness >= 900  # three heartbeats at least
            house.on_loop(lambda: held.tick(held.last_heard + 899))
            await charger.call("Heartbeat")
            assert held.wire.closed is None


async def test_quirk_t5_compressed_frames_that_were_not_negotiated_close_the_link(house: House):
    async with cp16(house) as charger:
        socket = charger.wire.socket
        text = b'[2,"c","Heartbeat",{}]'
        # FIN and RSV1, a text frame; masked with zeros.
        socket.transport.write(bytes([0xC1, 0x80 | len(text), 0, 0, 0, 0]) + text)
        with pytest.raises(ConnectionClosed):
            await charger.wire.receive()
        assert socket.close_code == 1002
        ended = await eventually(
            lambda: Connection.objects.filter(charge_point=charger.row, closed_at__isnull=False).first()
        )
        assert ended.close_code in (1002, 1006)
    async with RawCharger.connect(house.ocpp_url, charger.row.cp_id, compression="deflate") as again:
        assert (await again.call("Heartbeat", {}))[0] == 3  # and whoever offers compression talks without it


async def test_quirk_t6_a_second_socket_before_the_first_dies(house: House):
    async with cp16(house, "Q-T6") as old:
        async with RawCharger.connect(house.ocpp_url, "Q-T6") as new:
            assert await old.wire.closed() == 4000
            house.on_loop(lambda: house.gateway.writer.run(lambda: None))  # the old one's clean-up has run
            assert fresh(old.row).connection_id == house.gateway.held[old.row.pk].connection_id
            assert (await new.call("Heartbeat", {}))[0] == 3


async def test_quirk_t7_an_empty_text_frame_is_ignored(house: House):
    async with cp16(house) as charger:
        for empty in ("", " ", "\r\n", "\x00"):
            await charger.wire.send(empty)
        assert (await charger.wire.call("Heartbeat", {}, "after"))[1] == "after"
        ignored = Frame.objects.filter(charge_point=charger.row, verdict="ignored")
        assert {frame.notes for frame in ignored} == {"an empty frame"}
        assert ignored.count() == 4


# --- I: identity ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["Q-I1/", "/Q-I1", "//Q-I1//", "Q-I1?serial=1", "wss://host:443/ocpp/Q-I1", "%51-I1", "Q%2DI1/?x=/y"],
)
async def test_quirk_i1_slashes_queries_and_urls_in_the_path(house: House, path: str):
    row = ChargePoint.objects.filter(cp_id="Q-I1").first() or known("Q-I1")
    async with RawCharger.connect(house.ocpp_url, path) as charger:
        assert (await charger.boot())["status"] == "Accepted"
        assert house.gateway.held[row.pk].holder.cp_id == "Q-I1"


async def test_quirk_i2_case_differs_from_the_registration(house: House):
    row = known("Q-I2-Abc")
    async with RawCharger.connect(house.ocpp_url, "q-i2-ABC") as charger:
        await charger.boot()
        assert house.gateway.held[row.pk].holder.cp_id == "Q-I2-Abc"
    assert ChargePoint.objects.filter(cp_id__iexact="q-i2-abc").count() == 1


async def test_quirk_i3_a_serial_number_is_appended_to_the_identity(house: House):
    row = known("Q-I3", password="sixteen-bytes-key")
    appended = "Q-I3_SN0042"
    assert await turned_away(house, appended, additional_headers=basic(appended, "sixteen-bytes-key")) == 404
    alias = add_alias(row, appended, now=now())
    for name in (appended, "Q-I3", appended.lower()):
        headers = basic(name, "sixteen-bytes-key")
        async with RawCharger.connect(house.ocpp_url, appended, additional_headers=headers) as charger:
            assert (await charger.boot())["status"] == "Accepted"
            assert house.gateway.held[row.pk].holder.cp_id == "Q-I3"
    # An alias is no way round the password.
    assert await turned_away(house, appended) == 401
    alias.delete()
    assert await turned_away(house, appended, additional_headers=basic(appended, "sixteen-bytes-key")) == 404


async def test_quirk_i4_the_key_in_hex_and_in_bytes_and_another_user_name(house: House):
    key = "00ff3a0a0123456789abcdef0123456789abcdef"
    known("Q-I4", password=key)
    for sent in (key, key.upper(), bytes.fromhex(key)):
        headers = basic("Q-I4", sent)
        async with RawCharger.connect(house.ocpp_url, "Q-I4", additional_headers=headers) as charger:
            assert (await charger.boot())["status"] == "Accepted"
    assert await turned_away(house, "Q-I4", additional_headers=basic("admin", key)) == 401
    refusal = await eventually(lambda: RefusedHandshake.objects.filter(identity="Q-I4").first())
    assert refusal.reason == "wrong_username"


# --- M: framing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ['[2,"m1","Heartbeat",null]', '[2,"m1","Heartbeat"]', '[2,"m1","Heartbeat",[]]']
)
async def test_quirk_m1_a_payload_that_is_null_or_missing(house: House, text: str):
    async with cp16(house) as charger:
        await charger.wire.send(text)
        assert (await charger.wire.receive())[:2] == [3, "m1"]
        assert frame_of(charger, message_id="m1").verdict == "deviant"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[,{}]", [4, "-1"]),
        ('[2,"m2","StatusNotification",[,{}]]', [4, "m2"]),
        ('[2,"m2","Heartbeat",{}]trailing', [3, "m2"]),
        ('[2,"m2","Heartbeat",{}]\x00', [3, "m2"]),
    ],
)
async def test_quirk_m2_frames_that_are_no_json(house: House, text: str, answer: list[Any]):
    async with cp16(house) as charger:
        await charger.wire.send(text)
        assert (await charger.wire.receive())[:2] == answer
        assert frame_of(charger, verdict__in=("refused", "deviant")).text.startswith(text.rstrip("\x00"))
        await charger.call("Heartbeat")


async def test_quirk_m3_message_ids_that_are_numbers_empty_or_reused(house: House):
    async with cp16(house) as charger:
        for raw in (7, "", 0, -1):
            await charger.wire.send([2, raw, "Heartbeat", {}])
            assert (await charger.wire.receive())[:2] == [3, raw]  # in the form in which it came
        first = await charger.wire.call("StatusNotification", STATUS, "same")
        assert await charger.wire.call("StatusNotification", STATUS, "same") == first
        assert charger.row.statusreport_set.count() == 1
        await charger.wire.call("StatusNotification", {**STATUS, "status": "Charging"}, "same")
        assert clock(charger).status == "Charging"  # other content is another message


async def test_quirk_m4_an_answer_with_an_unknown_id(house: House):
    async with cp16(house) as charger:
        command = charger.order("clear-cache")
        await charger.expect("ClearCache")
        await charger.wire.send([3, "not-what-was-asked", {"status": "Accepted"}])
        await charger.call("Heartbeat")
        assert fresh(command).status == Command.Status.SENT
        assert frame_of(charger, verdict="late").notes == "answers no call of ours"
        await charger.answer(status="Accepted")
        assert (await charger.settled(command)).status == Command.Status.ACCEPTED
        assert (await ledger(charger, verdict="late")).rule == "answers no call of ours"


async def test_quirk_m5_unknown_and_duplicate_members(house: House):
    async with cp16(house) as charger:
        await charger.wire.send(
            '[2,"m5","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Faulted",'
            '"status":"Available","voltage":230}]'
        )
        assert await charger.wire.receive() == [3, "m5", {}]
        assert clock(charger).status == "Available"
        notes = frame_of(charger, message_id="m5").notes
        assert "given twice" in notes
        assert "voltage" in notes
        assert (await ledger(charger, field="voltage")).verdict == "deviant"


@pytest.mark.usefixtures("short_patience")
async def test_quirk_m6_a_late_answer_is_attached_to_its_command(house: House):
    async with cp16(house) as charger:
        command = charger.order("clear-cache")
        await charger.expect("ClearCache")
        await charger.settled(command)
        await charger.answer(status="Accepted")
        late = await eventually(lambda: (row := fresh(command)).late_at and row)
        assert late.status == Command.Status.TIMED_OUT
        assert '"Accepted"' in late.late_answer


async def test_quirk_m7_huge_frames(house: House):
    token("ALICE")
    async with cp16(house) as charger:
        number = (await charger.start())["transactionId"]
        sample = {"value": "1", "measurand": "Power.Active.Import", "unit": "W", "context": "Sample.Periodic"}
        data = [{"timestamp": stamp(), "sampledValue": [sample] * 20} for _ in range(300)]
        assert await charger.stop(number, transactionData=data) == {}
        assert len(frame_of(charger, action="StopTransaction").text) > 500_000


# --- V: values --------------------------------------------------------------------------------------------------------


async def test_quirk_v1_over_long_strings_are_stored_whole_and_flagged(house: House):
    async with cp16(house, booted=False) as charger:
        long = {"chargePointSerialNumber": "S" * 31, "chargePointModel": "M" * 23, "iccid": "8" * 22}
        assert (await charger.boot(**long))["status"] == "Accepted"
        stored = fresh(charger.row)
        assert (stored.serial_number, stored.model, stored.iccid) == ("S" * 31, "M" * 23, "8" * 22)
        assert "kept whole" in frame_of(charger, action="BootNotification").notes
        counted = await ledger(charger, field="chargePointSerialNumber")
        assert counted.rule == "… characters, at most 25 are allowed, kept whole"
        assert counted.model == "M" * 23


async def test_quirk_v2_unknown_enum_values_are_kept_as_text(house: House):
    async with cp16(house) as charger:
        assert (
            await charger.call("StatusNotification", {**STATUS, "errorCode": "Error", "status": "Napping"})
            == {}
        )
        assert (clock(charger).status, clock(charger).error_code) == ("Napping", "OtherError")
        odd = {"value": "50", "measurand": "Frequency", "unit": "Hz", "context": "Whenever"}
        reading = {"connectorId": 1, "meterValue": [{"timestamp": stamp(), "sampledValue": [odd]}]}
        assert await charger.call("MeterValues", reading) == {}
        assert (await ledger(charger, field="meterValue.sampledValue.context")).rule.startswith(
            "… is not in OCPP 1.6"
        )


@pytest.mark.parametrize("unit", ["Celsius", "Celcius", "celsius"])
async def test_quirk_v3_both_spellings_of_celsius(house: House, unit: str):
    async with cp16(house) as charger:
        sample = {"value": "21.5", "measurand": "Temperature", "unit": unit}
        reading = {"connectorId": 1, "meterValue": [{"timestamp": stamp(), "sampledValue": [sample]}]}
        assert await charger.call("MeterValues", reading) == {}
        assert frame_of(charger, action="MeterValues").verdict == ("ok" if unit[0] == "C" else "deviant")


def minutes_ago(minutes: int, form: str) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime(form)


@pytest.mark.parametrize(
    ("form", "shift"),
    [
        ("%Y-%m-%dT%H:%M:%S", 0),
        ("%Y-%m-%d %H:%M:%S", 0),
        ("%Y-%m-%dT%H:%M:%S+02", 120),
        ("%Y-%m-%dT%H:%MZ", 0),
    ],
)
async def test_quirk_v4_times_without_a_zone_or_with_half_of_one(house: House, form: str, shift: int):
    async with cp16(house) as charger:
        await charger.status("Available", timestamp=minutes_ago(10 - shift, form))
        assert abs(clock(charger).status_at - now() + timedelta(minutes=10)) < timedelta(minutes=2)
        assert frame_of(charger, action="StatusNotification").verdict == "deviant"


async def test_quirk_v4_times_without_a_zone_are_those_of_the_zone_that_was_set(house: House):
    async with cp16(house) as charger:
        set_charge_point_traits(charger.row, {"naive_time_zone": "+02:00"}, now=now())
        await eventually(lambda: house.gateway.held[charger.row.pk].holder.traits.naive_time_zone)
        local = (datetime.now(UTC) + timedelta(hours=2, minutes=-10)).strftime("%Y-%m-%dT%H:%M:%S")
        await charger.status("Available", timestamp=local)
        assert abs(clock(charger).status_at - now() + timedelta(minutes=10)) < timedelta(minutes=2)
        assert "read as" in frame_of(charger, action="StatusNotification").notes


async def test_quirk_v4_a_clock_of_1970_takes_the_time_of_arrival(house: House):
    async with cp16(house) as charger:
        await charger.status("Available", timestamp="1970-01-01T00:03:07Z")
        known_as = clock(charger)
        assert known_as.status_at == known_as.received_at
        assert "1970" in frame_of(charger, action="StatusNotification").text  # the claim is kept beside it


async def skewed(charger: CP16, seconds: int) -> ChargePoint:
    """Tell states by a clock that is off, as time goes by, until its skew is stored."""
    held = held_by(charger)
    for word in ("Preparing", "Charging", "SuspendedEV", "Finishing"):
        told = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        held.clock._heard = float("-inf")  # a second has gone by
        await charger.status(word, timestamp=told)
    return await eventually(lambda: (row := fresh(charger.row)).clock_skew_seconds is not None and row, 40)


def held_by(charger: CP16) -> Any:
    from chargers.gateway import current_gateway

    gateway = current_gateway()
    assert gateway is not None
    return gateway.held[charger.row.pk]


async def test_quirk_v4_local_time_that_is_called_utc_is_seen_as_skew(house: House):
    async with cp16(house) as charger:
        row = await skewed(charger, 7200)
        assert abs(row.clock_skew_seconds - 7200) <= 5
        assert row.clock_is_off
        assert clock(charger).status == "Finishing"  # the newest by arrival, whatever its clock says


async def test_quirk_v5_a_clock_behind_is_measured_and_told_the_right_time(house: House):
    async with cp16(house) as charger:
        row = await skewed(charger, -400)
        assert abs(row.clock_skew_seconds + 400) <= 5
        assert row.clock_measured_at is not None
        told = datetime.fromisoformat((await charger.call("Heartbeat"))["currentTime"])
        assert abs(told - now()) < timedelta(seconds=30)


async def test_quirk_v5_a_status_without_time_takes_the_time_of_arrival(house: House):
    async with cp16(house) as charger:
        assert await charger.call("StatusNotification", STATUS) == {}
        assert clock(charger).status_at == clock(charger).received_at


async def test_quirk_v5_a_replay_says_nothing_of_the_clock(house: House):
    """What comes in one go and was written minutes apart is old, not told by a wrong clock."""
    async with cp16(house) as charger:
        held = held_by(charger)
        for minutes in range(300, 0, -30):
            held.clock._heard = float("-inf")
            await charger.status("Available", timestamp=minutes_ago(minutes, "%Y-%m-%dT%H:%M:%SZ"))
        assert held.clock.seconds is None
