"""Rules that are written for Prometheus: what is taken, what is refused, by whom; no Prometheus is needed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from alerts.external.texts import yaml_text
from alerts.prometheus import rendering, services
from alerts.prometheus.expressions import DEPTH_MAX, OPERATORS_MAX, check_expression
from alerts.prometheus.models import EXPRESSION_MAX, PrometheusRule
from alerts.prometheus.rendering import check_file
from alerts.prometheus.services import change_rule, prove
from csms.core.audit.models import AuditEntry
from csms.core.refusals import BadField
from tests.alerting.cast import API, GOOD, a_rule, now

RULES = f"{API}/prometheus/rules/"


@pytest.fixture(autouse=True)
def _without_promtool(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """What is known in this process is enough; tests that want promtool ask for it."""
    if "prometheus_program" not in request.fixturenames:
        monkeypatch.setenv("PATH", "/nowhere")


# --- expressions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "up == 0",
        "vector(1)",
        "time() > bool 5",
        "1 > bool 2",
        'sum by (site) (rate(csms_frames_total{direction="in"}[5m])) / 2 > 0.5',
        "absent(up)\n  or  # the fleet\n  up offset 5m < 1",
        'label_replace(up, "a", "$1", "b", "(.*)")',
        'up{a="' + "(" * 500 + '"}',
        "max_over_time(up[1h:1m]) == 0",
    ],
)
def test_good_expressions(text: str) -> None:
    assert check_expression(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("sum(", "no PromQL"),
        ("up and", "no PromQL"),
        ("rate(up)", "expected type"),
        ("nosuch(up)", "unknown function"),
        ("{}", "non-empty matcher"),
        ('up{a=~"["}', "illegal regex"),
        ("up[5m]", "a range of values"),
        ("((up[5m:1m]))", "a range of values"),
        ('("text")', "a text"),
        ("up == 0\x00", "U\\+0000"),
        ("up\u2028== 0", "U\\+2028"),
        ("up == 0\x1b[31m", "U\\+001B"),
        ("up" + " " * EXPRESSION_MAX + "== 0", "At most"),
        ("(" * (DEPTH_MAX + 1) + "up" + ")" * (DEPTH_MAX + 1), "nested"),
        ("-" * (OPERATORS_MAX + 1) + "up", "operators"),
        ("up" + " or up" * (OPERATORS_MAX + 1), "operators"),
    ],
)
def test_bad_expressions(text: str, said: str) -> None:
    with pytest.raises(BadField, match=said):
        check_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * DEPTH_MAX + "up" + ")" * DEPTH_MAX,
        "-" * OPERATORS_MAX + "up",
        "up" + "^up" * OPERATORS_MAX,
        "-(1+" * (DEPTH_MAX - 1) + "1" + ")" * (DEPTH_MAX - 1),
    ],
)
def test_the_deepest_expression_leaves_the_process_alive(text: str) -> None:
    import threading

    said: list[str] = []
    before = threading.stack_size(1024 * 1024)  # an eighth of what threads have
    try:
        thread = threading.Thread(target=lambda: said.append(check_expression(text)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert said == [text]


# --- what a rule may be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": "1st"}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "{{ $value }}"}, "name"),
        ({"name": "a\n- alert: Evil"}, "name"),
        ({"expression": "x" * 2001}, "expression"),
        ({"lasting_seconds": -1}, "lasting_seconds"),
        ({"lasting_seconds": 604_801}, "lasting_seconds"),
        ({"lasting_seconds": "5m"}, "lasting_seconds"),
        ({"keep_seconds": 1.5}, "keep_seconds"),
        ({"severity": "page"}, "severity"),
        ({"summary": "x" * 301}, "summary"),
        ({"summary": "two\nlines"}, "summary"),
        ({"summary": '{{ query "up" }}'}, "summary"),
        ({"summary": "{{ range query `up` }}{{ end }}"}, "summary"),
        ({"summary": "{{ $value"}, "summary"),
        ({"summary": "{{{{ $value }} $labels.a }}"}, "summary"),
        ({"summary": "{{ $externalURL }}"}, "summary"),
        ({"summary": '{{ $labels.a | printf "%s" }}'}, "summary"),
        ({"description": "{{ template `x` . }}"}, "description"),
        ({"description": "x" * 2001}, "description"),
        ({"description": "a\x07b"}, "description"),
        ({"labels": {"a-b": "c"}}, "labels"),
        ({"labels": {"__name__": "c"}}, "labels"),
        ({"labels": {"severity": "critical"}}, "labels"),
        ({"labels": {"alertname": "x"}}, "labels"),
        ({"labels": {"x" * 65: "c"}}, "labels"),
        ({"labels": {"a": "{{ $labels.b }}"}}, "labels"),
        ({"labels": {"a": "b\nc"}}, "labels"),
        ({"labels": {f"n{number}": "v" for number in range(11)}}, "labels"),
        ({"enabled": "yes"}, "enabled"),
        ({"group": "mine"}, "group"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_field(
    root: APIClient, refusal: Callable[..., Any], values: dict[str, Any], field: str
) -> None:
    refusal(root.post(RULES, {**GOOD, **values}), 422, "invalid", field)
    id = a_rule().pk
    refusal(root.patch(f"{RULES}{id}/", values), 422, "invalid", field)
    assert PrometheusRule.objects.get().updated_by == "alice"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "summary",
    [
        "{{ $value }}",
        "{{$labels.cp_id}} x {{- $value | humanize -}}",
        "{{ $labels.a | humanizeDuration }} of {1}",
    ],
)
def test_the_value_and_labels_may_be_named(summary: str, prometheus_program: Any) -> None:
    assert a_rule(summary=summary).summary == summary


@pytest.mark.django_db
def test_promtool_has_the_last_word_where_it_is(
    prometheus_program: Any, root: APIClient, refusal: Callable[..., Any]
) -> None:
    # The parser of this process knows newer functions than the Prometheus of the lanes.
    said = refusal(
        root.post(RULES, {**GOOD, "expression": "sort_by_label(up, 'a')"}), 422, "invalid", "expression"
    )
    assert "unknown function" in said["detail"]
    assert "csms-check" not in said["detail"]
    assert not PrometheusRule.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["", "k1"])
def test_promtool_is_asked_while_no_transaction_is_open(
    root: APIClient, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    open_: list[bool] = []

    def says(text: str) -> str:
        open_.append(connection.in_atomic_block)
        return ""

    monkeypatch.setattr(rendering, "promtool_says", says)
    given = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    made = root.post(RULES, GOOD, **given)
    assert made.status_code == 201
    changed = root.patch(made["Location"], {"expression": "up == 1"}, **given)
    assert changed.json()["expression"] == "up == 1"
    assert open_ == [False, False]


@pytest.mark.django_db
def test_what_somebody_else_changed_meanwhile_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = a_rule()
    asked: list[str] = []
    monkeypatch.setattr(rendering, "promtool_says", lambda text: asked.append(text) or "")
    proven = prove({"severity": "info"}, rule)
    PrometheusRule.objects.update(expression="up == 7")
    change_rule(rule, {"severity": "info"}, by="bob", now=now(), proven=proven)
    assert ["up == 7" in text for text in asked] == [False, True]


def test_what_is_no_file_is_said_to_be_none() -> None:
    assert check_file("groups: [") != ""
    assert check_file("groups: []").startswith("It is no file of rules")
    rule = {"alert": "A", "expr": "up", "labels": {"severity": "info"}}
    for values, said in (
        ({}, ""),
        ({"expr": "sum("}, "A: It is no PromQL"),
        ({"alert": "a b"}, "its name"),
        ({"labels": {"severity": "page"}}, "severity"),
        ({"annotations": {"summary": "{{ query `up` }}"}}, "Of templates"),
    ):
        text = yaml_text({"groups": [{"name": "g", "rules": [{**rule, **values}]}]})
        assert said in check_file(text)
        assert bool(said) == bool(check_file(text))


# --- who, and how often -----------------------------------------------------------------------------------------------


def test_a_rule_is_shown_as_it_was_written(root: APIClient, bob: APIClient) -> None:
    made = root.post(RULES, {**GOOD, "labels": {"b": "2", "a": "1"}, "description": "two\r\nlines"})
    rule = made.json()
    assert made["Location"] == f"{RULES}{rule['id']}/"
    assert bob.get(made["Location"]).json() == rule
    assert bob.get(RULES).json()["results"] == [rule]
    assert bob.get(f"{RULES}?enabled=false").json()["results"] == []
    assert (rule["description"], rule["labels"]) == ("two\nlines", {"a": "1", "b": "2"})
    assert (rule["lasting_seconds"], rule["keep_seconds"], rule["enabled"]) == (0, 0, True)
    assert (rule["created_by"], rule["updated_by"]) == ("token root", "token root")


def test_only_administrators_write_rules(
    alice: APIClient, charlie: APIClient, refusal: Callable[..., Any]
) -> None:
    id = a_rule().pk
    for answer in (
        alice.post(RULES, {**GOOD, "name": "Other"}),
        alice.patch(f"{RULES}{id}/", {"enabled": False}),
        alice.delete(f"{RULES}{id}/"),
        alice.post(f"{RULES}check/", {"expression": "up"}),
        alice.post(f"{RULES}bring/"),
    ):
        refusal(answer, 403, "forbidden")
    refusal(charlie.get(RULES), 401, "unauthenticated")
    assert PrometheusRule.objects.get().enabled


def test_who_did_what_is_noted(root: APIClient) -> None:
    id = root.post(RULES, GOOD).json()["id"]
    for _ in range(2):  # the second changes nothing
        assert root.patch(f"{RULES}{id}/", {"expression": "up == 1"}).status_code == 200
    root.delete(f"{RULES}{id}/")
    acts = AuditEntry.objects.filter(subject="NobodyHome").order_by("pk")
    assert [act.action.split(".")[1] for act in acts] == ["created", "changed", "deleted"]
    assert acts[1].details == {"expression": "up == 1", "before": {"expression": "up == 0"}}
    assert {act.by for act in acts} == {"token root"}


def test_names_are_unique_and_rules_are_bounded(
    root: APIClient, refusal: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = a_rule()
    refusal(root.post(RULES, GOOD), 422, "invalid", "name")
    other = a_rule(name="Other")
    refusal(root.patch(f"{RULES}{other.pk}/", {"name": rule.name}), 422, "invalid", "name")
    monkeypatch.setattr(services, "RULES_MAX", 2)
    refusal(root.post(RULES, {**GOOD, "name": "Third"}), 409, "too_many")


@pytest.mark.django_db
def test_a_rule_that_is_gone_is_not_changed() -> None:
    from csms.core.refusals import NotNow

    rule = a_rule()
    services.delete_rule(rule, by="alice", now=now())
    services.delete_rule(rule, by="alice", now=now())
    with pytest.raises(NotNow, match="deleted"):
        services.change_rule(rule, {"enabled": False}, by="alice", now=now())
    assert AuditEntry.objects.filter(action="prometheus_rule.deleted").count() == 1


def test_an_expression_may_be_checked_without_a_rule(root: APIClient, refusal: Callable[..., Any]) -> None:
    assert root.post(f"{RULES}check/", {"expression": " up == 0 "}).json() == {"expression": "up == 0"}
    refusal(root.post(f"{RULES}check/", {"expression": "up =="}), 422, "invalid", "expression")
    assert not PrometheusRule.objects.exists()
