"""Pages neither skip nor repeat a row, whatever is added between them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargers.models import RefusedHandshake
from csms.core.ids import uuid7_floor
from tests.api.cast import API, NOON, charge_point, command, ended, frame, reading
from transactions.models import IdToken


def pages(client: APIClient, url: str, between: Callable[[int], Any] = lambda number: None) -> Iterator[Any]:
    """All rows of a list, two a page, following the Link header; `between` is called between pages."""
    number = 0
    joint = "&" if "?" in url else "?"
    following: str | None = f"{url}{joint}limit=2"
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.json()
        body = answer.json()
        yield from body["results"]
        assert ("Link" in answer) == (body["next_cursor"] is not None)
        following = answer["Link"].split(">")[0][1:] if body["next_cursor"] else None
        between(number)
        number += 1


def test_charge_points_come_by_identity_and_newcomers_shift_nothing(bob: APIClient) -> None:
    for number in range(5):
        charge_point(f"M{number}")
    seen = [
        row["cp_id"] for row in pages(bob, f"{API}/charge-points/", lambda number: charge_point(f"A{number}"))
    ]
    assert seen == ["M0", "M1", "M2", "M3", "M4"]


def test_transactions_that_started_at_once_are_told_apart(bob: APIClient) -> None:
    cp16 = charge_point()
    old = [ended(cp16, started_at=NOON + timedelta(minutes=number // 3)) for number in range(7)]
    wanted = [str(t.pk) for t in sorted(old, key=lambda t: (t.started_at, t.pk), reverse=True)]

    def newcomers(number: int) -> None:
        ended(cp16, started_at=NOON + timedelta(hours=1))

    assert [row["id"] for row in pages(bob, f"{API}/transactions/", newcomers)] == wanted


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_meter_values_come_in_either_order(bob: APIClient, order: str) -> None:
    cp16 = charge_point()
    transaction = ended(cp16)
    ids = [str(reading(cp16, transaction).pk) for _ in range(5)]
    wanted = ids if order == "oldest" else ids[::-1]
    url = f"{API}/transactions/{transaction.pk}/meter-values/?order={order}"
    assert [row["id"] for row in pages(bob, url)] == wanted
    url = f"{API}/charge-points/CP16/meter-values/?order={order}"
    assert [row["id"] for row in pages(bob, url)] == wanted


def test_a_window_stays_where_it_was_while_its_pages_are_read(bob: APIClient) -> None:
    cp16 = charge_point()
    ids = [str(frame(cp16).pk) for _ in range(5)]
    seen = [row["id"] for row in pages(bob, f"{API}/charge-points/CP16/frames/", lambda n: frame(cp16))]
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    "path", ["frames/?", "frames/?text=m&", "charge-points/CP16/frames/?", "uptime/?sort=share&"]
)
def test_a_cursor_alone_keeps_its_window_while_time_goes_on(
    bob: APIClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Else what the window began with would be gone before its page was read, and shares would be others."""
    cp16 = charge_point()
    charge_point("CP17")
    now = timezone.now()
    for minutes in (5, 30):
        at = now - timedelta(minutes=minutes)
        frame(cp16, at=at, id=UUID(int=uuid7_floor(at).int + minutes))
    url = f"{API}/{path}limit=1"
    first = bob.get(url).json()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(hours=23, minutes=45))
    second = bob.get(f"{url}&cursor={first['next_cursor']}").json()
    assert "window" in second, second
    assert second["window"] == first["window"]
    assert len(second["results"]) == 1
    assert second["results"] != first["results"]


def test_bounds_that_are_given_again_count_and_a_forged_window_has_its_bound(
    bob: APIClient, refusal: Any
) -> None:
    cp16 = charge_point()
    for number in range(2):
        frame(cp16, id=UUID(int=uuid7_floor(NOON).int + number))
    url = f"{API}/frames/?limit=1&from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z"
    cursor = bob.get(url).json()["next_cursor"]
    assert bob.get(f"{url}&cursor={cursor}").json()["window"]["to"] == "2026-03-05T00:00:00.000Z"
    bare = cursor.partition("~")[0]
    assert len(bob.get(f"{url}&cursor={bare}").json()["results"]) == 1
    url = f"{API}/frames/?limit=1"
    refusal(bob.get(f"{url}&cursor={bare}~0~99999999999999"), 422, "window_too_large", "from")
    refusal(bob.get(f"{url}&cursor={bare}~5~4"), 422, "invalid", "from")
    for broken in ("~1~2", f"{bare}~1", f"{bare}~-1~2", f"{bare}~1~2~3"):
        refusal(bob.get(f"{url}&cursor={broken}"), 422, "invalid", "cursor")


def test_commands_tokens_and_refusals_come_in_pages_too(bob: APIClient) -> None:
    cp16 = charge_point()
    commands = [str(command(cp16).pk) for _ in range(3)]
    for number in range(3):
        IdToken.objects.create(id_token=f"T{number}", created_at=NOON)
        RefusedHandshake.objects.create(
            identity=f"X{number}", reason="unknown", http_status=404, first_at=NOON, last_at=NOON
        )
    assert [row["id"] for row in pages(bob, f"{API}/commands/ledger/")] == commands[::-1]
    assert [row["id_token"] for row in pages(bob, f"{API}/id-tokens/")] == ["T2", "T1", "T0"]
    refused = [row["identity"] for row in pages(bob, f"{API}/refused-handshakes/")]
    assert refused == ["X2", "X1", "X0"]


def test_an_empty_list_is_one_page(bob: APIClient) -> None:
    assert bob.get(f"{API}/transactions/").json() == {"results": [], "next_cursor": None}
