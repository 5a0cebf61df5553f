"""The whole way: a rule and a channel written here, a real Prometheus, a real Alertmanager, a receiver, a silence."""

import threading
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from alerts.alertmanager.managed import ManagedChannel
from alerts.external import client
from csms.core.api_data import moment
from tests.alerting.cast import API, a_pass, now, server_that, until, with_words
from tests.lanes.prometheus import Alertmanager, Prometheus


@pytest.mark.django_db
def test_what_is_written_here_fires_there_reaches_somebody_and_is_silenced(
    root: APIClient,
    prometheus: Prometheus,
    set_up: Alertmanager,
    channels: list[ManagedChannel],
    settings: Callable[..., None],
) -> None:
    told: list[dict[str, Any]] = []
    lock = threading.Lock()

    def receive(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            told.append(orjson.loads(handler.posted))  # type: ignore[attr-defined]
        with_words(200, b"")(handler)

    settings(CSMS_ALERTMANAGER_GROUP_WAIT="1")
    prometheus.configure(alertmanagers=(set_up.address,))
    settings(PROMETHEUS_URL=prometheus.url, PROMETHEUS_RULES_FILE=prometheus.rules / "console-managed.yml")
    client.reload(client.Address(prometheus.url, "", 30))
    with server_that(receive) as url:
        channels.append(ManagedChannel("webhook", "night shift", {"url": url}))
        rule = {
            "name": "Dark",
            "expression": 'vector(1) or up{job="nothing"}',
            "severity": "critical",
            "summary": "it is {{ $value }}",
            "labels": {"channel": "night shift", "site": "North"},
        }
        assert root.post(f"{API}/prometheus/rules/", rule).status_code == 201
        assert a_pass() == ["prometheus", "alertmanager"]
        until(lambda: told, "the receiver is told")
    assert told[0]["receiver"] == "night shift"
    [alert] = told[0]["alerts"]
    assert (alert["status"], alert["annotations"]["summary"]) == ("firing", "it is 1")
    silence = {
        "matchers": [{"name": "site", "value": "North"}],
        "ends_at": moment(now() + timedelta(hours=1)),
        "comment": "we know",
    }
    assert root.post(f"{API}/alertmanager/silences/", silence).status_code == 201

    def state() -> str:
        [row] = root.get(f"{API}/alertmanager/alerts/").json()["results"]
        return row["state"]

    until(lambda: state() == "suppressed", "it is silenced")
    assert root.get(f"{API}/prometheus/alerts/").json()["results"][0]["state"] == "firing"
