"""One alert and what people do with it: each step, each refusal, and the trace that it leaves."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Alert, AlertEntry
from alerts.notifications.models import Notification, Part
from alerts.rules.models import Rule
from console.views.alert_steps import STEPS
from csms.core.audit.selectors import done_to
from tests.console.alerts_cast import PATH, hostile_values, make_alert
from tests.console.cast import HOSTILE, make_charge_point

TOLD: dict[str, dict[str, str]] = {
    "acknowledge": {"note": "on my way"},
    "assign": {"assignee": "dora", "note": "please"},
    "note": {"note": "the fuse"},
    "resolve": {"reason": "replaced the fuse"},
}


def do(client: Client, alert: Alert, slug: str, **fields: str) -> str:
    return client.post(f"{PATH}/{alert.pk}/{slug}", fields, follow=True).content.decode()


def page(client: Client, alert: Alert) -> str:
    return client.get(f"{PATH}/{alert.pk}").content.decode()


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_the_page_says_what_is_wrong_and_what_to_do(bob: Client) -> None:
    Rule.objects.filter(slug="charge-point-offline").update(
        advice="Look at its fuse.", description="No word."
    )
    alert = make_alert(make_charge_point(name="By the lake"), connector_number=1)
    AlertEntry.objects.create(alert=alert, at=timezone.now(), what="noted", by="carol", note="I called.")
    make_alert(alert.charge_point, state="resolved")
    text = page(bob, alert)
    for said in (
        "It is offline.",
        "Look at its fuse.",
        "No word.",
        'href="/sys/alerts?tab=rules&amp;q=charge-point-offline"',
        "By the lake",
        "connector 1",
        "It began",
        "I called.",
    ):
        assert said in text
    assert "/inspect/charge-points/CP16/frames?from=" in text
    assert "The same at other times" in text
    assert "Resolved" in text
    assert "/silences/add" not in text


@pytest.mark.parametrize(
    ("place", "called"),
    [
        ({"evse_connector": 2}, "EVSE 1, connector 2"),
        ({}, "EVSE 1"),
        ({"evse_number": None}, "connector 2001"),
        ({"evse_number": None, "connector_number": 2}, "connector 2"),
    ],
)
def test_an_outlet_is_called_as_its_version_of_ocpp_numbers_it(
    bob: Client, place: dict[str, int | None], called: str
) -> None:
    values = {"connector_number": 2001, "evse_number": 1, "subject": "connector:CP16/2001"} | place
    alert = make_alert(make_charge_point(), **values)
    assert f"CP16</bdi></a> {called}</dd>" in page(bob, alert)
    assert f'<span class="text-secondary">{called}</span>' in bob.get(PATH).content.decode()
    assert f"<bdi>CP16 {called}</bdi>" in page(bob, make_alert(inhibited_by=alert.pk))


def test_who_was_told_stands_there(bob: Client) -> None:
    alert = make_alert()
    now = timezone.now()
    told = Notification.objects.create(
        kind="fired",
        channel_name=HOSTILE,
        severity="critical",
        state="failed",
        created_at=now,
        outcome="550 no",
    )
    Part.objects.create(notification=told, alert_id=alert.pk, what="fired")
    Notification.objects.create(kind="test", channel_name="another", severity="info", created_at=now)
    text = page(bob, alert)
    assert "550 no" in text
    assert "Failed" in text
    assert "another" not in text
    assert HOSTILE not in text


def test_how_far_it_reaches(bob: Client) -> None:
    alert = make_alert(labels={"site": "Lake", "model": "isnull"})
    for number in range(2):
        make_alert(subject=str(number), labels={"site": "Lake"}, inhibited_by=alert.pk)
    make_alert(subject="p", labels={"site": "Lake"}, state="pending")
    make_alert(subject="r", labels={"site": "Lake"}, state="resolved")
    text = page(bob, alert)
    assert "2 others fire" in text
    assert "no other fires" in text
    assert "It makes 2 other alerts quiet." in text


def test_a_quiet_one_says_why(bob: Client) -> None:
    source = make_alert(name="Site outage", subject="site:Lake")
    text = page(bob, make_alert(inhibited_by=source.pk))
    assert "Quiet because of another alert:" in text
    assert "<bdi>site:Lake</bdi>" in text


def test_what_others_wrote_is_escaped(alice: Client) -> None:
    text = page(alice, make_alert(make_charge_point(), **hostile_values()))
    assert text.count("&lt;script&gt;") > 3
    assert HOSTILE not in text


def test_one_that_nobody_knows(bob: Client, alice: Client) -> None:
    assert bob.get(f"{PATH}/{uuid4()}").status_code == 404
    assert alice.post(f"{PATH}/{uuid4()}/acknowledge").status_code == 404
    assert alice.post(f"{PATH}/{make_alert().pk}/nonsense").status_code == 404


def test_the_page_takes_as_many_queries_for_a_long_life_as_for_a_short_one(
    bob: Client, django_assert_num_queries: Any
) -> None:
    alert = make_alert(make_charge_point(), labels={"site": "Lake"})
    # Session, person, the alert; its rule, what it hushes, what it shares, its lines, who was told, the same before.
    with django_assert_num_queries(9):
        page(bob, alert)
    for number in range(20):
        make_alert(alert.charge_point, state="resolved", labels={"site": "Lake"})
        AlertEntry.objects.create(alert=alert, at=timezone.now(), what="noted", note=str(number))
    with django_assert_num_queries(9):
        page(bob, alert)


# --- what people do ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("acknowledge", "It is acknowledged"),
        ("assign", "It is assigned."),
        ("note", "It is noted."),
        ("resolve", "It is resolved."),
    ],
)
def test_each_step_is_done_and_leaves_its_trace(alice: Client, slug: str, said: str) -> None:
    alert = make_alert()
    assert f'href="{PATH}/silences/add?alert={alert.pk}"' in page(alice, alert)
    text = do(alice, alert, slug, **TOLD[slug])
    assert said in text
    [entry] = done_to("alert", alert.pk)
    assert (entry.by, entry.details["rule"]) == ("alice", "charge-point-offline")
    line = AlertEntry.objects.filter(alert=alert).order_by("-pk")[0]
    assert line.by == "alice"
    assert list(TOLD[slug].values())[-1] in line.note
    assert line.note in text  # in the timeline
    alert.refresh_from_db()
    stands = {"acknowledge": "acknowledged", "resolve": "resolved"}.get(slug, "firing")
    assert (alert.state, alert.assignee) == (stands, "dora" if slug == "assign" else "")


def test_the_same_again_changes_nothing(alice: Client) -> None:
    alert = make_alert()
    for slug in ("acknowledge", "assign", "resolve"):
        do(alice, alert, slug, **TOLD[slug])
        do(alice, alert, slug, **TOLD[slug]) if slug != "assign" else None
    assert len(done_to("alert", alert.pk)) == 3


@pytest.mark.parametrize("slug", STEPS)
def test_who_may_only_look_is_refused_and_sees_no_button(bob: Client, slug: str) -> None:
    alert = make_alert()
    assert "case-steps" not in page(bob, alert)
    answer = bob.post(f"{PATH}/{alert.pk}/{slug}", TOLD[slug])
    assert answer.status_code == 403
    assert "change anything" in answer.content.decode()
    alert.refresh_from_db()
    assert (alert.state, alert.assignee) == ("firing", "")
    assert not done_to("alert", alert.pk)


@pytest.mark.parametrize(
    ("state", "slug", "why"),
    [
        ("pending", "acknowledge", "It does not fire"),
        ("pending", "assign", "It does not fire"),
        ("pending", "note", "It has not fired yet."),
        ("pending", "resolve", "It does not fire"),
        ("resolved", "acknowledge", "It does not fire"),
        ("resolved", "assign", "It does not fire"),
    ],
)
def test_what_cannot_be_done_as_things_are(alice: Client, state: str, slug: str, why: str) -> None:
    alert = make_alert(state=state, **({"fired_at": None} if state == "pending" else {}))
    assert f"Nothing was done: {why}" in do(alice, alert, slug, **TOLD[slug])
    assert not done_to("alert", alert.pk)


@pytest.mark.parametrize(
    ("slug", "fields", "why"),
    [
        ("resolve", {"reason": " "}, "Say why"),
        ("resolve", {"reason": "x" * 1001}, "at most 1000"),
        ("note", {"note": ""}, "There is nothing to write down."),
        ("note", {"note": "x" * 1001}, "at most 1000"),
        ("assign", {"assignee": "x" * 151}, "at most 150"),
        ("assign", {"assignee": "a\u202eb"}, "A name has printable characters."),
        ("acknowledge", {"note": "x" * 1001}, "at most 1000"),
    ],
)
def test_what_cannot_be_taken(alice: Client, slug: str, fields: dict[str, str], why: str) -> None:
    alert = make_alert()
    assert why in do(alice, alert, slug, **fields)
    assert not done_to("alert", alert.pk)
    assert Alert.objects.get().state == "firing"


def test_one_that_is_over_can_still_be_written_about(alice: Client) -> None:
    assert "It is noted." in do(alice, make_alert(state="resolved"), "note", note="it was the fuse")


def test_a_step_is_no_address_to_look_at(alice: Client) -> None:
    assert alice.get(f"{PATH}/{make_alert().pk}/acknowledge").status_code == 405


@pytest.mark.parametrize(
    ("back", "to"),
    [
        ("/sys/alerts?severity=critical", "/sys/alerts?severity=critical"),
        ("https://elsewhere.test/sys/alerts", None),
        ("/sys/alerts/incidents/7?tab=../..", "/sys/alerts/incidents/7?tab=../.."),
        ("/sys/tokens", None),
        ("/sys/alerts/../../admin", None),
        ("/sys/alerts/%2e%2E/%2e./admin", None),
        ("/sys/alerts/..\\..\\admin", None),
        ("/sys/alertsofothers", None),
    ],
)
def test_one_comes_back_to_the_list_and_nowhere_else(alice: Client, back: str, to: str | None) -> None:
    alert = make_alert()
    answer = alice.post(f"{PATH}/{alert.pk}/acknowledge", {"back": back})
    assert answer["Location"] == (to or f"{PATH}/{alert.pk}")
