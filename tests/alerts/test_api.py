"""The API's door to alerts: what is wrong is listed, shown, acknowledged and counted."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from alerts.models import Alert
from alerts.rules.starters import STARTERS
from csms.core.access.models import User
from tests.alerts.cast import DAY, HOUR, MINUTE, an_alert, timeline
from tests.api.cast import API, NOON, charge_point

ALERTS = f"{API}/alerts/"
HOSTILE = "<script>alert(1)</script>"


def acknowledge(client: APIClient, alert: Alert, **body: Any) -> Any:
    return client.post(f"{ALERTS}{alert.pk}/acknowledge/", body)


def listed(client: APIClient, query: str) -> list[str]:
    answer = client.get(f"{ALERTS}?{query}")
    assert answer.status_code == 200, answer.content
    return [row["cp_id"] for row in answer.json()["results"]]


@pytest.fixture
def fleet(db: None) -> list[Alert]:
    """One alert of each state, of four charge points; the later ones began later."""
    table = {
        "A": {"state": "resolved", "resolved_at": NOON + HOUR},
        "B": {"state": "acknowledged", "severity": "warning", "rule": "certificate-expires"},
        "C": {"state": "firing", "rule": "connector-faulted", "connector_number": 2},
        "D": {"state": "pending", "fired_at": None, "severity": "info", "rule": "clock-off"},
    }
    return [
        an_alert(charge_point(cp_id), began_at=NOON + number * MINUTE, **values)
        for number, (cp_id, values) in enumerate(table.items())
    ]


def test_an_alert_says_all_that_is_known_of_it(bob: APIClient) -> None:
    alert = an_alert(charge_point(), connector_number=2001, evse_number=1, evse_connector=2)
    expected = {
        "id": str(alert.pk),
        "rule": "charge-point-offline",
        "severity": "critical",
        "state": "firing",
        "subject": "charge-point:CP16",
        "cp_id": "CP16",
        "connector_id": 2001,
        "evse_id": 1,
        "evse_connector_id": 2,
        "text": "It is offline.",
        "began_at": "2026-03-04T12:00:00.000Z",
        "fired_at": "2026-03-04T12:15:00.000Z",
        "acknowledged_at": None,
        "acknowledged_by": "",
        "resolved_at": None,
        "resolved_by": "",
        "name": "",
        "labels": {},
        "assignee": "",
        "times": 1,
        "holds_since": None,
        "gone_since": None,
        "ends_at": None,
        "inhibited_by": None,
        "silenced_by": None,
        "incident_id": None,
    }
    assert bob.get(ALERTS).json()["results"] == [expected]
    assert bob.get(f"{ALERTS}{alert.pk}/").json() == expected | {
        "timeline": [
            {"at": "2026-03-04T12:00:00.000Z", "what": "began", "by": "", "note": ""},
            {"at": "2026-03-04T12:15:00.000Z", "what": "fired", "by": "", "note": ""},
        ]
    }


def test_one_that_is_of_no_charge_point_is_listed_too(bob: APIClient) -> None:
    an_alert()
    assert listed(bob, "") == [None]
    assert bob.get(f"{ALERTS}?format=csv").status_code == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "DCBA"),
        ("sort=began_at", "ABCD"),
        ("sort=fired_at", "ABCD"),
        ("sort=-resolved_at", "ADCB"),
        ("open=true", "DCB"),
        ("open=false", "A"),
        ("state=pending", "D"),
        ("state=firing", "C"),
        ("state=acknowledged", "B"),
        ("state=resolved", "A"),
        ("severity=critical", "CA"),
        ("severity=warning", "B"),
        ("severity=critical&open=true", "C"),
        ("rule=clock-off", "D"),
        ("cp_id=b", "B"),
        ("from=2026-03-04T12:01:00Z&to=2026-03-04T12:03:00Z", "CB"),
        ("from=2027-01-01T00:00:00Z", ""),
    ],
)
def test_the_list_is_filtered_and_sorted(
    bob: APIClient, fleet: list[Alert], query: str, expected: str
) -> None:
    if "fired_at" in query:
        Alert.objects.filter(fired_at__isnull=False).update(fired_at=NOON + DAY)
    found = listed(bob, query)
    if query in (
        "sort=fired_at",
        "sort=-resolved_at",
    ):  # those without a value, or with one time, by their ids
        assert sorted(found) == sorted(expected)
        assert found[0] == expected[0]
        assert "resolved" in query or found[-1] == expected[-1]
    else:
        assert found == list(expected)


@pytest.mark.parametrize(
    ("query", "status", "code", "fields"),
    [
        ("state=open", 422, "invalid", ["state"]),
        ("severity=high", 422, "invalid", ["severity"]),
        ("rule=nonsense", 422, "invalid", ["rule"]),
        ("open=yes", 422, "invalid", ["open"]),
        ("sort=severity", 422, "invalid", ["sort"]),
        ("nonsense=1", 422, "invalid", ["nonsense"]),
        ("cp_id=NOBODY", 404, "unknown_charge_point", []),
    ],
)
def test_what_cannot_be_asked_is_refused(
    bob: APIClient, refusal: Any, query: str, status: int, code: str, fields: list[str]
) -> None:
    refusal(bob.get(f"{ALERTS}?{query}"), status, code, *fields)


def test_the_rules_are_listed(bob: APIClient) -> None:
    rules = {rule["slug"]: rule for rule in bob.get(f"{API}/alert-rules/").json()["results"]}
    assert rules["charge-point-offline"]["severity"] == "critical"
    assert rules["charge-point-offline"]["lasting_seconds"] == 900
    assert set(rules) >= {starter.slug for starter in STARTERS if starter.enabled}


# --- acknowledging ----------------------------------------------------------------------------------------------------


def test_alice_acknowledges_an_alert_with_a_note(alice: APIClient) -> None:
    alert = an_alert(charge_point())
    answer = acknowledge(alice, alert, note="on my way")
    shown = answer.json()
    assert (answer.status_code, shown["state"]) == (200, "acknowledged")
    assert shown["acknowledged_by"] == "token alice"
    assert shown["acknowledged_at"]
    assert shown["timeline"][-1]["note"] == "on my way"
    assert shown["timeline"][-1]["what"] == "acknowledged"


def test_the_first_who_acknowledges_stands(alice: APIClient) -> None:
    from tests.api.cast import client_of

    alert = an_alert(charge_point())
    first = acknowledge(alice, alert, note="mine").json()
    again = acknowledge(client_of("carol", "read", "write"), alert, note="no, mine")
    assert (again.status_code, again.json()) == (200, first)
    assert len(timeline(alert)) == 3


@pytest.mark.parametrize("state", ["resolved", "pending"])
def test_only_what_fires_can_be_acknowledged(alice: APIClient, refusal: Any, state: str) -> None:
    alert = an_alert(charge_point(), state=state, resolved_at=NOON if state == "resolved" else None)
    said = refusal(acknowledge(alice, alert), 409, "not_firing")
    assert said["detail"] == f"the alert is {state}"
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by) == (state, "")


def test_who_may_not_acknowledge(bob: APIClient, charlie: APIClient, refusal: Any) -> None:
    alert = an_alert(charge_point())
    refusal(acknowledge(bob, alert), 403, "forbidden")
    refusal(acknowledge(charlie, alert), 401, "unauthenticated")
    refusal(charlie.get(ALERTS), 401, "unauthenticated")
    alert.refresh_from_db()
    assert alert.state == "firing"


def test_what_is_unknown_or_wrong_is_refused(alice: APIClient, refusal: Any) -> None:
    nowhere = f"{ALERTS}00000000-0000-7000-8000-000000000000/"
    refusal(alice.get(nowhere), 404, "unknown_alert")
    refusal(alice.post(f"{nowhere}acknowledge/", {}), 404, "unknown_alert")
    alert = an_alert(charge_point())
    refusal(acknowledge(alice, alert, note="x" * 1001), 422, "invalid", "note")
    refusal(acknowledge(alice, alert, nonsense=1), 422, "invalid", "nonsense")


# --- hostile words ----------------------------------------------------------------------------------------------------


def test_hostile_words_are_words(bob: APIClient, client: Client) -> None:
    an_alert(charge_point(), text="=HYPERLINK()", subject=HOSTILE)
    file = b"".join(bob.get(f"{ALERTS}?format=csv")).decode()  # type: ignore[arg-type]
    assert "'=HYPERLINK()" in file
    client.force_login(User.objects.create_superuser("ada", password="x"))
    page = client.get("/admin/alerts/alert/").content.decode()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
