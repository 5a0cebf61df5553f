"""Authorize, and the tokens behind it: 1.6 sections 3.5 and 4.1."""

from datetime import UTC, datetime, timedelta

from csms.core.events.models import Event
from tests.conformance.v16.cast import at, cp16, stamp, token
from tests.support.house import House
from transactions.models import IdToken, Transaction, UnknownToken


async def test_tc_023_1_authorize_invalid(house: House):
    async with cp16(house) as charger:
        assert await charger.authorize("NOBODY") == {"status": "Invalid"}
        assert await charger.authorize("") == {"status": "Invalid"}


async def test_tc_023_2_authorize_expired(house: House):
    token("EXPIRED", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    async with cp16(house) as charger:
        info = await charger.authorize("EXPIRED")
        assert info["status"] == "Expired"
        assert info["expiryDate"].endswith("Z")


async def test_tc_023_3_authorize_blocked(house: House):
    token("BLOCKED", blocked=True, parent="FAMILY")
    async with cp16(house) as charger:
        assert await charger.authorize("BLOCKED") == {"status": "Blocked", "parentIdTag": "FAMILY"}


async def test_msg_authorize_has_no_side_effect(house: House):
    until = datetime.now(UTC) + timedelta(days=1)
    token("ALICE", parent="FAMILY", expires_at=until, max_active=1)
    async with cp16(house) as charger:
        await charger.start("ALICE")
        before = Event.objects.count(), Transaction.objects.count(), IdToken.objects.count()
        info = await charger.authorize("alice")
        assert set(info) == {"status", "expiryDate", "parentIdTag"}
        assert info["status"] == "Accepted", "how many run says nothing before a start"
        await charger.authorize("NOBODY")
        assert (Event.objects.count(), Transaction.objects.count(), IdToken.objects.count()) == before
        assert not UnknownToken.objects.filter(charge_point=charger.row).exists()


async def test_s16_03_a_start_checks_the_tag_again(house: House):
    token("BLOCKED", blocked=True)
    token("EXPIRED", expires_at=datetime.now(UTC) - timedelta(days=1))
    token("ONE", max_active=1)
    verdicts = {}
    async with cp16(house) as charger:
        for connector, tag in enumerate(["BLOCKED", "EXPIRED", "NOBODY", "ONE", "one"], start=1):
            answer = await charger.start(tag, connector)
            assert answer["transactionId"] > 0
            verdicts[tag] = answer["idTagInfo"]["status"]
        assert verdicts == {
            "BLOCKED": "Blocked",
            "EXPIRED": "Expired",
            "NOBODY": "Invalid",
            "ONE": "Accepted",
            "one": "ConcurrentTx",
        }
        stored = Transaction.objects.filter(charge_point=charger.row).order_by("connector_number")
        assert [t.authorization for t in stored] == list(verdicts.values())


async def test_s16_03_only_what_really_runs_counts_as_concurrent(house: House):
    token("LONER", max_active=1)
    async with cp16(house) as charger:
        first = (await charger.start("LONER", timestamp=at(minutes=50)))["transactionId"]
        assert (await charger.start("LONER", 2))["idTagInfo"]["status"] == "ConcurrentTx"
        await charger.stop(first)
        again = await charger.start("LONER", timestamp=at(minutes=5))
        assert again["idTagInfo"]["status"] == "Accepted", "ended: the refused one does not count either"
        token("BOB")
        await charger.start("BOB")  # on connector 1: the end of ONE's was lost
        assert (await charger.start("LONER", 3))["idTagInfo"]["status"] == "Accepted"


async def test_s16_08_the_parent_is_in_every_answer_and_stops_by_it(house: House):
    token("MUM", parent="FAMILY")
    token("DAD", parent="FAMILY")
    async with cp16(house) as charger:
        assert (await charger.authorize("MUM"))["parentIdTag"] == "FAMILY"
        started = await charger.start("MUM")
        assert started["idTagInfo"]["parentIdTag"] == "FAMILY"
        stopped = await charger.stop(started["transactionId"], idTag="DAD", timestamp=stamp())
        assert stopped["idTagInfo"] == {"status": "Accepted", "parentIdTag": "FAMILY"}
        transaction = Transaction.objects.get(charge_point=charger.row)
        assert (transaction.status, transaction.id_token, transaction.stop_id_token) == (
            "ended",
            "MUM",
            "DAD",
        )


async def test_s16_08_a_relative_stops_without_an_id(house: House):
    token("MUM", parent="FAMILY")
    token("DAD", parent="FAMILY")
    token("STRANGER")
    async with cp16(house) as charger:
        mums = (await charger.start("MUM", 1, timestamp=at(minutes=9)))["transactionId"]
        await charger.start("STRANGER", 2, timestamp=at(minutes=8))
        await charger.stop(-1, idTag="DAD")
        ended = Transaction.objects.get(charge_point=charger.row, status="ended")
        assert ended.number == mums
