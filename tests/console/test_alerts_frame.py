"""The page of alerts: its tabs, and where the links of notifications lead."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from alerts.rules.services import change_rule, create_rule, delete_rule, restore_starter
from alerts.silences.models import Silence
from alerts.silences.services import expire_silence, move_on
from console.alert_tabs import TABS
from console.views.alerts import TAB_VIEWS
from csms.core import live
from tests.console.alerts_cast import PATH, a_channel, a_silence


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


def test_open_tabs_are_told_of_silences_and_rules(
    bob: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def told(work: Callable[[], object]) -> set[str]:
        heard: set[str] = set()
        monkeypatch.setattr(live, "publish", heard.update)
        with django_capture_on_commit_callbacks(execute=True):
            work()
        return heard

    now = timezone.now()
    silence = a_silence()
    Silence.objects.filter(pk=silence.pk).update(recurrence="FREQ=DAILY", over_at=now + timedelta(days=9))
    for work in (
        a_silence,
        lambda: move_on(now=now + timedelta(hours=2)),
        lambda: expire_silence(silence.pk, by="alice", now=now),
    ):
        assert "silences" in told(work)
    values = {"about": "offline", "name": "Depot", "severity": "info"}
    for work in (
        lambda: create_rule("depot", values, by="adam", now=now),
        lambda: change_rule("depot", {"severity": "warning"}, by="adam", now=now),
        lambda: delete_rule("depot", by="adam", now=now),
        lambda: delete_rule("no-worker", by="adam", now=now),
        lambda: restore_starter("no-worker", by="adam", now=now),
    ):
        assert "rules" in told(work)
    assert 'id="list" data-live="silences alerts"' in bob.get(PATH, {"tab": "silences"}).content.decode()
    assert 'id="list" data-live="rules channels"' in bob.get(PATH, {"tab": "rules"}).content.decode()


@pytest.mark.parametrize(("slug", "queries"), [("silences", 5), ("channels", 8), ("rules", 8)])
def test_a_whole_tab_takes_so_many_queries(
    bob: Client, django_assert_num_queries: Any, slug: str, queries: int
) -> None:
    """Those of what fires, of incidents and of an alert are counted in their own tests."""
    a_silence()
    a_channel()
    bob.get(PATH, {"tab": slug})
    with django_assert_num_queries(queries):
        bob.get(PATH, {"tab": slug})
