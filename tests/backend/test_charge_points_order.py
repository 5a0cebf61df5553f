"""While the backend thinks, the same charge point keeps its order, others go on, and nothing is lost."""

import asyncio
import threading
from typing import Any

import orjson

from chargers import frame_events
from chargers.models import Connection, Frame
from csms.core.events.models import Event
from tests.backend.cast import backend_at, by_message, once, token_is
from tests.backend.charge_points_cast import _no_backoff, accepts_later, asked, backend, says, start
from tests.support.charger import RawCharger, eventually
from tests.support.house import House, fresh, known, order, settings_are
from tests.support.receiver import Receiver, silent
from transactions.models import Transaction

__all__ = ["_no_backoff", "backend"]


async def test_others_are_not_delayed_and_the_same_charge_point_keeps_its_order(
    house: House, backend: Receiver
) -> None:
    slow, quick = known("CP16-SLOW"), known("CP16-QUICK")
    free = threading.Event()
    kept_waiting = once(free, token_is("Accepted"))
    says(
        backend,
        authorize=by_message(
            lambda m: kept_waiting if m.json["cp_id"] == slow.cp_id else token_is("Blocked")
        ),
    )
    async with (
        RawCharger.connect(house.ocpp_url, slow.cp_id) as waiting,
        RawCharger.connect(house.ocpp_url, quick.cp_id) as other,
    ):
        await waiting.boot()
        await other.boot()
        await waiting.send([2, "m1", "Authorize", {"idTag": "B-SLOW"}])
        await waiting.send([2, "m2", "Heartbeat", {}])
        await waiting.send([2, "m3", "StartTransaction", start("B-SLOW")])
        await waiting.send([2, "m4", "Heartbeat", {}])
        await eventually(lambda: len(asked(backend, "authorize", slow.cp_id)) == 2)
        # Meanwhile another does all that it wants, through the same writer.
        for _ in range(10):
            assert (await other.result("Authorize", {"idTag": "B-Q"}))["idTagInfo"]["status"] == "Blocked"
            await other.result("Heartbeat", {})
        await other.result("StartTransaction", start("B-QUICK"))
        assert not Transaction.objects.filter(charge_point=slow).exists()
        free.set()
        answers = [await waiting.receive() for _ in range(4)]
    assert [(kind, message_id) for kind, message_id, _ in answers] == [(3, f"m{n}") for n in (1, 2, 3, 4)]
    assert answers[2][2]["idTagInfo"]["status"] == "Accepted"
    asked_in_order = Frame.objects.filter(charge_point_id=slow.pk, direction="in").order_by("pk")
    assert [frame.action for frame in asked_in_order][-4:] == [
        "Authorize",
        "Heartbeat",
        "StartTransaction",
        "Heartbeat",
    ]


async def test_a_call_that_is_sent_again_while_it_waits_is_asked_about_and_answered_once(
    house: House, backend: Receiver
) -> None:
    known("CP16-TWICE")
    free = accepts_later(backend)
    async with RawCharger.connect(house.ocpp_url, "CP16-TWICE") as charger:
        await charger.boot()
        for _ in range(3):
            await charger.send([2, "m1", "Authorize", {"idTag": "B-TWICE"}])
        await charger.send([2, "m2", "Heartbeat", {}])
        await eventually(lambda: asked(backend, "authorize", "CP16-TWICE"))
        free.set()
        assert [(await charger.receive())[1] for _ in range(2)] == ["m1", "m2"]
    assert len(asked(backend, "authorize", "CP16-TWICE")) == 1


async def test_a_start_whose_charge_point_has_gone_is_stored_all_the_same(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-GONE")
    free = accepts_later(backend)
    async with RawCharger.connect(house.ocpp_url, "CP16-GONE") as charger:
        await charger.boot()
        await charger.send([2, "m1", "StartTransaction", start("B-GONE", 77)])
        await eventually(lambda: asked(backend, "authorize", "CP16-GONE"))
    await eventually(lambda: row.pk not in house.gateway.held)
    assert not Transaction.objects.filter(charge_point=row).exists()
    free.set()
    transaction = await eventually(lambda: Transaction.objects.filter(charge_point=row).first())
    assert (transaction.meter_start_wh, transaction.authorization) == (77, "Accepted")
    await eventually(lambda: Connection.objects.filter(charge_point=row, closed_at=None).count() == 0)


async def test_a_charge_point_that_drops_while_the_backend_is_asked_is_told_at_once(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-DROPS")
    free = accepts_later(backend)

    def told(type: str) -> list[dict[str, Any]]:
        events = Event.objects.filter(cp_id="CP16-DROPS", type=type).order_by("pk")
        return [{**orjson.loads(event.payload), "at": event.occurred_at} for event in events]

    with settings_are(CSMS_EVENTS_FRAMES="on"):
        frame_events.look_who_asks()
        charger = await RawCharger.connect(house.ocpp_url, "CP16-DROPS").__aenter__()
        await charger.boot()
        await charger.send([2, "m1", "StartTransaction", start("B-DROPS", 77)])
        await eventually(lambda: asked(backend, "authorize", "CP16-DROPS"))
        await charger.socket.close(1001, "battery low")
        (gone,) = await eventually(lambda: told("cp.disconnected"))
        assert (gone["code"], gone["reason"]) == (1001, "battery low")
        assert not Transaction.objects.filter(charge_point=row).exists()  # nobody has said anything yet
        first = Connection.objects.get(charge_point=row)
        async with RawCharger.connect(house.ocpp_url, "CP16-DROPS") as charger:
            (back,) = await eventually(lambda: told("cp.offline_duration"))
            assert back["prior_reason"] == "battery low"
            assert back["went_offline_at"] == gone["at"].isoformat().replace("+00:00", "Z")
            free.set()
            transaction = await eventually(lambda: Transaction.objects.filter(charge_point=row).first())
            assert (transaction.meter_start_wh, transaction.authorization) == (77, "Accepted")
            assert len(told("cp.disconnected")) == 1
            (answer,) = Frame.objects.filter(connection_id=first.pk, direction="out", message_id="m1")
            assert (answer.verdict, answer.notes) == ("late", "not sent: the connection had ended")
            (event,) = [
                f for f in told("cp.ocpp_frames") if f["direction"] == "out" and f["message_id"] == "m1"
            ]
            assert event["verdict"] == "late"
        # Whoever repeats the call is given the answer that it never got.
        async with RawCharger.connect(house.ocpp_url, "CP16-DROPS") as charger:
            call = Frame.objects.get(connection_id=first.pk, direction="in", message_id="m1")
            await charger.send(call.text)
            assert (await charger.receive())[2]["transactionId"] == transaction.number
    frame_events.look_who_asks()


async def test_an_answer_to_a_command_counts_though_it_waited_behind_a_question_when_the_connection_ended(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-ANSWERS")
    free = accepts_later(backend)
    async with RawCharger.connect(house.ocpp_url, "CP16-ANSWERS") as charger:
        await charger.boot()
        command = await asyncio.to_thread(order, row, "trigger-message", requested_message="Heartbeat")
        _, message_id, action, _ = await charger.receive()
        assert action == "TriggerMessage"
        await charger.send([2, "m1", "Authorize", {"idTag": "B-ANSWERS"}])
        await eventually(lambda: asked(backend, "authorize", "CP16-ANSWERS"))
        await charger.send([3, message_id, {"status": "Accepted"}])
    await eventually(lambda: Connection.objects.filter(charge_point=row, closed_at=None).count() == 0)
    free.set()
    await eventually(lambda: fresh(command).status == "accepted")


async def test_a_question_lasts_no_longer_than_its_time(house: House, backend: Receiver) -> None:
    known("CP16-LATE")
    says(backend, authorize=silent)
    with backend_at(backend.origin, BACKEND_AUTHORIZE_MS="200", BACKEND_AUTHORIZE_FALLBACK="reject"):
        async with RawCharger.connect(house.ocpp_url, "CP16-LATE") as charger:
            await charger.boot()
            info = (await charger.result("Authorize", {"idTag": "B-LATE"}))["idTagInfo"]
            assert info == {"status": "Invalid"}
    backend.let_go.set()


async def test_no_thread_and_no_connection_of_the_database_waits_with_a_question(
    house: House, backend: Receiver
) -> None:
    cp_ids = [f"CP16-MANY-{number}" for number in range(40)]
    for cp_id in cp_ids:
        known(cp_id)
    free = accepts_later(backend)
    chargers = [RawCharger.connect(house.ocpp_url, cp_id) for cp_id in cp_ids]
    opened = [await charger.__aenter__() for charger in chargers]
    try:
        for charger in opened:
            await charger.boot()
        names = {thread.name for thread in threading.enumerate() if "_serve" not in thread.name}
        for number, charger in enumerate(opened):
            await charger.send([2, "m", "Authorize", {"idTag": f"B-MANY-{number}"}])
        await eventually(lambda: sum(len(asked(backend, "authorize", cp_id)) for cp_id in cp_ids) == 40)
        more = {thread.name for thread in threading.enumerate() if "_serve" not in thread.name} - names
        assert not [name for name in more if "writer" in name or name.startswith("ThreadPool")]
        assert house.gateway.writer.depth == 0
        free.set()
        for charger in opened:
            assert (await charger.receive())[2]["idTagInfo"]["status"] == "Accepted"
    finally:
        for charger in chargers:
            await charger.__aexit__(None, None, None)
