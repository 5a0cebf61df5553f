"""The list of charge points: what it shows of each, its filters, the views that people save, its file, its cost."""

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.ratings.judging import Seen
from chargers.ratings.services import judge_these, note_seen
from chargers.traits.services import set_charge_point_traits
from csms.core.access.models import DefaultView, SavedView
from csms.core.access.saved_views import VIEWS_MAX, save_view
from csms.core.audit.selectors import done_to
from csms.core.refusals import BadField
from tests.console.cast import HOSTILE, NOW, make_charge_point, make_connector, person, signed_in
from tests.console.fleet import make_busy_fleet, make_online
from tests.console.test_lists import found

PATH = "/inspect/charge-points"
SAVE = "/inspect/fleet/views"


def shown(client: Client, query: str = "") -> str:
    return client.get(PATH + query, headers={"Live": "list"}).content.decode()


@pytest.fixture
def known(db: None) -> None:
    fast = make_charge_point("FAST", site="Harbour", labels={"ring": "1"}, vendor="Acme", model="One")
    home = make_charge_point("HOME", site="Depot", labels={"ring": "2", "test": ""}, vendor="Bolt")
    make_charge_point("DARK", vendor="Acme", model="Mega DC 400 kW", firmware_version="1.2.3")
    set_charge_point_traits(fast, {"supply": "DC", "connector_max_kw": 150}, now=NOW)
    note_seen({home.pk: Seen(power_w=11_040, phases=3)})
    judge_these([fast.pk, home.pk], now=NOW)


NAMES = ("FAST", "HOME", "DARK")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?supply=DC", ["FAST"]),
        ("?supply=AC", ["HOME"]),
        ("?supply=unknown", ["DARK"]),
        ("?site=harbour", ["FAST"]),
        ("?label=ring", ["FAST", "HOME"]),
        ("?label=ring:2", ["HOME"]),
        ("?label=test:", ["HOME"]),
        ("?label=:::", ["DARK", "FAST", "HOME"]),
        ("?vendor=acm&model=mega", ["DARK"]),
        ("?firmware=1.2", ["DARK"]),
        ("?sort=-power", ["FAST", "HOME", "DARK"]),
        ("?sort=power", ["HOME", "FAST", "DARK"]),
        ("?sort=site", ["DARK", "HOME", "FAST"]),
        ("?supply=nonsense&view=nonsense&all=1", ["DARK", "FAST", "HOME"]),
        ("?view=cards&supply=DC", ["FAST"]),
    ],
)
def test_it_is_filtered_by_what_is_known(alice: Client, known: None, query: str, expected: list[str]) -> None:
    assert found(alice, PATH + query, *NAMES) == expected


def test_current_and_power_say_where_they_come_from_and_unknown_stays_unknown(
    alice: Client, known: None
) -> None:
    text = shown(alice)
    assert "by traits" in text
    assert "150.0" in text
    assert "≥ 11.0" in text
    assert "readings name 3 of the phases" in text
    # The name of a model is no fact.
    assert text.count("Neither its traits, its configuration nor its readings tell.") == 1


@pytest.mark.parametrize("view", ["", "?view=cards"])
def test_each_look_shows_all_that_is_asked_of_a_fleet(alice: Client, known: None, view: str) -> None:
    make_connector(
        make_charge_point("SICK", firmware_version="9.9"), 1, "Faulted", error_code="GroundFailure"
    )
    text = shown(alice, view)
    for part in ("Harbour", "ring", "Acme", "1.2.3", "OCPP 1.6", "1 Faulted", "never", "Offline", "9.9"):
        assert part in text
    assert ("fleet-cards" in text) is bool(view)


def test_every_word_of_a_charge_point_is_escaped(alice: Client) -> None:
    cp = make_busy_fleet(1)
    cp.site, cp.labels = HOSTILE, {HOSTILE: HOSTILE}
    cp.save()
    for view in ("?all=1", "?view=cards", "?export=csv"):
        text = alice.get(PATH + view)
        body = b"".join(text.streaming_content) if text.streaming else text.content
        assert (HOSTILE.encode() in body) is (view == "?export=csv")


def test_what_is_filtered_can_be_taken_along(alice: Client, known: None) -> None:
    make_charge_point("=1+1", site="Harbour", name="@SUM(A1)")
    answer = alice.get(f"{PATH}?site=Harbour&sort=-cp_id&export=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["Identity"] for row in rows] == ["'=1+1", "FAST"]
    assert rows[0]["Name"] == "'@SUM(A1)"
    assert (rows[1]["Current"], rows[1]["Power (W)"], rows[1]["Power, by"]) == ("DC", "150000", "trait")


@pytest.mark.parametrize("view", ["", "&view=cards"])
def test_it_costs_the_same_for_one_and_for_thirty(alice: Client, view: str) -> None:
    counts = []
    for number in range(30):
        cp = make_charge_point(f"CP{number:02}")
        make_connector(cp, 1)
        if number in (0, 29):
            judge_these([cp.pk], now=NOW)
            with CaptureQueriesContext(connection) as queries:
                alice.get(f"{PATH}?all=1{view}", headers={"Live": "list"})
            counts.append(len(queries))
    # session, person; the default view; how many, the page of them, their connectors
    assert counts == [6, 6]


# --- views ------------------------------------------------------------------------------------------------------------


def test_a_view_is_saved_shown_renamed_and_deleted_and_that_is_noted(alice: Client) -> None:
    answer = alice.post(SAVE, {"name": "Sick ones", "query": "faults=1&page=7&sort=-seen&nonsense=1"})
    assert answer.url == f"{PATH}?faults=1&sort=-seen"
    view = SavedView.objects.get()
    text = alice.get(answer.url).content.decode()
    assert ">Sick ones<" in text
    alice.post(f"{SAVE}/{view.pk}/change", {"name": "Faults"})
    view.refresh_from_db()
    assert (view.name, view.shared) == ("Faults", False)
    assert "Delete the view" in alice.post(f"{SAVE}/{view.pk}/delete").content.decode()
    assert SavedView.objects.exists()
    alice.post(f"{SAVE}/{view.pk}/delete", {"confirmed": "yes"})
    assert not SavedView.objects.exists()
    acts = [(entry.action, entry.by) for entry in done_to("view", view.pk)]
    assert acts == [("view.deleted", "alice"), ("view.changed", "alice"), ("view.saved", "alice")]


def test_own_views_are_ones_own_and_shared_ones_are_everybodys(alice: Client, bob: Client) -> None:
    alice.post(SAVE, {"name": "Mine", "query": "online=no"})
    alice.post(SAVE, {"name": "Ours", "query": "online=yes", "shared": "1"})
    mine, ours = SavedView.objects.order_by("pk")
    text = bob.get(PATH).content.decode()
    assert ">Ours<" in text
    assert ">Mine<" not in text
    assert bob.post(f"{SAVE}/{mine.pk}/begin").status_code == 404
    bob.post(f"{SAVE}/{ours.pk}/delete", {"confirmed": "yes"})
    bob.post(f"{SAVE}/{ours.pk}/change", {"name": "Bobs", "shared": ""})
    ours.refresh_from_db()
    assert (ours.name, ours.shared) == ("Ours", True)
    chief = signed_in(person("chief", "administrator"))
    chief.post(f"{SAVE}/{ours.pk}/delete", {"confirmed": "yes"})
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Mine"]


def test_who_only_looks_saves_for_themselves_and_shares_nothing(bob: Client) -> None:
    assert bob.post(SAVE, {"name": "Loud", "query": "", "shared": "1"}).status_code == 403
    assert not SavedView.objects.exists()
    bob.post(SAVE, {"name": "Quiet", "query": "faults=1"})
    assert SavedView.objects.get().name == "Quiet"


def test_the_list_begins_with_the_view_that_one_has_chosen(alice: Client, bob: Client) -> None:
    alice.post(SAVE, {"name": "Sick", "query": "faults=1", "shared": "1"})
    view = SavedView.objects.get()
    alice.post(f"{SAVE}/{view.pk}/begin")
    assert alice.get(PATH).url == f"{PATH}?faults=1"
    assert bob.get(PATH).status_code == 200
    assert alice.get(f"{PATH}?all=1").status_code == 200
    # What keeps an open page fresh, or filters it, is never sent elsewhere.
    assert alice.get(PATH, headers={"Live": "list"}).status_code == 200
    assert alice.get(PATH, headers={"HX-Request": "true", "HX-Target": "list"}).status_code == 200
    bob.post(f"{SAVE}/{view.pk}/begin")
    alice.post(f"{SAVE}/{view.pk}/change", {"name": "Sick"})  # shared no longer
    assert bob.get(PATH).status_code == 200
    alice.post(f"{SAVE}/{view.pk}/begin-whole")
    assert alice.get(PATH).status_code == 200
    alice.post(f"{SAVE}/{view.pk}/delete", {"confirmed": "yes"})
    assert not DefaultView.objects.exists()


def test_a_bad_name_or_too_many_views_are_refused(alice: Client) -> None:
    for name in ("", " ", "x" * 61, "a\u0000b", "a\nb"):
        text = alice.post(SAVE, {"name": name, "query": ""}, follow=True).content.decode()
        assert "Not saved" in text
    alice.post(SAVE, {"name": "Twice", "query": ""})
    assert "already" in alice.post(SAVE, {"name": "Twice", "query": ""}, follow=True).content.decode()
    owner = SavedView.objects.get().owner
    for number in range(VIEWS_MAX - 1):
        save_view(owner, "charge-points", name=f"V{number}", query="", now=timezone.now())
    with pytest.raises(BadField, match="delete one first"):
        save_view(owner, "charge-points", name="One more", query="", now=timezone.now())


def test_an_empty_house_says_what_to_do(alice: Client) -> None:
    text = alice.get(PATH).content.decode()
    assert "No charge point is known yet" in text
    assert "Choose all of this page" not in text
    make_online(make_charge_point("CP1"))
    assert "No charge point matches" in alice.get(f"{PATH}?q=nowhere").content.decode()
