"""The page of alerts: its tabs, and where the links of notifications lead."""

from uuid import uuid4

import pytest
from django.test import Client

from console.alert_tabs import TABS
from console.views.alerts import TAB_VIEWS

PATH = "/sys/alerts"


def test_every_tab_has_a_view() -> None:
    assert [tab.slug for tab in TABS] == list(TAB_VIEWS)


@pytest.mark.parametrize("slug", TAB_VIEWS)
def test_the_tab_that_is_asked_for_is_marked(bob: Client, slug: str) -> None:
    text = bob.get(PATH, {"tab": slug}).content.decode()
    assert f'<a href="/sys/alerts?tab={slug}" aria-current="page">' in text
    assert text.count('href="/sys/alerts?tab=') >= len(TABS)


@pytest.mark.parametrize("query", ["", "?tab=nonsense", "?tab=%00", "?alert=nonsense"])
def test_the_first_tab_is_shown_where_nothing_else_is_meant(bob: Client, query: str) -> None:
    assert '<a href="/sys/alerts?tab=firing" aria-current="page">' in bob.get(PATH + query).content.decode()


def test_the_link_of_a_notification_leads_to_its_alert(bob: Client) -> None:
    pk = uuid4()
    answer = bob.get(PATH, {"alert": str(pk)})
    assert (answer.status_code, answer["Location"]) == (302, f"{PATH}/{pk}")


def test_who_is_not_signed_in_is_sent_to_sign_in(db: None) -> None:
    answer = Client().get(PATH, {"alert": str(uuid4())})
    assert answer["Location"].startswith("/sign-in?next=/sys/alerts%3Falert%3D")
