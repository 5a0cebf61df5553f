"""What surrounds every page is drawn once and kept, and is the page's own all the same."""

import re

import pytest
from django.template import engines
from django.template.defaultfilters import truncatechars as djangos
from django.test import Client
from django.utils import translation
from django.utils.safestring import SafeString

from chargers.models import Connector
from console.templatetags.console import chip, connector_chip, truncatechars
from console.templatetags.page import icon
from tests.console.cast import make_charge_point

MARKED = re.compile(r'<a class="nav-link" href="([^"]+)" aria-current="(\w+)"')
TITLES = re.compile(r'<span class="nav-link-title">([^<]+)</span>')


def test_the_menu_marks_the_page_and_the_section_of_a_page_beneath(alice: Client) -> None:
    make_charge_point("CP16")
    for _again in range(2):
        for path, marked in (
            ("/", ("/", "page")),
            ("/inspect/charge-points", ("/inspect/charge-points", "page")),
            ("/inspect/charge-points?q=CP", ("/inspect/charge-points", "page")),
            ("/inspect/charge-points/CP16", ("/inspect/charge-points", "true")),
            ("/inspect/charge-points/CP16/frames", ("/inspect/charge-points", "true")),
            ("/inspect/frames", ("/inspect/frames", "page")),
        ):
            assert MARKED.findall(alice.get(path).content.decode()) == [marked], path
    assert MARKED.findall(alice.get("/search").content.decode()) == []


def test_the_menu_speaks_the_language_of_each_reader(alice: Client) -> None:
    def titles(language: str) -> list[str]:
        text = alice.get("/", headers={"Accept-Language": language}).content.decode()
        return TITLES.findall(text)

    with translation.override("en"):  # a request leaves its language to what comes after it in this thread
        for _again in range(2):
            assert "Charge points" in titles("en")
            assert "Ladestationen" in titles("de")
            assert len(titles("en")) == len(titles("de"))


def test_an_icon_is_drawn_in_its_size_and_said_to_nobody() -> None:
    drawn = icon("bolt", 20)
    assert isinstance(drawn, SafeString)
    assert drawn.startswith("<svg")
    assert 'width="20"' in drawn
    assert 'aria-hidden="true"' in drawn
    assert icon("bolt", 20, "solid") != drawn


@pytest.mark.parametrize(
    "text",
    ["", "short", "exactly10!", "longer than ten", "e\u0301" * 10, "ü" * 10, "ü" * 11, 12345678901, None],
)
def test_texts_are_cut_as_django_cuts_them(text: object) -> None:
    assert truncatechars(text, 10) == djangos(text, 10)


def test_a_text_that_is_not_cut_is_escaped() -> None:
    template = engines["django"].from_string("{% load console %}{{ text|truncatechars:60 }}")
    assert template.render({"text": "<b>"}) == "&lt;b&gt;"
    assert template.render({"text": "<b>" * 30}).startswith("&lt;b&gt;")


def test_a_chip_speaks_the_language_of_each_reader() -> None:
    connector = Connector(number=2, status="Faulted", error_code="GroundFailure")
    for _again in range(2):
        assert "Connector 2" in connector_chip(connector)
        assert "Charging" in chip("Charging", "connector")
        with translation.override("de"):
            assert "Anschluss 2" in connector_chip(connector)
            assert "Energy flows." not in chip("Charging", "connector")
    assert "&lt;b&gt;" in connector_chip(Connector(number=1, status="<b>", error_code="<i>"))
    assert connector_chip(Connector(number=1, status="Charging")) != connector_chip(
        Connector(number=1, status="Charging", error_code="HighTemperature")
    )
