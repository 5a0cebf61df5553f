"""Silences in the console: looked at by all, made and ended by who may."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.alertmanager import selectors as theirs
from alerts.alertmanager.selectors import ForeignSilence, Matcher
from alerts.external.client import Refused, Unreachable
from alerts.external.models import Server
from alerts.silences.models import Silence
from alerts.silences.selectors import state_of
from console.views import alert_silence_forms, alert_silences
from tests.alerting.conftest import settings
from tests.console.alerts_cast import PATH, a_silence, adam, make_alert, tab
from tests.console.cast import HOSTILE, make_charge_point
from tests.console.webhooks_cast import text, words

__all__ = ["adam", "settings"]

ADD, ADD_THEIRS = f"{PATH}/silences/add", f"{PATH}/alertmanager/silences/add"
FORM = {
    "matchers": "site = Depot Nord\r\nrule=~charge-point-*",
    "starts_at": "2030-01-08T22:00",
    "ends_at": "2030-01-09T04:00",
    "zone": "Europe/Berlin",
    "comment": "works on the transformer",
}
MAY_NOT = "Your account may look but not change anything"


def test_the_list_tells_what_is_quiet_until_when_and_by_whom(
    bob: Client, django_assert_num_queries: Any
) -> None:
    now = timezone.now()
    active = a_silence(f"works {HOSTILE}", matchers=[{"name": "rule", "op": "=~", "value": HOSTILE}])
    waiting = a_silence(
        "every night",
        starts_at=now + timedelta(hours=2),
        ends_at=now + timedelta(hours=3),
        recurrence="FREQ=DAILY",
    )
    over = a_silence("last week")
    Silence.objects.filter(pk=over.pk).update(over_at=now - timedelta(days=1), expired_by="carol")
    for number in range(4):
        make_alert(subject=f"charge-point:CP{number}", name=HOSTILE, silenced_by=active.pk)
    place = {"connector_number": 2001, "evse_number": 1, "evse_connector": 2}
    named = {"subject": "connector:CS1/2001", "silenced_by": active.pk, "began_at": now}
    make_alert(make_charge_point("CS1"), **named, **place)
    make_alert(subject="charge-point:gone", silenced_by=active.pk, state="resolved", resolved_at=now)
    page = text(bob, tab("silences"))
    told = words(page)
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "In force works" in told
    assert "By alice, from" in told
    assert "Keeps 5 alerts quiet now: Charge point offline, CS1 EVSE 1, connector 2" in told
    assert ", charge-point:CP3" in told
    assert "again by FREQ=DAILY in UTC" in told
    assert "last week" not in told
    assert "Ended by carol" in words(text(bob, tab("silences") + "&state=over"))
    for state, name in (("active", active), ("waiting", waiting), ("over", over)):
        part = text(bob, f"{tab('silences')}&state={state}", headers={"Live": "list"})
        assert [each.pk for each in (active, waiting, over) if each.comment[:6] in part] == [name.pk]
    assert "last week" in text(bob, tab("silences") + "&state=all&q=week")
    assert "No silence matches" in text(bob, tab("silences") + "&q=nothing-like-this")
    with django_assert_num_queries(5):  # session, person, count, rows, what is quiet
        bob.get(tab("silences"), headers={"Live": "list"})


def test_an_empty_tab_says_what_a_silence_is_and_what_alertmanager_would_do(
    bob: Client, alice: Client
) -> None:
    told = words(text(bob, tab("silences")))
    assert "Nothing is silenced" in told
    assert "Alertmanager is not set. With ALERTMANAGER_URL set" in told
    assert "To enable it, set ALERTMANAGER_URL" in told
    assert "Silencing needs the role Operator" in told
    assert f'href="{ADD}"' not in text(bob, tab("silences"))
    page = text(alice, tab("silences"))
    assert f'href="{ADD}"' in page
    assert ADD_THEIRS not in page


def test_an_operator_makes_one_by_the_clock_of_a_zone(alice: Client) -> None:
    assert 'value="' in text(alice, ADD)
    answer = alice.post(ADD, FORM)
    assert (answer.status_code, answer["Location"]) == (302, tab("silences"))
    [made] = Silence.objects.all()
    assert made.starts_at.isoformat() == "2030-01-08T21:00:00+00:00"
    assert made.matchers == [
        {"name": "site", "op": "=", "value": "Depot Nord"},
        {"name": "rule", "op": "=~", "value": "charge-point-*"},
    ]
    assert (made.by, made.comment, made.recurrence) == ("alice", "works on the transformer", "")


@pytest.mark.parametrize(
    ("more", "recurrence"),
    [
        ({"repeats": "DAILY"}, "FREQ=DAILY"),
        ({"repeats": "WEEKLY", "days": ["TU", "TH"]}, "FREQ=WEEKLY;BYDAY=TU,TH"),
        ({"repeats": "MONTHLY", "until": "2030-06-30"}, "FREQ=MONTHLY;UNTIL=20300630T215959Z"),
        ({"repeats": "own", "recurrence": "freq=monthly;byday=2TU"}, "FREQ=MONTHLY;BYDAY=2TU"),
    ],
)
def test_windows_recur(alice: Client, more: dict[str, Any], recurrence: str) -> None:
    assert alice.post(ADD, FORM | more).status_code == 302
    assert Silence.objects.get().recurrence == recurrence


@pytest.mark.parametrize(
    ("values", "field", "why"),
    [
        ({"matchers": ""}, "matchers", "This field is required"),
        ({"matchers": "Depot"}, "matchers", "A line is a label, an operator and a value"),
        ({"matchers": "rule =~ *"}, "matchers", "They match everything"),
        ({"matchers": "site !~ x"}, "matchers", "Op is one of"),
        ({"comment": ""}, "comment", "This field is required"),
        ({"comment": "x\u0007y"}, "comment", "printable characters"),
        ({"starts_at": "tomorrow"}, "starts_at", "A time is written as in"),
        ({"ends_at": "2030-01-08T21:00"}, "ends_at", "It is behind starts_at"),
        ({"starts_at": "2020-01-01T00:00", "ends_at": "2020-01-01T01:00"}, "ends_at", "over already"),
        ({"zone": "Atlantis/Deep"}, "zone", "There is no such time zone"),
        ({"repeats": "own"}, "recurrence", "Which rule?"),
        ({"repeats": "own", "recurrence": "FREQ=SECONDLY"}, "recurrence", "FREQ is one of"),
        ({"recurrence": "FREQ=DAILY"}, "repeats", "is not chosen here"),
        ({"days": ["MO"]}, "repeats", "how often does it come again"),
        ({"repeats": "DAILY", "days": ["MO"]}, "days", "that comes every week"),
        ({"repeats": "DAILY", "until": "soon"}, "until", "A day is written as in"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    alice: Client, values: dict[str, Any], field: str, why: str
) -> None:
    answer = alice.post(ADD, FORM | values)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert why in refused_at(page, field)
    assert "It was not kept" in page
    assert not Silence.objects.exists()


def refused_at(page: str, field: str) -> str:
    """What is said beside a field: from it to the next label."""
    return page.split(f'name="{field}"', 1)[1].split("form-label", 1)[0]


def test_too_many_are_refused(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.silences.services.SILENCES_MAX", 0)
    answer = alice.post(ADD, FORM)
    assert answer.status_code == 422
    assert "There are 0 silences already, which is the most." in answer.content.decode()


def test_what_was_typed_comes_back_escaped(alice: Client) -> None:
    page = alice.post(ADD, FORM | {"matchers": HOSTILE, "comment": HOSTILE, "zone": HOSTILE}).content.decode()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_one_is_prefilled_from_an_alert(alice: Client) -> None:
    alert = make_alert(subject="~ odd = CP1")
    page = text(alice, f"{ADD}?alert={alert.pk}")
    assert "rule = charge-point-offline\nsubject = ~ odd = CP1" in page
    answer = alice.post(f"{ADD}?alert={alert.pk}", FORM | {"matchers": "subject = ~ odd = CP1"})
    assert (answer.status_code, answer["Location"]) == (302, f"{PATH}/{alert.pk}")
    assert Silence.objects.get().matchers == [{"name": "subject", "op": "=", "value": "~ odd = CP1"}]
    text(alice, f"{ADD}?alert=0190a1b2-0000-7000-8000-0000000000aa", status=404)


def test_one_is_ended_once_the_question_is_answered(alice: Client) -> None:
    silence = a_silence()
    path = f"{PATH}/silences/{silence.pk}/expire"
    assert f'action="{path}"' in text(alice, tab("silences"))
    asked = alice.post(path).content.decode()
    assert "End the silence now?" in asked
    assert state_of(Silence.objects.get(), timezone.now()) == "active"
    told = alice.post(path, {"confirmed": "yes"}, follow=True).content.decode()
    assert "The silence is over." in told
    assert state_of(Silence.objects.get(), timezone.now()) == "over"
    assert Silence.objects.get().expired_by == "alice"
    assert alice.get(path).status_code == 405
    gone = f"{PATH}/silences/0190a1b2-0000-7000-8000-0000000000aa/expire"
    assert alice.post(gone, {"confirmed": "yes"}).status_code == 404


def test_a_viewer_is_refused_with_the_reason(bob: Client) -> None:
    silence = a_silence()
    assert "/expire" not in text(bob, tab("silences"))
    for path in (ADD, ADD_THEIRS):
        assert MAY_NOT in text(bob, path, status=403)
        assert bob.post(path, FORM).status_code == 403
    for path in (f"silences/{silence.pk}", f"alertmanager/silences/{silence.pk}"):
        answer = bob.post(f"{PATH}/{path}/expire", {"confirmed": "yes"})
        assert answer.status_code == 403
        assert MAY_NOT in answer.content.decode()
    assert state_of(Silence.objects.get(), timezone.now()) == "active"


# --- Alertmanager's -------------------------------------------------------------------------------------------------

ID = "0190a1b2-0000-7000-8000-0000000000aa"


def theirs_one(**values: Any) -> ForeignSilence:
    now = timezone.now()
    known: dict[str, Any] = {
        "id": ID,
        "state": "active",
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(hours=1),
        "comment": HOSTILE,
        "created_by": "carol",
        "matchers": [Matcher("alertname", "=~", HOSTILE)],
    }
    return ForeignSilence(**known | values)


@pytest.fixture
def alertmanager(settings: Callable[..., None]) -> None:
    settings(ALERTMANAGER_URL="http://127.0.0.1:9")


def answers(monkeypatch: pytest.MonkeyPatch, *found: ForeignSilence, more: bool = False) -> None:
    monkeypatch.setattr(theirs, "silences", lambda **given: (list(found), more))


@pytest.mark.usefixtures("alertmanager")
def test_those_of_alertmanager_are_shown_beside_ours(
    alice: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, theirs_one(), more=True)
    page = text(alice, tab("silences"), headers={"Live": "theirs"})
    assert HOSTILE not in page
    assert "alertname =~ &lt;script&gt;" in page
    assert "By carol, from" in words(page)
    assert "There are more" in page
    assert f'action="{PATH}/alertmanager/silences/{ID}/expire"' in page
    assert f'href="{ADD_THEIRS}"' in page
    assert "/expire" not in text(bob, tab("silences"), headers={"Live": "theirs"})
    answers(monkeypatch)
    assert "Alertmanager has no silence." in text(bob, tab("silences"))


@pytest.mark.usefixtures("alertmanager")
def test_alertmanager_that_is_away_is_said_since_when(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    Server.objects.create(
        name="alertmanager",
        url="http://127.0.0.1:9",
        reachable=False,
        since=now - timedelta(hours=3),
        asked_at=now,
        why=f"Connection refused {HOSTILE}",
    )
    page = text(bob, tab("silences"))
    assert "Alertmanager is not reachable, since" in page
    assert "Connection refused" in page
    assert HOSTILE not in page

    def refuses(**given: Any) -> None:
        raise Refused(400, f"bad matcher {HOSTILE}")

    monkeypatch.setattr(theirs, "silences", refuses)
    page = text(bob, tab("silences"))
    assert "Alertmanager: bad matcher" in page
    assert HOSTILE not in page


def test_one_is_made_and_ended_in_alertmanager(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(alert_silence_forms.theirs, "create_silence", lambda **given: made.append(given))
    assert "!~" in text(alice, ADD_THEIRS)
    answer = alice.post(ADD_THEIRS, FORM | {"matchers": "alertname !~ Up.*"})
    assert answer.status_code == 302
    assert made[0]["matchers"] == [Matcher("alertname", "!~", "Up.*")]
    assert made[0]["by"] == "alice"
    ended: list[str] = []
    monkeypatch.setattr(
        alert_silences, "expire_theirs", lambda id, **given: ended.append(str(id)) or theirs_one()
    )
    path = f"{PATH}/alertmanager/silences/{ID}/expire"
    assert "End the silence now?" in alice.post(path).content.decode()
    assert ended == []
    assert "The silence is over." in alice.post(path, {"confirmed": "yes"}, follow=True).content.decode()
    assert ended == [ID]
    monkeypatch.setattr(alert_silences, "expire_theirs", lambda id, **given: None)
    assert alice.post(path, {"confirmed": "yes"}).status_code == 404


def test_what_alertmanager_does_not_take_is_said(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = alice.post(ADD_THEIRS, FORM | {"matchers": "0bad = x"})
    assert "is no name of a label" in refused_at(answer.content.decode(), "matchers")
    ends_at = f"{timezone.now() + timedelta(days=3):%Y-%m-%dT%H:%M}"
    answer = alice.post(ADD_THEIRS, FORM | {"starts_at": "2026-01-01T00:00", "ends_at": ends_at})
    assert answer.status_code == 422
    assert "Alertmanager: With ALERTMANAGER_URL set" in answer.content.decode()

    def away(*ids: Any, **given: Any) -> None:
        raise Unreachable("It did not answer.")

    monkeypatch.setattr(alert_silences, "expire_theirs", away)
    told = alice.post(f"{PATH}/alertmanager/silences/{ID}/expire", {"confirmed": "yes"}, follow=True)
    assert "Alertmanager: It did not answer." in told.content.decode()
