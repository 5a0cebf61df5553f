"""What a running server tells is what happened, and what docs/metrics.md says that it tells."""

import asyncio
import json
import re
import shutil
import time
import tomllib
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.urls import get_resolver
from prometheus_client import REGISTRY

from tests.lanes.prometheus import Prometheus
from tests.observability.files import EXPRESSIONS, OF_TARGETS, RECORDED, RULES
from tests.observability.hostile import ask, say, series
from tests.observability.page import ROOT, Page, documented, named, read, selected
from tests.support.server import Server


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        # Of the sockets: also what was refused, and what was told again.
        ("csms_ocpp_messages_total", {"action": "StartTransaction", "verdict": "ok"}, 1),
        ("csms_ocpp_messages_total", {"action": "StartTransaction", "verdict": "repeat"}, 1),
        ("csms_ocpp_messages_total", {"action": "other", "verdict": "refused"}, 1),
        ("csms_ocpp_messages_sent_total", {"action": "StopTransaction", "kind": "result"}, 2),
        ("csms_ocpp_messages_sent_total", {"action": "other", "kind": "error"}, 1),
        ("csms_ocpp_answer_seconds_count", {"action": "MeterValues", "outcome": "ok"}, 2),
        ("csms_ocpp_call_seconds_count", {"action": "GetConfiguration"}, 1),
        ("csms_ocpp_errors_answered_total", {"action": "other", "code": "NotImplemented"}, 1),
        ("csms_ocpp_connections_total", {"version": "ocpp1.6", "security_profile": "0"}, 2),
        ("csms_ocpp_closes_total", {"code": "1000"}, 2),
        ("csms_ocpp_handshakes_refused_total", {"reason": "no_subprotocol"}, 1),
        # Facts: a repeat of one is none.
        ("csms_boot_notifications_total", {"decision": "accepted"}, 2),
        ("csms_authorizations_total", {"decision": "Accepted", "source": "own"}, 1),
        ("csms_start_transactions_total", {"decision": "Accepted"}, 1),
        ("csms_stop_transactions_total", {"reason": "EVDisconnected", "source": "reported"}, 1),
        ("csms_transaction_orphans_total", {}, 0),
        ("csms_status_notifications_total", {"status": "Charging", "error_code": "NoError"}, 1),
        ("csms_status_notifications_total", {"status": "other", "error_code": "other"}, 1),
        ("csms_meter_values_total", {}, 2),
        ("csms_meter_value_samples_total", {"measurand": "Energy.Active.Import.Register"}, 1),
        ("csms_meter_value_samples_total", {"measurand": "Power.Active.Import"}, 2),
        ("csms_meter_value_samples_total", {"measurand": "other"}, 1),
        ("csms_meter_value_samples_unused_total", {"measurand": "Power.Active.Import"}, 1),
        (
            "csms_data_transfers_total",
            {"vendor": "org.openchargealliance.iso15118pnc", "status": "UnknownMessageId"},
            1,
        ),
        ("csms_data_transfers_total", {"vendor": "other", "status": "UnknownVendorId"}, 1),
        ("csms_security_events_total", {"type": "TamperDetectionActivated", "critical": "true"}, 1),
        ("csms_security_events_total", {"type": "other", "critical": "false"}, 1),
        # There before its first fact, or an alert on its increase would miss that.
        ("csms_security_events_total", {"type": "SecurityLogWasCleared", "critical": "true"}, 0),
        ("csms_firmware_status_total", {"status": "Installed"}, 1),
        ("csms_diagnostics_status_total", {"status": "Uploaded"}, 1),
        ("csms_certificate_requests_total", {"outcome": "refused"}, 1),
        ("csms_commands_total", {"command": "get-configuration", "outcome": "accepted"}, 1),
        # Of rows.
        ("csms_charge_points", {"state": "known"}, 2),
        ("csms_charge_points", {"state": "online"}, 0),
        ("csms_connectors", {"status": "Charging"}, 1),
        ("csms_connectors", {"status": "other"}, 1),
        ("csms_transactions_active", {}, 0),
        ("csms_server_processes", {}, 1),
    ],
)
def test_a_figure_is_what_happened(figures: Page, name: str, labels: dict[str, str], value: float) -> None:
    assert figures.value(name, **labels) == value


def test_every_metric_of_the_page_is_in_the_table_and_the_other_way_round(figures: Page) -> None:
    told = {name: type for name, type in figures.types.items() if name.startswith("csms_")}
    assert {name: row.type for name, row in documented().items()} == told


def test_every_metric_has_the_labels_that_the_table_names(figures: Page) -> None:
    table = documented()
    for name, labels in figures.samples:
        family = re.sub(r"_(bucket|count|sum)$", "", name)
        if row := table.get(name) or table.get(family):
            assert {label for label, _ in labels} - {"le"} == set(row.labels), name


def test_metrics_without_a_series_have_the_labels_that_the_table_names() -> None:
    import alerts.sink  # noqa: F401 - with its first event
    import csms.asgi
    import csms.core.events.kafka  # and this one, too
    import csms.server  # what a server loads

    get_resolver().url_patterns  # noqa: B018 - and what it loads with its first request
    csms.server.celery_app.loader.import_default_modules()  # and with its first task
    table = documented()
    looked_at = set()
    for collector in REGISTRY._collector_to_names:
        name = getattr(collector, "_name", "")
        name += "_total" if getattr(collector, "_type", "") == "counter" else ""
        if name in table:
            looked_at.add(name)
            assert tuple(collector._labelnames) == table[name].labels, name  # type: ignore[attr-defined]
    # What is left is made of rows at each scrape, and named by the page itself.
    left = {name: row.type for name, row in table.items() if name not in looked_at}
    assert set(left.values()) == {"gauge"}, left


def test_a_command_of_the_house_is_counted_where_it_leaves(figures: Page) -> None:
    # Both charge points are asked for their configuration after their boot; the second may be gone by then.
    assert figures.value("csms_ocpp_messages_sent_total", action="GetConfiguration", kind="call") in (1, 2)


def test_the_version_is_that_of_the_project(figures: Page) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert figures.value("csms_build_info", version=version) == 1


# --- what the files of docker/observability name ----------------------------------------------------------------------


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_a_running_server_tells_what_a_rule_or_dashboard_names(
    figures: Page, where: str, expression: str
) -> None:
    names = named(expression)
    assert names - figures.names - RECORDED == set()
    assert names or expression == "vector(1)" or re.search(r"\bup\b", expression)
    table = documented()
    for name, labels in selected(expression).items():
        family = re.sub(r"_(bucket|count|sum)$", "", name)
        if row := table.get(name) or table.get(family):
            assert labels <= set(row.labels) | OF_TARGETS | {"le"}, name


def test_a_real_prometheus_reads_the_server_and_answers_every_rule_and_dashboard(
    figures: Page, server: Server, prometheus: Prometheus
) -> None:
    for path in RULES:
        shutil.copy(path, prometheus.rules)
    prometheus.configure(targets=(urlsplit(server.base_url).netloc,))
    # A busy machine may take a while for a page.
    prometheus.config.write_text(prometheus.config.read_text().replace("200ms", "5s", 2))

    def answer(path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{prometheus.url}{path}?{urlencode(query)}", timeout=20) as answer:
            return json.load(answer)["data"]

    def states() -> dict[str, str]:
        """Rule -> how its last evaluation went."""
        groups = answer("/api/v1/rules")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def known() -> Any:
        return answer("/api/v1/query", query='csms:charge_points:max{state="known"}')["result"]

    urllib.request.urlopen(f"{prometheus.url}/-/reload", data=b"", timeout=20).close()
    names = {name for name, _ in EXPRESSIONS if ": " not in name}
    deadline = time.monotonic() + 120
    while states() != dict.fromkeys(names, "ok") or not known():
        assert "err" not in states().values(), answer("/api/v1/rules")
        assert time.monotonic() < deadline, states()
        time.sleep(0.2)
    assert known()[0]["value"][1] == str(int(figures.value("csms_charge_points", state="known") or 0))
    for _, expression in EXPRESSIONS:
        answer("/api/v1/query", query=expression)  # one that cannot be answered raises HTTPError
    firing = {alert["labels"]["alertname"] for alert in answer("/api/v1/alerts")["alerts"]}
    assert "CsmsWatchdog" in firing
    assert not firing & {"CsmsNoServer", "CsmsServerDown"}


# --- strangers; last, for the figures above are those of before -------------------------------------------------------


def test_other_wrong_words_make_no_new_series(figures: Page, server: Server) -> None:
    page: Callable[[], Page] = lambda: read(server.get("/metrics")[1])  # noqa: E731
    for word, code in (("qwertz-aaaaaa", 4321), ("asdfgh-bbbbbb", 4322), ("zuiopu-cccccc", 4999)):
        asyncio.run(say(server, word, code))
        ask(server, word)
        if code == 4321:
            first = page()
    last = page()
    assert series(last) - series(first) == set()
    for word in ("qwertz", "asdfgh", "zuiopu"):
        assert word not in last.text


def test_what_is_not_known_is_other(figures: Page, server: Server) -> None:
    asyncio.run(say(server, "yxcvbn-dddddd", 4711))
    page = read(server.get("/metrics")[1])
    for name, labels in (
        ("csms_ocpp_messages_total", {"action": "other", "verdict": "refused"}),
        ("csms_ocpp_closes_total", {"code": "other"}),
        ("csms_status_notifications_total", {"status": "other", "error_code": "other"}),
        ("csms_meter_value_samples_total", {"measurand": "other"}),
        ("csms_stop_transactions_total", {"reason": "other", "source": "reported"}),
        ("csms_data_transfers_total", {"vendor": "other", "status": "UnknownVendorId"}),
        ("csms_security_events_total", {"type": "other", "critical": "false"}),
        ("csms_firmware_status_total", {"status": "other"}),
        ("csms_diagnostics_status_total", {"status": "other"}),
        ("csms_transaction_orphans_total", {}),
    ):
        assert page.value(name, **labels), name
