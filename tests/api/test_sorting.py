"""Lists in the order that was asked for: exact at ties and where values are missing, whatever is added meanwhile."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count, F
from django.db.models.functions import Length
from rest_framework import serializers
from rest_framework.test import APIClient

from chargers.models import ChargePoint, Connector
from csms.core import paging
from csms.core.api_errors import ApiError
from csms.core.paging import PageQuery, counted, cut, page, sorted_by
from tests.api.cast import API, NOON, charge_point, command, connector, ended
from tests.api.test_paging import pages
from transactions.models import Transaction

LIST = f"{API}/charge-points/"


def forged(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def fleet() -> dict[str, int | None]:
    """Charge points that were seen at different times, at the same one, and never."""
    seen: dict[str, int | None] = {"A": 3, "B": None, "C": 1, "D": 3, "E": None, "F": 2, "G": 3, "H": None}
    for cp_id, minutes in seen.items():
        at = None if minutes is None else NOON + timedelta(minutes=minutes)
        charge_point(cp_id, last_seen_at=at, vendor="Acme" if minutes == 3 else "Bolt")
    return seen


def test_what_has_no_value_comes_last_both_ways(bob: APIClient) -> None:
    fleet()
    rising = [row["cp_id"] for row in pages(bob, f"{LIST}?sort=last_seen_at")]
    falling = [row["cp_id"] for row in pages(bob, f"{LIST}?sort=-last_seen_at")]
    assert rising == ["C", "F", "A", "D", "G", "B", "E", "H"]
    assert falling == ["G", "D", "A", "F", "C", "H", "E", "B"]


@pytest.mark.parametrize("way", ["", "-"])
@pytest.mark.parametrize(
    "name",
    [
        "cp_id",
        "name",
        "site",
        "registration",
        "protocol",
        "vendor",
        "model",
        "firmware_version",
        "last_seen_at",
        "booted_at",
        "created_at",
    ],
)
def test_every_sort_shows_every_row_once(bob: APIClient, way: str, name: str) -> None:
    everybody = set(fleet())
    seen = [row["cp_id"] for row in pages(bob, f"{LIST}?sort={way}{name}")]
    assert len(seen) == len(everybody)
    assert set(seen) == everybody


@pytest.mark.parametrize("way", ["", "-"])
def test_newcomers_between_pages_shift_nothing(bob: APIClient, way: str) -> None:
    everybody = list(fleet())
    numbers = iter(range(100))

    def newcomers(number: int) -> None:
        if number > 2:
            return
        for minutes in (0, 2, 3, 9):
            charge_point(f"N{next(numbers)}", last_seen_at=NOON + timedelta(minutes=minutes))
        charge_point(f"N{next(numbers)}", last_seen_at=None)

    seen = [row["cp_id"] for row in pages(bob, f"{LIST}?sort={way}last_seen_at&vendor=Bolt", newcomers)]
    assert sorted(seen) == ["B", "C", "E", "F", "H"]
    seen = [row["cp_id"] for row in pages(bob, f"{LIST}?sort={way}last_seen_at", newcomers)]
    assert len(seen) == len(set(seen))
    assert set(everybody) <= set(seen)


def test_texts_without_bounds_sort_by_their_beginning_and_fit_a_cursor(bob: APIClient) -> None:
    for number in range(5):
        charge_point(f"CP{number}", vendor="ÿ" * 5000 + str(number))
    assert len({row["cp_id"] for row in pages(bob, f"{LIST}?sort=vendor")}) == 5


def test_the_link_to_the_next_page_keeps_the_order(bob: APIClient) -> None:
    fleet()
    answer = bob.get(f"{LIST}?sort=-last_seen_at&limit=3&count=true")
    assert "sort=-last_seen_at" in answer["Link"]
    assert "count=true" in answer["Link"]


@pytest.mark.parametrize("sort", ["password_hash", "pk", "--name", "-", "", "name,cp_id", "labels", "NAME"])
def test_a_sort_that_is_not_offered_is_refused(bob: APIClient, refusal: Any, sort: str) -> None:
    refusal(bob.get(f"{LIST}?sort={sort}"), 422, "invalid", "sort")


def test_where_there_is_no_choice_sort_is_unknown(bob: APIClient, refusal: Any) -> None:
    charge_point()
    said = refusal(bob.get(f"{API}/charge-points/CP16/boots/?sort=pk"), 422, "invalid", "sort")
    assert "Unknown parameter" in said["detail"]


def test_a_cursor_of_another_order_is_refused(bob: APIClient, refusal: Any) -> None:
    fleet()
    cursor = bob.get(f"{LIST}?sort=last_seen_at&limit=2").json()["next_cursor"]
    for other in ("", "sort=-last_seen_at&", "sort=name&"):
        refusal(bob.get(f"{LIST}?{other}cursor={cursor}"), 422, "invalid", "cursor")
    assert bob.get(f"{LIST}?sort=last_seen_at&cursor={cursor}").status_code == 200


@pytest.mark.parametrize(
    "parts",
    [
        ("last_seen_at,pk", "yesterday", 1),
        ("last_seen_at,pk", 7, 1),
        ("last_seen_at,pk", "2026-03-04T12:00:00+00:00", "1"),
        ("last_seen_at,pk", "2026-03-04T12:00:00+00:00", None),
        ("last_seen_at,pk", "2026-03-04T12:00:00+00:00", True),
        ("last_seen_at,pk", "2026-03-04T12:00:00+00:00", 2**63),
        ("last_seen_at,pk", "9999-12-31T23:59:59-14:00", 1),
        ("last_seen_at,pk", "2026-03-04T12:00:00+00:00"),
        ("last_seen_at,pk", [], 1),
        ("password_hash,pk", "x", 1),
        (),
    ],
)
def test_a_forged_cursor_is_refused(bob: APIClient, refusal: Any, parts: Any) -> None:
    refusal(bob.get(f"{LIST}?sort=last_seen_at&cursor={forged(*parts)}"), 422, "invalid", "cursor")


def test_texts_in_a_forged_cursor_cannot_hurt(bob: APIClient, refusal: Any) -> None:
    nul, quote = forged("name,pk", "a\x00", 1), forged("name,pk", "' OR 1=1 --", 1)
    refusal(bob.get(f"{LIST}?sort=name&cursor={nul}"), 422, "invalid", "cursor")
    assert bob.get(f"{LIST}?sort=name&cursor={quote}").status_code == 200


# --- kinds of columns -------------------------------------------------------------------------------------------------


def walked(rows: Any, order: tuple[str, ...]) -> list[Any]:
    found, cursor = [], None
    while True:
        part = page(rows, order=order, limit=2, cursor=cursor)
        found += part.rows
        cursor = part.next_cursor
        if cursor is None:
            return found


@pytest.mark.django_db
@pytest.mark.parametrize("order", [("size", "cp_id"), ("-size", "-cp_id"), ("-half", "pk"), ("many", "pk")])
def test_annotations_sort_like_columns(order: tuple[str, ...]) -> None:
    for number, name in enumerate(["aa", "a", "ccc", "b", "", "dd"]):
        connector(charge_point(f"CP{number}", name=name, clock_skew_seconds=number or None))
    rows = ChargePoint.objects.annotate(
        size=Length("name"), half=F("clock_skew_seconds") * 0.3, many=Count("connectors")
    )
    names = [name.lstrip("-") for name in order]
    nulls_last = sorted(walked(rows, order), key=lambda row: row.half is None) if "half" in names else None
    seen = [row.pk for row in walked(rows, order)]
    assert len(seen) == len(set(seen)) == 6
    if nulls_last is None:
        assert seen == [row.pk for row in rows.order_by(*order)]
    else:
        assert seen == [row.pk for row in nulls_last]


@pytest.mark.django_db
def test_rows_sort_by_what_they_point_to() -> None:
    for cp_id in ("B", "A", "C"):
        cp = charge_point(cp_id, site="here" if cp_id != "A" else "")
        connector(cp, 2)
        connector(cp, 1)
    rows = Connector.objects.select_related("charge_point")
    order = ("-charge_point__site", "charge_point__cp_id", "number")
    assert [(row.charge_point.cp_id, row.number) for row in walked(rows, order)] == [
        ("B", 1),
        ("B", 2),
        ("C", 1),
        ("C", 2),
        ("A", 1),
        ("A", 2),
    ]


class EndedQuery(PageQuery):
    """As a block declares it."""

    sortable = {"stopped_at": ("stopped_at", "pk"), "newest": ("-started_at", "pk")}


def test_the_falling_order_is_the_rising_one_reversed() -> None:
    assert sorted_by(EndedQuery, "stopped_at") == ("stopped_at", "pk")
    assert sorted_by(EndedQuery, "-stopped_at") == ("-stopped_at", "-pk")
    assert sorted_by(EndedQuery, "-newest") == ("started_at", "-pk")
    field = EndedQuery().fields["sort"]
    assert isinstance(field, serializers.ChoiceField)
    assert list(field.choices) == ["stopped_at", "-stopped_at", "newest", "-newest"]


@pytest.mark.django_db
def test_uuids_are_keys_too() -> None:
    cp = charge_point()
    for minutes in (1, 1, None, 0, None, 1):
        ended(cp, stopped_at=None if minutes is None else NOON + timedelta(minutes=minutes))
    for order in (("stopped_at", "pk"), ("-stopped_at", "-pk")):
        seen = walked(Transaction.objects.all(), order)
        assert len({row.pk for row in seen}) == 6
        assert [row.stopped_at for row in seen[4:]] == [None, None]
    with pytest.raises(ApiError):
        page(
            Transaction.objects.all(),
            order=("stopped_at", "pk"),
            limit=2,
            cursor=forged("stopped_at,pk", None, "x"),
        )


# --- counting and cutting ---------------------------------------------------------------------------------------------


def test_a_list_is_counted_when_asked(bob: APIClient) -> None:
    fleet()
    assert "count" not in bob.get(f"{LIST}?limit=2").json()
    answer = bob.get(f"{LIST}?limit=2&count=true").json()
    assert (answer["count"], answer["count_capped"], len(answer["results"])) == (8, False, 2)
    answer = bob.get(f"{LIST}?limit=2&count=true&vendor=acme&cursor={answer['next_cursor']}").json()
    assert answer["count"] == 3  # of all pages, whichever this is


def test_counting_ends_somewhere(bob: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet()
    monkeypatch.setattr(paging, "COUNT_MAX", 8)
    assert counted(ChargePoint.objects.all()) == (8, False)
    charge_point("Z")
    assert counted(ChargePoint.objects.all()) == (8, True)
    assert bob.get(f"{LIST}?count=true").json()["count_capped"] is True


@pytest.mark.django_db
@pytest.mark.parametrize("order", [("last_seen_at", "pk"), ("-last_seen_at", "-pk"), ("cp_id",)])
@pytest.mark.parametrize("at", range(1, 10))
def test_a_list_is_cut_where_the_rest_begins(order: tuple[str, ...], at: int) -> None:
    fleet()
    rows = ChargePoint.objects.all()
    everybody = [row.pk for row in walked(rows, order)]
    first, cursor = cut(rows, order=order, at=at)
    assert [row.pk for row in walked(first, order)] == everybody[:at]
    assert (cursor is None) == (at >= 8)
    if cursor is not None:
        rest = page(rows, order=order, limit=100, cursor=cursor)
        assert [row.pk for row in rest.rows] == everybody[at:]
        second, _ = cut(rows, order=order, at=2, cursor=cursor)
        assert [row.pk for row in page(second, order=order, limit=100, cursor=cursor).rows] == everybody[
            at : at + 2
        ]


# --- what it costs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [1, 50])
@pytest.mark.parametrize(
    ("url", "queries"),
    [
        ("/charge-points/", 2),
        ("/charge-points/?sort=vendor", 2),
        ("/charge-points/?sort=last_seen_at", 3),  # those seen, those never seen, their connectors
        ("/charge-points/?count=true", 3),
        ("/charge-points/?label=power:50 kW&faulted=false&site=Harbour&q=cp", 2),
        ("/connectors/", 1),
        ("/connectors/?sort=-received_at&status=Available", 2),
        ("/connectors/?count=true", 2),
        ("/sites/", 1),
        ("/sites/?count=true", 2),
        ("/commands/ledger/", 1),
    ],
)
def test_a_list_takes_as_many_queries_however_long_it_is(
    bob: APIClient, django_assert_num_queries: Any, url: str, queries: int, many: int
) -> None:
    for number in range(many):
        row = charge_point(f"CP{number}", site="Harbour", labels={"power": "50 kW"})
        connector(row)
        command(row)
    bob.get(API + url)  # notes when the token was used
    with django_assert_num_queries(queries + 1):  # and the token
        answer = bob.get(API + url)
    assert len(answer.json()["results"]) == (1 if "/sites/" in url else many)
