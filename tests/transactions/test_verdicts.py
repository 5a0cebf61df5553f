"""Whether a token may charge, and what becomes of the transactions of those that may not."""

from datetime import timedelta

import pytest

from csms.core.backend.answers import TokenVerdict
from tests.transactions.cast import NOON, Wireless, at, token
from transactions.authorization import authorize
from transactions.ocpp16 import PARENTS_LEFT_OUT

pytestmark = pytest.mark.django_db


def verdict(cp16: Wireless, tag: str) -> dict:
    return cp16.say("Authorize", {"idTag": tag})["idTagInfo"]


def test_verdicts_on_tokens(cp16):
    token("BLOCKED", blocked=True)
    token("EXPIRED", expires_at=NOON)
    token("GROUP", parent="FAMILY", expires_at=NOON + timedelta(days=1))
    assert verdict(cp16, "alice") == {"status": "Accepted"}
    assert verdict(cp16, "BLOCKED") == {"status": "Blocked"}
    assert verdict(cp16, "EXPIRED") == {"status": "Expired", "expiryDate": "2026-11-20T12:00:00.000Z"}
    assert verdict(cp16, "NOBODY") == {"status": "Invalid"}
    assert verdict(cp16, "INVALIDLY-NAMED") == {"status": "Invalid"}
    group = {"status": "Accepted", "parentIdTag": "FAMILY", "expiryDate": "2026-11-21T12:00:00.000Z"}
    assert verdict(cp16, "GROUP") == group
    assert cp16.start(idTag="GROUP")["idTagInfo"] == group


def test_a_group_whose_name_is_too_long_for_16_is_left_out_and_not_cut(cp16, caplog):
    token("LONG", parent="P" * 20)
    token("LONGER", parent="P" * 21)
    before = PARENTS_LEFT_OUT._value.get()
    assert verdict(cp16, "LONG") == {"status": "Accepted", "parentIdTag": "P" * 20}
    assert verdict(cp16, "LONGER") == {"status": "Accepted"}
    assert PARENTS_LEFT_OUT._value.get() == before + 1
    assert [record.message for record in caplog.records] == ["authorization.parent_too_long"]


def test_a_consent_of_the_backend_that_is_over_is_none(cp16):
    for ends, status in ((NOON, "Expired"), (NOON + timedelta(seconds=1), "Accepted"), (None, "Accepted")):
        said = TokenVerdict("Accepted", expires_at=ends)
        assert authorize("ALICE", now=NOON, said=said).status == status
    said = TokenVerdict("Blocked", expires_at=NOON)
    assert authorize("ALICE", now=NOON, said=said).status == "Blocked"


@pytest.mark.parametrize("tag", ["BLOCKED", "NOBODY", "", "Ж" * 20])
def test_s16_02_a_refused_token_gets_a_transaction_all_the_same(cp16, tag):
    token("BLOCKED", blocked=True)
    answer = cp16.start(idTag=tag)
    assert answer["idTagInfo"]["status"] != "Accepted"
    assert cp16.stop(answer["transactionId"], reason="DeAuthorized") == {}
    assert (cp16.only.status, cp16.only.stop_reason) == ("ended", "DeAuthorized")


def test_unknown_tokens_are_welcome_when_the_settings_say_so(cp16):
    from tests.support.house import settings_are

    with settings_are(CSMS_UNKNOWN_ID_TAGS="accept"):
        assert verdict(cp16, "NOBODY") == {"status": "Accepted"}
        assert verdict(cp16, " ") == {"status": "Invalid"}


def test_concurrent_tx_counts_the_transactions_that_were_allowed(cp16):
    token("ONE", max_active=1)
    first = cp16.start(idTag="ONE")
    assert first["idTagInfo"]["status"] == "Accepted"
    refused = cp16.start(idTag="one", connectorId=2)
    assert refused["idTagInfo"]["status"] == "ConcurrentTx"
    assert verdict(cp16, "ONE") == {"status": "Accepted"}  # only meaningful at a start (S16-03)
    cp16.stop(first["transactionId"])
    # The refused one may never be ended by its charge point; it must not lock its driver out.
    assert cp16.start(idTag="ONE", time=at(40), received=40)["idTagInfo"]["status"] == "Accepted"


def test_a_transaction_whose_end_was_lost_does_not_lock_its_driver_out(cp16):
    token("ONE", max_active=1)
    token("BOB")
    lost = cp16.start(idTag="ONE")["transactionId"]
    assert cp16.start(time=at(50), received=50, idTag="BOB")["idTagInfo"] == {"status": "Accepted"}
    answer = cp16.start(time=at(60), received=60, idTag="ONE", connectorId=2)
    assert answer["idTagInfo"] == {"status": "Accepted"}
    assert cp16.transactions[0].status == "active", "its end may still come"
    cp16.stop(lost, received=70)
    assert (cp16.transactions[0].status, cp16.transactions[0].energy_wh) == ("ended", 4000)


def test_the_verdict_on_the_stopping_token_only_informs(cp16):
    token("BLOCKED", blocked=True)
    number = cp16.start()["transactionId"]
    assert cp16.stop(number, idTag="BLOCKED") == {"idTagInfo": {"status": "Blocked"}}
    assert cp16.only.status == "ended"
    assert cp16.only.stop_id_token == "BLOCKED"
