"""Every order of OCPP 1.6 can say what an exact payload means; what it says is what is sent, or nothing is."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargers.catalogue import COMMANDS
from chargers.certificates.pem import read_certificates, text_of
from chargers.commands.exact import actions, entries_of, send_exact
from chargers.commands.ledger import claim_next
from chargers.commands.ordering import EXACT, BadParam, CommandRefused
from chargers.commands.sending import catalogue, orders
from chargers.models import ChargePoint, Command
from chargers.protocol.redaction import MASK
from chargers.protocol.versions import Version
from tests.api.cast import charge_point, online
from tests.exact.payloads import INT32_MAX, payloads
from tests.support.house import ALICE, now

V16 = Version.V16
ACTIONS = actions(V16)


def test_there_are_26_actions_and_each_has_an_entry():
    assert len(ACTIONS) == 26
    assert [action for action in ACTIONS if not entries_of(V16, action)] == []
    assert len(COMMANDS) <= len(orders()[V16]) == 27
    assert set(orders()[V16]) <= set(catalogue())


@pytest.mark.parametrize("slug", sorted(orders()[V16]))
def test_every_order_has_its_words(slug: str):
    order = orders()[V16][slug]
    assert order.said is not None
    # A place is a dotted path; what it has for indexes is also in our name for it.
    for ours, theirs in order.places.items():
        assert ours.count("*") == theirs.count("*"), (ours, theirs)


@pytest.mark.parametrize(
    ("key", "slug"),
    [
        ("AuthorizationKey", "set-authorization-key"),
        ("AUTHORIZATIONKEY", "set-authorization-key"),
        ("MyAuthorizationKeyHint", "change-configuration"),
        ("HeartbeatInterval", "change-configuration"),
    ],
)
def test_of_two_entries_with_one_action_only_one_feels_meant(key: str, slug: str):
    payload, meant = {"key": key, "value": "ab" * 16}, []
    for name in entries_of(V16, "ChangeConfiguration"):
        try:
            orders()[V16][name].said(payload)  # type: ignore[misc]
        except BadParam:
            continue
        meant.append(name)
    assert meant == [slug]


# --- whatever is valid ------------------------------------------------------------------------------------------------


@pytest.fixture
def cp16() -> ChargePoint:
    """A charge point that is online, held by a process of which nobody hears."""
    return online(charge_point("CP16", password_hash="x"))


@pytest.mark.django_db
@pytest.mark.parametrize("action", ACTIONS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_is_valid_is_sent_as_it_is_or_refused_by_field(cp16: ChargePoint, action: str, data: Any):
    payload = data.draw(payloads(action))
    with transaction.atomic():
        ordered = order(cp16, action, payload)
        if isinstance(ordered, CommandRefused):
            assert ordered.code == "invalid", ordered
            assert ordered.errors, ordered
            for field in ordered.errors:
                assert field == "__all__" or field.split(".")[0] in payload, (field, payload)
        else:
            assert ordered.type != EXACT.slug
            assert cp16.connection_id is not None
            claimed = claim_next(cp16.pk, connection_id=cp16.connection_id, version=V16, now=now())
            assert claimed is not None
            assert (claimed.action, json.dumps(claimed.payload)) == (action, json.dumps(payload))
            params = ordered.params
            if MASK not in params.values() and int(params.get("transaction_id", 0)) <= INT32_MAX:
                # What is kept of it would be the same message.
                assert plain(orders()[V16][ordered.type].payload(params)) == plain(payload)
        transaction.set_rollback(True)


def order(charger: ChargePoint, action: str, payload: dict[str, Any]) -> Command | CommandRefused:
    try:
        return send_exact(charger, action, payload, author=ALICE, now=now())
    except CommandRefused as refusal:
        return refusal


def plain(value: Any) -> Any:
    """A value without what makes no difference to what it means."""
    match value:
        case dict():
            parts = {name: plain(part) for name, part in value.items()}
            return {name: part for name, part in parts.items() if part != [] and part != ""}
        case list():
            return [plain(part) for part in value]
        case str() if "BEGIN CERTIFICATE" in value:
            return text_of(*read_certificates(value))
        case str():
            value = value.strip()
            try:
                return datetime.fromisoformat(value).replace(microsecond=0).timestamp()
            except ValueError:
                return value
        case bool() | None:
            return value
    return float(value)
