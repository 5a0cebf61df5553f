"""A real Prometheus: what it says is shown, what is written here it loads, and nothing bad ever reaches it."""

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from alerts.external import files, keeping
from alerts.external.models import KeptFile, Server
from alerts.prometheus import delivery, rendering, selectors, services
from alerts.prometheus.models import PrometheusRule
from csms.core.config import get_config
from csms.core.refusals import BadField
from tests.alerting.cast import API, GOOD, a_pass, a_rule, now, until
from tests.lanes.prometheus import Prometheus

pytestmark = pytest.mark.django_db
RULES = f"{API}/prometheus/rules/"
REACHED = timedelta(seconds=20)  # after that it is asked anew whether it is there


@pytest.fixture
def path(prometheus: Prometheus, settings: Callable[..., None]) -> Path:
    """The file that Prometheus reads, absent at first; the settings name both."""
    file = prometheus.rules / "console-managed.yml"
    for left in prometheus.rules.iterdir():
        left.unlink()
    settings(PROMETHEUS_URL=prometheus.url, PROMETHEUS_RULES_FILE=file, CSMS_ALERTING_SECONDS="30")
    return file


def loaded() -> dict[str, selectors.LoadedRule]:
    return {rule.name: rule for rule in selectors.loaded_rules(now=now())[0]}


def reloads_well(prometheus: Prometheus) -> bool:
    """Whether Prometheus took all its files when it read them last."""
    from urllib.request import urlopen

    with urlopen(f"{prometheus.url}/metrics") as answer:
        return b"prometheus_config_last_reload_successful 1" in answer.read()


def test_a_good_rule_is_loaded_seen_and_fires(root: APIClient, prometheus: Prometheus, path: Path) -> None:
    made = root.post(
        RULES,
        {**GOOD, "expression": 'up{job="csms"} == 1', "summary": "{{ $labels.instance }} is {{ $value }}",
         "labels": {"channel": "night shift"}},
    )  # fmt: skip
    assert made.status_code == 201, made.content
    assert root.get(f"{API}/prometheus/").json()["rules"]["standing"] == "waiting"
    assert a_pass() == ["prometheus"]
    told = root.get(f"{API}/prometheus/").json()
    assert (told["server"]["state"], told["rules"]["standing"]) == ("ok", "in_step"), told
    assert told["server"]["version"].startswith("2.")
    assert told["rules_file"] == str(path)
    [rule] = root.get(f"{API}/prometheus/loaded-rules/").json()["results"]
    assert (rule["name"], rule["managed"], rule["group"]) == ("NobodyHome", True, "console-managed")

    def firing() -> list[dict[str, Any]]:
        return root.get(f"{API}/prometheus/alerts/").json()["results"]

    [alert] = until(firing, "it fires")
    assert alert["labels"]["channel"] == "night shift"
    assert alert["annotations"]["summary"] == f"{prometheus.address} is 1"
    assert (alert["state"], alert["severity"]) == ("firing", "critical")
    assert a_pass() == []  # nothing is left to do


def test_a_change_and_a_deletion_are_loaded_too(root: APIClient, path: Path) -> None:
    id = root.post(RULES, GOOD).json()["id"]
    a_pass()
    root.patch(f"{RULES}{id}/", {"expression": "vector(1)"})
    a_pass()
    assert loaded()["NobodyHome"].expression == "vector(1)"
    root.patch(f"{RULES}{id}/", {"enabled": False})
    a_pass()
    assert loaded() == {}
    root.patch(f"{RULES}{id}/", {"enabled": True})
    a_pass()
    assert root.delete(f"{RULES}{id}/").status_code == 204
    a_pass()
    assert loaded() == {}
    assert path.exists()  # without rules, so that Prometheus forgets them when it starts anew, too


@pytest.mark.parametrize("with_promtool", [True, False])
def test_a_bad_expression_never_reaches_the_file(
    root: APIClient,
    path: Path,
    refusal: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    with_promtool: bool,
) -> None:
    if not with_promtool:
        monkeypatch.setenv("PATH", "/nowhere")
    a_rule()
    a_pass()
    before = path.read_text()
    for bad in ("sum(", "rate(up)", "up[5m]", "nosuch(up)", 'up{a=~"["}', '"text"', "up == 0 # \x00", ""):
        refusal(root.post(RULES, {**GOOD, "name": "Bad", "expression": bad}), 422, "invalid", "expression")
    assert a_pass() == []
    assert path.read_text() == before
    # Even if one came into the rows by another way, it does not come further.
    PrometheusRule.objects.create(
        name="Smuggled", expression="sum(", lasting_seconds=0, keep_seconds=0, severity="info", enabled=True,
        created_at=now(), updated_at=now(),
    )  # fmt: skip
    a_pass()
    assert path.read_text() == before
    kept = delivery.delivery()
    assert kept.standing == "refused"
    assert "Smuggled" in kept.why or "sum" in kept.why or "parse" in kept.why
    assert "NobodyHome" in loaded()


def test_what_prometheus_refuses_is_set_back_and_said(
    prometheus: Prometheus, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = a_rule()
    a_pass()
    before = path.read_text()
    monkeypatch.setattr(rendering, "check_file", lambda text: "")
    monkeypatch.setattr(delivery, "check_file", lambda text: "")
    PrometheusRule.objects.filter(pk=rule.pk).update(expression="sum(")
    assert a_pass() == ["prometheus"]
    kept = delivery.delivery()
    assert kept.standing == "refused"
    assert kept.why.startswith("Prometheus refused it, and the file is set back: ")
    assert path.read_text() == before
    assert "NobodyHome" in loaded()
    assert reloads_well(prometheus)
    assert a_pass() == []  # it is not tried again and again
    PrometheusRule.objects.filter(pk=rule.pk).update(expression="up == 1")
    assert a_pass() == ["prometheus"]
    assert delivery.delivery().standing == "in_step"


def test_another_broken_file_of_prometheus_is_not_blamed_on_ours_for_ever(
    root: APIClient, prometheus: Prometheus, path: Path
) -> None:
    broken = path.with_name("somebody-elses.yml")
    broken.write_text("groups: [")
    a_rule()
    a_pass()
    kept = delivery.delivery()
    assert kept.standing == "refused"
    assert kept.why.startswith("Prometheus refuses its files even without this change: ")
    assert not path.exists()
    broken.unlink()
    assert a_pass() == []
    assert root.post(f"{RULES}bring/").json()["standing"] == "waiting"
    a_pass()
    assert delivery.delivery().standing == "in_step"


def test_what_was_refused_is_tried_again_after_a_while(path: Path) -> None:
    path.write_text("groups: []\n")
    a_rule()
    a_pass()
    assert "somebody else's" in delivery.delivery().why
    assert path.read_text() == "groups: []\n"
    path.unlink()
    assert not delivery.deliver(reachable=True, now=now())
    assert delivery.deliver(reachable=True, now=now() + keeping.TRY_AGAIN)
    assert delivery.delivery().standing == "in_step"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["before the file", "before the reload", "after the reload"])
def test_a_kill_in_between_is_mended_by_the_next_pass(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    a_rule()
    a_pass()
    a_rule(name="Second")

    def die(*args: Any, **values: Any) -> None:
        if step == "after the reload":
            reload(*args)
        raise Killed

    reload = keeping.reload
    target = (files, "replace") if step == "before the file" else (keeping, "reload")
    with monkeypatch.context() as dying:
        dying.setattr(*target, die)
        with pytest.raises(Killed):
            a_pass()
    assert delivery.delivery().standing == "waiting"
    assert a_pass() == ["prometheus"]
    assert set(loaded()) == {"NobodyHome", "Second"}
    assert delivery.delivery().standing == "in_step"


def test_after_a_kill_what_is_refused_is_set_back_to_what_was_loaded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = a_rule()
    a_pass()
    before = path.read_text()
    monkeypatch.setattr(delivery, "check_file", lambda text: "")
    PrometheusRule.objects.filter(pk=rule.pk).update(expression="sum(")
    path.write_text(delivery.wanted().text)  # and then the process ended
    a_pass()
    assert delivery.delivery().standing == "refused"
    assert path.read_text() == before


def test_a_file_that_somebody_changes_or_removes_is_written_anew(path: Path) -> None:
    a_rule()
    a_pass()
    text = path.read_text()
    path.write_text(text + "# mine\n")
    assert a_pass() == ["prometheus"]
    assert path.read_text() == text
    path.unlink()
    assert a_pass() == ["prometheus"]
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o644


def test_drafts_of_processes_that_died_are_swept(path: Path) -> None:
    draft = path.with_name(f".{path.name}.abcdef")
    draft.write_text("half")
    a_rule()
    a_pass()
    assert not draft.exists()


def test_a_prometheus_that_reads_another_file_is_told_of(
    path: Path, settings: Callable[..., None], tmp_path: Path
) -> None:
    settings(PROMETHEUS_RULES_FILE=tmp_path / "elsewhere.yml")
    a_rule()
    a_pass()
    kept = delivery.delivery()
    assert kept.standing == "unseen"
    assert "rule_files" in kept.why
    (path.with_name("link.yml")).symlink_to(tmp_path / "elsewhere.yml")
    keeping.reload(keeping.set_address("prometheus"))
    until(lambda: a_pass() or delivery.delivery().standing == "in_step", "it is seen")
    assert delivery.delivery().standing == "in_step"


def test_without_rules_nothing_is_written(path: Path) -> None:
    assert a_pass() == []
    assert not path.exists()
    assert delivery.delivery().standing == "nothing"


def test_an_unreachable_prometheus_says_since_when_and_gets_the_rules_when_it_is_back(
    root: APIClient, prometheus: Prometheus, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = now()
    a_pass()
    prometheus.stop()
    a_rule()
    at = now() + REACHED

    def passing(moment: datetime) -> None:
        from alerts.external.tasks import pass_over

        pass_over(clock=lambda: moment)

    passing(at)
    passing(at + REACHED)
    shown = root.get(f"{API}/prometheus/alerts/").json()
    assert shown["results"] == []
    assert shown["server"]["state"] == "unreachable"
    assert shown["server"]["since"] == f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
    assert "refused" in shown["server"]["why"]
    assert path.exists()  # for its start
    assert delivery.delivery().standing == "waiting"
    prometheus.start()
    assert "NobodyHome" in {rule["name"] for rule in _asked(prometheus)}
    passing(at + 2 * REACHED)
    assert delivery.delivery().standing == "in_step"
    row = Server.objects.get()
    assert row.reachable
    assert row.since > begun


def _asked(prometheus: Prometheus) -> list[dict[str, Any]]:
    import json
    from urllib.request import urlopen

    with urlopen(f"{prometheus.url}/api/v1/rules") as answer:
        groups = json.load(answer)["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_a_prometheus_that_says_nothing_costs_no_more_than_the_time_that_is_set(
    root: APIClient, prometheus: Prometheus, path: Path, settings: Callable[..., None]
) -> None:
    settings(CSMS_ALERTING_SECONDS="1")
    prometheus.signal(signal.SIGSTOP)
    try:
        shown = root.get(f"{API}/prometheus/loaded-rules/").json()
        assert shown["server"]["why"] == "It did not answer within 1 s."
        row = Server.objects.get()
        # Who asks next is told at once.
        assert root.get(f"{API}/prometheus/loaded-rules/").json()["server"]["state"] == "unreachable"
        assert Server.objects.get().asked_at == row.asked_at
    finally:
        prometheus.signal(signal.SIGCONT)


def test_unset_says_what_it_would_do_and_asks_nobody(root: APIClient) -> None:
    assert get_config().prometheus_url == ""
    a_rule()
    assert a_pass() == []
    told = root.get(f"{API}/prometheus/").json()
    assert (told["server"]["state"], told["rules"]["standing"]) == ("unset", "unset")
    assert "PROMETHEUS_URL" in told["server"]["why"]
    for name in ("alerts", "loaded-rules"):
        shown = root.get(f"{API}/prometheus/{name}/").json()
        assert (shown["results"], shown["server"]["state"]) == ([], "unset")
    assert not KeptFile.objects.exists()
    assert not Server.objects.exists()


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("summary", 'x"\n      - alert: Evil\n        expr: vector(1)\n'),
        ("description", "a: b\n- c: {d: [e]}\n\t!!python/object/apply:os.system ['true'] &a *a | > % @ `"),
        ("summary", "'; --- # y, on, 0x10, 1e3, ~, null, .inf ---"),
        ("description", "emoji \U0001f50c and ünïcödé and \u200b and \\n \\x00"),
    ],
)
def test_texts_stay_texts_in_the_file_and_in_prometheus(path: Path, field: str, text: str) -> None:
    if field == "summary" and "\n" in text:
        with pytest.raises(BadField):
            a_rule(expression="vector(1)", **{field: text})
        text = text.replace("\n", " ").strip()
    rule = a_rule(expression="vector(1)", **{field: text})
    a_pass()
    assert set(loaded()) == {rule.name}
    assert loaded()[rule.name].annotations[field] == text.strip()


def test_everything_written_is_in_the_file_as_prometheus_has_it(path: Path) -> None:
    a_rule(lasting_seconds=90, keep_seconds=600, labels={"team": "0x10", "n": "012"}, expression="up ==\n  0")
    a_pass()
    rule = loaded()["NobodyHome"]
    assert rule.lasting_seconds == 90
    assert rule.labels == {"severity": "critical", "team": "0x10", "n": "012"}
    assert "keep_firing_for: 600s" in path.read_text()
    assert services.RULES_MAX == 200
