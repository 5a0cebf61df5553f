"""By which rule a token was accepted or refused: with each verdict, and kept with the transaction that it began."""

from datetime import timedelta

import pytest

from chargers.configuration.models import ConfigurationKey
from csms.core.backend.answers import TokenVerdict
from tests.conformance.v201.cast import Session
from tests.support.house import settings_are
from tests.transactions.cast import NOON, Wireless, Wireless201, token
from transactions.authorization import Where, authorize
from transactions.verdict_rules import Rule

pytestmark = pytest.mark.django_db
AT = {"type": "ISO14443"}


def test_each_of_our_own_rules_says_that_it_decided(cp16: Wireless) -> None:
    token("GOOD")
    token("BLOCKED", blocked=True)
    token("EXPIRED", expires_at=NOON)
    token("ELSEWHERE", evses=["CP-9"])
    token("ONE", max_active=1)
    cp16.start(idTag="ONE")
    where = Where(cp16.row.pk, cp16.row.cp_id)
    for name, rule in {
        "GOOD": Rule.REGISTERED,
        "BLOCKED": Rule.BLOCKED,
        "EXPIRED": Rule.EXPIRED,
        "ELSEWHERE": Rule.PLACE,
        "ONE": Rule.BUSY,
        "NOBODY": Rule.UNREGISTERED,
        " ": Rule.EMPTY,
    }.items():
        verdict = authorize(name, now=NOON, starting=True, where=where)
        assert verdict.rule == rule, name
        assert verdict.accepted == (rule == Rule.REGISTERED)
    assert authorize("", now=NOON, type="NoAuthorization").rule == Rule.NOBODY
    with settings_are(CSMS_UNKNOWN_ID_TAGS="accept"):
        assert authorize("NOBODY", now=NOON).rule == Rule.EVERYBODY


def test_who_decided_outside_is_told_and_what_goes_before_it(cp16: Wireless) -> None:
    token("BLOCKED", blocked=True)
    token("ONE", max_active=1)
    cp16.start(idTag="ONE")

    def rule(name: str, said: TokenVerdict) -> str:
        return authorize(name, now=NOON, starting=True, said=said).rule

    assert rule("X", TokenVerdict("Accepted")) == Rule.BACKEND
    assert rule("BLOCKED", TokenVerdict("Accepted")) == Rule.BACKEND, "what it says counts"
    assert rule("X", TokenVerdict("Blocked", source="cache")) == Rule.BACKEND_BEFORE
    assert rule("X", TokenVerdict("Invalid", source="reject")) == Rule.FALLBACK_REFUSES
    assert rule("X", TokenVerdict("Accepted", source="accept")) == Rule.FALLBACK_ACCEPTS
    assert rule("BLOCKED", TokenVerdict("Accepted", source="accept")) == Rule.BLOCKED
    assert rule("X", TokenVerdict("Accepted", expires_at=NOON)) == Rule.BACKEND_EXPIRED
    assert rule("ONE", TokenVerdict("Accepted")) == Rule.BUSY


def test_a_master_pass_starts_none_and_says_why(cp16: Wireless) -> None:
    cs201 = Wireless201()
    name = "AuthCtrlr/MasterPassGroupId"
    ConfigurationKey.objects.create(
        charge_point=cs201.row,
        name=name,
        folded=name.casefold(),
        value="MASTERS",
        known=True,
        reported_at=NOON,
    )
    token("KEY", parent="Masters")
    where = Where(cs201.row.pk, cs201.row.cp_id)
    verdict = authorize("KEY", now=NOON, starting=True, where=where, **AT)
    assert (verdict.status, verdict.rule) == ("Blocked", Rule.MASTER_GROUP)
    said = TokenVerdict("Accepted", parent="masters")
    assert authorize("KEY", now=NOON, starting=True, where=where, said=said, **AT).rule == Rule.MASTER_GROUP


def test_a_transaction_keeps_the_rule_of_its_start_in_either_version(cp16: Wireless) -> None:
    token("LATE", expires_at=NOON + timedelta(minutes=5))
    cp16.start(idTag="LATE")
    assert (cp16.only.authorization, cp16.only.authorization_rule) == ("Accepted", "registered")
    cs201 = Wireless201()
    session = Session("TX1")
    cs201.event(session.started(idToken={"idToken": "NOBODY", **AT}))
    assert (cs201.only.authorization, cs201.only.authorization_rule) == ("Unknown", "unregistered")
