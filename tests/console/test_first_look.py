"""What a first look at the console found unclear or untrue, and how it is now."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client

from chargers.models import ChargePoint, Registration
from console.forms import PROFILE
from console.tabs import TABS
from tests.console.blocks import furnish
from tests.console.cast import make_charge_point, make_connector
from tests.console.fleet import make_busy_fleet, make_online, make_reading, make_transaction
from transactions.charging_profiles.params import ChargingProfile

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# All that follows is written from right to left; an isolate left open does not let the end of an element end it.
TURNED, NAMED = "\u202egnp.exe\u2066", "[U+202E]gnp.exe[U+2066]"
CP16 = "/inspect/charge-points/CP16"
OFFLINE = "the figures are those from before"


def text(client: Client, path: str, **headers: str) -> str:
    page = client.get(path, headers=headers)
    assert page.status_code == 200, path
    return page.content.decode()


def hint_of(field: str, page: str) -> str:
    found = re.search(rf'id="{field}_helptext">([^<]*)<', page)
    assert found is not None, field
    return found[1]


def charging() -> tuple[ChargePoint, str]:
    """A charge point that charges, and the page of its transaction."""
    charge_point = make_charge_point()
    running = make_transaction(charge_point, 100)
    make_reading(running, 1, 6000, power_w=7400.0)
    return charge_point, f"/inspect/transactions/{running.pk}"


def test_the_figures_of_a_charge_point_that_is_offline_are_called_old(bob: Client) -> None:
    charge_point, its_transaction = charging()
    for path in ("/", "/inspect/transactions", its_transaction):
        assert OFFLINE in text(bob, path), path
    assert "Power before it went offline" in text(bob, its_transaction)
    assert "before it went offline" in text(bob, f"{CP16}?fragment=charging")

    make_online(charge_point)
    for path in ("/", "/inspect/transactions", its_transaction, CP16):
        page = text(bob, path)
        assert OFFLINE not in page, path
        assert "before it went offline" not in page, path
    assert "Power now" in text(bob, its_transaction)


def test_an_ended_transaction_is_not_called_offline(bob: Client) -> None:
    ended = make_transaction(make_charge_point(), 200, status="ended")
    assert OFFLINE not in text(bob, "/inspect/transactions")
    assert OFFLINE not in text(bob, f"/inspect/transactions/{ended.pk}")


def test_what_turns_the_direction_of_writing_turns_no_word_of_ours(alice: Client, db: None) -> None:
    facts = {"vendor": "v", "model": "m", "serial_number": "s", "firmware_version": "f"}
    facts = {name: TURNED + letter for name, letter in facts.items()}
    said = {"error_code": TURNED + "e", "info": TURNED + "i", "vendor_error_code": TURNED + "c"}
    make_charge_point("NEW1", registration=Registration.PENDING, **facts)
    charge_point = make_charge_point(**facts)
    make_connector(charge_point, 1, "Faulted", **said)
    make_transaction(charge_point, 100, id_token=TURNED + "t")
    shown = {
        "/sys/authorizations": list(facts.values()),
        CP16: [*said.values(), TURNED + "t"],
        "/": [said["error_code"], said["info"]],
    }
    for path, values in shown.items():
        for page in (text(alice, path), text(alice, path, Live="connectors charging faults waiting")):
            assert not set(TURNING) & set(page), path
        page = text(alice, path)
        for value in values:
            assert f"<bdi>{NAMED}{value[len(TURNED) :]}</bdi>" in page, path


@pytest.mark.parametrize("letter", TURNING)
def test_every_sign_that_turns_the_writing_is_shown_by_its_number(alice: Client, letter: str) -> None:
    make_charge_point(vendor=f"a{letter}b", model="\u200f\u0627 \u2068\U0001f468\u200d\U0001f469")
    page = text(alice, CP16)
    assert f"a[U+{ord(letter):04X}]b" in page
    assert "\u200f\u0627 [U+2068]\U0001f468\u200d\U0001f469" in page  # what belongs to a script stays


def test_a_form_says_in_which_zone_its_times_are(alice: Client, db: None) -> None:
    make_online(make_charge_point())
    zone = f"In the time zone {settings.TIME_ZONE}."
    page = text(alice, f"{CP16}/commands")
    times = re.findall(r'type="datetime-local"[^>]*id="([^"]+)"', page)
    assert "reserve-now-expires_at" in times
    for field in times:
        assert zone in hint_of(field, page), field
    assert zone in text(alice, "/sys/tokens")
    assert text(alice, "/inspect/transactions").count(f'title="{zone}"') == 2


def test_a_value_that_is_given_as_json_has_an_example_that_is_one(alice: Client, db: None) -> None:
    make_online(make_charge_point())
    page = text(alice, f"{CP16}/commands")
    for field in ("set-charging-profile-charging_profile", "remote-start-charging_profile"):
        assert "Written as JSON: {" in hint_of(field, page)
    assert "Written as JSON: [" in hint_of("get-configuration-keys", page)
    assert ChargingProfile.model_validate_json(PROFILE).purpose == "TxProfile"


def test_no_two_regions_of_a_page_have_one_name(alice: Client) -> None:
    first = make_busy_fleet(1)
    other = make_charge_point()
    furnish(other)
    paths = [f"/inspect/charge-points/{first.cp_id}", *(f"{CP16}/{slug}" for slug in TABS)]
    paths += [f"/inspect/transactions/{transaction.pk}" for transaction in first.transactions.all()]
    for path in ["/", *paths]:
        page = text(alice, path)
        titles = dict(re.findall(r'<h2 class="card-title" id="([^"]+)">(?:<a [^>]+>)?([^<]+)<', page))
        names = [titles[title] for title in re.findall(r'<section[^>]*aria-labelledby="([^"]+)"', page)]
        names += re.findall(r'role="region" aria-label="([^"]+)"', page)
        assert [name for name, count in Counter(names).items() if count > 1] == [], path
        assert "How fresh this page is" in names


def test_what_scrolls_can_be_scrolled_by_keyboard(alice: Client) -> None:
    first = make_busy_fleet(1)
    make_transaction(first, 300, raw_start='{"connectorId": 1}')
    page = text(alice, f"/inspect/charge-points/{first.cp_id}")
    assert 'class="frame-text" tabindex="0"' in page
    its = first.transactions.get(number=300)
    assert 'class="frame-text" tabindex="0"' in text(alice, f"/inspect/transactions/{its.pk}")


def test_the_page_to_try_the_api_says_its_language(client: Client, db: None) -> None:
    assert '<html lang="en">' in text(client, "/api/v1/docs")


@pytest.mark.parametrize(("pause", "words"), [(timedelta(minutes=15), "15 min 0 s"), (None, "a while")])
def test_who_is_locked_out_reads_for_how_long(pause: timedelta | None, words: str) -> None:
    values = {"username": "alice", "failure_limit": 8, "cooloff_timedelta": pause}
    page = render_to_string("console/locked-out.html", values)
    assert f"locked for {words}." in page
