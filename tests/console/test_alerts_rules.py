"""Rules in the console: listed, made, changed, switched, removed and restored; and those of Prometheus."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.conditions import CONDITIONS, HAPPENINGS
from alerts.external.client import Refused
from alerts.external.keeping import Kept
from alerts.external.models import KeptFile, Server
from alerts.prometheus import selectors as prometheus
from alerts.prometheus.models import PrometheusRule
from alerts.prometheus.selectors import LoadedRule
from alerts.prometheus.services import create_rule as write_rule
from alerts.rules.models import RemovedStarter, Rule
from alerts.rules.selectors import ABOUT
from alerts.rules.services import change_rule, create_rule, delete_rule
from console.views import alert_rules
from console.views.alert_rule_forms import SCOPE, RuleForm
from tests.alerting.conftest import settings
from tests.console.alerts_cast import PATH, adam, tab
from tests.console.cast import HOSTILE
from tests.console.webhooks_cast import text, words

__all__ = ["adam", "settings"]

ADD, WRITE = f"{PATH}/rules/add", f"{PATH}/prometheus/rules/add"
OFFLINE = "charge-point-offline"
NOBODY = "0190a1b2-0000-7000-8000-0000000000aa"
ONLY_ADMINISTRATORS = "Only administrators may do this"
FORM = {
    "slug": "depot-offline",
    "name": "Depot: charge point offline",
    "severity": "critical",
    "enabled": "on",
    "lasting_seconds": "300",
    "keep_seconds": "60",
}
WRITTEN = {
    "name": "NobodyHome",
    "expression": "up == 0",
    "severity": "critical",
    "lasting_seconds": "300",
    "keep_seconds": "0",
    "summary": "{{ $value }} away",
    "labels": "team=depot\r\nchannel=on call",
    "enabled": "on",
}


def refused_at(page: str, field: str) -> str:
    """What is said beside a field: from it to the next label."""
    return page.split(f'name="{field}"')[-1].split("form-label", 1)[0]


def a_rule(slug: str = "mine", **values: Any) -> Rule:
    values = {"name": "Mine", "about": "offline", "severity": "warning"} | values
    return create_rule(slug, values, by="adam", now=timezone.now())


def do(client: Client, slug: str, act: str) -> str:
    answer = client.post(f"{PATH}/rules/{slug}/{act}", {"confirmed": "yes"}, follow=True)
    return words(answer.content.decode())


# --- ours -----------------------------------------------------------------------------------------------------------


def test_the_list_tells_what_is_make_alert(bob: Client, django_assert_num_queries: Any) -> None:
    scope = {"sites": [HOSTILE], "labels": {"power": "150 kW"}}
    a_rule(name=HOSTILE, scope=scope, enabled=False, description=HOSTILE)
    broken = a_rule("broken", name="Broken")
    Rule.objects.filter(pk=broken.pk).update(about="gone")
    change_rule(OFFLINE, {"lasting_seconds": 60}, by="carol", now=timezone.now())
    page = text(bob, tab("rules"))
    said = words(page)
    assert HOSTILE not in page
    assert "power=150 kW" in said
    assert "There is no condition and no happening" in said
    assert "as shipped" in said
    assert "carol" in said
    assert "Rules are made and changed by administrators" in said
    assert f"/rules/{OFFLINE}/" not in page
    for query, name, shown in (
        ("&q=mine", "mine", True),
        ("&q=mine&state=on", "mine", False),
        ("&q=mine&state=off", "mine", True),
        ("&q=mine&severity=critical", "mine", False),
        ("&q=mine&origin=own", "mine", True),
        ("&q=mine&origin=shipped", "mine", False),
        ("&q=offline&origin=changed", OFFLINE, True),
        ("&q=site-outage&origin=changed", "site-outage", False),
        ("&q=mine&state=coffee&sort=-changed&page=99", "mine", True),
    ):
        part = text(bob, tab("rules") + query, headers={"Live": "list"})
        assert (f"<code>{name}</code>" in part) == shown, query
    assert "No rule matches" in text(bob, tab("rules") + "&q=nothing-like-this")
    with django_assert_num_queries(5):  # session, person, count, rows, their routes
        bob.get(tab("rules"), headers={"Live": "list"})


def test_without_rules_it_says_what_a_rule_is(bob: Client) -> None:
    Rule.objects.all().delete()
    said = words(text(bob, tab("rules")))
    assert "There is no rule: nothing becomes an alert" in said
    assert "None is written here yet." in said


def test_every_condition_and_happening_has_a_form_of_its_figures(adam: Client) -> None:
    page = text(adam, ADD)
    for slug, about in ABOUT.items():
        assert f'href="?about={slug}"' in page
        form = RuleForm(about=about)
        assert [field.html_name for field in form.figures] == [
            f"param_{param.name}" for param in about.params
        ]
        assert [field.name for field in form.scope] == (list(SCOPE) if about.scoped else [])
        assert ("lasting_seconds" in form.fields) == (slug in CONDITIONS)
    asked = text(adam, f"{ADD}?about=flaps")
    for name in ("param_times", "sites", "lasting_seconds", "inhibits", "slug"):
        assert f'name="{name}"' in asked
    assert "Happenings" in text(adam, f"{ADD}?about=coffee")


def test_an_administrator_makes_one(adam: Client) -> None:
    more = {
        "cp_ids": "CP1\r\n\r\nCP2",
        "sites": "Depot Nord",
        "labels": "power=150 kW",
        "group_by": ["rule", "site"],
        "inhibits": f"{OFFLINE}: site, charge_point\r\nsite-outage",
        "advice": "Look\r\nat it.",
    }
    figures = {f"param_{param.name}": str(param.default) for param in CONDITIONS["flaps"].params}
    answer = adam.post(f"{ADD}?about=flaps", FORM | figures | more)
    assert (answer.status_code, answer["Location"]) == (302, tab("rules"))
    made = Rule.objects.get(slug="depot-offline")
    assert (made.about, made.severity, made.lasting_seconds, made.keep_seconds) == (
        "flaps",
        "critical",
        300,
        60,
    )
    scope = {"cp_ids": ["CP1", "CP2"], "sites": ["Depot Nord"], "labels": {"power": "150 kW"}}
    assert made.scope == scope
    assert made.inhibits == [
        {"rule": OFFLINE, "equal": ["site", "charge_point"]},
        {"rule": "site-outage", "equal": []},
    ]
    assert (made.group_by, made.advice, made.by) == (["rule", "site"], "Look\nat it.", "adam")
    assert "counts from the next look on" in text(adam, tab("rules"))
    page = text(adam, f"{PATH}/rules/depot-offline/change")
    assert f"{OFFLINE}: site, charge_point" in page
    assert "power=150 kW" in page
    assert 'name="slug"' not in page


def test_only_figures_that_differ_are_kept(adam: Client) -> None:
    [*names] = [param for param in CONDITIONS["flaps"].params if not param.choices]
    figures = {f"param_{param.name}": str(param.default) for param in CONDITIONS["flaps"].params}
    figures[f"param_{names[0].name}"] = str(names[0].least)
    assert adam.post(f"{ADD}?about=flaps", FORM | figures).status_code == 302
    assert Rule.objects.get(slug="depot-offline").params == {names[0].name: names[0].least}


def test_one_of_a_happening_is_made(adam: Client) -> None:
    slug, about = next((slug, about) for slug, about in HAPPENINGS.items() if about.scoped)
    figures = {f"param_{param.name}": str(param.default) for param in about.params}
    assert adam.post(f"{ADD}?about={slug}", FORM | figures).status_code == 302
    made = Rule.objects.get(slug="depot-offline")
    assert (made.about, made.lasting_seconds, made.keep_seconds) == (slug, 0, 0)


@pytest.mark.parametrize(
    ("values", "field", "why"),
    [
        ({"slug": ""}, "slug", "This field is required"),
        ({"slug": "Not So"}, "slug", "small letters, digits and dashes"),
        ({"slug": OFFLINE}, "slug", "There is a rule charge-point-offline already"),
        ({"name": ""}, "name", "This field is required"),
        ({"name": "x\u0007y"}, "name", "one line of at most"),
        ({"severity": "awful"}, "severity", "not one of the available choices"),
        ({"lasting_seconds": "-1"}, "lasting_seconds", "greater than or equal to 0"),
        ({"keep_seconds": "99999999"}, "keep_seconds", "less than or equal to"),
        ({"cp_ids": "x" * 201}, "cp_ids", "printable texts of 1 to 200"),
        ({"labels": "power"}, "labels", "A line is written as name=value, not power"),
        ({"labels": "a=1\na=2"}, "labels", "a is there twice"),
        ({"labels": "a:b=1"}, "labels", "labels: "),
        ({"group_by": ["moon"]}, "group_by", "not one of the available choices"),
        ({"inhibits": "no-such-rule: site"}, "inhibits", "There is no rule"),
        ({"inhibits": f"{OFFLINE}: moon"}, "inhibits", "It has some of"),
        ({"inhibits": "depot-offline"}, "inhibits", "they stand in a ring"),
        ({"advice": "x" * 1001}, "advice", "at most 1000 printable characters"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    adam: Client, values: dict[str, Any], field: str, why: str
) -> None:
    count = Rule.objects.count()
    figures = {f"param_{param.name}": str(param.default) for param in CONDITIONS["flaps"].params}
    answer = adam.post(f"{ADD}?about=flaps", FORM | figures | values)
    assert answer.status_code == 422
    said = refused_at(answer.content.decode(), field)
    assert why.lower() in said.lower()
    assert Rule.objects.count() == count


def test_a_figure_out_of_its_bounds_is_refused_beside_it(adam: Client) -> None:
    for param in CONDITIONS["flaps"].params:
        figures = {f"param_{each.name}": str(each.default) for each in CONDITIONS["flaps"].params}
        figures[f"param_{param.name}"] = str(param.most + 1)
        answer = adam.post(f"{ADD}?about=flaps", FORM | figures)
        assert answer.status_code == 422
        assert "less than or equal to" in refused_at(answer.content.decode(), f"param_{param.name}")


def test_what_was_typed_comes_back_escaped(adam: Client) -> None:
    hostile = dict.fromkeys(("slug", "name", "advice", "inhibits", "labels", "cp_ids"), HOSTILE)
    page = adam.post(f"{ADD}?about=offline", FORM | hostile).content.decode()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_too_many_are_refused(adam: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.rules.services.RULES_MAX", 0)
    figures = {f"param_{param.name}": str(param.default) for param in CONDITIONS["flaps"].params}
    answer = adam.post(f"{ADD}?about=flaps", FORM | figures)
    assert answer.status_code == 422
    assert "There are 0 rules already" in answer.content.decode()


def test_one_is_changed_and_a_shipped_one_is_marked_and_restored(adam: Client) -> None:
    path = f"{PATH}/rules/{OFFLINE}/change"
    assert "It is as shipped." in text(adam, path)
    rule = Rule.objects.get(slug=OFFLINE)
    answer = adam.post(path, FORM | {"name": "Away", "lasting_seconds": "60"})
    assert answer.status_code == 302
    changed = Rule.objects.get(slug=OFFLINE)
    assert (changed.name, changed.lasting_seconds, changed.by) == ("Away", 60, "adam")
    assert changed.about == rule.about
    asked = adam.post(f"{PATH}/rules/{OFFLINE}/restore").content.decode()
    assert "Let it be as it is shipped?" in asked
    assert "is as it is shipped." in do(adam, OFFLINE, "restore")
    restored = Rule.objects.get(slug=OFFLINE)
    assert (restored.name, restored.lasting_seconds, restored.by) == (rule.name, rule.lasting_seconds, "")
    assert restored.inhibits == rule.inhibits
    answer = adam.post(path, FORM | {"inhibits": OFFLINE})
    assert answer.status_code == 422
    assert "in a ring" in refused_at(answer.content.decode(), "inhibits")
    text(adam, f"{PATH}/rules/no-such-rule/change", status=404)
    Rule.objects.filter(slug=OFFLINE).update(about="gone")
    assert "it can only be removed" in adam.get(path, follow=True).content.decode()


def test_one_is_switched_removed_and_restored(adam: Client) -> None:
    assert "Switch it off?" in adam.post(f"{PATH}/rules/{OFFLINE}/off").content.decode()
    assert Rule.objects.get(slug=OFFLINE).enabled
    assert f"{OFFLINE} is off." in do(adam, OFFLINE, "off")
    assert f"{OFFLINE} is on." in do(adam, OFFLINE, "on")
    assert "Remove it?" in adam.post(f"{PATH}/rules/{OFFLINE}/delete").content.decode()
    said = do(adam, OFFLINE, "delete")
    assert f"{OFFLINE} was removed." in said
    assert "Shipped rules that were removed" in said
    assert RemovedStarter.objects.get().by == "adam"
    assert f"{OFFLINE} is as it is shipped." in do(adam, OFFLINE, "restore")
    assert Rule.objects.filter(slug=OFFLINE).exists()
    delete_rule(OFFLINE, by="adam", now=timezone.now())
    a_rule(OFFLINE)
    assert "There is another rule charge-point-offline." in do(adam, OFFLINE, "restore")
    assert adam.post(f"{PATH}/rules/{OFFLINE}/dance").status_code == 404
    assert adam.post(f"{PATH}/rules/no-such-rule/on").status_code == 404
    a_rule()
    assert "No such rule is shipped." in do(adam, "mine", "restore")


def test_a_viewer_and_an_operator_are_refused_with_the_reason(alice: Client, bob: Client) -> None:
    written = write_rule({"name": "Home", "expression": "up == 0"}, by="adam", now=timezone.now())
    before = list(Rule.objects.values_list("slug", "enabled"))
    for client in (alice, bob):
        one = f"{PATH}/prometheus/rules/{written.pk}"
        for path in (ADD, f"{PATH}/rules/{OFFLINE}/change", WRITE, one):
            assert ONLY_ADMINISTRATORS in text(client, path, status=403)
            assert client.post(path, FORM).status_code == 403
        posts = [f"{PATH}/rules/{OFFLINE}/{act}" for act in alert_rules.ACTS]
        for path in (*posts, f"{one}/delete", f"{PATH}/prometheus/rules/bring"):
            assert client.post(path, {"confirmed": "yes"}).status_code == 403
    assert list(Rule.objects.values_list("slug", "enabled")) == before
    assert PrometheusRule.objects.exists()


# --- Prometheus -----------------------------------------------------------------------------------------------------


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What promtool would say: nothing, unless a test lets it."""
    says: list[str] = []
    monkeypatch.setattr("alerts.prometheus.services.check_file", lambda text: says[0] if says else "")
    return says


def test_a_rule_for_prometheus_is_written_changed_and_deleted(
    adam: Client, bob: Client, checks: list[str]
) -> None:
    assert "Prometheus is not set." in text(adam, WRITE)
    answer = adam.post(WRITE, WRITTEN)
    assert (answer.status_code, answer["Location"]) == (302, tab("rules"))
    made = PrometheusRule.objects.get()
    assert (made.name, made.expression, made.lasting_seconds) == ("NobodyHome", "up == 0", 300)
    assert made.labels == {"team": "depot", "channel": "on call"}
    page = text(bob, tab("rules"))
    assert "NobodyHome" in page
    assert str(made.pk) not in page
    path = f"{PATH}/prometheus/rules/{made.pk}"
    assert "channel=on call" in text(adam, path)
    assert adam.post(path, WRITTEN | {"expression": "up < 1", "enabled": ""}).status_code == 302
    made.refresh_from_db()
    assert (made.expression, made.enabled, made.updated_by) == ("up < 1", False, "adam")
    assert "Delete it?" in adam.post(f"{path}/delete").content.decode()
    assert PrometheusRule.objects.exists()
    said = adam.post(f"{path}/delete", {"confirmed": "yes"}, follow=True).content.decode()
    assert "NobodyHome was removed." in said
    assert not PrometheusRule.objects.exists()
    text(adam, path, status=404)


@pytest.mark.parametrize(
    ("values", "field", "why"),
    [
        ({"name": ""}, "name", "This field is required"),
        ({"name": "0 bad"}, "name", "begins with a letter"),
        ({"name": "Taken"}, "name", "Another rule has this name"),
        ({"expression": "up =="}, "expression", ""),
        ({"lasting_seconds": "-1"}, "lasting_seconds", "greater than or equal to 0"),
        ({"summary": "{{ $externalURL }}"}, "summary", ""),
        ({"labels": "severity=x"}, "labels", "may not be a label"),
        ({"labels": "team"}, "labels", "A line is written as name=value"),
        ({"severity": "awful"}, "severity", "not one of the available choices"),
    ],
)
def test_what_prometheus_would_not_take_is_refused_beside_its_field(
    adam: Client, checks: list[str], values: dict[str, Any], field: str, why: str
) -> None:
    write_rule({"name": "Taken", "expression": "up == 0"}, by="adam", now=timezone.now())
    answer = adam.post(WRITE, WRITTEN | values)
    assert answer.status_code == 422
    said = refused_at(answer.content.decode(), field)
    assert "invalid-feedback" in said
    assert why in said
    assert PrometheusRule.objects.count() == 1


def test_the_words_of_the_validation_are_said(adam: Client, checks: list[str]) -> None:
    checks.append(f"line 3: unknown function {HOSTILE}")
    page = adam.post(WRITE, WRITTEN).content.decode()
    assert "Line 3: unknown function" in refused_at(page, "expression")
    assert HOSTILE not in page
    assert not PrometheusRule.objects.exists()


def test_what_prometheus_has_loaded_is_shown_read_only(
    adam: Client, monkeypatch: pytest.MonkeyPatch, settings: Callable[..., None]
) -> None:
    settings(PROMETHEUS_URL="http://127.0.0.1:9")
    loaded = [
        LoadedRule("console-managed", "a.yml", "alerting", HOSTILE, f"up {HOSTILE}", "ok", "", "firing"),
        LoadedRule("other", "b.yml", "recording", "fleet:up", "sum(up)", "err", f"it broke {HOSTILE}"),
    ]
    monkeypatch.setattr(prometheus, "loaded_rules", lambda **given: (loaded, True))
    page = text(adam, tab("rules"), headers={"Live": "loaded"})
    said = words(page)
    assert HOSTILE not in page
    assert "written here" in said
    assert "it broke" in said
    assert "recording" in said
    assert "There are more" in said
    assert "<form" not in page
    monkeypatch.setattr(prometheus, "loaded_rules", lambda **given: ([], False))
    assert "Prometheus has loaded no rule." in text(adam, tab("rules"))

    def refuses(**given: Any) -> None:
        raise Refused(500, "query timed out")

    monkeypatch.setattr(prometheus, "loaded_rules", refuses)
    assert "Prometheus: query timed out" in text(adam, tab("rules"))


def test_how_the_file_stands_is_told_and_it_is_tried_again(
    adam: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Kept("refused", f"promtool says no {HOSTILE}", timezone.now())
    monkeypatch.setattr(alert_rules, "delivery", lambda: refused)
    KeptFile.objects.create(name="prometheus", refused_digest="x", refused_why="no")
    page = text(adam, tab("rules"), headers={"Live": "managed"})
    assert HOSTILE not in page
    assert "promtool says no" in page
    path = f"{PATH}/prometheus/rules/bring"
    assert f'action="{path}"' in page
    assert path not in text(bob, tab("rules"), headers={"Live": "managed"})
    assert "tried again within seconds" in adam.post(path, follow=True).content.decode()
    assert KeptFile.objects.get().refused_digest == ""


def test_prometheus_that_is_unset_or_away_is_said(bob: Client, settings: Callable[..., None]) -> None:
    said = words(text(bob, tab("rules")))
    assert said.count("Prometheus is not set. With PROMETHEUS_URL set") == 1
    assert "To enable it, set PROMETHEUS_URL" in said
    settings(PROMETHEUS_URL="http://127.0.0.1:9")
    now = timezone.now()
    known = {"reachable": False, "since": now - timedelta(hours=3), "asked_at": now}
    Server.objects.create(name="prometheus", url="http://127.0.0.1:9", why=f"Refused {HOSTILE}", **known)
    page = text(bob, tab("rules"))
    assert page.count("Prometheus is not reachable, since") == 1
    assert HOSTILE not in page
