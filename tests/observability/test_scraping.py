"""A server is scraped at its own address, whatever names browsers may use, and at no other strange name."""

from typing import Any

import pytest

from tests.paths.test_probes import asked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _names(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".csms.example.org"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.0.0.1", "www.csms.example.org"])
async def test_metrics_are_told_at_the_address_of_the_server_and_by_its_names(host: str) -> None:
    answer = await asked("/metrics", host=host)
    assert answer.status == 200
    assert b"csms_build_info" in answer.body


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/metrics", "attacker.example"),
        ("/metrics", "127.0.0.2:8000"),
        ("/metrics", "127.0.0.1:9000"),
        ("/metrics/", "127.0.0.1:8000"),
        ("/api/v1/", "127.0.0.1:8000"),
    ],
)
async def test_nothing_else_is_told_by_another_name(path: str, host: str) -> None:
    assert (await asked(path, host=host)).status == 400
