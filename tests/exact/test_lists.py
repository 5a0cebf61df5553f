"""A local list that somebody else composes: what was sent is what is mirrored, and what is not known is said so."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.cast import client_of
from tests.conformance.v16.cast import CP16, cp16
from tests.conformance.v16.charging_cast import in_hours
from tests.exact.cast import gets, refused, takes
from tests.support.house import House
from transactions.local_lists.models import LocalListEntry
from transactions.local_lists.services import set_policy


@pytest.fixture(scope="module")
def bob(house: House) -> APIClient:
    """May look."""
    return client_of("bob", "read")


def full(version: int, *entries: Any, kind: str = "Full") -> dict[str, Any]:
    listed = [{"idTag": one} if isinstance(one, str) else one for one in entries]
    return {"listVersion": version, "updateType": kind, "localAuthorizationList": listed}


def entry(id_tag: str, status: str = "Accepted", **values: Any) -> dict[str, Any]:
    return {"idTag": id_tag, "idTagInfo": {"status": status, **values}}


def change(version: int, *entries: Any) -> dict[str, Any]:
    return full(version, *entries, kind="Differential")


def mirrored(charger: CP16) -> dict[str, str]:
    rows = LocalListEntry.objects.filter(local_list__charge_point=charger.row)
    return dict(rows.values_list("id_token", "status"))


def shown(bob: APIClient, charger: CP16) -> dict[str, Any]:
    """What the API says of the list."""
    body: dict[str, Any] = bob.get(f"/api/v1/charge-points/{charger.row.cp_id}/local-list/").json()
    return body


async def test_the_mirror_has_what_was_sent(house: House, bob: APIClient):
    async with cp16(house) as charger:
        until = in_hours(5)
        whole = full(40, entry("ALICE", expiryDate=until, parentIdTag="FLEET"), entry("BOB", "Blocked"))
        await takes(charger, "SendLocalList", whole)
        row = LocalListEntry.objects.get(local_list__charge_point=charger.row, id_token="ALICE")
        assert (row.parent, row.expires_at) == ("FLEET", datetime.fromisoformat(until))
        told = shown(bob, charger)
        assert (told["version"], told["entries"], told["drifted"]) == (40, 2, False)

        await takes(charger, "SendLocalList", change(41, "alice", entry("bob"), entry("EVE", "ConcurrentTx")))
        assert mirrored(charger) == {"bob": "Accepted", "EVE": "ConcurrentTx"}
        assert (shown(bob, charger)["version"], shown(bob, charger)["drifted"]) == (41, False)

        await takes(charger, "SendLocalList", {"listVersion": 42, "updateType": "Full"})
        assert mirrored(charger) == {}
        assert shown(bob, charger)["last_update"]["kind"] == "Empty"


async def test_a_change_of_a_list_that_nobody_knows_leaves_it_unknown(house: House, bob: APIClient):
    async with cp16(house) as charger:
        await takes(charger, "SendLocalList", change(8, entry("ALICE")))
        assert mirrored(charger) == {"ALICE": "Accepted"}
        assert shown(bob, charger)["drifted"] is True, "it may have had others"
        await takes(charger, "SendLocalList", change(9, entry("BOB")))
        assert shown(bob, charger)["drifted"] is True
        await takes(charger, "SendLocalList", full(10, entry("BOB")))
        assert shown(bob, charger)["drifted"] is False


async def test_a_change_of_a_list_that_is_empty_leaves_it_known(house: House, bob: APIClient):
    async with cp16(house) as charger:
        await charger.hears("get-local-list-version", {"listVersion": 0})
        await takes(charger, "SendLocalList", change(1, entry("ALICE")))
        assert (shown(bob, charger)["drifted"], mirrored(charger)) == (False, {"ALICE": "Accepted"})


@pytest.mark.parametrize("word", ["Failed", "VersionMismatch"])
async def test_a_change_that_failed_leaves_the_list_unknown(house: House, bob: APIClient, word: str):
    async with cp16(house) as charger:
        await takes(charger, "SendLocalList", full(1, entry("ALICE")))
        await takes(charger, "SendLocalList", change(1, entry("BOB")), {"status": word})
        told = shown(bob, charger)
        assert (told["version"], told["drifted"], told["last_update"]["result"]) == (1, True, word)
        assert mirrored(charger) == {"ALICE": "Accepted"}


async def test_the_next_version_of_the_house_is_above_it(house: House):
    async with cp16(house) as charger:
        await takes(charger, "SendLocalList", full(500, entry("ALICE")))
        command = await charger.hears("send-local-list", update_type="Empty")
        assert command.params["list_version"] == 501


async def test_what_protects_lists_holds(house: House):
    async with cp16(house) as charger:
        listed = "localAuthorizationList"
        twice = full(1, entry("ALICE"), entry("alice"))
        assert set(refused(charger, "SendLocalList", twice)) == {f"{listed}.1.idTag"}
        bare = full(1, entry("ALICE"), "BOB")
        assert set(refused(charger, "SendLocalList", bare)) == {f"{listed}.1.idTagInfo.status"}
        assert set(refused(charger, "SendLocalList", full(1, entry("")))) == {f"{listed}.0.idTag"}
        assert set(refused(charger, "SendLocalList", full(0, entry("ALICE")))) == {"listVersion"}
        assert set(refused(charger, "SendLocalList", full(2**31))) == {"listVersion"}

        most = {"configurationKey": [{"key": "SendLocalListMaxLength", "readonly": True, "value": "1"}]}
        await charger.hears("get-configuration", most)
        assert set(refused(charger, "SendLocalList", full(1, entry("A"), entry("B")))) == {listed}

        await gets(charger, "SendLocalList", full(1, entry("A")))
        assert set(refused(charger, "SendLocalList", full(2))) == {"updateType"}, "one is on its way"


async def test_a_list_that_follows_its_policy_is_nobody_elses(house: House):
    async with cp16(house) as charger:
        set_policy(charger.row, policy="chosen", tokens=["X"], groups=[], now=datetime.now(UTC))
        said = refused(charger, "SendLocalList", full(1, entry("A")))
        assert said == {"updateType": ["its policy would change the list again; set it to off before"]}
