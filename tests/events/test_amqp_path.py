"""The whole way: what a charge point says to one server process with everything in it is heard at RabbitMQ."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.events.rabbit_cast import Listener, forget
from tests.lanes.rabbitmq import Rabbit
from tests.support.charger import RawCharger, eventually
from tests.support.server import running_server


async def session(url: str) -> None:
    """A charge point that boots, charges 12.345 kWh, and leaves."""
    async with RawCharger.connect(url, "CP16") as charger:
        await charger.boot()
        started = await charger.result(
            "StartTransaction",
            {"connectorId": 2, "idTag": "04A1B2C3", "meterStart": 1000, "timestamp": "2026-11-20T11:00:00Z"},
        )
        await charger.result(
            "StopTransaction",
            {
                "transactionId": started["transactionId"],
                "meterStop": 13_345,
                "timestamp": "2026-11-20T11:59:58Z",
            },
        )


def bodies(messages: list[Any], key: str) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in messages if one.delivery_info["routing_key"] == key]


@pytest.mark.sqlite_only
async def test_a_session_is_told_from_the_first_frame_to_the_last(rabbit: Rabbit, tmp_path: Path) -> None:
    forget(rabbit)
    listener = Listener(rabbit)
    settings = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"}
    with running_server(tmp_path, AMQP_URL=rabbit.url, AMQP_TENANT="one", **settings) as server:
        await session(server.ocpp_url)
        # Two connection events, one session, three calls and their answers.
        await eventually(lambda: listener.waiting() >= 9, 120)
        messages = await asyncio.to_thread(listener.take_all)
    opened, closed = bodies(messages, "ocpp.connection-events")
    assert (opened["event_type"], opened["ip"], opened["status"]) == ("connected", "127.0.0.1", None)
    assert (closed["event_type"], closed["ip"], closed["status"]) == ("disconnected", "127.0.0.1", 1000)
    (told,) = bodies(messages, "sessions.raw")
    assert told.pop("started_at").startswith("2026-11-20T11:00:00")
    assert told.pop("ended_at").startswith("2026-11-20T11:59:58")
    assert int(told.pop("transaction_id"))
    assert told == {
        "tenant_id": "one",
        "charge_box_serial": "CP16",
        "connector_id": 2,
        "volume": 12.345,
        "user_id": "04A1B2C3",
        "claimed_transaction_id": None,
    }
    frames = bodies(messages, "ocpp.msgs")
    actions = ("BootNotification", "StartTransaction", "StopTransaction")
    for action in actions:
        (call,) = [one for one in frames if f'"{action}"' in one["ocpp_message"]]
        assert (call["direction"], call["response_to"]) == ("from-box", None)
        (answer,) = [one for one in frames if one["response_to"] == action]
        assert answer["direction"] == "to-box"
        assert json.loads(answer["ocpp_message"])[:2] == [3, json.loads(call["ocpp_message"])[1]]
    assert {(one["tenant_id"], one["charge_box_serial"]) for one in frames} == {("one", "CP16")}
    sequences = [one.headers["sequence"] for one in messages]
    assert sequences == sorted(sequences)
    assert not [
        word for word, times in Counter(m.properties["message_id"] for m in messages).items() if times > 1
    ]
