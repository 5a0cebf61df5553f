"""Filters, order and pages of the lists are in the address; nonsense there is no error."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import Registration
from tests.console.cast import make_charge_point, make_connector
from tests.console.fleet import make_online, make_transaction
from transactions.models import IdToken


def found(client: Client, path: str, *names: str) -> list[str]:
    text = client.get(path, headers={"Live": "list"}).content.decode()
    return sorted((name for name in names if f">{name}<" in text), key=lambda name: text.index(f">{name}<"))


@pytest.fixture
def fleet(db: None) -> None:
    make_online(make_charge_point("ONLINE", vendor="Acme", firmware_version="2", protocol="ocpp1.6"))
    make_connector(make_charge_point("BROKEN", vendor="Bolt"), 1, "Faulted", error_code="GroundFailure")
    make_connector(make_charge_point("WARNS", vendor="Coil"), 1, "Charging", error_code="WeakSignal")
    make_charge_point("WAITS", registration=Registration.PENDING, name="at the gate")
    make_charge_point("OLD", retired_at=timezone.now())


FLEET = ("ONLINE", "BROKEN", "WARNS", "WAITS", "OLD")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["BROKEN", "ONLINE", "WAITS", "WARNS"]),
        ("?sort=-cp_id", ["WARNS", "WAITS", "ONLINE", "BROKEN"]),
        ("?online=yes", ["ONLINE"]),
        ("?online=no", ["BROKEN", "WAITS", "WARNS"]),
        ("?faults=1", ["BROKEN", "WARNS"]),
        ("?status=Charging", ["WARNS"]),
        ("?registration=pending", ["WAITS"]),
        ("?service=retired", ["OLD"]),
        ("?q=bol", ["BROKEN"]),
        ("?q=gate+the", ["WAITS"]),
        ("?q=zzz", []),
        ("?online=perhaps&sort=password_hash&page=99&status=%00", ["BROKEN", "ONLINE", "WAITS", "WARNS"]),
    ],
)
def test_charge_points_are_found(alice: Client, fleet: None, query: str, expected: list[str]) -> None:
    assert found(alice, f"/inspect/charge-points{query}", *FLEET) == expected


def test_a_long_list_has_pages_that_keep_the_filters(alice: Client) -> None:
    for number in range(60):
        make_charge_point(f"CP{number:03}")
    text = alice.get("/inspect/charge-points?q=CP&sort=-cp_id").content.decode()
    assert "1–50 of 60" in text
    assert "q=CP&amp;sort=-cp_id&amp;page=2" in text
    assert found(alice, "/inspect/charge-points?q=CP&page=2", "CP010", "CP059") == ["CP059"]


def test_transactions_are_found(alice: Client) -> None:
    one, two = make_charge_point("CP1"), make_charge_point("CP2")
    make_transaction(one, 11)
    make_transaction(one, 12, status="ended", energy_wh=5000, stopped_at=timezone.now())
    make_transaction(two, 13, id_token="Other", anomalies=["superseded"])
    long_ago = timezone.now() - timedelta(days=40)
    make_transaction(two, 14, status="ended", energy_wh=9000, started_at=long_ago, stopped_at=long_ago)
    path, numbers = "/inspect/transactions", ("11", "12", "13", "14")
    assert found(alice, f"{path}?status=active&sort=started", *numbers) == ["11", "13"]
    assert set(found(alice, f"{path}?charge_point=cp1", *numbers)) == {"11", "12"}
    assert found(alice, f"{path}?token=OTHER", *numbers) == ["13"]
    assert found(alice, f"{path}?odd=1", *numbers) == ["13"]
    assert found(alice, f"{path}?until={(long_ago + timedelta(days=1)).date()}", *numbers) == ["14"]
    assert found(alice, f"{path}?since={long_ago.date()}&sort=-energy", *numbers)[:2] == ["14", "12"]
    assert found(alice, f"{path}?q=13", *numbers) == ["13"]
    assert len(found(alice, f"{path}?since=nonsense&until=2026-99-99", *numbers)) == 4


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Adak"])
@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1969-12-31", "2026-02-30", "soon"])
def test_a_day_that_cannot_be_is_left_out_and_said_so(alice: Client, zone: str, name: str, day: str) -> None:
    make_transaction(make_charge_point(), 11)
    with timezone.override(zone):
        answer = alice.get(f"/inspect/transactions?{name}={day}", headers={"Live": "list"})
        assert answer.status_code == 200
        words = "is written as in" if day in ("2026-02-30", "soon") else "lies in the years 1970 to 9998."
        assert f"A day {words}" in answer.content.decode()
        assert found(alice, f"/inspect/transactions?{name}={day}", "11") == ["11"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Adak"])
@pytest.mark.parametrize("expiry", ["9999-12-31T23:59", "0001-01-01T00:00"])
def test_a_token_cannot_expire_when_no_clock_shows(alice: Client, zone: str, expiry: str) -> None:
    with timezone.override(zone):
        answer = alice.post("/sys/tokens/add", {"id_token": "GOOD", "expires_at": expiry})
    assert answer.status_code == 422
    assert not IdToken.objects.exists()


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Adak"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("since=1970-01-01", ["11"]),
        ("until=1970-01-01", []),
        ("since=9998-12-31", []),
        ("until=9998-12-31", ["11"]),
    ],
)
def test_the_first_and_the_last_day_are_days(
    alice: Client, zone: str, query: str, expected: list[str]
) -> None:
    make_transaction(make_charge_point(), 11)
    with timezone.override(zone):
        assert found(alice, f"/inspect/transactions?{query}", "11") == expected


def test_tokens_are_found(alice: Client) -> None:
    now = timezone.now()
    IdToken.objects.create(id_token="GOOD", label="eve", created_at=now)
    IdToken.objects.create(id_token="BLOCKED", blocked=True, created_at=now)
    IdToken.objects.create(id_token="LATE", expires_at=now - timedelta(days=1), created_at=now)
    tokens = ("GOOD", "BLOCKED", "LATE")
    assert found(alice, "/sys/tokens?state=good", *tokens) == ["GOOD"]
    assert found(alice, "/sys/tokens?state=expired", *tokens) == ["LATE"]
    assert found(alice, "/sys/tokens?state=blocked", *tokens) == ["BLOCKED"]
    assert found(alice, "/sys/tokens?q=EVE", *tokens) == ["GOOD"]
