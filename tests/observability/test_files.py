"""docker/observability holds what its programs take, and names nothing that a running server does not tell."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.observability.files import ALWAYS, DASHBOARDS, PROOFS, checked, panels, rules
from tests.observability.page import FOLDER, ROOT, named, selected

# --- the tools --------------------------------------------------------------------------------------------------------


def test_prometheus_takes_its_configuration_and_the_rules(promtool: Path) -> None:
    assert "2 rule files found" in checked(promtool, "check", "config", FOLDER / "prometheus.yml")


def test_prometheus_takes_the_configuration_that_the_documentation_has(
    promtool: Path, tmp_path: Path
) -> None:
    [text] = re.findall(r"```yaml\n(global: .+?)```", (ROOT / "docs" / "metrics.md").read_text(), re.DOTALL)
    shutil.copytree(FOLDER / "rules", tmp_path / "rules")
    (tmp_path / "prometheus.yml").write_text(text)
    assert "2 rule files found" in checked(promtool, "check", "config", tmp_path / "prometheus.yml")


def test_alertmanager_takes_its_configuration(amtool: Path) -> None:
    assert "3 inhibit rules" in checked(amtool, "check-config", FOLDER / "alertmanager.yml")


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=CsmsEventsLate", "severity=critical"), "on-call"),
        (("alertname=CsmsBellLost", "severity=warning"), "operators"),
        (("alertname=CsmsWatchdog", "severity=none"), "nobody"),
        (("alertname=OfTheConsole",), "operators"),  # of the group that the console keeps
    ],
)
def test_alertmanager_tells_whom_it_should(amtool: Path, labels: tuple[str, ...], receiver: str) -> None:
    config = f"--config.file={FOLDER / 'alertmanager.yml'}"
    assert checked(amtool, "config", "routes", "test", config, *labels).split() == [receiver]


def test_what_inhibits_and_is_inhibited_is_there() -> None:
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    text = (FOLDER / "alertmanager.yml").read_text()
    assert set(re.findall(r"Csms\w+", text)) <= alerts


@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.stem)
def test_rules_do_what_they_are_for(promtool: Path, path: Path) -> None:
    assert "SUCCESS" in checked(promtool, "test", "rules", path)


def test_every_alert_is_proven_both_ways() -> None:
    fires, does_not = set(), set()
    for path in PROOFS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for proof in test.get("alert_rule_test", ()):
                (fires if proof["exp_alerts"] else does_not).add(proof["alertname"])
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert fires == alerts
    assert does_not == alerts - ALWAYS


def test_prometheus_takes_every_expression_of_a_dashboard(promtool: Path, tmp_path: Path) -> None:
    drawn = [{"record": f"drawn:{number}", "expr": expr} for number, (_, expr) in enumerate(panels())]
    file = tmp_path / "drawn.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "drawn", "rules": drawn}]}))
    checked(promtool, "check", "rules", file)


# --- what they name ---------------------------------------------------------------------------------------------------


def test_a_name_that_nobody_tells_is_found() -> None:
    assert named('sum(rate(csms_nonsense_total{a="csms_quoted"}[5m])) / slo:x:y') == {
        "csms_nonsense_total",
        "slo:x:y",
    }
    assert selected('csms_a{b="x", c=~"y"} / csms_a{d!="z"}') == {"csms_a": {"b", "c", "d"}}


def test_alerts_are_written_for_people() -> None:
    severities = set()
    for rule in rules():
        if "alert" in rule:
            severities.add(rule["labels"]["severity"])
            assert rule["labels"]["service"] == "csms"
            assert re.fullmatch(r"Csms[A-Z]\w+", rule["alert"])
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["description"].endswith(".")
    assert severities == {"critical", "warning", "none"}


# --- compose, Grafana -------------------------------------------------------------------------------------------------


def test_every_dashboard_has_a_name_of_its_own_and_asks_the_source_that_is_there() -> None:
    sources = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yml").read_text())
    uids = {source["uid"] for source in sources["datasources"]}
    seen = set()
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        seen.add((board["uid"], board["title"]))
        assert {panel["datasource"]["uid"] for panel in board["panels"]} <= uids
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert {uid for uid, _ in seen} == {
        f"csms-{name}" for name in ("fleet", "processes", "storms", "transactions", "delivery", "objectives")
    }


def test_compose_confines_its_services_and_opens_them_to_this_machine_only() -> None:
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}, name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert service["healthcheck"]["test"][0] == "CMD", name
        for mount in service["volumes"]:
            source, target, *how = mount.split(":")
            if source.startswith("./"):
                assert (FOLDER / source).exists(), mount
                assert how == ["ro"], mount
            else:
                assert source in compose["volumes"], mount
            assert target.startswith("/"), mount


def test_prometheus_looks_for_servers_and_workers_where_the_compose_files_have_them() -> None:
    composed = {
        name: service
        for file in ("compose.yaml", "compose.scale.yaml")
        for name, service in yaml.safe_load((FOLDER.parent / file).read_text())["services"].items()
    }
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    asked: dict[str, set[int]] = {}
    for job in config["scrape_configs"]:
        for found in job.get("dns_sd_configs", ()):
            for name in found["names"]:
                asked.setdefault(name, set()).add(found["port"])
    assert asked["csms"] == asked["web"] == {8000}
    first = int(composed["worker-events"]["environment"]["CSMS_WORKER_METRICS_PORT"])
    for name, service in composed.items():
        if not name.startswith("worker-"):
            continue
        command = service["command"]
        many = int(command[command.index("--concurrency") + 1]) if "prefork" in command else 1
        assert asked.pop(name) == set(range(first, first + many)), name
    assert asked.keys() == {"csms", "web"}
