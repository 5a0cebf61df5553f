"""A real Alertmanager: its alerts are shown, its silences made and ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from alerts.alertmanager import services
from alerts.alertmanager.selectors import Matcher
from alerts.external.client import Unset
from csms.core.api_data import moment
from csms.core.audit.models import AuditEntry
from tests.alerting.cast import API, fire, now, server_that, until, with_words
from tests.lanes.prometheus import Alertmanager

pytestmark = pytest.mark.django_db
SILENCES = f"{API}/alertmanager/silences/"
HOUR = timedelta(hours=1)


def shown(client: APIClient, name: str) -> dict[str, Any] | None:
    rows = client.get(f"{API}/alertmanager/alerts/").json()["results"]
    return next((row for row in rows if row["name"] == name), None)


def a_silence(**values: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "site", "operator": "=", "value": "North"}],
        "ends_at": moment(now() + HOUR),
        "comment": "the transformer is replaced",
    } | values


def test_a_silence_holds_and_ends(root: APIClient, alice: APIClient, set_up: Alertmanager) -> None:
    fire(set_up, "Dark", site="North")
    alert = until(lambda: shown(root, "Dark"), "the alert is there")
    assert (alert["state"], alert["severity"], alert["labels"]["site"]) == ("active", "warning", "North")
    made = alice.post(SILENCES, a_silence())
    assert made.status_code == 201, made.content
    silence = made.json()
    assert made["Location"] == f"{SILENCES}{silence['id']}/"
    assert (silence["state"], silence["created_by"]) == ("active", "token alice")
    assert alice.get(made["Location"]).json() == silence
    assert alice.get(SILENCES).json()["results"] == [silence]
    alert = until(lambda: (row := shown(root, "Dark")) and row["silenced_by"] and row, "it is silenced")
    assert (alert["state"], alert["silenced_by"]) == ("suppressed", [silence["id"]])
    for _ in range(2):  # of one that is over nothing changes
        ended = alice.delete(made["Location"])
        assert (ended.status_code, ended.json()["state"]) == (200, "expired")
    assert alice.get(SILENCES).json()["results"] == []
    assert [row["id"] for row in alice.get(f"{SILENCES}?expired=true").json()["results"]] == [silence["id"]]
    until(lambda: (row := shown(root, "Dark")) and row["state"] == "active", "it is silenced no longer")
    acts = AuditEntry.objects.filter(subject=silence["id"]).order_by("pk").values_list("action", "by")
    assert list(acts) == [
        ("alertmanager_silence.created", "token alice"),
        ("alertmanager_silence.expired", "token alice"),
    ]


def test_the_same_silence_is_made_once(alice: APIClient, set_up: Alertmanager) -> None:
    asked = a_silence(matchers=[{"name": "a", "operator": "!~", "value": "x.*"}, {"name": "b", "value": "1"}])
    keyed = [alice.post(SILENCES, asked, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    first = alice.post(SILENCES, asked).json()
    assert [answer.json() for answer in keyed] == [first, first]
    assert keyed[1]["Idempotency-Replayed"] == "true"
    assert first["matchers"] == [
        {"name": "a", "operator": "!~", "value": "x.*"},
        {"name": "b", "operator": "=", "value": "1"},
    ]
    assert AuditEntry.objects.filter(subject=first["id"]).count() == 1
    alice.delete(f"{SILENCES}{first['id']}/")
    again = alice.post(SILENCES, asked, headers={"Idempotency-Key": "one"}).json()
    assert (again["id"], again["state"]) == (first["id"], "expired")  # a repeat does not undo its end
    assert alice.post(SILENCES, asked).json()["id"] != first["id"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"name": "a", "value": "b"}] * 17}, "matchers"),
        ({"matchers": [{"name": "a-b", "value": "c"}]}, "matchers"),
        ({"matchers": [{"name": "a", "value": ""}]}, "matchers"),
        ({"matchers": [{"name": "a", "operator": "!=", "value": "b"}]}, "matchers"),
        ({"matchers": [{"name": "a", "value": "x\ny"}]}, "matchers"),
        ({"matchers": [{"name": "a", "value": "x" * 501}]}, "matchers.0.value"),
        ({"matchers": [{"name": "a", "operator": "~", "value": "b"}]}, "matchers.0.operator"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2090-01-01T00:00:00Z"}, "ends_at"),
        ({"comment": "  "}, "comment"),
        ({"comment": "x" * 1001}, "comment"),
        ({"comment": "a\u0085b"}, "comment"),
        ({"created_by": "the king"}, "created_by"),
    ],
)
def test_what_is_no_silence_is_refused_before_anybody_is_asked(
    alice: APIClient, refusal: Callable[..., Any], values: dict[str, Any], field: str
) -> None:
    refusal(alice.post(SILENCES, a_silence(**values)), 422, "invalid", field)


def test_a_regular_expression_that_alertmanager_refuses_is_told_in_its_words(
    alice: APIClient, set_up: Alertmanager, refusal: Callable[..., Any]
) -> None:
    asked = a_silence(matchers=[{"name": "a", "operator": "=~", "value": "("}])
    said = refusal(alice.post(SILENCES, asked), 409, "alertmanager_refused")
    assert "missing closing )" in said["detail"]
    everything = a_silence(matchers=[{"name": "a", "operator": "=~", "value": ".*"}])
    refusal(alice.post(SILENCES, everything), 409, "alertmanager_refused")


def test_a_silence_that_nobody_knows_is_404(
    alice: APIClient, set_up: Alertmanager, refusal: Callable[..., Any]
) -> None:
    for act in (alice.get, alice.delete):
        refusal(act(f"{SILENCES}{uuid4()}/"), 404, "unknown_silence")


def test_who_may_only_look_makes_no_silence(
    bob: APIClient, alice: APIClient, refusal: Callable[..., Any]
) -> None:
    refusal(bob.post(SILENCES, a_silence()), 403, "forbidden")
    refusal(bob.delete(f"{SILENCES}{uuid4()}/"), 403, "forbidden")
    refusal(alice.post(f"{API}/alertmanager/bring/"), 403, "forbidden")


def test_unset_says_what_it_would_do(
    alice: APIClient, refusal: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = alice.get(f"{API}/alertmanager/").json()
    assert (told["server"]["state"], told["channels"]["standing"]) == ("unset", "unset")
    assert "ALERTMANAGER_URL" in told["server"]["why"]
    assert alice.get(SILENCES).json()["results"] == []
    refusal(alice.post(SILENCES, a_silence()), 409, "alertmanager_unset")
    with pytest.raises(Unset):
        services.expire_silence(uuid4(), by="alice", now=now())


def test_unreachable_says_since_when_and_makes_nothing(
    alice: APIClient, settings: Callable[..., None], refusal: Callable[..., Any]
) -> None:
    with server_that(with_words(200, b"{}")) as url:
        pass  # it is gone again
    settings(ALERTMANAGER_URL=url)
    asked = {"headers": {"Idempotency-Key": "two"}}
    refusal(alice.post(SILENCES, a_silence(), **asked), 503, "alertmanager_unreachable")
    told = alice.get(SILENCES).json()["server"]
    assert (told["state"], told["url"]) == ("unreachable", url)
    assert told["since"] == alice.get(f"{API}/alertmanager/").json()["server"]["since"]


def test_matchers_are_said_as_they_are_meant() -> None:
    good, *_ = services.checked_silence(
        matchers=[Matcher("a", "!=", "")], starts_at=None, ends_at=now() + HOUR, comment="c", now=now()
    )
    assert good == [Matcher("a", "!=", "")]
