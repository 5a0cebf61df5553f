"""OCPP messages and heartbeats are events where somebody wants them, and cost nothing where nobody does."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from chargers import frame_events, frame_log
from chargers.models import Frame
from csms.core.events.encoding import encode
from csms.core.events.models import Event
from csms.core.webhooks.models import Endpoint
from tests.events.fitting import envelope, misfit
from tests.support.charger import RawCharger
from tests.support.house import House, known, now, order, settings_are

TYPE = "cp.ocpp_frames"


@pytest.fixture
def frames() -> Iterator[Any]:
    """Says whose messages are events for a while: a value of the setting, and settings beside it."""
    wanted = []

    def are(value: str, **more: str) -> None:
        context = settings_are(CSMS_EVENTS_FRAMES=value, **more)
        context.__enter__()
        wanted.append(context)
        frame_events.look_who_asks()

    yield are
    for context in reversed(wanted):
        context.__exit__(None, None, None)
    Endpoint.objects.all().delete()
    frame_events.look_who_asks()


def told(cp_id: str) -> list[dict[str, Any]]:
    events = Event.objects.filter(cp_id=cp_id, type=TYPE).order_by("pk")
    return [orjson.loads(event.payload) for event in events]


def endpoint(**values: Any) -> Endpoint:
    values = {"name": f"n{now().timestamp()}", "types": [TYPE]} | values
    return Endpoint.objects.create(url="u", sealed="s", origin="o", secret="s", created_at=now(), **values)


async def conversation(house: House, cp_id: str) -> None:
    """A boot, a status, a message with a secret, one that is refused, one that cannot be read, and an order."""
    row = known(cp_id)
    async with RawCharger.connect(house.ocpp_url, cp_id) as charger:
        await charger.boot()
        await charger.result(
            "StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        )
        await charger.result("DataTransfer", {"vendorId": "Acme", "data": "ftp://ada:s3cret@files/x"})
        await charger.call("NoSuchAction", {})
        await charger.send("{")
        order(row, "reset", type="Soft")
        while (frame := await charger.receive())[0] != 2:
            assert frame[:2] == [4, "-1"]
        _, number, action, _ = frame
        assert action == "Reset"
        await charger.send([3, number, {"status": "Accepted"}])
        await charger.result("Heartbeat", {})


async def settled(cp_id: str, most: int = 600) -> list[Frame]:
    """The log of messages, once the answer to the last heartbeat is in it."""
    for _ in range(most):
        rows = list(Frame.objects.filter(charge_point__cp_id=cp_id).order_by("pk"))
        if rows and rows[-1].action == "Heartbeat" and rows[-1].direction == "out":
            return rows
        await asyncio.sleep(0.1)
    raise AssertionError("the log is not whole")


async def test_each_message_is_an_event_that_says_what_the_log_says(house: House, frames: Any):
    frames("on")
    await conversation(house, "CP-FRAMES")
    rows = [row for row in await settled("CP-FRAMES") if row.action != "Heartbeat" or row.direction == "in"]
    said = {
        (row.direction, row.action, row.kind, row.message_id, "ocpp1.6", str(row.connection_id), row.verdict, row.text)
        for row in rows
    }  # fmt: skip
    names = (
        "direction", "action", "message_type", "message_id", "ocpp_version", "connection_id", "verdict", "message",
    )  # fmt: skip
    events = told("CP-FRAMES")
    assert all(tuple(event) == names for event in events)
    assert said - {tuple(event.values()) for event in events} == set()
    verdicts = {(event["direction"], event["message_type"], event["verdict"]) for event in events}
    assert verdicts >= {("in", 2, "ok"), ("out", 3, "ok"), ("in", 2, "refused"), ("out", 4, "refused")}
    assert {event["message_type"] for event in events if event["message"] == "{"} == {None}
    assert {event["action"] for event in events if event["message_type"] == 3} >= {
        "BootNotification", "StatusNotification", "Reset",
    }  # fmt: skip
    assert "s3cret" not in repr(events)
    assert "***" in repr(events)


async def test_a_message_and_what_follows_from_it_have_one_trace_which_is_its_id_in_the_log(
    house: House, frames: Any
):
    frames("on")
    await conversation(house, "CP-TRACE")
    frame = next(row for row in await settled("CP-TRACE") if row.action == "StatusNotification")
    traces = Event.objects.filter(cp_id="CP-TRACE", trace_id=frame.pk.hex).order_by("pk")
    assert list(traces.values_list("type", flat=True)) == ["cp.status", TYPE, TYPE]


async def test_events_of_messages_fit_their_message(house: House, frames: Any):
    frames("on")
    await conversation(house, "CP-FIT")
    await settled("CP-FIT")
    for event in Event.objects.filter(cp_id="CP-FIT"):
        whole = envelope(event.type, event.cp_id, event.payload, event.occurred_at)
        assert misfit(whole) == ""
        assert encode(whole, "protobuf")


async def test_switched_off_nothing_is_told_whoever_asks(house: House, frames: Any):
    endpoint()
    frames("off", AMQP_URL="amqp://guest@127.0.0.1/")
    await conversation(house, "CP-OFF")
    await settled("CP-OFF")
    assert told("CP-OFF") == []
    assert Event.objects.filter(cp_id="CP-OFF", type="cp.boot").exists()


async def test_by_itself_it_is_on_while_rabbitmq_is_configured(house: House, frames: Any):
    frames("auto")
    await conversation(house, "CP-QUIET")
    await settled("CP-QUIET")
    assert told("CP-QUIET") == []
    frames("auto", AMQP_URL="amqp://guest@127.0.0.1/")
    await conversation(house, "CP-RABBIT")
    await settled("CP-RABBIT")
    assert len(told("CP-RABBIT")) >= 10


async def test_by_itself_it_is_on_for_the_charge_points_that_a_webhook_asks_for(house: House, frames: Any):
    endpoint(charge_points=["CP-ASKED*"])
    endpoint(types=["tx.started"])
    frames("auto")
    await conversation(house, "CP-ASKED-1")
    await conversation(house, "CP-OTHER")
    await settled("CP-ASKED-1")
    await settled("CP-OTHER")
    assert len(told("CP-ASKED-1")) >= 10
    assert told("CP-OTHER") == []


async def test_a_server_notices_by_itself_that_somebody_asks_and_that_nobody_does(
    house: House, frames: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(frame_events, "REFRESH_SECONDS", 0.0)
    frames("auto")
    known("CP-SEEN")
    async with RawCharger.connect(house.ocpp_url, "CP-SEEN") as charger:
        await charger.boot()
        asking = endpoint()
        for _ in range(600):
            if frame_events.WANTED.covers is not None:
                break
            await asyncio.sleep(0.1)
        await charger.result("Heartbeat", {})
        assert told("CP-SEEN")
        asking.delete()
        for _ in range(600):
            if frame_events.WANTED.covers is None:
                break
            await asyncio.sleep(0.1)
        assert frame_events.WANTED.covers is None


async def test_while_nobody_asks_a_message_costs_one_look(
    house: House, frames: Any, monkeypatch: pytest.MonkeyPatch
):
    looks = []

    class Looked:
        @property
        def covers(self) -> None:
            looks.append(1)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("nobody asked")

    frames("off")
    monkeypatch.setattr(frame_log, "WANTED", Looked())
    monkeypatch.setattr(frame_log, "record_frame", never)
    await conversation(house, "CP-LOOK")
    rows = await settled("CP-LOOK")
    assert len(looks) == len(rows)


async def test_a_heartbeat_is_an_event_only_where_it_is_wanted(house: House):
    known("CP-BEAT")
    async with RawCharger.connect(house.ocpp_url, "CP-BEAT") as charger:
        await charger.boot()
        await charger.result("Heartbeat", {})
        assert not Event.objects.filter(type="cp.heartbeat").exists()
        with settings_are(CSMS_EVENTS_HEARTBEATS="true"):
            await charger.result("Heartbeat", {})
        connection = Frame.objects.filter(charge_point__cp_id="CP-BEAT").latest("pk").connection_id
        (event,) = Event.objects.filter(type="cp.heartbeat")
        assert (event.cp_id, orjson.loads(event.payload)) == ("CP-BEAT", {"connection_id": str(connection)})
