"""The limits that are shipped have room for as many webhooks as there may be."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from csms.core.webhooks.places import SHARED
from csms.core.webhooks.services import ENDPOINTS_MAX

DOCKER = Path(__file__).parents[2] / "docker"
REST = 150
"""Threads, or connections, of everything else."""


def service(file: str, name: str) -> Any:
    return yaml.safe_load((DOCKER / file).read_text())["services"][name]


@pytest.mark.parametrize(
    ("file", "name"),
    [("compose.yaml", "csms"), ("compose.scale.yaml", "worker-events")],
    ids=["one", "scale"],
)
def test_a_container_may_have_the_threads_of_all_webhooks(file: str, name: str) -> None:
    requests = ENDPOINTS_MAX + SHARED
    pids = service(file, name)["deploy"]["resources"]["limits"]["pids"]
    assert pids >= ENDPOINTS_MAX + 2 * requests + REST


def test_the_database_has_connections_for_all_webhooks_and_a_process_for_each() -> None:
    postgres = service("compose.scale.yaml", "postgres")
    [most] = [int(word.partition("=")[2]) for word in postgres["command"] if "max_connections" in word]
    assert most >= ENDPOINTS_MAX + REST
    assert postgres["deploy"]["resources"]["limits"]["pids"] > most
