"""What a charging station of OCPP 2.0.1 is told of an id token."""

from datetime import timedelta
from typing import Any

import pytest
from ocpp.messages import CallResult, validate_payload

from chargers.configuration.models import ConfigurationKey, DesiredValue
from chargers.handling import Call
from chargers.models import Command
from chargers.topology.models import Evse
from chargers.topology.services import meet
from csms.core.backend.answers import TokenVerdict
from csms.core.id_tokens import canonical_token, named_token
from csms.core.ids import uuid7_floor
from tests.support.house import settings_are
from tests.transactions.cast import NOON, Wireless201, token
from transactions.authorization import Authorization, find_id_token, find_registered
from transactions.authorizing.verdicts import id_token_info, verdict_info
from transactions.models import IdToken, Transaction, UnknownToken
from transactions.tokens import add_id_token, note_unknown_token

ALICE = {"idToken": "alice", "type": "Central"}


@pytest.fixture
def cs201(db: None) -> Wireless201:
    return Wireless201()


def told(station: Wireless201, text: str = "ALICE", type: str = "ISO14443", **options: Any) -> dict[str, Any]:
    """The idTokenInfo at noon."""
    call = Call(station.holder, "Authorize", {}, NOON, options.pop("said", None))
    return verdict_info(call, {"idToken": text, "type": type}, **options)


def test_a_token_is_judged_as_it_is_known_or_as_was_said_outside(cs201):
    token(parent="FLEET", max_active=0)
    call = Call(cs201.holder, "Authorize", {}, NOON)
    group = {"idToken": "FLEET", "type": "Central"}
    assert verdict_info(call, ALICE) == {"status": "Accepted", "groupIdToken": group}
    assert verdict_info(call, ALICE, starting=True)["status"] == "ConcurrentTx"
    assert verdict_info(call, {"idToken": "BOB", "type": "Central"}) == {"status": "Unknown"}
    call.verdict = TokenVerdict("NotAtThisTime")
    assert verdict_info(call, ALICE) == {"status": "NotAtThisTime"}


async def test_what_is_told_is_valid_and_nobody_gets_another_group():
    verdict = Authorization(
        "Accepted", "G" * 36, NOON + timedelta(days=1), (1, 3), "de", "Willkommen", NOON + timedelta(hours=2)
    )
    info = id_token_info(verdict)
    await validate_payload(CallResult("x", {"idTokenInfo": info}, "Authorize"), "2.0.1")
    assert info["cacheExpiryDateTime"].startswith("2026-11-20T14:00:00")
    assert (info["evseId"], info["language1"]) == ([1, 3], "de")
    assert info["personalMessage"] == {"format": "UTF8", "content": "Willkommen", "language": "de"}
    assert "groupIdToken" not in id_token_info(Authorization("Accepted", "G" * 37))
    assert id_token_info(Authorization("Accepted", expires_at=NOON))["cacheExpiryDateTime"].startswith(
        "2026-11-20T12"
    )
    assert "evseId" not in id_token_info(Authorization("Blocked", evses=(1,)))


def test_a_token_of_a_type_is_found_by_that_type_and_before_one_of_any(cs201):
    token("DEADBEEF", blocked=True)
    assert told(cs201, "de:ad:be:ef")["status"] == "Blocked"
    token("DEADBEEF", type="ISO14443")
    assert told(cs201, "de-ad-be-ef")["status"] == "Accepted"
    assert told(cs201, "DEADBEEF", "ISO15693")["status"] == "Blocked"
    assert told(cs201, "DE-AD-BE-EF", "Central")["status"] == "Blocked", "of any type, in whatever form"
    token("ONLY", type="Central")
    assert told(cs201, "ONLY", "ISO14443")["status"] == "Unknown"
    # 1.6 tells no type: of any goes before a card, a card before the rest.
    found = find_id_token("DEADBEEF")
    assert (found and found.type) == ""
    token("CARD", type="MacAddress")
    card = token("CARD", type="ISO14443")
    assert find_id_token("card") == card
    contract = token("DE-8AA-123456789", type="eMAID")
    assert find_id_token("de8aa123456789", "eMAID") == contract


def test_an_empty_token_and_one_of_nobody(cs201):
    assert told(cs201, "", "ISO14443") == {"status": "Invalid"}
    assert told(cs201, "", "NoAuthorization") == {"status": "Accepted"}
    assert told(cs201, "", "NoAuthorization", said=TokenVerdict("Blocked")) == {"status": "Accepted"}
    with settings_are(CSMS_UNKNOWN_ID_TAGS="accept"):
        assert told(cs201, "NOBODY") == {"status": "Accepted"}
        assert told(cs201, " ") == {"status": "Invalid"}


def test_a_central_token_is_welcome_where_we_have_given_it(cs201):
    assert told(cs201, "ours-1", "Central")["status"] == "Unknown"
    started_remotely(cs201, "accepted")
    assert told(cs201, "ours-1", "Central")["status"] == "Accepted"
    assert told(cs201, "ours-1", "ISO14443")["status"] == "Unknown"
    assert told(cs201, "ours-2", "Central")["status"] == "Unknown"
    for values in ({"status": "rejected"}, {"hours": 25}, {"token_type": "ISO14443"}, {"elsewhere": True}):
        started_remotely(cs201, **values)
        assert told(cs201, "ours-1", "Central")["status"] == "Unknown", values


def started_remotely(
    station: Wireless201,
    status: str = "accepted",
    hours: float = 0,
    token_type: str = "Central",
    elsewhere: bool = False,
) -> None:
    """The only remote start there is."""
    Command.objects.all().delete()
    at = NOON - timedelta(hours=hours, seconds=1)
    Command.objects.create(
        pk=uuid7_floor(at),
        charge_point=Wireless201("ELSEWHERE").row if elsewhere else station.row,
        type="remote-start",
        status=status,
        params={"id_token": "OURS-1", "token_type": token_type},
        by="alice",
        created_at=at,
        expires_at=at + timedelta(hours=1),
    )


def test_where_a_token_may_be_used(cs201):
    token(evses=["CS201/2", "CS201/9", "CP16"])
    assert told(cs201)["evseId"] == [2, 9], "nothing is known of its EVSEs: what was said stands"
    meet(cs201.row.pk, 1, 0, known_from="implied")
    assert told(cs201)["evseId"] == [2, 9], "one that was met is perhaps not the only one"
    Evse.objects.all().delete()
    for evse in (1, 2, 3):
        meet(cs201.row.pk, evse, 0, known_from="report")
    assert told(cs201) == {"status": "Accepted", "evseId": [2]}
    assert told(cs201, starting=True, evse=2) == {"status": "Accepted", "evseId": [2]}
    assert told(cs201, starting=True, evse=1) == {"status": "NotAtThisLocation"}
    IdToken.objects.update(evses=["CP16"])
    assert told(cs201) == {"status": "NotAtThisLocation"}
    IdToken.objects.update(evses=[1, 2, 3])
    assert told(cs201) == {"status": "Accepted"}, "all of them: no list"


def test_how_long_a_verdict_may_be_cached(cs201):
    token(expires_at=NOON + timedelta(hours=5))
    token("BOB")
    assert "cacheExpiryDateTime" not in told(cs201, "BOB")
    with settings_are(CSMS_TOKEN_CACHE_HOURS="2"):
        assert told(cs201, "BOB")["cacheExpiryDateTime"].startswith("2026-11-20T14:00")
        assert told(cs201)["cacheExpiryDateTime"].startswith("2026-11-20T14:00")
        assert told(cs201, "NOBODY")["cacheExpiryDateTime"].startswith("2026-11-20T14:00")
    with settings_are(CSMS_TOKEN_CACHE_HOURS="8"):
        assert told(cs201)["cacheExpiryDateTime"].startswith("2026-11-20T17:00"), (
            "no longer than the token itself"
        )


def test_whether_a_text_can_be_shown_is_asked_once_and_only_where_there_is_one(
    cs201: Wireless201, django_assert_num_queries: Any
) -> None:
    token(blocked=True)
    token("MEMBER", personal_message="Welcome")
    with django_assert_num_queries(1):  # its token
        told(cs201)
    with django_assert_num_queries(2):
        assert told(cs201, "MEMBER") == {"status": "Accepted"}


def test_a_driver_is_shown_a_text_only_by_who_can_show_it(cs201):
    token(language="de", personal_message="Willkommen")
    assert told(cs201) == {"status": "Accepted", "language1": "de"}

    def reports(name: str, value: str | None) -> None:
        ConfigurationKey.objects.update_or_create(
            charge_point=cs201.row,
            folded=name.casefold(),
            defaults={"name": name, "value": value, "known": True},
        )

    reports("TariffCostCtrlr/Available", "false")
    assert "personalMessage" not in told(cs201)
    reports("DisplayMessageCtrlr/DisplayMessages", None)
    assert told(cs201)["personalMessage"]["content"] == "Willkommen"
    ConfigurationKey.objects.update(known=False)
    assert "personalMessage" not in told(cs201)


def test_the_limit_at_a_time_does_not_count_what_goes_on(cs201):
    alice = token(max_active=1, type="ISO14443")
    running = Transaction.objects.create(
        charge_point=cs201.row,
        transaction_id="T1",
        started_at=NOON,
        id_token="alice",
        token_key=alice.canonical,
        token_type="ISO14443",
        authorization="Accepted",
    )
    assert told(cs201)["status"] == "Accepted", "how many run says nothing before a start"
    assert told(cs201, starting=True)["status"] == "ConcurrentTx"
    assert told(cs201, starting=True, said=TokenVerdict("Accepted"))["status"] == "ConcurrentTx"
    assert told(cs201, starting=True, continuing=running)["status"] == "Accepted"
    Transaction.objects.update(token_type="Central")
    assert told(cs201, starting=True)["status"] == "Accepted", "another's, who has the same text"
    Transaction.objects.update(token_type="")
    assert told(cs201, starting=True)["status"] == "ConcurrentTx"


def test_a_master_pass_stops_and_does_not_start(cs201):
    token("MASTER", parent="masters")
    assert told(cs201, "MASTER", starting=True)["status"] == "Accepted"
    ConfigurationKey.objects.create(
        charge_point=cs201.row,
        name="AuthCtrlr/MasterPassGroupId",
        folded="authctrlr/masterpassgroupid",
        value="MASTERS",
    )
    stops = told(cs201, "MASTER")
    assert stops == {"status": "Accepted", "groupIdToken": {"idToken": "masters", "type": "Central"}}
    assert told(cs201, "MASTER", starting=True)["status"] == "Blocked"
    token("OTHER", parent="FLEET")
    assert told(cs201, "OTHER", starting=True)["status"] == "Accepted"
    said = TokenVerdict("Accepted", "Masters")
    assert told(cs201, "X", said=said)["status"] == "Accepted"
    assert told(cs201, "X", said=said, starting=True)["status"] == "Blocked", "whoever says so"
    ConfigurationKey.objects.update(value="other")
    assert told(cs201, "MASTER", starting=True)["status"] == "Accepted"
    DesiredValue.objects.create(
        charge_point=cs201.row,
        name="AuthCtrlr/MasterPassGroupId",
        folded="authctrlr/masterpassgroupid",
        value="masters",
        by="alice",
        at=NOON,
    )
    assert told(cs201, "MASTER", starting=True)["status"] == "Blocked", "as it is desired"


def test_a_key_code_is_known_by_its_digest_alone(cs201, caplog):
    code = add_id_token("48151", type="keycode", label="Bob's", now=NOON)
    assert (
        code.id_token
        == code.canonical
        == named_token("48151", "KeyCode")
        == named_token(code.id_token, "KeyCode")
    )
    assert "48151" not in str(code.__dict__)
    assert told(cs201, "48151", "KeyCode")["status"] == "Accepted"
    assert told(cs201, "48152", "KeyCode")["status"] == "Unknown"
    assert told(cs201, code.id_token, "KeyCode")["status"] == "Unknown", "its name is no code"
    for kind in ("ISO14443", "Central", "Local"):
        assert told(cs201, code.id_token, kind)["status"] == "Unknown"
        assert told(cs201, "48151", kind)["status"] == "Unknown"
    assert find_id_token(code.id_token) is None, "1.6 says no key codes"
    assert find_registered(code.id_token) == find_registered(code.id_token, "KeyCode") == code
    assert find_registered("48151", "KeyCode") is None
    token("48152")
    assert told(cs201, "48152", "KeyCode")["status"] == "Unknown", "a card's number is no code"
    note_unknown_token("99999", type="KeyCode", charge_point_id=cs201.row.pk, now=NOON)
    assert not UnknownToken.objects.exists()
    with settings_are(CSMS_UNKNOWN_ID_TAGS="accept"):
        assert told(cs201, "77777", "KeyCode")["status"] == "Accepted"
    assert "48151" not in caplog.text


def test_a_digest_depends_on_the_key_of_the_installation(settings):
    before = canonical_token("48151", "KeyCode")
    settings.SECRET_KEY = "another"
    assert canonical_token("48151", "KeyCode") != before
