"""Authorize, and the tokens behind it; the cache of stations: 2.0.1, block C. Contracts are in `test_contracts`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargers.configuration.models import ConfigurationKey
from chargers.handling import Call
from chargers.models import Command, Frame
from csms.core.events.models import Event
from csms.core.ids import uuid7, uuid7_floor
from tests.conformance.v201.cast import CS201, Session, at, cs201, token
from tests.support.house import House, settings_are
from tests.transactions.cast import NOON, Wireless201
from transactions.authorizing.verdicts import verdict_info
from transactions.models import IdToken, Transaction, UnknownToken
from transactions.tokens import add_id_token

UNKNOWN = ("Invalid", "Unknown")


def now() -> datetime:
    return datetime.now(UTC)


def card(text: str) -> dict[str, str]:
    return {"idToken": text, "type": "ISO14443"}


@pytest.fixture
def station(db: None) -> Wireless201:
    """A station without a wire, at noon; for rules of which the wire knows nothing."""
    return Wireless201(f"CS-{uuid7()}")


def asked(station: Wireless201, text: str, type: str = "ISO14443", **more: Any) -> dict[str, Any]:
    """The idTokenInfo that an Authorize is answered with."""
    answer = station.say("Authorize", {"idToken": {"idToken": text, "type": type} | more})
    info: dict[str, Any] = answer["idTokenInfo"]
    return info


# --- Authorize --------------------------------------------------------------------------------------------------------


async def test_msg_authorize_has_no_side_effect(house: House):
    until = now() + timedelta(days=1)
    token("ALICE", parent="FAMILY", expires_at=until, max_active=1, language="de", evses=[2, 3])
    async with cs201(house) as charger:
        before = Event.objects.count(), Transaction.objects.count(), IdToken.objects.count()
        info = (await charger.authorize("alice"))["idTokenInfo"]
        assert info.pop("cacheExpiryDateTime").endswith("Z")
        group = {"idToken": "FAMILY", "type": "Central"}
        assert info == {"status": "Accepted", "groupIdToken": group, "evseId": [2, 3], "language1": "de"}
        await charger.authorize("NOBODY")
        assert (Event.objects.count(), Transaction.objects.count(), IdToken.objects.count()) == before
        assert not UnknownToken.objects.filter(charge_point=charger.row).exists()


@pytest.mark.parametrize(
    "type", ["ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "Central", "eMAID"]
)
@pytest.mark.django_db
def test_tc_c_02_nobody_knows_the_token(station: Wireless201, type: str):
    for text in ("NOBODY", "04AABBCCDD", ""):
        assert asked(station, text, type)["status"] in UNKNOWN
    assert not UnknownToken.objects.exists()


async def test_tc_c_02_a_station_hears_that_a_token_is_not_known(house: House):
    async with cs201(house) as charger:
        assert await charger.authorize("NOBODY") == {"idTokenInfo": {"status": "Unknown"}}


async def test_tc_c_06_a_blocked_token(house: House):
    token("BLOCKED", blocked=True)
    async with cs201(house) as charger:
        assert (await charger.authorize("BLOCKED"))["idTokenInfo"]["status"] == "Blocked"


async def test_tc_c_07_an_expired_token(house: House):
    token("EXPIRED", expires_at=now() - timedelta(seconds=1))
    async with cs201(house) as charger:
        info = (await charger.authorize("EXPIRED"))["idTokenInfo"]
        assert (info["status"], info["cacheExpiryDateTime"][-1]) == ("Expired", "Z")


async def test_tc_c_08_a_token_of_the_cache_is_checked(house: House):
    token("CACHED")
    async with cs201(house) as charger:
        answer = await charger.event(Session().started("Authorized", idToken=card("CACHED")))
        assert answer["idTokenInfo"]["status"] == "Accepted"


async def test_tc_c_20_a_token_of_the_cache_is_not_valid_any_more(house: House):
    async with cs201(house) as charger:
        answer = await charger.event(Session().started("Authorized", idToken=card("GONE")))
        assert answer["idTokenInfo"]["status"] in UNKNOWN
        late = Session().started("Authorized", idToken=card("GONE"), offline=True, time=at(hours=2))
        assert (await charger.event(late))["idTokenInfo"]["status"] in UNKNOWN


# --- the cache --------------------------------------------------------------------------------------------------------


async def test_msg_clear_cache(house: House):
    async with cs201(house) as charger:
        command = charger.order("clear-cache")
        assert await charger.expect("ClearCache") == {}
        await charger.answer(status="Accepted", statusInfo={"reasonCode": "NoError"})
        settled = await charger.settled(command)
        assert (settled.status, settled.answer_status) == ("accepted", "Accepted")


async def test_tc_c_37_a_cache_is_cleared(house: House):
    async with cs201(house) as charger:
        assert (await charger.hears("clear-cache")).status == Command.Status.ACCEPTED


async def test_tc_c_38_a_cache_is_not_cleared(house: House):
    async with cs201(house) as charger:
        settled = await charger.hears(
            "clear-cache", {"status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled"}}
        )
        assert (settled.status, settled.answer_reason) == (Command.Status.REJECTED, "NotEnabled")
        assert (await charger.authorize("NOBODY"))["idTokenInfo"]["status"] == "Unknown", "it goes on"


# --- groups and master passes -----------------------------------------------------------------------------------------


def group_of(answer: dict[str, Any]) -> str:
    assert answer["idTokenInfo"]["status"] == "Accepted"
    group: dict[str, str] = answer["idTokenInfo"]["groupIdToken"]
    assert group["type"] == "Central"
    return group["idToken"]


def family() -> None:
    token("MUM", parent="FAMILY")
    token("DAD", parent="FAMILY")


async def stopped_by(charger: CS201, session: Session, stopper: str, reason: str = "Local") -> Transaction:
    """The session's end, by another card."""
    answer = await charger.event(session.ended("StopAuthorized", reason, idToken=card(stopper)))
    assert group_of(answer) in ("FAMILY", "MASTERS")
    return Transaction.objects.get(charge_point=charger.row, transaction_id=session.transaction_id)


async def test_tc_c_39_a_group_is_told_in_every_answer(house: House):
    family()
    async with cs201(house) as charger:
        assert group_of(await charger.authorize("MUM")) == "FAMILY"
        session = Session()
        assert group_of(await charger.event(session.started("Authorized", idToken=card("MUM")))) == "FAMILY"
        assert group_of(await charger.authorize("DAD")) == "FAMILY"
        row = await stopped_by(charger, session, "DAD")
        assert (row.status, row.id_token, row.stop_id_token) == ("ended", "MUM", "DAD")


async def test_tc_c_40_a_group_is_told_though_only_events_carry_the_tokens(house: House):
    family()
    async with cs201(house) as charger:
        session = Session()
        assert group_of(await charger.event(session.started("Authorized", idToken=card("MUM")))) == "FAMILY"
        assert (await stopped_by(charger, session, "DAD")).status == "ended"


async def test_tc_c_43_our_word_goes_before_a_stale_entry_of_the_list(house: House):
    family()  # of whom the list of the station says Invalid: so it asks
    async with cs201(house) as charger:
        assert group_of(await charger.authorize("DAD")) == "FAMILY"
        session = Session()
        assert group_of(await charger.event(session.started("Authorized", idToken=card("DAD")))) == "FAMILY"


def master(charger: CS201) -> None:
    """A station and a card of its master group."""
    token("MASTER", parent="MASTERS")
    token("ALICE")
    address = "AuthCtrlr/MasterPassGroupId"
    ConfigurationKey.objects.create(
        charge_point=charger.row, name=address, folded=address.casefold(), value="MASTERS"
    )


async def running(charger: CS201, count: int = 2) -> list[Session]:
    sessions = [Session(evse=number) for number in range(1, count + 1)]
    for session in sessions:
        await charger.event(session.started("Authorized", idToken=card("ALICE")))
    return sessions


async def test_tc_c_47_a_master_pass_stops_all_that_runs(house: House):
    async with cs201(house) as charger:
        master(charger)
        sessions = await running(charger)
        assert group_of(await charger.authorize("MASTER")) == "MASTERS"
        for session in sessions:
            row = await stopped_by(charger, session, "MASTER", "MasterPass")
            assert (row.status, row.stop_reason, row.stop_id_token) == ("ended", "MasterPass", "MASTER")


async def test_tc_c_48_a_master_pass_stops_what_was_chosen(house: House):
    async with cs201(house) as charger:
        master(charger)
        stays, goes = await running(charger)
        assert group_of(await charger.authorize("MASTER")) == "MASTERS"
        assert (await stopped_by(charger, goes, "MASTER", "MasterPass")).status == "ended"
        assert Transaction.objects.get(transaction_id=stays.transaction_id).status == "active"


async def test_tc_c_49_a_master_pass_without_a_screen_and_no_start_by_one(house: House):
    async with cs201(house) as charger:
        master(charger)
        for session in await running(charger):
            assert (await stopped_by(charger, session, "MASTER", "MasterPass")).stop_reason == "MasterPass"
        refused = await charger.event(Session().started("Authorized", idToken=card("MASTER")))
        assert refused["idTokenInfo"]["status"] == "Blocked"


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_s2_20_a_token_is_its_text_and_its_type(station: Wireless201):
    token("SAME", type="ISO14443")
    assert asked(station, "same")["status"] == "Accepted"
    more = {"additionalInfo": [{"additionalIdToken": "X", "type": "y"}]}
    assert asked(station, "Same", **more)["status"] == "Accepted", "what stands beside it is not compared"
    assert asked(station, "SAME", "ISO15693")["status"] == "Unknown"
    token("ANY")  # as 1.6 knows it: of no type
    assert {asked(station, "any", type)["status"] for type in ("ISO14443", "Central", "Local")} == {
        "Accepted"
    }


@pytest.mark.django_db
def test_s2_21_each_status_has_its_own_meaning(station: Wireless201):
    token("GOOD")
    token("BLOCKED", blocked=True)
    token("EXPIRED", expires_at=NOON)
    token("ELSEWHERE", evses=["ANOTHER-STATION"])
    said = {
        text: asked(station, text)["status"]
        for text in ("GOOD", "BLOCKED", "EXPIRED", "ELSEWHERE", "NOBODY", "")
    }
    assert said == {
        "GOOD": "Accepted",
        "BLOCKED": "Blocked",
        "EXPIRED": "Expired",
        "ELSEWHERE": "NotAtThisLocation",
        "NOBODY": "Unknown",
        "": "Invalid",
    }


@pytest.mark.django_db
def test_s2_22_where_a_token_may_be_used(station: Wireless201):
    cp_id = station.row.cp_id
    token("SOME", evses=[f"{cp_id}/2", f"{cp_id}/1", "ANOTHER-STATION/7"])
    token("ALL", evses=[cp_id])
    token("NONE", evses=["ANOTHER-STATION/1"])
    assert asked(station, "SOME") == {"status": "Accepted", "evseId": [1, 2]}
    assert asked(station, "ALL") == {"status": "Accepted"}
    assert asked(station, "NONE") == {"status": "NotAtThisLocation"}


@pytest.mark.django_db
def test_s2_23_a_group_is_told_unless_its_name_is_too_long(station: Wireless201):
    token("A", parent="G" * 36)
    token("B", parent="G" * 37, blocked=True)
    assert asked(station, "A")["groupIdToken"] == {"idToken": "G" * 36, "type": "Central"}
    assert asked(station, "B") == {"status": "Blocked"}


@pytest.mark.django_db
def test_s2_24_the_limit_counts_what_runs_elsewhere(station: Wireless201):
    loner = token("LONER", max_active=1)
    tx = Transaction.objects.create(
        charge_point=station.row,
        transaction_id="T1",
        started_at=NOON,
        token_key=loner.canonical,
        authorization="Accepted",
    )
    call = Call(station.holder, "TransactionEvent", {}, NOON)

    def told(**options: Any) -> str:
        status: str = verdict_info(call, card("LONER"), **options)["status"]
        return status

    assert told(starting=True) == "ConcurrentTx"
    assert told(starting=True, continuing=tx) == told() == asked(station, "LONER")["status"] == "Accepted"

    # To stop is not to start: neither what another of the group began, nor a session of which no driver was told.
    IdToken.objects.update(parent="FAMILY")
    token("MATE", parent="FAMILY")
    for starts in ({"idToken": card("MATE")}, {}):
        other = Session(evse=2)
        station.event(other.started("CablePluggedIn", time=NOON.isoformat(), **starts))
        stops = {"idToken": card("LONER"), "time": NOON.isoformat()}
        for event in (
            other.updated("StopAuthorized", **stops),
            other.ended("StopAuthorized", "Local", **stops),
        ):
            info = station.event(event)["idTokenInfo"]
            assert (info["status"], info["groupIdToken"]["idToken"]) == ("Accepted", "FAMILY")
    refused = station.event(
        Session(evse=2).started("Authorized", time=NOON.isoformat(), idToken=card("LONER"))
    )
    assert refused["idTokenInfo"]["status"] == "ConcurrentTx"


@pytest.mark.django_db
def test_s2_25_how_long_a_station_may_cache_a_verdict(station: Wireless201):
    token("ENDS", expires_at=NOON + timedelta(hours=1))
    token("STAYS")
    assert "cacheExpiryDateTime" not in asked(station, "STAYS")
    with settings_are(CSMS_TOKEN_CACHE_HOURS="12"):
        assert asked(station, "ENDS")["cacheExpiryDateTime"] == "2026-11-20T13:00:00.000Z"
        for text in ("STAYS", "NOBODY"):
            assert asked(station, text)["cacheExpiryDateTime"] == "2026-11-21T00:00:00.000Z"


async def test_s2_26_a_key_code_is_in_no_table_and_no_log(house: House, caplog: pytest.LogCaptureFixture):
    add_id_token("481516", type="KeyCode", label="Bob", now=now())
    async with cs201(house) as charger:
        assert (await charger.authorize("481516", "KeyCode"))["idTokenInfo"]["status"] == "Accepted"
        assert (await charger.authorize("481517", "KeyCode"))["idTokenInfo"]["status"] == "Unknown"
        frames = Frame.objects.filter(charge_point=charger.row, action="Authorize")
        assert frames.count() == 4
        rows = [*frames.values_list(), *IdToken.objects.values_list(), *Event.objects.values_list("payload")]
        told = f"{rows}{caplog.text}"
        assert "481516" not in told
        assert "481517" not in told


# --- use cases without a case of their own ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_uc_2_0_1_c02_a_start_button_needs_no_token(station: Wireless201):
    assert asked(station, "", "NoAuthorization") == {"status": "Accepted"}


@pytest.mark.django_db
def test_uc_2_0_1_c03_a_payment_terminal_names_its_customer(station: Wireless201):
    assert asked(station, "PAY-1", "Central")["status"] == "Unknown"
    token("PAY-1", type="Central", max_active=1)
    assert asked(station, "pay-1", "Central")["status"] == "Accepted"


@pytest.mark.django_db
def test_uc_2_0_1_c05_a_token_of_a_remote_start_is_ours(station: Wireless201):
    assert asked(station, "OURS", "Central")["status"] == "Unknown"
    Command.objects.create(
        pk=uuid7_floor(NOON),
        charge_point=station.row,
        type="remote-start",
        status="accepted",
        params={"id_token": "OURS", "token_type": "Central"},
        by="alice",
        created_at=NOON,
        expires_at=NOON,
    )
    assert asked(station, "OURS", "Central")["status"] == "Accepted"
    assert asked(Wireless201(f"CS-{uuid7()}"), "OURS", "Central")["status"] == "Unknown", (
        "at its station only"
    )


@pytest.mark.django_db
def test_uc_2_0_1_c08_a_car_without_a_contract_shows_a_card(station: Wireless201):
    token("04A2B3C4D5E680", type="ISO14443")
    assert asked(station, "04:a2:b3:c4:d5:e6:80")["status"] == "Accepted"


# --- in transactions --------------------------------------------------------------------------------------------------


async def test_s2_22_a_session_at_another_evse_is_refused(house: House):
    async with cs201(house) as charger:
        token("PICKY", evses=[f"{charger.row.cp_id}/2"], max_active=1)
        refused = await charger.event(Session(evse=1).started("Authorized", idToken=card("PICKY")))
        assert refused["idTokenInfo"]["status"] == "NotAtThisLocation"
        session = Session(evse=2)
        welcome = await charger.event(session.started("Authorized", idToken=card("PICKY")))
        assert welcome["idTokenInfo"]["status"] == "Accepted"
        again = await charger.event(session.updated("Authorized", idToken=card("PICKY")))
        assert again["idTokenInfo"]["status"] == "Accepted"


async def test_s2_26_a_transaction_keeps_the_digest_of_its_key_code(house: House):
    known = add_id_token("991188", type="KeyCode", now=now())
    async with cs201(house) as charger:
        code = {"idToken": "991188", "type": "KeyCode"}
        answer = await charger.event(Session().started("Authorized", idToken=code))
        assert answer["idTokenInfo"]["status"] == "Accepted"
        row = Transaction.objects.get(charge_point=charger.row)
        assert (row.id_token, row.token_key) == (known.id_token, known.canonical)
        assert "991188" not in str(
            [*Transaction.objects.values_list(), *Event.objects.values_list("payload")]
        )
