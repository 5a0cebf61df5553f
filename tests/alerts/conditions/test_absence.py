"""Who is not there: offline, silent, coming and going, whole sites; and that our own stops raise no alarm."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.conditions.service import RETURN, absence_counts_from, served_since
from alerts.models import TEXT_MAX
from chargers.connections import CLOSE_LOST, CLOSE_REPLACED
from chargers.models import ChargePoint, Connection
from tests.alerts.cast import a_server, back, gone, leaves
from tests.alerts.conditions.cast import DAY, HOUR, MINUTE, NOON, SECOND, at_hand, away, ends, found, subjects
from tests.api.cast import charge_point

pytestmark = pytest.mark.django_db

LASTING = 15 * MINUTE


def fires(slug: str, at: datetime, lasting: timedelta = LASTING) -> bool:
    """Whether a rule about it has something to tell: it counts for long enough."""
    return any((one.counted_from or one.began_at) + lasting <= at for one in found(slug, at))


# --- our own stops ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [1, 3, 6, 60])
@pytest.mark.parametrize("killed", [False, True], ids=["drained", "killed"])
@pytest.mark.parametrize(("slug", "lasting"), [("offline", 15 * MINUTE), ("site-outage", 3 * MINUTE)])
def test_a_stop_of_ours_is_nobodys_outage(minutes: int, killed: bool, slug: str, lasting: timedelta) -> None:
    """A whole site is connected; we stop, start, and its charge points return within five minutes."""
    a_server(since=NOON - DAY, until=NOON)
    started = NOON + minutes * MINUTE
    code, closed_at = (CLOSE_LOST, started) if killed else (1012, NOON)
    fleet = [gone(f"CP{n}", at=closed_at, site="Depot", last_seen_at=NOON) for n in range(4)]
    Connection.objects.update(close_code=code)
    for at in (NOON + SECOND, NOON + MINUTE // 2, started - SECOND):
        assert not fires(slug, at, lasting)  # while nobody is there, another worker looks
    successor = a_server(since=started, until=started + DAY, pid=2)
    for seconds in range(0, 301, 15):
        assert not fires(slug, started + seconds * SECOND, lasting)
    for charger in fleet[1:]:
        line = back(charger, started + RETURN)
        Connection.objects.filter(pk=line.pk).update(process=successor)
    # The one that did not come back counts from then on, and not a second earlier.
    counts_from = started + RETURN
    assert not fires(slug, counts_from + lasting - SECOND, lasting)
    assert fires(slug, counts_from + lasting, lasting) is (slug == "offline")


@pytest.mark.parametrize("minutes", [1, 3, 6, 60])
def test_what_stays_away_after_a_stop_is_told_of(minutes: int) -> None:
    a_server(since=NOON - DAY, until=NOON)
    for n in range(4):
        gone(f"CP{n}", at=NOON, site="Depot", last_seen_at=NOON)
    started = NOON + minutes * MINUTE
    a_server(since=started, until=started + DAY, pid=2)
    assert not fires("site-outage", started + RETURN + 3 * MINUTE - SECOND, 3 * MINUTE)
    assert fires("site-outage", started + RETURN + 3 * MINUTE, 3 * MINUTE)


def test_a_quick_restart_gives_time_to_return_to_those_whom_it_sent_away() -> None:
    a_server(since=NOON - DAY, until=NOON)
    for n, code in enumerate((1012, CLOSE_LOST, 1006, CLOSE_REPLACED, None)):
        gone(f"CP{n}", at=NOON)
        Connection.objects.filter(charge_point__cp_id=f"CP{n}").update(close_code=code)
    a_server(since=NOON + 10 * SECOND, until=NOON + DAY, pid=2)
    counted = {one.subject[-1]: one.counted_from for one in found("offline", NOON + MINUTE)}
    assert counted == {"0": NOON + RETURN, "1": NOON + RETURN, "2": NOON, "3": NOON, "4": NOON}


def test_one_process_of_two_that_ends_sends_its_own_away_and_counts_the_others() -> None:
    a_server(since=NOON - DAY, until=NOON + DAY)
    assert absence_counts_from(served_since(NOON), NOON, 1012) == NOON + RETURN
    assert absence_counts_from(served_since(NOON), NOON, 1006) == NOON


def test_before_the_first_server_nothing_counts() -> None:
    assert served_since(NOON) == NOON
    a_server(since=NOON - 2 * DAY, until=NOON - DAY - SECOND)
    assert served_since(NOON) == NOON


# --- offline ----------------------------------------------------------------------------------------------------------


def test_a_charge_point_is_called_by_its_name_and_never_without_its_identity() -> None:
    away("CP16", name="Depot, bay 3")
    away("CP17", name="CP17")
    assert sorted(one.text for one in found("offline")) == [
        "CP17 is offline.",
        "Depot, bay 3 (CP16) is offline.",
    ]


def test_the_newest_connection_says_since_when_and_one_that_ends_before_it_began_ends_then() -> None:
    charger = away("CP16")
    leaves(back(charger, NOON - 10 * MINUTE), NOON - 20 * MINUTE)  # by the clock of another process
    [one] = found("offline")
    assert one.began_at == NOON - 10 * MINUTE


# --- sites ------------------------------------------------------------------------------------------------------------


def site(away_for: list[int], there: int, name: str = "Depot") -> None:
    a_server(until=NOON + DAY)
    for n, minutes in enumerate(away_for):
        at = NOON - minutes * MINUTE
        gone(f"{name}-{n}", at=at, site=name, last_seen_at=at)
    for n in range(there):
        at_hand(f"{name}-there-{n}", site=name)


def test_a_site_is_struck_from_when_so_many_are_away_together() -> None:
    site([50, 40, 30, 20], there=2)  # four of six; 60 % are four
    [one] = found("site-outage")
    assert (one.subject, one.charge_point_id, one.labels) == ("site:Depot", None, {"site": "Depot"})
    assert one.began_at == one.counted_from == NOON - 20 * MINUTE
    assert one.text == "4 of 6 charge points at Depot are offline."
    [earlier] = found("site-outage", share=50)
    assert earlier.began_at == NOON - 30 * MINUTE


def test_less_than_the_share_and_less_than_the_number_are_no_outage() -> None:
    site([50, 40, 30], there=3)
    site([50, 40], there=0, name="Small")
    assert subjects("site-outage") == []
    assert subjects("site-outage", share=50) == ["site:Depot"]
    assert subjects("site-outage", least=2) == ["site:Small"]
    assert subjects("site-outage", share=50, least=4) == []


def test_who_was_never_there_retired_ones_and_such_of_no_site_do_not_count() -> None:
    site([50, 40, 30], there=0)
    for n in range(10):
        charge_point(f"NEW-{n}", site="Depot")
        away(f"OLD-{n}", site="Depot", retired_at=NOON)
        away(f"LONE-{n}", site="")
    assert [one.text for one in found("site-outage")] == ["3 of 3 charge points at Depot are offline."]


# --- silent -----------------------------------------------------------------------------------------------------------


def test_a_charge_point_is_silent_from_a_time_without_any_message_on() -> None:
    charger = at_hand("CP16")
    ChargePoint.objects.update(last_seen_at=NOON - 30 * MINUTE + SECOND)
    assert subjects("silent") == []
    [one] = found("silent", NOON + SECOND)
    assert (one.began_at, one.charge_point_id) == (NOON + SECOND, charger.pk)
    assert one.text == "CP16 is connected, and nothing was heard of it since 2026-03-04 11:30 UTC."
    assert subjects("silent", NOON + SECOND, minutes=31) == []
    ChargePoint.objects.update(connection_id=None)
    assert subjects("silent", NOON + HOUR) == []  # that is another condition


# --- flapping ---------------------------------------------------------------------------------------------------------


def test_connections_that_end_again_and_again_within_an_hour() -> None:
    charger = at_hand("CP16")
    ends(charger, 5)
    assert subjects("flaps") == []
    ends(charger, 1, at=NOON - HOUR)
    assert subjects("flaps") == []  # an hour ago is no longer within the hour
    ends(charger, 1, at=NOON - HOUR + SECOND)
    [one] = found("flaps")
    assert one.text == "The connection of CP16 ended 6 times within an hour."
    assert subjects("flaps", times=7) == []
    assert subjects("flaps", NOON + HOUR) == []


@pytest.mark.parametrize(("code", "flaps"), [(1012, 0), (CLOSE_LOST, 0), (CLOSE_REPLACED, 1), (1000, 1)])
def test_connections_that_we_ended_do_not_count(code: int, flaps: int) -> None:
    ends(at_hand("CP16"), 20, code=code)
    assert len(found("flaps")) == flaps


def test_connections_of_which_no_code_is_known_count() -> None:
    charger = at_hand("CP16")
    ends(charger, 6)
    Connection.objects.exclude(closed_at=None).update(close_code=None)
    assert subjects("flaps") == ["charge-point:CP16"]


# --- approval ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "waits"),
    [
        ({"registration": "pending"}, 1),
        ({"registration": "accepted"}, 0),
        ({"registration": "rejected"}, 0),
        ({"registration": "pending", "retired_at": NOON}, 0),
    ],
)
def test_who_waits_for_approval(values: dict[str, Any], waits: int) -> None:
    charge_point("CP16", created_at=NOON - HOUR, **values)
    assert [one.began_at for one in found("waits-for-approval")] == [NOON - HOUR] * waits


def test_texts_are_bounded_though_names_and_identities_are_as_long_as_they_may_be() -> None:
    away("C" * 48, name="N" * 100)
    [one] = found("offline")
    assert len(one.text) < TEXT_MAX
    assert "…" in one.text
