"""Local authorization lists, 1.6 sections 5.10 and 5.15: versions, whole lists, changes, and what failures lead to."""

from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.configuration import selectors as configuration
from chargers.models import Command
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, cp16, eventually, fresh, token
from tests.support.house import House
from transactions.local_lists import selectors, services
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import IdToken
from transactions.tokens import delete_id_token, update_id_token

ACCEPTED = {"status": "Accepted"}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def tokens(house: House) -> Iterator[None]:
    """ALICE and BOB are known, and nobody else; no other list follows what a test does to them."""
    LocalList.objects.update(policy="off")
    IdToken.objects.all().delete()
    token("ALICE")
    token("BOB", parent="FLEET")
    yield
    LocalList.objects.update(policy="off")
    IdToken.objects.all().delete()


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the charge points report of the sizes of messages and lists."""
    said: dict[str, str] = {}
    monkeypatch.setattr(configuration, "reported_value", lambda charge_point, key: said.get(key))
    return said


@asynccontextmanager
async def lister(house: House, policy: str = "all", **chosen: list[str]) -> Any:
    """A charge point whose list has a policy from after its boot on."""
    async with cp16(house) as charger:
        given = {"tokens": [], "groups": []} | chosen
        services.set_policy(charger.row, policy=policy, now=now(), **given)
        yield charger


def the_list(charger: CP16) -> LocalList:
    return LocalList.objects.get(charge_point=charger.row)


def mirror(charger: CP16) -> dict[str, str]:
    rows = LocalListEntry.objects.filter(local_list__charge_point=charger.row)
    return dict(rows.values_list("id_token", "status"))


def told(charger: CP16) -> list[str]:
    """What was told about the list, in order."""
    events = Event.objects.filter(cp_id=charger.row.cp_id, type__startswith="local_list.").order_by("pk")
    return [event.type.removeprefix("local_list.") for event in events]


async def takes(charger: CP16, word: str = "Accepted") -> dict[str, Any]:
    """The charger is sent a list, answers with this word, and the answer stands in the ledger."""
    sent = await charger.expect("SendLocalList")
    await charger.answer(status=word)
    await eventually(
        lambda: Command.objects.filter(
            charge_point=charger.row, answer_status=word, params__list_version=sent["listVersion"]
        ).exists()
    )
    return sent


async def has_list(charger: CP16) -> dict[str, Any]:
    """The charger takes its first list."""
    charger.order("send-local-list")
    return await takes(charger)


def entries(sent: dict[str, Any]) -> dict[str, Any]:
    """What a message says of each token; None: it is to be removed."""
    listed = sent["localAuthorizationList"]
    found = {entry["idTag"]: entry.get("idTagInfo") for entry in listed}
    assert len(found) == len(listed)
    return found


# --- versions ---------------------------------------------------------------------------------------------------------


async def test_tc_042_1_local_list_version_not_supported(house: House):
    async with lister(house) as charger:
        command = await charger.hears("get-local-list-version", {"listVersion": -1})
        assert (command.status, command.effect) == ("accepted", "It keeps no local list.")
        row = the_list(charger)
        assert (row.reported_version, row.supported, row.version) == (-1, False, 0)
        # Nothing is sent to it by itself any more.
        assert services.sync_local_lists(now=now()) == 0


async def test_tc_042_2_local_list_version_empty(house: House):
    async with lister(house, "off") as charger:
        command = charger.order("get-local-list-version")
        assert await charger.expect("GetLocalListVersion") == {}
        await charger.answer(listVersion=0)
        settled = await charger.settled(command)
        assert (settled.status, settled.effect) == ("accepted", "The list is empty.")
        row = the_list(charger)
        assert (row.reported_version, row.supported, row.full_needed) == (0, True, False)


# --- sending ----------------------------------------------------------------------------------------------------------


async def test_tc_043_1_send_local_list_not_supported(house: House):
    async with lister(house) as charger:
        command = charger.order("send-local-list", update_type="Full")
        await takes(charger, "NotSupported")
        assert (await charger.settled(command)).status == Command.Status.REJECTED
        row = the_list(charger)
        assert (row.supported, row.last_result, row.version) == (False, "NotSupported", 0)
        assert mirror(charger) == {}
        token("CHARLIE")
        assert services.sync_local_lists(now=now()) == 0
        assert told(charger) == ["policy_set", "not_supported"]


async def test_tc_043_3_send_local_list_failed(house: House):
    async with lister(house) as charger:
        first = await has_list(charger)
        command = charger.order("send-local-list", update_type="Full")
        second = await takes(charger, "Failed")
        assert second["listVersion"] > first["listVersion"]
        assert (await charger.settled(command)).status == Command.Status.REJECTED
        row = the_list(charger)
        assert (row.version, row.last_result) == (first["listVersion"], "Failed")
        assert set(mirror(charger)) == {"ALICE", "BOB"}
        # It is tried again, but not at once, and then ever more seldom.
        assert row.try_after is not None
        assert services.sync_local_lists(now=row.try_after - timedelta(seconds=5)) == 0
        assert services.sync_local_lists(now=row.try_after) == 1


async def test_tc_043_4_send_local_list_full(house: House):
    expiry = datetime(2099, 1, 1, tzinfo=UTC)
    token("ALICE", expires_at=expiry)
    token("CHARLIE", blocked=True)
    async with lister(house) as charger:
        command = charger.order("send-local-list", update_type="Full")
        sent = await takes(charger)
        assert (sent["updateType"], sent["listVersion"]) == ("Full", 1)
        assert entries(sent) == {
            "ALICE": {"status": "Accepted", "expiryDate": "2099-01-01T00:00:00.000Z"},
            "BOB": {"status": "Accepted", "parentIdTag": "FLEET"},
            "CHARLIE": {"status": "Blocked"},
        }
        await charger.settled(command)
        row = the_list(charger)
        assert (row.version, row.supported, row.last_kind) == (1, True, "Full")
        assert mirror(charger) == {"ALICE": "Accepted", "BOB": "Accepted", "CHARLIE": "Blocked"}
        assert told(charger) == ["policy_set", "updated"]


async def test_tc_043_4_an_empty_list_clears_the_charge_point(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        with pytest.raises(CommandRefused, match="its policy would fill the list again"):
            charger.order("send-local-list", update_type="Empty")
        services.set_policy(charger.row, policy="off", tokens=[], groups=[], now=now())
        command = charger.order("send-local-list", update_type="Empty")
        sent = await takes(charger)
        assert (sent["updateType"], sent["localAuthorizationList"]) == ("Full", [])
        await charger.settled(command)
        assert mirror(charger) == {}
        # Whether its version counts on or is 0 now: both mean that list.
        await charger.hears("get-local-list-version", {"listVersion": 0})
        assert not the_list(charger).full_needed


async def test_tc_043_5_send_local_list_differential(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        delete_id_token(IdToken.objects.get(id_token="ALICE"), now=now())
        update_id_token(IdToken.objects.get(id_token="BOB"), now=now(), blocked=True)
        token("CHARLIE")
        command = charger.order("send-local-list", update_type="Differential")
        sent = await takes(charger)
        assert (sent["updateType"], sent["listVersion"]) == ("Differential", 2)
        assert entries(sent) == {
            "ALICE": None,
            "BOB": {"status": "Blocked", "parentIdTag": "FLEET"},
            "CHARLIE": {"status": "Accepted"},
        }
        await charger.settled(command)
        assert the_list(charger).version == 2
        assert mirror(charger) == {"BOB": "Blocked", "CHARLIE": "Accepted"}
        with pytest.raises(CommandRefused, match="nothing has changed since version 2"):
            charger.order("send-local-list", update_type="Differential")
        with pytest.raises(CommandRefused, match="is up to date"):
            charger.order("send-local-list")


# --- rules ------------------------------------------------------------------------------------------------------------


async def test_s16_30_list_versions_rise_above_whatever_was_said(house: House):
    async with lister(house) as charger:
        services.set_policy(charger.row, policy="off", tokens=[], groups=[], now=now())
        await charger.hears("get-local-list-version", {"listVersion": 41})  # from another system
        assert the_list(charger).full_needed
        services.set_policy(charger.row, policy="all", tokens=[], groups=[], now=now())
        command = charger.order("send-local-list", update_type="Full")
        assert (await takes(charger, "Failed"))["listVersion"] == 42
        await charger.settled(command)
        assert (the_list(charger).version, mirror(charger)) == (0, {})
        assert (await has_list(charger))["listVersion"] == 43
        await eventually(lambda: the_list(charger).version == 43)


@pytest.mark.usefixtures("short_patience")
async def test_s16_30_a_list_without_an_answer_is_not_mirrored(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        token("CHARLIE")
        command = charger.order("send-local-list")
        await charger.expect("SendLocalList")
        assert (await charger.settled(command)).status == Command.Status.TIMED_OUT
        row = the_list(charger)
        assert (row.version, row.last_result, row.full_needed) == (1, "timed_out", True)
        assert "CHARLIE" not in mirror(charger)
        again = charger.order("send-local-list")
        sent = await takes(charger)
        assert (sent["updateType"], sent["listVersion"]) == ("Full", 3)
        await charger.settled(again)
        assert "CHARLIE" in mirror(charger)


async def test_s16_30_a_version_that_differs_is_drift_and_the_full_list_follows(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        await eventually(lambda: the_list(charger).command_id is None)
        await charger.boot()
        assert await charger.expect("GetLocalListVersion") == {}
        await charger.answer(listVersion=7)
        sent = await takes(charger)
        assert (sent["updateType"], sent["listVersion"]) == ("Full", 8)
        await eventually(lambda: the_list(charger).version == 8)
        assert not the_list(charger).full_needed
        assert told(charger) == ["policy_set", "updated", "drifted", "updated"]
        # In step: nothing follows.
        await charger.boot()
        await charger.expect("GetLocalListVersion")
        await charger.answer(listVersion=8)
        await charger.hears("clear-cache")


@pytest.mark.parametrize("word", ["Failed", "VersionMismatch"])
async def test_s16_31_differential_failure(house: House, word: str):
    async with lister(house) as charger:
        await has_list(charger)
        token("CHARLIE")
        charger.order("send-local-list", update_type="Differential")
        failed = await takes(charger, word)
        assert failed["updateType"] == "Differential"
        sent = await takes(charger)  # by itself
        assert (sent["updateType"], sent["listVersion"]) == ("Full", failed["listVersion"] + 1)
        assert set(entries(sent)) == {"ALICE", "BOB", "CHARLIE"}
        await eventually(lambda: the_list(charger).version == sent["listVersion"])
        assert told(charger) == ["policy_set", "updated", "failed", "updated"]


async def test_s16_31_the_full_list_is_sent_once(house: House, limits: dict[str, str]):
    limits["SendLocalListMaxLength"] = "1"
    async with lister(house) as charger:
        charger.order("send-local-list")
        assert (await takes(charger))["updateType"] == "Full"
        assert (await takes(charger, "Failed"))["updateType"] == "Differential"
        assert (await takes(charger))["updateType"] == "Full"
        last = await takes(charger, "Failed")
        assert last["updateType"] == "Differential"
        await eventually(lambda: the_list(charger).failures == 1)
        await charger.hears("clear-cache")  # and no list before it
        assert the_list(charger).try_after is not None


async def test_s16_32_list_size(house: House, limits: dict[str, str]):
    limits["SendLocalListMaxLength"] = "2"
    for name in ("CHARLIE", "DAVE", "EVE"):
        token(name)
    async with lister(house) as charger:
        charger.order("send-local-list", update_type="Full")
        parts = [await takes(charger) for _ in range(3)]
        assert [part["updateType"] for part in parts] == ["Full", "Differential", "Differential"]
        assert [len(entries(part)) for part in parts] == [2, 2, 1]
        assert [part["listVersion"] for part in parts] == [1, 2, 3]
        await eventually(lambda: the_list(charger).version == 3 and the_list(charger).seen)
        assert set(mirror(charger)) == {"ALICE", "BOB", "CHARLIE", "DAVE", "EVE"}


async def test_s16_32_of_too_many_tokens_those_that_may_charge_go_first(house: House, limits: dict[str, str]):
    limits["LocalAuthListMaxLength"] = "2"
    token("ALICE", blocked=True)
    token("CHARLIE")
    token("DAVE")
    async with lister(house) as charger:
        assert set(entries(await has_list(charger))) == {"BOB", "CHARLIE"}
        left_out = selectors.belonging(the_list(charger), now=now()).left_out
        assert [(token.id_token, token.reason) for token in left_out] == [
            ("DAVE", "no_room"),
            ("ALICE", "no_room"),
        ]
        # Where it is full, a removal makes room within the same message, before what is added.
        await eventually(lambda: the_list(charger).command_id is None)
        delete_id_token(IdToken.objects.get(id_token="BOB"), now=now())
        charger.order("send-local-list")
        sent = await takes(charger)
        assert list(entries(sent).items()) == [("BOB", None), ("DAVE", {"status": "Accepted"})]


async def test_s16_32_what_is_too_long_for_an_id_tag_is_left_out_and_told(house: House):
    token("X" * 21)
    async with lister(house) as charger:
        assert set(entries(await has_list(charger))) == {"ALICE", "BOB"}
        [left] = selectors.belonging(the_list(charger), now=now()).left_out
        assert (left.id_token, left.reason) == ("X" * 21, "too_long")


async def test_s16_32_the_sizes_are_what_the_charge_point_reports(house: House):
    async with cp16(house) as charger:
        assert selectors.message_max(charger.row.pk) == selectors.MESSAGE_DEFAULT
        assert selectors.list_max(charger.row.pk) is None
        keys = [
            {"key": "SendLocalListMaxLength", "readonly": True, "value": "7"},
            {"key": "LocalAuthListMaxLength", "readonly": True, "value": "70"},
        ]
        await charger.hears("get-configuration", {"configurationKey": keys, "unknownKey": []})
        assert configuration.reported_value(charger.row.pk, "sendlocallistmaxlength") == "7"
        assert selectors.message_max(charger.row.pk) == 7
        assert selectors.list_max(charger.row.pk) == 70


# --- the messages themselves ------------------------------------------------------------------------------------------


async def test_msg_get_local_list_version_that_is_unknown_to_it_means_no_list(house: House):
    async with lister(house) as charger:
        command = charger.order("get-local-list-version")
        await charger.expect("GetLocalListVersion")
        await charger.refuse("NotImplemented")
        assert (await charger.settled(command)).status == Command.Status.FAILED
        assert the_list(charger).supported is False


async def test_msg_get_local_list_version_after_a_boot_only_where_a_list_is_wanted(house: House):
    async with cp16(house) as charger:
        await charger.boot()
        await charger.hears("clear-cache")  # the first that it is told
        assert not Command.objects.filter(charge_point=charger.row, type="get-local-list-version").exists()


async def test_msg_get_local_list_version_is_asked_again_after_new_firmware(house: House):
    async with lister(house) as charger:
        await charger.hears("get-local-list-version", {"listVersion": -1})
        await charger.boot(firmwareVersion="2.0")
        await charger.expect("GetLocalListVersion")
        await charger.answer(listVersion=0)
        assert (await takes(charger))["updateType"] == "Full"


async def test_msg_send_local_list_that_is_unknown_to_it_is_not_sent_again(house: House):
    async with lister(house) as charger:
        command = charger.order("send-local-list")
        await charger.expect("SendLocalList")
        await charger.refuse("NotSupported")
        assert (await charger.settled(command)).status == Command.Status.FAILED
        assert the_list(charger).supported is False
        assert services.sync_local_lists(now=now()) == 0


async def test_msg_send_local_list_needs_a_policy(house: House):
    async with lister(house, "off") as charger:
        with pytest.raises(CommandRefused, match="its policy is off"):
            charger.order("send-local-list")


async def test_msg_send_local_list_one_at_a_time(house: House):
    async with lister(house) as charger:
        command = charger.order("send-local-list")
        with pytest.raises(CommandRefused, match="is on its way"):
            charger.order("send-local-list")
        await takes(charger)
        assert fresh(command).status == Command.Status.ACCEPTED


async def test_msg_send_local_list_goes_out_by_itself_when_tokens_change(house: House):
    async with lister(house, "chosen", tokens=["alice", "NOBODY"], groups=["fleet"]) as charger:
        token("CHARLIE")
        assert services.sync_local_lists(now=now()) == 1
        sent = await takes(charger)
        assert (sent["updateType"], set(entries(sent))) == ("Full", {"ALICE", "BOB"})
        await eventually(lambda: the_list(charger).seen)
        assert services.sync_local_lists(now=now()) == 0
        token("DAVE", parent="FLEET")
        token("EVE", parent="FLEET")
        assert services.sync_local_lists(now=now()) == 1
        assert services.sync_local_lists(now=now()) == 0  # one is on its way
        sent = await takes(charger)
        assert (sent["updateType"], set(entries(sent))) == ("Differential", {"DAVE", "EVE"})
        left_out = selectors.belonging(the_list(charger), now=now()).left_out
        assert [(token.id_token, token.reason) for token in left_out] == [("NOBODY", "unknown")]


async def test_msg_send_local_list_tells_of_a_token_that_has_expired_meanwhile(house: House):
    token("ALICE", expires_at=now() + timedelta(hours=1))
    async with lister(house) as charger:
        await has_list(charger)
        await eventually(lambda: the_list(charger).seen)
        later = now() + timedelta(hours=2)
        assert selectors.pending(the_list(charger), now=now()).kind == ""
        pending = selectors.pending(the_list(charger), now=later)
        assert [(entry.id_token, entry.status) for entry in pending.delta.changed] == [("ALICE", "Expired")]
        assert selectors.state_of_tokens(now=later) != the_list(charger).seen


async def test_msg_send_local_list_waits_while_the_charge_point_is_offline(house: House):
    async with lister(house) as charger:
        row = charger.row
    await eventually(lambda: fresh(row).connection_id is None)
    assert services.sync_local_lists(now=now()) == 0
    assert not Command.objects.filter(charge_point=row, type="send-local-list").exists()
