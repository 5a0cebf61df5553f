"""Local authorization lists: 2.0.1, block D. What both versions do alike is tested with 1.6."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from chargers.commands.exact import send_exact
from chargers.commands.ordering import CommandRefused
from chargers.configuration.models import ConfigurationKey
from chargers.models import Command
from tests.conformance.v201.cast import CS201, cs201, eventually, fresh, token
from tests.support.house import ALICE, House
from transactions.local_lists import services
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import IdToken
from transactions.tokens import delete_id_token, update_id_token


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def tokens(house: House) -> Iterator[None]:
    """ALICE and BOB are known, and nobody else; no other list follows what a test does to them."""
    LocalList.objects.update(policy="off")
    IdToken.objects.all().delete()
    token("ALICE", type="ISO14443")
    token("BOB", type="Central", parent="FLEET")
    yield
    LocalList.objects.update(policy="off")
    IdToken.objects.all().delete()


@asynccontextmanager
async def lister(house: House, policy: str = "all") -> AsyncIterator[CS201]:
    """A station whose list has a policy from after its boot on."""
    async with cs201(house) as charger:
        services.set_policy(charger.row, policy=policy, tokens=[], groups=[], now=now())
        yield charger


def the_list(charger: CS201) -> LocalList:
    return LocalList.objects.get(charge_point=charger.row)


def mirror(charger: CS201) -> dict[str, str]:
    rows = LocalListEntry.objects.filter(local_list__charge_point=charger.row)
    return dict(rows.values_list("id_token", "status"))


async def takes(charger: CS201, word: str = "Accepted") -> dict[str, Any]:
    """The station is sent a list, answers with this word, and the answer is settled."""
    sent = await charger.expect("SendLocalList")
    await charger.answer(status=word)
    answered = {"answer_status": word, "params__list_version": sent["versionNumber"]}
    await eventually(lambda: Command.objects.filter(charge_point=charger.row, **answered).exists())
    return sent


async def has_list(charger: CS201) -> dict[str, Any]:
    """The station takes its first list."""
    charger.order("send-local-list")
    return await takes(charger)


def entries(sent: dict[str, Any]) -> dict[str, Any]:
    """What a message says of each token; None: it is to be removed."""
    listed = sent["localAuthorizationList"]
    found = {entry["idToken"]["idToken"]: entry.get("idTokenInfo") for entry in listed}
    assert len(found) == len(listed)
    return found


def says(charger: CS201, variable: str, value: str) -> None:
    address = f"LocalAuthListCtrlr/{variable}"
    ConfigurationKey.objects.create(
        charge_point=charger.row, name=address, folded=address.casefold(), value=value
    )


BOB = {"status": "Accepted", "groupIdToken": {"idToken": "FLEET", "type": "Central"}}


async def test_msg_send_local_list_says_what_is_known_of_each_token(house: House):
    token("ALICE", evses=["ELSEWHERE"])
    token("BOB", expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    async with lister(house) as charger:
        sent = await has_list(charger)
        assert [entry["idToken"] for entry in sent["localAuthorizationList"]] == [
            {"idToken": "BOB", "type": "Central"},
            {"idToken": "ALICE", "type": "ISO14443"},
        ]
        until = {"cacheExpiryDateTime": "2099-01-01T00:00:00.000Z"}
        assert entries(sent) == {"ALICE": {"status": "NotAtThisLocation"}, "BOB": BOB | until}


async def test_tc_d_01_the_whole_list(house: House):
    async with lister(house) as charger:
        command = charger.order("send-local-list", update_type="Full")
        sent = await takes(charger)
        assert (sent["updateType"], sent["versionNumber"]) == ("Full", 1)
        assert entries(sent) == {"ALICE": {"status": "Accepted"}, "BOB": BOB}
        assert (await charger.settled(command)).status == "accepted"
        assert (the_list(charger).version, mirror(charger)) == (1, {"ALICE": "Accepted", "BOB": "Accepted"})


async def test_tc_d_01_a_list_comes_in_messages_that_the_station_takes(house: House):
    for name in ("CHARLIE", "DAN", "EVE"):
        token(name)
    async with lister(house) as charger:
        says(charger, "ItemsPerMessage", "3")
        charger.order("send-local-list")
        first, second = await takes(charger), await takes(charger)
        assert [(one["updateType"], len(entries(one))) for one in (first, second)] == [
            ("Full", 3),
            ("Differential", 2),
        ]
        assert second["versionNumber"] > first["versionNumber"] > 0
        assert set(mirror(charger)) == {"ALICE", "BOB", "CHARLIE", "DAN", "EVE"}


async def test_tc_d_02_what_has_changed(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        await charger.hears("get-local-list-version", {"versionNumber": 1})
        update_id_token(IdToken.objects.get(id_token="BOB"), now=now(), blocked=True)
        token("CHARLIE", type="ISO15693")
        charger.order("send-local-list", update_type="Differential")
        sent = await takes(charger)
        assert (sent["updateType"], sent["versionNumber"]) == ("Differential", 2)
        assert entries(sent) == {"BOB": BOB | {"status": "Blocked"}, "CHARLIE": {"status": "Accepted"}}
        assert mirror(charger) == {"ALICE": "Accepted", "BOB": "Blocked", "CHARLIE": "Accepted"}


async def test_tc_d_03_what_is_to_be_removed(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        delete_id_token(IdToken.objects.get(id_token="BOB"), now=now())
        charger.order("send-local-list", update_type="Differential")
        sent = await takes(charger)
        assert (sent["updateType"], sent["versionNumber"]) == ("Differential", 2)
        assert sent["localAuthorizationList"] == [{"idToken": {"idToken": "BOB", "type": "Central"}}]
        assert mirror(charger) == {"ALICE": "Accepted"}


async def test_tc_d_04_an_empty_list_has_no_field_at_all(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        services.set_policy(charger.row, policy="off", tokens=[], groups=[], now=now())
        charger.order("send-local-list", update_type="Empty")
        assert await takes(charger) == {"versionNumber": 2, "updateType": "Full"}
        assert mirror(charger) == {}


async def test_msg_get_local_list_version(house: House):
    async with lister(house, "off") as charger:
        command = charger.order("get-local-list-version")
        assert await charger.expect("GetLocalListVersion") == {}
        await charger.answer(versionNumber=7)
        settled = await charger.settled(command)
        assert (settled.status, settled.effect) == ("accepted", "The list has version 7.")


async def test_tc_d_08_the_version_is_asked_and_kept(house: House):
    async with lister(house) as charger:
        await has_list(charger)
        await charger.hears("get-local-list-version", {"versionNumber": 1})
        row = the_list(charger)
        assert (row.reported_version, row.supported, row.full_needed) == (1, True, False)


async def test_tc_d_09_zero_means_that_there_is_no_list(house: House):
    async with lister(house, "off") as charger:
        settled = await charger.hears("get-local-list-version", {"versionNumber": 0})
        row = the_list(charger)
        assert (row.reported_version, row.supported, row.full_needed) == (0, True, False)
        assert settled.effect == "The list is empty."


@pytest.mark.parametrize("word", ["VersionMismatch", "Failed"])
async def test_s2_30_the_whole_list_follows_a_change_that_failed(house: House, word: str):
    async with lister(house) as charger:
        await has_list(charger)
        token("CHARLIE")
        charger.order("send-local-list", update_type="Differential")
        assert (await charger.expect("SendLocalList"))["updateType"] == "Differential"
        await charger.answer(status=word)
        full = await takes(charger)
        assert (full["updateType"], full["versionNumber"]) == ("Full", 3)
        assert set(entries(full)) == set(mirror(charger)) == {"ALICE", "BOB", "CHARLIE"}


async def test_s2_30_the_version_rises_above_what_another_has_sent(house: House):
    async with lister(house, "off") as charger:
        await charger.hears("get-local-list-version", {"versionNumber": 41})
        services.set_policy(charger.row, policy="all", tokens=[], groups=[], now=now())
        sent = await has_list(charger)
        assert (sent["updateType"], sent["versionNumber"]) == ("Full", 42)


async def test_s2_30_a_list_word_for_word_is_mirrored_and_bounded(house: House):
    def entry(text: str, type: str = "ISO14443") -> dict[str, Any]:
        return {
            "idToken": {"idToken": text, "type": type},
            "idTokenInfo": {"status": "Accepted", "evseId": [1]},
        }

    def exact(charger: CS201, *listed: dict[str, Any], version: int = 9) -> Any:
        payload = {"versionNumber": version, "updateType": "Full", "localAuthorizationList": list(listed)}
        return send_exact(fresh(charger.row), "SendLocalList", payload, author=ALICE, now=now())

    async with lister(house, "off") as charger:
        says(charger, "BytesPerMessage", "400")
        for listed, why in (
            ([entry("A"), entry("a")], "twice"),
            ([entry("1234", "KeyCode")], "key codes"),
            ([entry(str(n)) for n in range(9)], "at most 400 bytes"),
        ):
            with pytest.raises(CommandRefused, match=why):
                exact(charger, *listed)
        with pytest.raises(CommandRefused, match="a version is a number"):
            exact(charger, entry("A"), version=0)
        exact(charger, entry("A"), entry("A", "Central"))
        assert (await takes(charger))["versionNumber"] == 9
        rows = LocalListEntry.objects.filter(local_list__charge_point=charger.row).order_by("type")
        assert list(rows.values_list("id_token", "type", "evses")) == [
            ("A", "Central", [1]),
            ("A", "ISO14443", [1]),
        ]
