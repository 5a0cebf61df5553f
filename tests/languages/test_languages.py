"""A person reads the console in the language they choose; machines are answered in English."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils.translation import override

from console.script_words import SCRIPT_WORDS, script_words
from console.words import say
from tests.console.cast import person, signed_in

STATIC = Path(settings.BASE_DIR) / "static" / "console"
SAYS = re.compile(r'(?:csmsSay|\bword)\(\s*"((?:[^"\\]|\\.)+)"')


@pytest.fixture
def alice(db: None) -> Client:
    return signed_in(person("alice", "operator"))


def test_whoever_chooses_german_reads_german_from_then_on(alice: Client) -> None:
    assert '<html lang="en"' in alice.get("/").content.decode()
    answer = alice.post("/language", {"language": "de", "next": "/sys/tokens"})
    assert (answer.status_code, answer["Location"]) == (302, "/sys/tokens")
    page = alice.get("/").content.decode()
    assert '<html lang="de"' in page
    assert "Abmelden" in page


def test_a_browser_that_asks_for_german_gets_it_also_before_anybody_signed_in(
    client: Client, db: None
) -> None:
    page = client.get("/sign-in", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert '<html lang="de"' in page.content.decode()
    assert "Accept-Language" in page["Vary"]


def test_a_language_we_do_not_have_is_english(client: Client, db: None) -> None:
    assert '<html lang="en"' in client.get("/sign-in", headers={"Accept-Language": "xx"}).content.decode()


def test_an_unknown_choice_changes_nothing_and_leads_to_no_other_site(alice: Client) -> None:
    answer = alice.post("/language", {"language": "xx", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/"
    assert '<html lang="en"' in alice.get("/").content.decode()


def test_machines_are_answered_in_english_whatever_they_accept(client: Client, db: None) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    answer = client.get("/api/v1/me/", headers={"Accept-Language": "de"})
    assert answer.status_code == 401
    assert answer.json() == Client().get("/api/v1/me/").json() | {"request_id": answer.json()["request_id"]}
    assert "Content-Language" not in answer


def test_the_scripts_say_only_what_can_be_translated() -> None:
    said = {found for path in STATIC.glob("*.js") for found in SAYS.findall(path.read_text())}
    assert said
    assert said <= set(SCRIPT_WORDS)
    assert set(SCRIPT_WORDS) - said <= {"dark", "light", "system"}


def test_the_scripts_of_a_german_page_get_german_words(alice: Client) -> None:
    assert script_words() == {}
    with override("de"):
        assert script_words()["just now"] == "gerade eben"
        assert say("") == ""
    alice.post("/language", {"language": "de"})
    page = alice.get("/").content.decode()
    assert '<script id="words" type="application/json">' in page
    assert "gerade eben" in page


def test_every_text_is_translated_and_the_catalogue_is_as_the_texts_are() -> None:
    call_command("translations", check=True)
