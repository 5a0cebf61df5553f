"""Nothing that a charger sends ends the process, nor the connection of a charger that is well-behaved."""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.paths.store import rows, value
from tests.support.charger import RawCharger, eventually, stamp
from tests.support.server import Server

MIB = 1 << 20
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}
START = {"connectorId": 1, "idTag": "ALICE", "meterStart": 0}
DEEP = "[" * 100_000 + "]" * 100_000

# Each was published as a crash of some open central system, or is a near relative of one.
ATTACKS: dict[str, Any] = {
    "year 222222017": [2, "a", "StartTransaction", {**START, "timestamp": "222222017-10-27T19:10:11Z"}],
    "month 00": [2, "a", "StartTransaction", {**START, "timestamp": "1000000"}],
    "no timestamp": [2, "a", "StartTransaction", START],
    "an empty boot": [2, "a", "BootNotification", {}],
    "a boot without a payload": [2, "a", "BootNotification"],
    "a null payload": [2, "a", "BootNotification", None],
    "a list for a payload": [2, "a", "Heartbeat", []],
    "over-long texts": [
        2,
        "a",
        "BootNotification",
        {**BOOT, "chargePointVendor": "v" * 100_000, "imsi": "1" * 40},
    ],
    "an over-long token": [
        2,
        "a",
        "StartTransaction",
        {**START, "idTag": "t" * 70_000, "timestamp": stamp()},
    ],
    "a token beyond ASCII": [2, "a", "Authorize", {"idTag": "Ж💥\u202e<script>"}],
    "NUL in a token": [2, "a", "StartTransaction", {**START, "idTag": "A\x00B", "timestamp": stamp()}],
    "half a surrogate": '[2,"a","StartTransaction",{"connectorId":1,"idTag":"\\ud800","meterStart":1,"timestamp":"x"}]',
    "half a surrogate for an id": '[2,"\\udfff","Heartbeat",{}]',
    "half a surrogate for an action": '[2,"a","\\udfff",{}]',
    "NUL in the id": '[2,"\\u0000","Heartbeat",{}]',
    "a huge connector": [
        2,
        "a",
        "StatusNotification",
        {"connectorId": 10**12, "errorCode": "NoError", "status": "Available"},
    ],
    "a huger connector": [2, "a", "MeterValues", {"connectorId": 10**30, "meterValue": []}],
    "a connector below zero": [
        2,
        "a",
        "StatusNotification",
        {"connectorId": -1, "errorCode": "NoError", "status": "Available"},
    ],
    "a start below zero": [2, "a", "StartTransaction", {**START, "connectorId": -7, "timestamp": stamp()}],
    "a huge meter": [2, "a", "StartTransaction", {**START, "meterStart": 10**19, "timestamp": stamp()}],
    "a huge meter at the stop": [
        2,
        "a",
        "StopTransaction",
        {"transactionId": 1, "meterStop": 2**63, "timestamp": stamp()},
    ],
    "a huge transaction id": [
        2,
        "a",
        "StopTransaction",
        {"transactionId": 10**18, "meterStop": 1, "timestamp": stamp()},
    ],
    "a huge transaction id of readings": [
        2,
        "a",
        "MeterValues",
        {
            "connectorId": 1,
            "transactionId": 2**63,
            "meterValue": [{"timestamp": stamp(), "sampledValue": [{"value": "1"}]}],
        },
    ],
    "a huge reservation": [
        2,
        "a",
        "StartTransaction",
        {**START, "reservationId": 2**40, "timestamp": stamp()},
    ],
    "a meter of 1e999999999": [
        2,
        "a",
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [
                {
                    "timestamp": stamp(),
                    "sampledValue": [
                        {"value": "1e999999999"},
                        {"value": "NaN"},
                        {"value": "Infinity"},
                        {"value": ""},
                    ],
                }
            ],
        },
    ],
    "duplicate members": '[2,"a","Heartbeat",{"x":1,"x":2,"x":3}]',
    "members of nobody": [2, "a", "Heartbeat", {"__proto__": {}, "constructor": 1}],
    "no message type": ["Heartbeat", {}],
    "an unknown message type": [9, "a", "Heartbeat", {}],
    "a boolean message type": [True, "a", "Heartbeat", {}],
    "an unknown action": [2, "a", "SelfDestruct", {}],
    "an action of 2.0.1": [2, "a", "TransactionEvent", {}],
    "an order of ours": [2, "a", "Reset", {"type": "Hard"}],
    "an id of 100,000 characters": [2, "i" * 100_000, "Heartbeat", {}],
    "an object for an id": [2, {"a": 1}, "Heartbeat", {}],
    "an empty frame": "",
    "blanks": " \r\n\t ",
    "NULs": "\x00\x00",
    "not JSON": "[,{",
    "half a frame": '[2,"a","Heartbeat",{',
    "two frames": '[2,"a","Heartbeat",{}][2,"b","Heartbeat",{}]',
    "NaN": '[2,"a","Heartbeat",NaN]',
    "a number": "42",
    "a text": '"hello"',
    "an empty list": "[]",
    "deep nesting": DEEP,
    "deep nesting in a payload": '[2,"a","DataTransfer",{"vendorId":"v","data":' + DEEP + "}]",
    "a long number": '[2,"a","Heartbeat",{"n":' + "9" * 200_000 + "}]",
    "an answer to nothing": [3, "a", {}],
    "an error for nothing": [4, "a", "GenericError", "x" * 5000, {}],
    "an answer without a payload": [3, "a"],
    "XSS": [2, "a", "BootNotification", {**BOOT, "chargePointModel": "<img src=x onerror=alert(1)>"}],
    "bytes that are no text": b"\xff\xfe\x00\x80",
    "an empty binary frame": b"",
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_leaves_the_connection_and_the_process_alive(server: Server, attack: str):
    frame = ATTACKS[attack]
    async with RawCharger.connect(server.ocpp_url, f"EVIL{list(ATTACKS).index(attack)}") as charger:
        await charger.boot()
        await charger.send(frame)
        await charger.send([2, "after", "Heartbeat", {}])
        while (answer := await charger.receive())[1] != "after":
            assert answer[0] in (3, 4)
            if answer[0] == 4:
                assert len(answer) == 5
                assert len(answer[3]) <= 255
                assert answer[4] == {}
                assert answer[2] != "InternalError", answer
        assert answer[0] == 3


async def test_a_start_is_answered_whatever_its_numbers_are(server: Server):
    """S16-02: a start that is refused comes again for ever, or is lost."""
    async with RawCharger.connect(server.ocpp_url, "EVIL-NUMBERS") as charger:
        await charger.boot()
        odd = {"meterStart": 10**18, "reservationId": 2**31 - 1, "timestamp": stamp("2026-11-01T00:00:00Z")}
        started = await charger.result("StartTransaction", {**START, **odd})
        assert started["transactionId"] > 0
        stop = {"transactionId": started["transactionId"], "meterStop": -(10**18), "timestamp": stamp()}
        assert await charger.result("StopTransaction", stop) == {}
        found = rows(
            server,
            "SELECT status, energy_wh FROM transactions_transaction WHERE number = %s",
            started["transactionId"],
        )
        assert found == [
            ("ended", None)
        ]  # no meter counts so far: the claim is kept, no energy is made of it


async def test_text_in_binary_frames_is_read(server: Server):
    async with RawCharger.connect(server.ocpp_url, "BINARY") as charger:
        await charger.send(json.dumps([2, "b", "BootNotification", BOOT]).encode())
        assert (await charger.receive())[2]["status"] == "Accepted"


def padded(size: int, message_id: str) -> str:
    """A DataTransfer of exactly `size` bytes."""
    head = f'[2,"{message_id}","DataTransfer",{{"vendorId":"v","data":"'
    return head + "d" * (size - len(head) - 3) + '"}]'


async def test_a_frame_of_one_mebibyte_is_read_and_a_longer_one_ends_only_its_connection(server: Server):
    async with (
        RawCharger.connect(server.ocpp_url, "HUGE") as huge,
        RawCharger.connect(server.ocpp_url, "NEIGHBOUR") as neighbour,
    ):
        await huge.boot()
        await neighbour.boot()
        frame = padded(MIB, "big")
        assert len(frame) == MIB
        await huge.send(frame)
        assert await huge.receive() == [3, "big", {"status": "UnknownVendorId"}]
        stored = value(
            server,
            "SELECT length(text) FROM chargers_frame WHERE message_id = %s AND direction = %s",
            "big",
            "in",
        )
        assert stored == MIB
        await huge.send(padded(MIB + 1, "bigger"))
        with pytest.raises(ConnectionClosed):
            await huge.receive()
        assert huge.socket.close_code == 1009
        assert (await neighbour.call("Heartbeat", {}))[0] == 3
        await eventually(
            lambda: (
                rows(
                    server,
                    "SELECT k.close_code FROM chargers_connection k "
                    "JOIN chargers_chargepoint c ON c.id = k.charge_point_id "
                    "WHERE c.cp_id = 'HUGE' AND k.closed_at IS NOT NULL",
                )
                == [(1009,)]
            )
        )


async def test_many_first_status_notifications_at_once(server: Server):
    """Published as a deadlock: each of these makes a connector that was not there."""
    status = {"errorCode": "NoError", "status": "Available"}
    async with RawCharger.connect(server.ocpp_url, "CROWDED") as charger:
        await charger.boot()
        for number in range(100):
            await charger.send(
                [2, f"s{number}", "StatusNotification", {**status, "connectorId": number % 20}]
            )
        answers = [await charger.receive() for _ in range(100)]
    assert answers == [[3, f"s{n}", {}] for n in range(100)]
    made = "SELECT number FROM chargers_connector k JOIN chargers_chargepoint c ON c.id = k.charge_point_id"
    assert sorted(rows(server, made + " WHERE c.cp_id = 'CROWDED'")) == [(n,) for n in range(20)]


async def test_whoever_floods_is_read_no_faster_than_served(server: Server):
    async with (
        RawCharger.connect(server.ocpp_url, "FLOOD") as flood,
        RawCharger.connect(server.ocpp_url, "CALM") as calm,
    ):
        await flood.boot()
        await calm.boot()

        async def pour() -> None:
            for number in range(2000):
                await flood.send([2, str(number), "Heartbeat", {}])

        async def drink() -> list[str]:
            return [(await flood.receive(60))[1] for _ in range(2000)]

        async def heartbeats() -> None:
            for _ in range(10):
                assert (await calm.call("Heartbeat", {}))[0] == 3

        _, order, _ = await asyncio.gather(pour(), drink(), heartbeats())
    assert order == [str(n) for n in range(2000)]
