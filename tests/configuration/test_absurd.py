"""Charge points that say absurd things of themselves are served all the same."""

from datetime import timedelta
from typing import Any

import pytest

from chargers.commands.ledger import claim_next, expire_commands, settle_answer, settle_failure
from chargers.commands.ordering import SYSTEM
from chargers.commands.sending import send_command
from chargers.configuration import following
from chargers.configuration.models import ConfigurationKey, ConfigurationReading
from chargers.configuration.restoring import apply_desired
from chargers.configuration.selectors import reported_number
from chargers.configuration.services import desire_of_charge_point
from chargers.following import Booted
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from tests.api.cast import NOON, charge_point, online

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point())


def answered(charger: ChargePoint, command: Command, answer: dict[str, Any]) -> Command:
    assert charger.connection_id is not None
    claim_next(charger.pk, connection_id=charger.connection_id, version=Version.V16, now=NOON)
    settle_answer(command.pk, answer, version=Version.V16, now=NOON)
    command.refresh_from_db()
    return command


def order(charger: ChargePoint, type: str, **params: Any) -> Command:
    return send_command(charger, type, params, author=SYSTEM, now=NOON)


def says(charger: ChargePoint, key: str, value: str) -> None:
    ConfigurationKey.objects.update_or_create(
        charge_point=charger, folded=key.casefold(), defaults={"name": key, "value": value}
    )


def test_one_that_lists_one_key_at_once_is_asked_for_hundreds(cp16: ChargePoint) -> None:
    ConfigurationReading.objects.create(charge_point=cp16, keys_at_once=1)
    first = order(cp16, "get-configuration", keys=[f"Key{n}" for n in range(400)])
    asked = [command.params["keys"] for command in Command.objects.order_by("pk")]
    assert asked == [[f"Key{n}"] for n in range(400)]
    assert first.params == {"keys": ["Key0"], "batch": str(first.pk)}


@pytest.mark.parametrize("key", ["GetConfigurationMaxKeys", "NumberOfConnectors"])
def test_a_number_of_thousands_of_digits_is_none(cp16: ChargePoint, key: str) -> None:
    command = order(cp16, "get-configuration")
    listed = [{"key": key, "value": "9" * 5000, "readonly": True}]
    assert answered(cp16, command, {"configurationKey": listed}).status == "accepted"


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), (' "20" ', 20), ("0", 0), ("", None), ("-1", None), ("²", None), ("9" * 5000, None)],
)
def test_numbers_that_were_reported_are_read_or_left(
    cp16: ChargePoint, text: str, number: int | None
) -> None:
    says(cp16, "ConnectionTimeOut", text)
    assert reported_number(cp16.pk, "connectiontimeout") == number


def test_what_is_desired_reaches_one_that_answers_slowly(cp16: ChargePoint) -> None:
    """Each change waits for the answers to those before it."""
    desire_of_charge_point(cp16, {f"Key{n}": "1" for n in range(60)}, by="alice", now=NOON)
    assert apply_desired(cp16, now=NOON) == 60
    expire_commands(now=NOON + timedelta(minutes=5))
    assert not Command.objects.exclude(status="queued").exists()


def booted_and_asked(charger: ChargePoint) -> Command:
    following.follow_boot(Booted(charger.pk, charger.cp_id, "accepted", {}, NOON))
    assert following.read_due(now=NOON + timedelta(hours=1)) == 1
    return Command.objects.get(type="get-configuration")


@pytest.mark.parametrize(
    ("code", "again"), [("ConnectionLost", 1), ("NotImplemented", 0), ("InternalError", 0)]
)
def test_a_reading_that_was_cut_off_is_made_again(cp16: ChargePoint, code: str, again: int) -> None:
    command = booted_and_asked(cp16)
    settle_failure(command.pk, code=code, description="", now=NOON + timedelta(hours=1))
    assert following.read_due(now=NOON + timedelta(hours=1, minutes=5)) == 0
    assert following.read_due(now=NOON + timedelta(hours=2)) == again


def test_a_reading_that_was_never_sent_is_made_again(cp16: ChargePoint) -> None:
    booted_and_asked(cp16)
    later = NOON + timedelta(days=1)
    assert expire_commands(now=later) == 1
    assert following.read_due(now=later + timedelta(hours=1)) == 1
