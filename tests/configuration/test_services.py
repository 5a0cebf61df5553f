"""What is kept of configurations, whatever charge points answer."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from chargers.commands.ordering import SYSTEM
from chargers.commands.sending import send_command
from chargers.configuration import following, services
from chargers.configuration.models import (
    BootReport,
    ConfigurationChange,
    ConfigurationKey,
    ConfigurationReading,
)
from chargers.configuration.ocpp16 import ORDERS
from chargers.configuration.selectors import clean, configuration, same
from chargers.following import Booted
from chargers.models import ChargePoint, Command
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.core.ids import uuid7_floor
from csms.pruning import prune
from tests.api.cast import NOON, charge_point, online

pytestmark = pytest.mark.django_db


def item(key: str, value: str | None = "1", readonly: bool = False) -> dict[str, Any]:
    return {"key": key, "readonly": readonly} | ({} if value is None else {"value": value})


def reported(charger: ChargePoint, *items: dict[str, Any], unknown: list[str] | None = None) -> None:
    facts: Any = ORDERS["get-configuration"].read(
        {"configurationKey": list(items), "unknownKey": unknown or []}
    )
    services.record_configuration(charger, facts, whole=True, command_id=uuid4(), now=NOON)


def test_a_key_that_is_listed_twice_is_one_key() -> None:
    cp16 = charge_point()
    reported(cp16, item("A", "1"), item("a", "2"), item(" A ", "3"), unknown=["B", "b"])
    rows = ConfigurationKey.objects.order_by("folded")
    assert [(row.folded, row.value, row.known) for row in rows] == [("a", "3", True), ("b", None, False)]


def test_an_endless_list_of_keys_does_not_fill_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "KEYS_MAX", 10)
    cp16 = charge_point()
    reported(cp16, *(item(f"K{number}") for number in range(50)))
    reported(cp16, *(item(f"L{number}") for number in range(50)))
    assert ConfigurationKey.objects.count() == 10
    reported(cp16, item("K0", "new"))
    assert ConfigurationKey.objects.get(folded="k0").value == "new"


def test_a_key_and_a_value_may_be_absurdly_long() -> None:
    cp16 = charge_point()
    reported(cp16, item("x" * 1000, "y" * 100_000))
    row = ConfigurationKey.objects.get()
    assert (len(row.name), len(row.value or "")) == (255, 100_000)


def test_the_first_report_is_no_change_and_the_next_is_told_to_the_world() -> None:
    cp16 = charge_point()
    reported(cp16, item("A", "1"))
    reported(cp16, item("A", "1"))
    assert not ConfigurationChange.objects.exists()
    reported(cp16, item("A", "2"))
    reported(cp16, unknown=["A"])
    changes = ConfigurationChange.objects.order_by("pk")
    assert [(change.old_value, change.new_value) for change in changes] == [("1", "2"), ("2", None)]
    assert Event.objects.filter(type="cp.configuration").count() == 2


def test_of_a_secret_it_is_told_that_it_was_changed_and_that_its_value_is_withheld() -> None:
    cp16 = online(charge_point())
    reported(cp16, item("A", "1"))
    reported(cp16, item("A", "2"))
    command = send_command(
        cp16,
        "change-configuration",
        {"key": "WifiPassword", "value": "s3cret"},
        author=SYSTEM,
        may_wait=True,
        now=NOON,
    )
    services.note_change(command, "WifiPassword", None, reboot=False, now=NOON)
    known, withheld = [
        orjson.loads(event.payload) for event in Event.objects.filter(type="cp.configuration").order_by("pk")
    ]
    assert (known["old_value"], known["new_value"], known["secret"]) == ("1", "2", False)
    assert withheld == {
        "key": "WifiPassword",
        "old_value": None,
        "new_value": None,
        "command_id": str(command.pk),
        "secret": True,
    }


@pytest.mark.parametrize(
    ("text", "number"), [("2", 2), ("0", None), ("-1", None), ("two", None), ("9" * 40, None), ("²", None)]
)
def test_numbers_are_read_or_left(text: str, number: int | None) -> None:
    facts = ORDERS["get-configuration"].read({"configurationKey": [item("GetConfigurationMaxKeys", text)]})
    assert facts["keys_at_once"] == number


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("true", "TRUE", True),
        ("A,B", "A , b", True),
        ('"300"', " 300 ", True),
        ("300", "3000", False),
        ("A,B", "B,A", False),  # the order of measurands may matter
        ("", " ", True),
    ],
)
def test_values_are_compared_as_people_would(one: str, other: str, equal: bool) -> None:
    assert same(one, other) is equal
    assert clean(clean(one)) == clean(one)


def due_at(charger: ChargePoint) -> datetime | None:
    return ConfigurationReading.objects.get(charge_point=charger).due_at


def test_of_a_fleet_that_boots_at_once_not_all_are_read_at_once() -> None:
    moments = set()
    for number in range(20):
        cp = online(charge_point(f"FLEET-{number}"))
        following.follow_boot(Booted(cp.pk, cp.cp_id, "accepted", {}, NOON))
        moments.add(due_at(cp))
    assert len(moments) == 20
    assert max(moments) - min(moments) < timedelta(seconds=30)
    assert min(moments) >= NOON + timedelta(seconds=30)
    assert following.read_due(now=min(moments)) == 1
    steps = [following.read_due(now=max(moments)) for _ in range(3)]
    assert steps == [following.AT_ONCE, 19 - following.AT_ONCE, 0]
    assert Command.objects.filter(type="get-configuration").count() == 20


def test_one_that_has_gone_is_read_when_it_is_back() -> None:
    cp16 = online(charge_point())
    following.follow_boot(Booted(cp16.pk, cp16.cp_id, "accepted", {}, NOON))
    ChargePoint.objects.update(connection_id=None)
    later = NOON + timedelta(hours=1)
    assert following.read_due(now=later) == 0
    ChargePoint.objects.update(connection_id=uuid4())
    assert following.read_due(now=later) == 1


@pytest.mark.parametrize("registration", ["pending", "rejected"])
def test_who_is_not_accepted_is_not_read(registration: str) -> None:
    cp16 = online(charge_point(registration=registration))
    following.follow_boot(Booted(cp16.pk, cp16.cp_id, registration, {"model": ("", "One")}, NOON))
    assert following.read_due(now=NOON + timedelta(days=1)) == 0
    assert not Command.objects.exists()
    assert BootReport.objects.get().changes == {"model": ["", "One"]}


def test_a_boot_handled_twice_plans_one_reading() -> None:
    cp16 = online(charge_point())
    for _ in range(2):
        following.follow_boot(Booted(cp16.pk, cp16.cp_id, "accepted", {}, NOON))
    assert following.read_due(now=NOON + timedelta(hours=1)) == 1


def test_history_is_kept_as_long_as_the_settings_say() -> None:
    cp16 = charge_point()
    old = NOON - timedelta(days=5000)

    for model in (ConfigurationChange, BootReport):
        facts = {"changes": {}} if model is BootReport else {"name": "A"}
        model.objects.create(id=uuid7_floor(old), charge_point=cp16, at=old, **facts)
        model.objects.create(charge_point=cp16, at=NOON, **facts)
    removed = prune(get_config(), now=NOON)
    assert (removed["configuration changes"], removed["boot reports"]) == (1, 1)
    assert configuration(cp16) == []
