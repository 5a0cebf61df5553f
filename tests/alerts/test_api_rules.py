"""The API's door to rules, silences, incidents and figures, and to what people do with alerts."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.channels.models import Channel, Step
from alerts.models import Alert
from alerts.rules.models import Rule
from alerts.silences.models import Silence
from tests.alerts.cast import DAY, HOUR, MINUTE, a_silence, an_alert, an_incident
from tests.api.cast import API, NOON, charge_point, client_of

RULES, ALERTS, SILENCES = f"{API}/alert-rules/", f"{API}/alerts/", f"{API}/alert-silences/"
OFFLINE = f"{RULES}charge-point-offline/"
DEPOT = {
    "slug": "depot-offline",
    "name": "Depot offline",
    "about": "offline",
    "severity": "critical",
    "lasting_seconds": 300,
    "scope": {"sites": ["Depot"], "labels": {"isnull": "true"}},
}


@pytest.fixture
def dora(db: None) -> APIClient:
    """She administers."""
    return client_of("dora", "read", "write", "admin")


# --- rules ------------------------------------------------------------------------------------------------------------


def test_dora_makes_a_rule_changes_and_removes_it(dora: APIClient, refusal: Any) -> None:
    answer = dora.post(RULES, DEPOT)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert answer["Location"] == f"{RULES}depot-offline/"
    assert shown["scope"] == {"cp_ids": [], "sites": ["Depot"], "models": [], "labels": {"isnull": "true"}}
    assert (shown["by"], shown["starter"], shown["changed"], shown["problem"]) == (
        "token dora",
        "",
        False,
        "",
    )
    assert (shown["keep_seconds"], shown["group_by"], shown["inhibits"], shown["enabled"]) == (
        0,
        [],
        [],
        True,
    )
    refusal(dora.post(RULES, DEPOT), 409, "taken")
    changed = dora.patch(f"{RULES}depot-offline/", {"enabled": False, "scope": {}}).json()
    assert (changed["enabled"], changed["scope"]["sites"], changed["lasting_seconds"]) == (False, [], 300)
    assert dora.delete(f"{RULES}depot-offline/").status_code == 204
    for method in ("get", "patch", "delete"):
        refusal(getattr(dora, method)(f"{RULES}depot-offline/"), 404, "unknown_alert_rule")


def test_a_rule_takes_its_route_with_it(dora: APIClient) -> None:
    default = Channel.objects.create(
        kind="webhook", name="ops", is_default=True, created_at=NOON, updated_at=NOON
    )
    routes = f"{API}/alert-routes/"
    for body, restored in ((DEPOT, RULES), (None, f"{OFFLINE}restore/")):
        slug = body["slug"] if body else "charge-point-offline"
        if body:
            dora.post(RULES, body)
        steps = {"steps": [{"channel_id": str(default.pk), "after_minutes": 30}]}
        assert dora.put(f"{routes}{slug}/", steps).status_code == 200
        assert dora.delete(f"{RULES}{slug}/").status_code == 204
        assert dora.get(routes).json()["results"] == []
        assert dora.post(restored, body).status_code in (200, 201)
        assert dora.get(f"{routes}{slug}/").json()["steps"] == []
    dora.delete(f"{RULES}depot-offline/")
    Step.objects.create(rule="depot-offline", channel=default)  # as one left it that was removed before
    dora.post(RULES, DEPOT)
    assert dora.get(routes).json()["results"] == []


def test_a_rule_about_a_happening_does_not_wait(dora: APIClient, refusal: Any) -> None:
    made = DEPOT | {"about": "command-failed", "lasting_seconds": 0}
    assert dora.post(RULES, made).status_code == 201
    url = f"{RULES}depot-offline/"
    refusal(dora.patch(url, {"lasting_seconds": 600}), 422, "invalid", "lasting_seconds")
    Rule.objects.filter(slug="depot-offline").update(lasting_seconds=600)  # as it was taken before
    assert dora.patch(url, {"enabled": False}).json()["lasting_seconds"] == 0
    assert dora.patch(url, {"about": "offline", "lasting_seconds": 600}).status_code == 200
    refusal(dora.patch(url, {"about": "command-failed"}), 422, "invalid", "lasting_seconds")


def test_a_shipped_rule_is_changed_removed_and_restored(dora: APIClient, refusal: Any) -> None:
    shipped = dora.get(OFFLINE).json()
    changed = dora.patch(OFFLINE, {"lasting_seconds": 60}).json()
    assert (changed["changed"], changed["starter"]) == (True, "charge-point-offline")
    dora.delete(OFFLINE)
    refusal(dora.get(OFFLINE), 404, "unknown_alert_rule")
    for _ in range(2):
        restored = dora.post(f"{OFFLINE}restore/").json()
        different = {"created_at", "updated_at"}
        assert {name: restored[name] for name in restored.keys() - different} == {
            name: shipped[name] for name in shipped.keys() - different
        }
    refusal(dora.post(f"{RULES}nonsense/restore/"), 404, "unknown_alert_rule")


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"slug": "Depot"}, ["slug"]),
        ({"slug": "depot--north"}, ["slug"]),
        ({"about": "nonsense"}, ["about"]),
        ({"params": {"nonsense": 1}}, ["params"]),
        ({"params": {"nonsense": True}}, ["params.nonsense"]),
        ({"scope": {"nonsense": []}}, ["scope.nonsense"]),
        ({"scope": {"labels": {"a:b": "c"}}}, ["scope.labels.a:b"]),
        ({"about": "disk-full"}, ["scope"]),
        ({"inhibits": [{"rule": "nobody", "equal": []}]}, ["inhibits"]),
        ({"inhibits": [{"rule": "depot-offline", "equal": []}]}, ["inhibits"]),
        ({"lasting_seconds": -1}, ["lasting_seconds"]),
        ({"name": "\x00"}, ["name"]),
        ({"name": "Depot offline\nAll is well"}, ["name"]),
        ({"about": "address-refused", "scope": {}, "params": {"times": 0}}, ["params.times"]),
        ({"about": "address-refused", "scope": {}, "params": {"times": True}}, ["params.times"]),
        ({"about": "command-failed", "lasting_seconds": 600}, ["lasting_seconds"]),
        ({"about": "command-failed", "lasting_seconds": 0, "keep_seconds": 60}, ["keep_seconds"]),
    ],
)
def test_a_rule_that_cannot_be_is_refused(
    dora: APIClient, refusal: Any, values: dict[str, Any], fields: list[str]
) -> None:
    refusal(dora.post(RULES, DEPOT | values), 422, "invalid", *fields)
    assert not Rule.objects.filter(name="Depot offline").exists()


def test_who_may_not_touch_rules(alice: APIClient, bob: APIClient, charlie: APIClient, refusal: Any) -> None:
    for client, status, code in ((alice, 403, "forbidden"), (charlie, 401, "unauthenticated")):
        refusal(client.post(RULES, DEPOT), status, code)
        refusal(client.patch(OFFLINE, {"enabled": False}), status, code)
        refusal(client.delete(OFFLINE), status, code)
        refusal(client.post(f"{OFFLINE}restore/"), status, code)
    assert bob.get(OFFLINE).json()["enabled"]


def test_what_rules_may_be_about_is_listed_with_its_parameters(bob: APIClient) -> None:
    found = {about["slug"]: about for about in bob.get(f"{API}/alert-conditions/").json()["results"]}
    assert found["offline"]["kind"] == "condition"
    assert not found["disk-full"]["scoped"]
    kinds = {about["kind"] for about in found.values()}
    assert kinds == {"condition", "happening"}
    for about in found.values():
        assert bool(about["types"]) == (about["kind"] == "happening")
        for param in about["params"]:
            if param["choices"]:
                assert param["default"] in param["choices"]
            else:
                assert param["least"] <= param["default"] <= param["most"]


# --- what people do with alerts ---------------------------------------------------------------------------------------


def test_an_alert_is_assigned_noted_and_resolved(alice: APIClient, refusal: Any) -> None:
    url = f"{ALERTS}{an_alert(charge_point()).pk}"
    assert alice.post(f"{url}/assign/", {"assignee": "bob", "note": "please"}).json()["assignee"] == "bob"
    alice.post(f"{url}/note/", {"note": "It is the fuse."})
    for reason in ("fuse changed", "again"):
        shown = alice.post(f"{url}/resolve/", {"reason": reason}).json()
    assert (shown["state"], shown["resolved_by"]) == ("resolved", "token alice")
    assert [(line["what"], line["note"]) for line in shown["timeline"]][2:] == [
        ("assigned", "bob: please"),
        ("noted", "It is the fuse."),
        ("resolved", "fuse changed"),
    ]
    refusal(alice.post(f"{url}/assign/", {"assignee": "carol"}), 409, "not_firing")
    refusal(alice.post(f"{url}/note/", {"note": " "}), 422, "invalid", "note")
    refusal(alice.post(f"{url}/resolve/", {}), 422, "invalid", "reason")


@pytest.mark.parametrize(
    ("step", "body"), [("assign", {"assignee": "bob"}), ("note", {"note": "x"}), ("resolve", {"reason": "x"})]
)
def test_who_may_not_and_of_what_is_not_there(
    alice: APIClient, bob: APIClient, refusal: Any, step: str, body: dict[str, str]
) -> None:
    alert = an_alert(charge_point())
    refusal(bob.post(f"{ALERTS}{alert.pk}/{step}/", body), 403, "forbidden")
    nowhere = f"{ALERTS}00000000-0000-7000-8000-000000000000/{step}/"
    refusal(alice.post(nowhere, body), 404, "unknown_alert")
    Alert.objects.update(state="pending", fired_at=None)
    assert alice.post(f"{ALERTS}{alert.pk}/{step}/", body).status_code == 409
    assert alert.timeline.count() == 2


def test_the_figures_of_a_window(bob: APIClient, refusal: Any) -> None:
    an_alert(charge_point(), acknowledged_at=NOON + 16 * MINUTE, state="acknowledged")
    url = f"{API}/alert-figures/?from=2026-03-04T12:00:00Z&to=2026-03-05T12:00:00Z"
    answer = bob.get(url).json()
    assert answer["window"] == {"from": "2026-03-04T12:00:00.000Z", "to": "2026-03-05T12:00:00.000Z"}
    [row] = answer["results"]
    assert (row["rule"], row["fired"], row["mtta_seconds"], row["mttr_seconds"]) == (
        "charge-point-offline", 1, 60.0, None,
    )  # fmt: skip
    assert bob.get(f"{url}&severity=info").json()["results"] == []
    refusal(bob.get(f"{url}&rule=nonsense"), 422, "invalid", "rule")
    refusal(bob.get(f"{API}/alert-figures/?from=2020-01-01T00:00:00Z"), 422, "window_too_large", "from")


# --- silences and incidents -------------------------------------------------------------------------------------------


def test_alice_silences_a_site_and_ends_it(alice: APIClient, bob: APIClient, refusal: Any) -> None:
    now = timezone.now()
    body = {
        "matchers": [{"name": "site", "op": "=~", "value": "Depot*"}],
        "starts_at": now.isoformat(),
        "ends_at": (now + HOUR).isoformat(),
        "recurrence": "freq=daily;count=2",
        "zone": "Europe/Berlin",
        "comment": "works",
    }
    refusal(bob.post(SILENCES, body), 403, "forbidden")
    answer = alice.post(SILENCES, body)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["state"], made["recurrence"], made["by"]) == ("active", "FREQ=DAILY;COUNT=2", "token alice")
    for _ in range(2):
        ended = alice.post(f"{answer['Location']}expire/").json()
        assert (ended["state"], ended["expired_by"]) == ("over", "token alice")
    assert bob.get(answer["Location"]).json() == ended
    refusal(alice.post(SILENCES, body | {"recurrence": "FREQ=SECONDLY"}), 422, "invalid", "recurrence")
    refusal(alice.post(SILENCES, body | {"zone": "Nowhere"}), 422, "invalid", "zone")
    refusal(alice.post(SILENCES, body | {"matchers": []}), 422, "invalid", "matchers")
    refusal(alice.post(SILENCES, body | {"ends_at": body["starts_at"]}), 422, "invalid", "ends_at")
    refusal(
        alice.post(f"{SILENCES}00000000-0000-7000-8000-000000000000/expire/"), 404, "unknown_alert_silence"
    )


def test_silences_are_listed_by_how_they_stand(bob: APIClient) -> None:
    now = timezone.now()
    times = {"over": -2, "active": 0, "waiting": 2}
    for hours in times.values():
        row = a_silence()
        begin = now + hours * HOUR - MINUTE
        window = {"window_from": begin, "window_to": begin + HOUR, "over_at": begin + HOUR}
        Silence.objects.filter(pk=row.pk).update(starts_at=begin, ends_at=begin + HOUR, **window)
    for state in times:
        [found] = bob.get(f"{SILENCES}?state={state}").json()["results"]
        assert found["state"] == state
    assert [row["state"] for row in bob.get(SILENCES).json()["results"]] == ["waiting", "active", "over"]


def test_an_incident_names_what_its_alerts_share(bob: APIClient, refusal: Any) -> None:
    incident = an_incident(charge_point("A"), charge_point("B"))
    an_alert(charge_point("C"))
    over = an_incident(label="model", value="X1", ended_at=NOON + DAY, began_at=NOON - DAY)
    Alert.objects.filter(charge_point__cp_id="A").update(state="resolved", resolved_at=NOON)
    url = f"{API}/alert-incidents/"
    rows = bob.get(url).json()["results"]
    assert [(row["shared"], row["value"], row["alerts"], row["open_alerts"]) for row in rows] == [
        ("site", "Depot", 2, 1),
        ("model", "X1", 0, 0),
    ]
    assert [row["id"] for row in bob.get(f"{url}?open=false").json()["results"]] == [str(over.pk)]
    assert [row["id"] for row in bob.get(f"{url}?shared=site").json()["results"]] == [str(incident.pk)]
    assert bob.get(f"{url}{incident.pk}/").json() == rows[0]
    alerts = bob.get(f"{ALERTS}?incident={incident.pk}&sort=began_at").json()["results"]
    assert {row["cp_id"] for row in alerts} == {"A", "B"}
    refusal(bob.get(f"{url}00000000-0000-7000-8000-000000000000/"), 404, "unknown_alert_incident")
