"""A backend orders over HTTP, a charge point answers on its socket: each outcome has its status and its code."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.backend_cast import Answer, Backend
from tests.support.charger import RawCharger, eventually, stamp
from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[..., str]) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("outcomes")
    settings = {"CSMS_UNKNOWN_CHARGE_POINTS": "accept", "CSMS_UNKNOWN_ID_TAGS": "accept"}
    with running_server(folder, new_database(), CSMS_CALL_TIMEOUT="5", **settings) as server:
        yield server


@pytest.fixture(scope="module")
def backend(server: Server) -> Backend:
    return Backend(server, server.manage("create_api_token", "backend").stdout.strip())


DOORS = ("ours", "exact")
both_doors = pytest.mark.parametrize("door", DOORS)


async def test_accepted_is_200_and_the_effect_follows(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "ACC") as charger:
        await charger.boot()
        body = {"id_token": "ALICE", "connector_id": 1, "reason": "the driver called"}
        asking = backend.command("ACC", "remote-start", body, wait=30)
        frame = await charger.receive()
        assert frame[2:] == ["RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1}]
        await charger.send([3, frame[1], {"status": "Accepted"}])
        answer = await asking
        assert (answer.status, answer.body["status"]) == (200, "accepted")
        assert answer.body["answer"] == {"status": "Accepted"}
        assert answer.body["message_id"] == frame[1]
        assert answer.headers["Preference-Applied"] == "wait=30"

        start = {"connectorId": 1, "idTag": "ALICE", "meterStart": 100, "timestamp": stamp()}
        number = (await charger.result("StartTransaction", start))["transactionId"]
        shown = (await backend.get(answer.headers["Location"])).body
        [transaction] = (await backend.get("transactions/?cp_id=ACC&status=active")).body["results"]
        assert transaction["transaction_id"] == str(number)
        assert shown["effect"]["subject"] == transaction["id"]
        linked = (await backend.get(shown["effect"]["url"])).body
        assert (shown["effect"]["kind"], linked["id"]) == ("transaction", transaction["id"])


@both_doors
async def test_rejected_is_200_too_since_the_charge_point_answered(
    server: Server, backend: Backend, door: str
) -> None:
    async with RawCharger.connect(server.ocpp_url, f"REJ-{door}") as charger:
        await charger.boot()
        asking = backend.reset(door, f"REJ-{door}")
        frame = await charger.receive()
        assert frame[3] == {"type": "Hard"}
        await charger.send([3, frame[1], {"status": "Rejected"}])
        answer = await asking
        assert (answer.status, answer.body["status"], answer.body["answer_status"]) == (
            200,
            "rejected",
            "Rejected",
        )


@both_doors
async def test_a_callerror_is_502_with_the_charge_points_own_words(
    server: Server, backend: Backend, door: str
) -> None:
    async with RawCharger.connect(server.ocpp_url, f"ERR-{door}") as charger:
        await charger.boot()
        asking = backend.reset(door, f"ERR-{door}")
        frame = await charger.receive()
        await charger.send([4, frame[1], "InternalError", "the contactor is stuck", {"relay": 3}])
        answer = await asking
        assert (answer.status, answer.body["error"]["code"]) == (502, "call_error")
        assert "the contactor is stuck" in answer.body["error"]["detail"]
        assert answer.body["command"]["error"] == {
            "code": "InternalError",
            "description": "the contactor is stuck",
            "details": {"relay": 3},
        }
        assert answer.headers["X-Request-ID"] == answer.body["request_id"]
        assert (await backend.get(answer.headers["Location"])).body == answer.body["command"]


@both_doors
async def test_silence_is_504_and_a_late_answer_is_kept(server: Server, backend: Backend, door: str) -> None:
    async with RawCharger.connect(server.ocpp_url, f"MUTE-{door}") as charger:
        await charger.boot()
        asking = backend.reset(door, f"MUTE-{door}")
        frame = await charger.receive()
        answer = await asking
        assert (answer.status, answer.body["error"]["code"]) == (504, "charge_point_timeout")
        await charger.send([3, frame[1], {"status": "Accepted"}])

        async def late() -> Any:
            return (await backend.get(answer.headers["Location"])).body["late_answer"]

        assert frame[1] in (await eventually(late))["text"]


@both_doors
async def test_one_that_leaves_before_it_answers_is_503(server: Server, backend: Backend, door: str) -> None:
    async with RawCharger.connect(server.ocpp_url, f"LEFT-{door}") as charger:
        await charger.boot()
        asking = backend.reset(door, f"LEFT-{door}")
        await charger.receive()
    answer = await asking
    assert (answer.status, answer.body["error"]["code"]) == (503, "offline")
    assert answer.body["command"]["status"] == "failed"

    again = await backend.reset(door, f"LEFT-{door}")
    assert (again.status, again.body["error"]["code"]) == (503, "offline")
    assert "command" not in again.body  # nothing was queued


@both_doors
async def test_an_unknown_charge_point_is_404(backend: Backend, door: str) -> None:
    answer = await backend.reset(door, "NOBODY")
    assert (answer.status, answer.body["error"]["code"]) == (404, "unknown_charge_point")


async def test_who_waits_too_briefly_gets_202_and_can_ask_again(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "SLOW") as charger:
        await charger.boot()
        asking = backend.command("SLOW", "reset", wait=1)
        frame = await charger.receive()
        answer = await asking
        assert (answer.status, answer.body["status"]) == (202, "sent")
        await charger.send([3, frame[1], {"status": "Accepted"}])

        async def accepted() -> bool:
            return (await backend.get(answer.headers["Location"])).body["status"] == "accepted"

        await eventually(accepted)


async def test_many_wait_at_once_and_nobody_else_waits_for_them(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "BUSY") as charger:
        await charger.boot()
        # One call at a time: the others queue behind the first, which is not answered yet.
        asking = [backend.command("BUSY", "reset", wait=60) for _ in range(12)]
        first = await charger.receive()
        answers = await asyncio.gather(*(backend.get("charge-points/") for _ in range(3)))
        assert {answer.status for answer in answers} == {200}
        assert not any(task.done() for task in asking)
        await charger.send([3, first[1], {"status": "Accepted"}])
        for _ in range(11):
            frame = await charger.receive()
            await charger.send([3, frame[1], {"status": "Accepted"}])
        outcomes = [(await task).body.get("status") for task in asking]
        assert outcomes.count("accepted") == 12


async def test_an_approved_charge_point_is_told_and_a_rejected_one_let_go(
    server: Server, backend: Backend
) -> None:
    async with RawCharger.connect(server.ocpp_url, "JUDGED") as charger:
        await charger.boot()
        assert (await backend.post("charge-points/JUDGED/reject/")).body["registration"] == "rejected"
        await charger.closed()
        await eventually(lambda: _offline(backend, "JUDGED"))
    approved = (await backend.post("charge-points/JUDGED/approve/")).body
    assert (approved["registration"], approved["online"]) == ("accepted", False)
    async with RawCharger.connect(server.ocpp_url, "JUDGED") as charger:
        assert (await charger.boot())["status"] == "Accepted"
        assert (await backend.get("charge-points/JUDGED/")).body["online"] is True


async def _offline(backend: Backend, cp_id: str) -> bool:
    return not (await backend.get(f"charge-points/{cp_id}/")).body["online"]


async def test_the_wire_can_be_read_back(server: Server, backend: Backend) -> None:
    async with RawCharger.connect(server.ocpp_url, "WIRE") as charger:
        await charger.boot()
        await charger.result("Heartbeat", {})
        frames = (await backend.get("charge-points/WIRE/frames/?action=BootNotification")).body["results"]
        assert [(frame["direction"], frame["message_type"]) for frame in frames] == [("out", 3), ("in", 2)]
        assert json.loads(frames[1]["text"])[2] == "BootNotification"


# --- both doors, outcome by outcome -----------------------------------------------------------------------------------


@both_doors
async def test_accepted_is_200_through_both_doors(server: Server, backend: Backend, door: str) -> None:
    async with RawCharger.connect(server.ocpp_url, f"YES-{door}") as charger:
        await charger.boot()
        asking = backend.reset(door, f"YES-{door}", reason="it hangs")
        frame = await charger.receive()
        assert frame[2:] == ["Reset", {"type": "Hard"}]
        await charger.send([3, frame[1], {"status": "Accepted"}])
        answer = await asking
        body = answer.body
        assert (answer.status, body["status"], body["answer_status"]) == (200, "accepted", "Accepted")
        assert (body["type"], body["by"], body["reason"]) == ("reset", "token backend", "it hangs")
        assert (body["payload"], body["action"]) == ({"type": "Hard"}, "Reset")
        assert body["created_at"] <= body["sent_at"] <= body["answered_at"]
        assert body["exact"] == (None if door == "ours" else {"type": "Hard"})

        await charger.boot()  # what was seen to follow, and what shows it
        effect = (await backend.ledger(answer))["effect"]
        assert (effect["text"], effect["kind"]) == ("The charge point booted.", "charge-point")
        assert (await backend.get(effect["url"])).body["cp_id"] == f"YES-{door}"


@both_doors
@pytest.mark.parametrize(
    ("payload", "error"),
    [({"status": "Perhaps"}, ""), ({}, "AnswerNotReadable"), (["Accepted"], "AnswerNotReadable")],
    ids=["word", "none", "list"],
)
async def test_an_answer_that_the_version_does_not_know_is_502_and_no_callerror(
    server: Server, backend: Backend, door: str, payload: Any, error: str
) -> None:
    cp_id = f"ODD-{door}-{len(payload)}{type(payload).__name__}"
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()
        asking = backend.reset(door, cp_id)
        frame = await charger.receive()
        await charger.send([3, frame[1], payload])
        answer = await asking
        assert (answer.status, answer.body["command"]["status"]) == (502, "failed")
        assert answer.body["error"]["code"] == "unknown_answer"
        assert answer.body["command"]["error"]["code"] == error


@both_doors
async def test_a_repeat_with_its_key_waits_for_the_same_command_again(
    server: Server, backend: Backend, door: str
) -> None:
    cp_id = f"KEY-{door}"
    path = f"charge-points/{cp_id}/" + {"ours": "commands/reset/", "exact": "ocpp/Reset/"}[door]
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()

        def ask(wait: int) -> asyncio.Task[Answer]:
            headers = {"Idempotency-Key": "once", "Prefer": f"wait={wait}"}
            return asyncio.create_task(backend.post(path, {"type": "Hard"}, **headers))

        given_up = await ask(1)
        assert (given_up.status, given_up.headers["Idempotency-Replayed"]) == (202, None)
        frame = await charger.receive()
        asking = ask(30)
        await charger.send([3, frame[1], {"status": "Accepted"}])
        answer = await asking
        assert (answer.status, answer.body["status"]) == (200, "accepted")
        assert answer.body["id"] == given_up.body["id"]
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert answer.headers["Location"] == given_up.headers["Location"]
        assert (await ask(30)).body["answer"] == {"status": "Accepted"}
        assert (await backend.get(f"commands/ledger/?cp_id={cp_id}&count=true")).body["count"] == 1


@both_doors
async def test_a_payload_that_is_wrong_is_422_and_an_action_of_another_version_409(
    server: Server, backend: Backend, door: str
) -> None:
    async with RawCharger.connect(server.ocpp_url, f"BAD-{door}") as charger:
        await charger.boot()
        here = f"charge-points/BAD-{door}"
        wrong = f"{here}/commands/reset/" if door == "ours" else f"{here}/ocpp/Reset/"
        answer = await backend.post(wrong, {"type": "Gentle"})
        assert (answer.status, answer.body["error"]["code"]) == (422, "invalid")
        assert list(answer.body["error"]["errors"]) == ["type"]
        elsewhere = await backend.post(f"{here}/ocpp/SetVariables/", {})
        assert (elsewhere.status, elsewhere.body["error"]["code"]) == (409, "not_supported")
        unknown = {"ours": f"{here}/commands/dance/", "exact": f"{here}/ocpp/Dance/"}[door]
        answer = await backend.post(unknown, {})
        assert (answer.status, answer.body["error"]["code"]) == (
            404,
            {"ours": "unknown_command", "exact": "unknown_action"}[door],
        )


@both_doors
async def test_who_is_nobody_is_401_and_who_only_looks_403(
    server: Server, backend: Backend, door: str
) -> None:
    name = f"looker-{door}"
    looker = Backend(server, server.manage("create_api_token", name, "--scope", "read").stdout.strip())
    stranger = Backend(server, "csms_nothing")
    async with RawCharger.connect(server.ocpp_url, f"SAFE-{door}") as charger:
        await charger.boot()
        for who, status, code in ((looker, 403, "forbidden"), (stranger, 401, "unauthenticated")):
            answer = await who.reset(door, f"SAFE-{door}")
            assert (answer.status, answer.body["error"]["code"]) == (status, code)
        assert (await charger.result("Heartbeat", {}))["currentTime"]  # nothing else was sent


@both_doors
async def test_what_waits_for_an_offline_one_is_sent_in_order_when_it_is_back(
    server: Server, backend: Backend, door: str
) -> None:
    cp_id = f"AWAY-{door}"
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()
    await eventually(lambda: _offline(backend, cp_id))
    refused = await backend.reset(door, cp_id)
    assert (refused.status, refused.body["error"]["code"]) == (503, "offline")
    waiting = [
        await backend.reset(door, cp_id, wait=None, if_offline="queue", reason=str(number))
        for number in range(3)
    ]
    assert {(answer.status, answer.body["status"]) for answer in waiting} == {(202, "queued")}
    taken_back = await backend.post(f"commands/{waiting[1].body['id']}/cancel/")
    assert (taken_back.status, taken_back.body["status"]) == (200, "cancelled")
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        for answer in (waiting[0], waiting[2]):
            frame = await charger.receive()
            assert (frame[2], (await backend.ledger(answer))["message_id"]) == ("Reset", frame[1])
            late = await backend.post(f"commands/{answer.body['id']}/cancel/")
            assert (late.status, late.body["error"]["code"]) == (409, "not_queued")
            await charger.send([3, frame[1], {"status": "Accepted"}])

        async def all_accepted() -> bool:
            rows = [await backend.ledger(answer) for answer in (waiting[0], waiting[2])]
            return all(row["status"] == "accepted" for row in rows)

        await eventually(all_accepted)
    assert (await backend.ledger(waiting[1]))["status"] == "cancelled"


# By both doors at once, since both wait for the clock that looks at the ledger every 15 seconds.
async def test_what_was_ordered_by_default_never_outlives_the_connection(
    server: Server, backend: Backend
) -> None:
    await asyncio.gather(*(_outlived_by_nothing(server, backend, door) for door in DOORS))


async def _outlived_by_nothing(server: Server, backend: Backend, door: str) -> None:
    cp_id = f"GONE-{door}"
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()
        asking = [backend.reset(door, cp_id, if_offline=word) for word in ("refuse", "refuse")]
        await charger.receive()  # the other one is queued behind it
    answers = [await task for task in asking]
    assert {(answer.status, answer.body["error"]["code"]) for answer in answers} == {(503, "offline")}
    assert {answer.body["command"]["status"] for answer in answers} == {"failed"}
    codes = {answer.body["command"]["error"]["code"] for answer in answers}
    assert codes == {"ConnectionLost", "Offline"}
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()  # and not a reset


async def test_what_expires_behind_a_busy_one_is_504(server: Server, backend: Backend) -> None:
    await asyncio.gather(*(_expired_behind_a_busy_one(server, backend, door) for door in DOORS))


async def _expired_behind_a_busy_one(server: Server, backend: Backend, door: str) -> None:
    cp_id = f"QUEUE-{door}"
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()
        first = backend.reset(door, cp_id)
        frame = await charger.receive()
        late = backend.reset(door, cp_id, wait=60, expires_in=1)
        answer = await late
        assert (answer.status, answer.body["error"]["code"]) == (504, "expired")
        assert answer.body["command"]["sent_at"] is None
        await charger.send([3, frame[1], {"status": "Accepted"}])
        assert (await first).status in (200, 504)  # its own time may be over by now


@both_doors
async def test_taken_back_while_somebody_waits_is_409(server: Server, backend: Backend, door: str) -> None:
    cp_id = f"BACK-{door}"
    async with RawCharger.connect(server.ocpp_url, cp_id) as charger:
        await charger.boot()
    await eventually(lambda: _offline(backend, cp_id))
    asking = backend.reset(door, cp_id, wait=60, if_offline="queue")

    async def queued() -> Any:
        return (await backend.get(f"commands/ledger/?cp_id={cp_id}&status=queued")).body["results"]

    [row] = await eventually(queued)
    assert (await backend.post(f"commands/{row['id']}/cancel/")).status == 200
    answer = await asking
    assert (answer.status, answer.body["error"]["code"]) == (409, "cancelled")
    assert answer.body["command"]["status"] == "cancelled"


async def test_what_is_ordered_word_for_word_is_on_the_wire_word_for_word(
    server: Server, backend: Backend
) -> None:
    async with RawCharger.connect(server.ocpp_url, "WORD") as charger:
        await charger.boot()
        schedule = {
            "chargingRateUnit": "A",
            "startSchedule": "2098-01-01T01:00:00.5+01:00",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
        }
        profile = {
            "chargingProfileId": 4711,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        }
        payload = {"connectorId": 1, "csChargingProfiles": profile}
        sent = await backend.post("charge-points/WORD/ocpp/SetChargingProfile", payload)
        assert (sent.status, sent.body["type"]) == (202, "set-charging-profile")
        text = str(await charger.socket.recv())
        assert json.loads(text)[2:] == ["SetChargingProfile", payload]
        assert '"limit":16.0' in text
        await charger.send([3, json.loads(text)[1], {"status": "Accepted"}])

        async def mirrored() -> Any:
            return (await backend.get("charge-points/WORD/charging-profiles/")).body["results"]

        [known] = await eventually(mirrored)
        assert known["profile_id"] == 4711
