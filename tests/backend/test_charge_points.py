"""Charge points whose messages wait for the backend's verdict, on real sockets, on both databases."""

import asyncio

import orjson
import pytest

from chargers.models import Connection, Frame, Registration
from chargers.services import set_registration
from csms.core.backend.asking import get_backend
from tests.backend.cast import backend_at, by_message, by_path, refusal, said, token_is
from tests.backend.charge_points_cast import _no_backoff, asked, backend, says, start
from tests.support.charger import RawCharger, eventually, stamp
from tests.support.house import House, fresh, known, now
from tests.support.receiver import Receiver, silent, status
from transactions.models import Transaction, UnknownToken
from transactions.tokens import add_id_token

__all__ = ["_no_backoff", "backend"]


async def test_without_a_backend_our_own_tokens_decide_and_nobody_is_asked(house: House) -> None:
    known("CP16-ALONE")
    async with RawCharger.connect(house.ocpp_url, "CP16-ALONE") as charger:
        assert (await charger.boot())["status"] == "Accepted"
        assert await charger.result("Authorize", {"idTag": "B-NOBODY"}) == {
            "idTagInfo": {"status": "Invalid"}
        }


async def test_the_backend_decides_about_tokens_and_ours_count_for_nothing(
    house: House, backend: Receiver
) -> None:
    known("CP16-ASKS")
    add_id_token("B-OURS", now=now())
    add_id_token("B-BLOCKED", now=now(), blocked=True)
    words = {"B-OURS": "Blocked", "B-BLOCKED": "Accepted", "B-NEW": "Accepted", "B-OLD": "Expired"}
    more = {"parent_id_tag": "FLEET", "expiry_date": "2031-02-03T04:05:06Z"}
    says(backend, authorize=by_message(lambda m: token_is(words[m.json["id_tag"]], **more)))
    async with RawCharger.connect(house.ocpp_url, "CP16-ASKS") as charger:
        await charger.boot()
        for tag, word in words.items():
            info = (await charger.result("Authorize", {"idTag": tag}))["idTagInfo"]
            assert info["status"] == word
            assert info["parentIdTag"] == "FLEET"
            assert info["expiryDate"].startswith("2031-02-03T04:05:06")
        for meter, (tag, word) in enumerate(words.items()):
            answer = await charger.result("StartTransaction", start(tag, meter))
            assert answer["idTagInfo"]["status"] == word
            transaction = Transaction.objects.get(number=answer["transactionId"])
            assert transaction.authorization == word
    assert not UnknownToken.objects.filter(canonical="B-OLD").exists()  # not ours to admit


async def test_what_was_asked_can_be_found_again_by_the_frame_that_asked(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-TRACE")
    async with RawCharger.connect(house.ocpp_url, "CP16-TRACE") as charger:
        await charger.boot()
        await charger.result("Authorize", {"idTag": "B-TRACE"})
        frame = Frame.objects.get(charge_point_id=row.pk, action="Authorize", direction="in")
    [message] = asked(backend, "authorize", "CP16-TRACE")
    assert message.headers["traceparent"].split("-")[1] == frame.pk.hex


async def test_a_limit_of_ours_still_holds(house: House, backend: Receiver) -> None:
    known("CP16-LIMIT")
    add_id_token("B-ONCE", now=now(), max_active=1)
    async with RawCharger.connect(house.ocpp_url, "CP16-LIMIT") as charger:
        await charger.boot()
        first = await charger.result("StartTransaction", start("B-ONCE", 1))
        second = await charger.result("StartTransaction", start("B-ONCE", 2) | {"connectorId": 2})
        assert first["idTagInfo"]["status"] == "Accepted"
        assert second["idTagInfo"]["status"] == "ConcurrentTx"


async def test_a_start_that_is_repeated_is_the_same_transaction(house: House, backend: Receiver) -> None:
    known("CP16-AGAIN")
    payload = start("B-AGAIN", 5)
    says(backend, authorize=token_is("Blocked"))
    async with RawCharger.connect(house.ocpp_url, "CP16-AGAIN") as charger:
        await charger.boot()
        first = await charger.result("StartTransaction", payload)
    says(backend, authorize=token_is("Accepted"))
    with backend_at(backend.origin, BACKEND_CACHE_SECONDS="0"):
        async with RawCharger.connect(house.ocpp_url, "CP16-AGAIN") as charger:
            await charger.boot()
            again = await charger.result("StartTransaction", payload)
    assert again == first


@pytest.mark.parametrize(
    ("fallback", "known_token", "word"),
    [
        ("own", False, "Invalid"),
        ("own", True, "Accepted"),
        ("reject", True, "Invalid"),
        ("accept", False, "Accepted"),
        ("accept", "blocked", "Blocked"),
    ],
)
async def test_each_fallback_while_the_backend_is_away(
    house: House, backend: Receiver, fallback: str, known_token: bool | str, word: str
) -> None:
    cp_id, tag = f"CP16-{fallback}-{known_token}", f"B-{fallback}-{known_token}".upper()
    known(cp_id)
    if known_token:
        await asyncio.to_thread(add_id_token, tag, now=now(), blocked=known_token == "blocked")
    says(backend, authorize=status(500))
    with backend_at(backend.origin, BACKEND_AUTHORIZE_FALLBACK=fallback):
        async with RawCharger.connect(house.ocpp_url, cp_id) as charger:
            await charger.boot()
            info = (await charger.result("Authorize", {"idTag": tag}))["idTagInfo"]
            assert info["status"] == word
            assert ("expiryDate" in info) == (fallback == "accept")
            answer = await charger.result("StartTransaction", start(tag))
            assert answer["idTagInfo"]["status"] == word


async def test_who_stops_is_judged_by_what_the_backend_said_lately_or_not_at_all(
    house: House, backend: Receiver
) -> None:
    known("CP16-STOPS")
    async with RawCharger.connect(house.ocpp_url, "CP16-STOPS") as charger:
        await charger.boot()
        number = (await charger.result("StartTransaction", start("B-STOPS")))["transactionId"]
        stop = {"transactionId": number, "meterStop": 9, "timestamp": stamp()}
        assert await charger.result("StopTransaction", {**stop, "idTag": "B-UNHEARD"}) == {}
        assert await charger.result("StopTransaction", {**stop, "idTag": "B-STOPS"}) == {
            "idTagInfo": {"status": "Accepted"}
        }


async def test_the_car_s_contract_is_asked_for_too(house: House, backend: Receiver) -> None:
    known("CP16-PNC")
    says(backend, authorize=token_is("Accepted"))
    data = {"idToken": {"idToken": "DE8ACC12E46L89", "type": "eMAID"}}
    async with RawCharger.connect(house.ocpp_url, "CP16-PNC") as charger:
        await charger.boot()
        answer = await charger.result(
            "DataTransfer",
            {
                "vendorId": "org.openchargealliance.iso15118pnc",
                "messageId": "Authorize",
                "data": orjson.dumps(data).decode(),
            },
        )
        assert orjson.loads(answer["data"])["idTokenInfo"]["status"] == "Accepted"
    [message] = asked(backend, "authorize", "CP16-PNC")
    assert message.json["id_tag"] == "DE8ACC12E46L89"


# --- boots ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "registration"), [("Accepted", "accepted"), ("Pending", "pending"), ("Rejected", "pending")]
)
async def test_the_backend_registers_with_its_interval(
    house: House, backend: Receiver, word: str, registration: str
) -> None:
    row = known(f"CP16-REG-{word}")
    says(backend, register=said({"registration_status": word, "heartbeat_interval_seconds": 123}))
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
        answer = await charger.boot()
        assert (answer["status"], answer["interval"]) == (word, 123)
        assert fresh(row).registration == registration
        frame = await charger.call("Authorize", {"idTag": "B-REG"})
        assert frame[0] == (3 if word == "Accepted" else 4)
    [message] = asked(backend, "register", row.cp_id)
    assert (message.json["vendor"], message.json["model"]) == ("Acme", "One")
    assert len(asked(backend, "authorize", row.cp_id)) == (
        word == "Accepted"
    )  # nobody is asked for a stranger


async def test_an_interval_never_outlasts_the_patience_of_the_server(house: House, backend: Receiver) -> None:
    known("CP16-REG-LONG")
    says(backend, register=said({"registration_status": "Accepted", "heartbeat_interval_seconds": 86_400}))
    async with RawCharger.connect(house.ocpp_url, "CP16-REG-LONG") as charger:
        assert (await charger.boot())["interval"] == 300


async def test_a_charge_point_that_waits_is_accepted_by_the_backend_and_only_by_it(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-REG-WAITS", registration=Registration.PENDING)
    says(backend, register=status(500))
    for fallback, word in (("own", "Pending"), ("accept", "Pending"), ("reject", "Rejected")):
        with backend_at(backend.origin, BACKEND_REGISTER_FALLBACK=fallback):
            async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
                assert (await charger.boot())["status"] == word
        assert fresh(row).registration == "pending"
    says(backend)
    with backend_at(backend.origin):
        async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
            assert (await charger.boot())["status"] == "Accepted"
            assert (await charger.call("Heartbeat", {}))[0] == 3
    assert fresh(row).registration == "accepted"


async def test_a_fallback_that_rejects_holds_for_one_boot_and_changes_no_approval(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-REG-REJECT")
    says(backend, register=status(500))
    with backend_at(backend.origin, BACKEND_REGISTER_FALLBACK="reject"):
        async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
            assert (await charger.boot())["status"] == "Rejected"
            assert (await charger.call("Heartbeat", {}))[0] == 4
    assert fresh(row).registration == "accepted"
    with backend_at(backend.origin, BACKEND_REGISTER_FALLBACK="accept"):
        async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
            assert (await charger.boot())["status"] == "Accepted"


@pytest.mark.parametrize("word", ["Pending", "Rejected"])
async def test_a_wrong_word_of_the_backend_does_not_outlast_it_for_whom_we_approved(
    house: House, backend: Receiver, word: str
) -> None:
    row = known(f"CP16-REG-WRONG-{word}")
    for fallback, outage in (("own", "Accepted"), ("accept", "Accepted"), ("reject", "Rejected")):
        says(backend, register=said({"registration_status": word}))
        with backend_at(backend.origin, BACKEND_REGISTER_FALLBACK=fallback):
            async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
                assert (await charger.boot())["status"] == word
            assert (fresh(row).registration, fresh(row).own_registration) == ("pending", "accepted")
            says(backend, register=status(500))
            async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
                assert (await charger.boot())["status"] == outage
                assert (await charger.call("Heartbeat", {}))[0] == (3 if outage == "Accepted" else 4)
            if outage == "Accepted":
                assert (fresh(row).registration, fresh(row).own_registration) == ("accepted", "")


async def test_whom_only_the_backend_approved_it_may_shut_out_and_an_outage_changes_neither(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-REG-THEIRS", registration=Registration.PENDING)
    for word, registration in (("Accepted", "accepted"), ("Pending", "pending")):
        says(backend, register=said({"registration_status": word}))
        for answer in (backend.answers[0], by_path(register=status(500))):
            backend.answers[:] = [answer]
            with backend_at(backend.origin):
                async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
                    assert (await charger.boot())["status"] == word
            assert fresh(row).registration == registration


async def test_what_an_operator_says_is_the_word_of_the_house_from_then_on(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-REG-OPERATOR", registration=Registration.PENDING)
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
        assert (await charger.boot())["status"] == "Accepted"
    assert fresh(row).own_registration == "pending"
    set_registration(row, Registration.ACCEPTED, now=now())
    assert (fresh(row).registration, fresh(row).own_registration) == ("accepted", "")


async def test_an_unknown_charge_point_of_the_backend_is_rejected(house: House, backend: Receiver) -> None:
    known("CP16-REG-UNKNOWN")
    says(backend, register=refusal(404, "UNKNOWN_CP_ID"))
    async with RawCharger.connect(house.ocpp_url, "CP16-REG-UNKNOWN") as charger:
        assert (await charger.boot())["status"] == "Rejected"


# --- the end of the process: this one closes the house ---------------------------------------------------------------


async def test_a_drain_does_not_wait_for_the_backend_and_lets_the_charge_point_ask_again(
    house: House, backend: Receiver
) -> None:
    row = known("CP16-DRAIN")
    says(backend, authorize=silent)
    async with RawCharger.connect(house.ocpp_url, row.cp_id) as charger:
        await charger.boot()
        await charger.send([2, "m1", "StartTransaction", start("B-DRAIN")])
        await charger.send([2, "m2", "Heartbeat", {}])
        await eventually(lambda: asked(backend, "authorize", row.cp_id))
        house.on_loop(lambda: house.gateway.drain(15))
        assert await charger.closed() == 1012
    assert not house.gateway.lines
    assert house.gateway.writer.depth == 0
    assert not Transaction.objects.filter(charge_point=row).exists()  # unanswered, so it comes again
    assert not Connection.objects.filter(charge_point=row, closed_at=None).exists()
    assert get_backend() is not None
