"""Sums of sessions by hour and day: whose day, whose sessions, and whether nothing is lost between the pages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rest_framework.test import APIClient

from tests.api.cast import API, NOON, charge_point, ended, session

URL = f"{API}/transactions/aggregates/"
BERLIN = ZoneInfo("Europe/Berlin")
DAY = "from=2026-03-04T00:00:00Z&to=2026-03-05T00:00:00Z"


def asked(client: APIClient, query: str) -> Any:
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 200, response.content
    return response.json()


def test_a_day_is_summed_up_whole(bob: APIClient) -> None:
    cp16 = charge_point()
    ended(cp16, energy_wh=7500, orphan=True, offline=True, anomalies=["start_lost", "stop_inferred"])
    ended(cp16, energy_wh=1, stopped_at=NOON + timedelta(seconds=3))
    ended(cp16, energy_wh=None, stopped_at=NOON + timedelta(days=1))
    ended(cp16, energy_wh=5, stopped_at=NOON)  # no time at all: no power
    session(cp16)
    ended(cp16, started_at=NOON - timedelta(days=1), stopped_at=NOON)  # of the day before
    answer = asked(bob, DAY)
    assert answer["results"] == [
        {
            "from": "2026-03-04T00:00:00.000Z",
            "to": "2026-03-05T00:00:00.000Z",
            "cp_id": None,
            "connector_id": None,
            "id_token": None,
            "site": None,
            "sessions_started": 5,
            "sessions_ended": 4,
            "sessions_active": 1,
            "energy_wh": 7506,
            "duration_seconds": 3600 + 3 + 86400,
            "mean_power_w": 7495,  # 7501 Wh in 3603 s are 7494.75 W
            "highest_power_w": 7500,
            "orphans": 1,
            "offline": 1,
            "with_anomalies": 1,
            "revenue": [],
        }
    ]
    assert answer["window"] == {"from": "2026-03-04T00:00:00.000Z", "to": "2026-03-05T00:00:00.000Z"}
    assert (answer["time_zone"], answer["next_cursor"]) == ("UTC", None)


def test_energy_is_exact_however_much_it_is(bob: APIClient) -> None:
    cp16 = charge_point()
    for _ in range(3):
        ended(cp16, energy_wh=9_007_199_254_740_993)  # a float would make it even
    [row] = asked(bob, DAY)["results"]
    assert row["energy_wh"] == 27_021_597_764_222_979


def test_no_mean_is_above_the_highest(bob: APIClient) -> None:
    ended(charge_point(), energy_wh=7501, stopped_at=NOON + timedelta(seconds=3603))  # 7494.75 W
    [row] = asked(bob, DAY)["results"]
    assert (row["mean_power_w"], row["highest_power_w"]) == (7495, 7495)


def test_hours_and_days_without_sessions_are_there(bob: APIClient) -> None:
    ended(charge_point())
    rows = asked(bob, f"by=hour&{DAY}")["results"]
    assert [row["sessions_started"] for row in rows] == [0] * 12 + [1] + [0] * 11
    assert [row["sessions_ended"] for row in rows] == [0] * 13 + [1] + [0] * 10
    assert {row["mean_power_w"] for row in rows} == {None, 7500}
    assert [row["from"][11:16] for row in rows] == [f"{hour:02}:00" for hour in range(24)]
    rows = asked(bob, "from=2026-03-01T12:00:00Z&to=2026-03-06T12:00:00Z")["results"]
    assert [row["energy_wh"] for row in rows] == [0, 0, 0, 7500, 0, 0]


def test_the_window_is_widened_to_whole_days_and_says_so(bob: APIClient) -> None:
    ended(charge_point(), started_at=NOON - timedelta(hours=11))
    answer = asked(bob, "from=2026-03-04T12:00:00Z&to=2026-03-04T12:00:01Z")
    assert [row["sessions_started"] for row in answer["results"]] == [1]
    assert answer["window"] == {"from": "2026-03-04T00:00:00.000Z", "to": "2026-03-05T00:00:00.000Z"}
    again = asked(bob, "from={from}&to={to}".format(**answer["window"]))
    assert again == answer


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=BERLIN, fold=fold).astimezone(UTC)  # type: ignore[arg-type]


def test_a_day_is_the_day_of_the_zone(bob: APIClient) -> None:
    cp16 = charge_point()
    # 2026-03-29 has 23 hours in Berlin, 2026-10-25 has 25.
    for at in (
        local(2026, 3, 28, 23, 59, 59),
        local(2026, 3, 29, 0, 0),
        local(2026, 3, 29, 23, 59, 59),
        local(2026, 3, 30, 0, 0),
        local(2026, 3, 30, 23, 59, 59),
    ):
        ended(cp16, started_at=at, stopped_at=at)
    window = "from=2026-03-28T12:00:00Z&to=2026-03-30T12:00:00Z"
    answer = asked(bob, f"{window}&time_zone=Europe/Berlin")
    assert [row["sessions_started"] for row in answer["results"]] == [1, 2, 2]
    assert [row["sessions_ended"] for row in answer["results"]] == [1, 2, 2]
    assert [row["from"] for row in answer["results"]] == [
        "2026-03-27T23:00:00.000Z",
        "2026-03-28T23:00:00.000Z",
        "2026-03-29T22:00:00.000Z",
    ]
    assert answer["results"][-1]["to"] == "2026-03-30T22:00:00.000Z"
    assert [row["sessions_started"] for row in asked(bob, window)["results"]] == [2, 2, 1]


def test_an_hour_that_comes_twice_is_two_hours_and_one_that_is_skipped_is_none(bob: APIClient) -> None:
    cp16 = charge_point()
    for at in (local(2026, 10, 25, 2, 30), local(2026, 10, 25, 2, 30, fold=1), local(2026, 10, 25, 3, 0)):
        ended(cp16, started_at=at)
    # From 2026-10-25 00:00 in Berlin, 25 hours.
    autumn = asked(bob, "by=hour&time_zone=Europe/Berlin&from=2026-10-24T22:00:00Z&to=2026-10-25T23:00:00Z")[
        "results"
    ]
    assert [row["sessions_started"] for row in autumn] == [0, 0, 1, 1, 1] + [0] * 20
    spring = asked(bob, "by=hour&time_zone=Europe/Berlin&from=2026-03-28T23:00:00Z&to=2026-03-29T22:00:00Z")[
        "results"
    ]
    assert len(spring) == 23


@pytest.mark.parametrize(
    "zone", ["Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "America/Sao_Paulo"]
)
@pytest.mark.parametrize("by", ["hour", "day"])
def test_no_session_is_lost_or_counted_twice_in_any_zone(bob: APIClient, zone: str, by: str) -> None:
    cp16 = charge_point()
    # Over the end of summer time of Lord Howe (half an hour) and others.
    begin = datetime(2026, 4, 3, tzinfo=UTC)
    for number in range(40):
        at = begin + timedelta(minutes=137 * number)
        ended(cp16, started_at=at, stopped_at=at + timedelta(minutes=5), energy_wh=1)
    rows = asked(bob, f"by={by}&time_zone={zone}&from=2026-04-03T00:00:00Z&to=2026-04-07T12:00:00Z")[
        "results"
    ]
    assert sum(row["sessions_started"] for row in rows) == sum(row["energy_wh"] for row in rows) == 40
    assert sum(row["sessions_ended"] for row in rows) == 40
    assert [row["to"] for row in rows[:-1]] == [row["from"] for row in rows[1:]]
    for row in rows:
        inside = [
            number
            for number in range(40)
            if row["from"] <= (begin + timedelta(minutes=137 * number)).isoformat()[:19] + ".000Z" < row["to"]
        ]
        assert row["sessions_started"] == len(inside)


def test_sessions_by_whose_they_are(bob: APIClient) -> None:
    cp16, cs201 = charge_point("CP16", site="Harbour"), charge_point("CS201", site="")
    ended(cp16, energy_wh=1, id_token="04:a1:b2:c3")
    ended(cp16, energy_wh=20, connector_number=2, id_token="04A1B2C3")
    ended(cs201, energy_wh=300, connector_number=None, id_token="")
    # It started the day before, and only its end is of this one.
    ended(cs201, energy_wh=5, started_at=NOON - timedelta(days=1), stopped_at=NOON, id_token="Ada")
    expected = {
        "charge_point": {("CP16",): 21, ("CS201",): 300},
        "connector": {("CP16", 1): 1, ("CP16", 2): 20, ("CS201", None): 300, ("CS201", 1): 0},
        "id_token": {("04A1B2C3",): 21, ("",): 300, ("ADA",): 0},
        "site": {("Harbour",): 21, ("",): 300},
    }
    fields = {
        "charge_point": ["cp_id"],
        "connector": ["cp_id", "connector_id"],
        "id_token": ["id_token"],
        "site": ["site"],
    }
    for group, sums in expected.items():
        rows = asked(bob, f"{DAY}&group_by={group}")["results"]
        assert {tuple(row[name] for name in fields[group]): row["energy_wh"] for row in rows} == sums
        assert sum(row["sessions_ended"] for row in rows) == 4
        unused = {"cp_id", "connector_id", "id_token", "site"} - set(fields[group])
        assert {row[name] for row in rows for name in unused} == {None}


def test_only_those_asked_for_are_summed_up(bob: APIClient) -> None:
    cp16, cs201 = charge_point("CP16", site="Harbour"), charge_point("CS201")
    ended(cp16, energy_wh=1, id_token="ADA")
    ended(cp16, energy_wh=20, connector_number=2)
    ended(cs201, energy_wh=300)
    cases = {
        "": 321,
        "&cp_id=cp16": 21,
        "&cp_id=NOBODY": 0,
        "&connector_id=1": 301,
        "&cp_id=CP16&connector_id=1": 1,
        "&id_token=ada": 1,
        "&site=Harbour": 21,
        "&site=harbour": 0,
    }
    assert {query: asked(bob, DAY + query)["results"][0]["energy_wh"] for query in cases} == cases


@pytest.mark.parametrize("group", ["none", "charge_point", "connector", "id_token", "site"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_lose_nothing_and_repeat_nothing(bob: APIClient, group: str, limit: int) -> None:
    # Texts that databases and people order otherwise than by code point.
    names = ["b", "A", "ä", "Z", "", "_", "a b"]
    for number, name in enumerate(names):
        cp = charge_point(f"CP{number}", site=name)
        for day in range(3):
            at = NOON + timedelta(days=day)
            ended(cp, started_at=at, stopped_at=at + timedelta(hours=12 * (number % 2)), id_token=name)
    query = f"group_by={group}&from=2026-03-03T00:00:00Z&to=2026-03-09T00:00:00Z"
    whole, pages = asked(bob, query)["results"], []
    assert sum(row["sessions_started"] for row in whole) == sum(row["sessions_ended"] for row in whole) == 21
    page = asked(bob, f"{query}&limit={limit}")
    while True:
        assert 1 <= len(page["results"]) <= limit
        pages += page["results"]
        if page["next_cursor"] is None:
            break
        page = asked(bob, f"{query}&limit={limit}&cursor={page['next_cursor']}")
    assert pages == whole


def test_the_link_leads_to_the_next_page_of_the_same_window(bob: APIClient) -> None:
    for number in range(2):
        ended(charge_point(f"CP{number}"), started_at=NOON)
    response = bob.get(f"{URL}?{DAY}&group_by=charge_point&limit=1")
    link = response["Link"].removeprefix("<").removesuffix('>; rel="next"')
    following = bob.get(link).json()
    assert [row["cp_id"] for row in following["results"]] == ["CP1"]
    assert following["window"] == response.json()["window"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=week", "by"),
        ("group_by=vendor", "group_by"),
        ("time_zone=Mars/Olympus", "time_zone"),
        ("time_zone=Europe", "time_zone"),
        ("time_zone=../../etc/passwd", "time_zone"),
        ("time_zone=/etc/localtime", "time_zone"),
        ("time_zone=Europe/Berlin%00", "time_zone"),
        ("time_zone=" + "x" * 65, "time_zone"),
        ("time_zone=", "time_zone"),
        ("from=2026-03-04", "from"),
        ("from=2026-03-04T00:00:00Z&to=2026-03-04T00:00:00Z", "from"),
        ("from=2030-03-04T00:00:00Z", "from"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("connector_id=-1", "connector_id"),
        ("status=ended", "status"),
        (f"{DAY}&cursor=nonsense", "cursor"),
        (f"{DAY}&cursor=W10", "cursor"),  # []
        (f"{DAY}&cursor=WzFd", "cursor"),  # [1], no edge of the window
        (f"{DAY}&cursor=WyJ4Il0", "cursor"),  # ["x"]
        (f"{DAY}&cursor=WzFlOTld", "cursor"),  # [1e99]
        (f"{DAY}&cursor=WzE3NzI1ODI0MDAsMV0", "cursor"),  # [1772582400,1], of a list with groups
        (f"{DAY}&group_by=site&cursor=WzE3NzI1ODI0MDAsMV0", "cursor"),
        (f"{DAY}&cursor=%00", "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(bob: APIClient, refusal: Any, query: str, field: str) -> None:
    refusal(bob.get(f"{URL}?{query}"), 422, "invalid", field)


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-01-01T00:00:00Z&to=2026-04-06T00:00:00Z",
        "from=1970-01-01T00:00:00Z&to=9998-12-31T00:00:00Z",
        "by=hour&from=2026-01-01T00:00:00Z&to=2026-01-11T00:00:00Z",
    ],
)
def test_a_window_that_is_too_long_is_refused(bob: APIClient, refusal: Any, query: str) -> None:
    refusal(bob.get(f"{URL}?{query}"), 422, "window_too_large", "from")


def test_the_longest_windows_are_answered_whole(bob: APIClient) -> None:
    days = asked(bob, "time_zone=Europe/Berlin&from=2026-01-01T00:00:00Z&to=2026-04-03T00:00:00Z")["results"]
    assert len(days) == 93  # 92 of them, begun an hour into the first
    assert len(asked(bob, "by=hour&from=2026-01-01T00:00:00Z&to=2026-01-09T00:00:00Z")["results"]) == 192
    for edge in (
        "from=1970-01-01T00:00:00Z&to=1970-01-01T01:00:00Z",
        "from=9998-12-30T00:00:00Z&to=9998-12-31T23:59:59Z",
    ):
        assert asked(bob, f"{edge}&time_zone=America/Los_Angeles")["results"]


def test_it_takes_three_queries_and_one_for_names(bob: APIClient, django_assert_num_queries: Any) -> None:
    for number in range(5):
        ended(charge_point(f"CP{number}"))
    bob.get(URL)
    with django_assert_num_queries(4):  # token, started, ended, revenue
        asked(bob, DAY)
    with django_assert_num_queries(5):
        assert len(asked(bob, f"{DAY}&group_by=charge_point")["results"]) == 5


def test_all_pages_come_as_csv_and_can_be_counted(bob: APIClient, refusal: Any) -> None:
    for number, name in enumerate(["=1+1", "b"]):
        ended(charge_point(f"CP{number}", site=name), energy_wh=number)
    answer = asked(bob, f"{DAY}&group_by=site&count=true&limit=1")
    assert (answer["count"], answer["count_capped"], len(answer["results"])) == (2, False, 1)
    response = bob.get(f"{URL}?{DAY}&group_by=site&format=csv")
    names, *rows = b"".join(response).decode().splitlines()  # type: ignore[arg-type]
    column = names.split(",").index("site")
    assert [row.split(",")[column] for row in rows] == ["'=1+1", "b"]
    assert response["X-Export-Complete"] == "true"
    assert response["X-Window"] == "2026-03-04T00:00:00.000Z/2026-03-05T00:00:00.000Z"
    refusal(bob.get(f"{URL}?{DAY}&format=csv&limit=1"), 422, "invalid", "limit")
