"""What a charging station of OCPP 2.0.1 is told of an id token."""

from datetime import timedelta

import pytest
from ocpp.messages import CallResult, validate_payload

from chargers.handling import Call
from csms.core.backend.answers import TokenVerdict
from tests.transactions.cast import NOON, Wireless201, token
from transactions.authorization import Authorization
from transactions.authorizing.verdicts import id_token_info, verdict_info

ALICE = {"idToken": "alice", "type": "Central"}


@pytest.mark.django_db
def test_a_token_is_judged_as_it_is_known_or_as_was_said_outside():
    token(parent="FLEET", max_active=0)
    call = Call(Wireless201().holder, "Authorize", {}, NOON)
    group = {"idToken": "FLEET", "type": "Central"}
    assert verdict_info(call, ALICE) == {"status": "Accepted", "groupIdToken": group}
    assert verdict_info(call, ALICE, starting=True)["status"] == "ConcurrentTx"
    assert verdict_info(call, {"idToken": "BOB", "type": "Central"}) == {"status": "Invalid"}
    call.verdict = TokenVerdict("NotAtThisTime")
    assert verdict_info(call, ALICE) == {"status": "NotAtThisTime"}


async def test_what_is_told_is_valid_and_nobody_gets_another_group():
    verdict = Authorization("Accepted", "G" * 36, NOON + timedelta(days=1))
    info = id_token_info(verdict)
    await validate_payload(CallResult("x", {"idTokenInfo": info}, "Authorize"), "2.0.1")
    assert info["cacheExpiryDateTime"].startswith("2026-11-21T12:00:00")
    assert "groupIdToken" not in id_token_info(Authorization("Accepted", "G" * 37))
