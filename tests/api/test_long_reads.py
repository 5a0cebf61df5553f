"""A read that the database takes too long for is ended, and says so; no other, and nothing that is written."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.db import connection
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient

from csms.api_docs import DOCUMENT
from csms.core import long_reads
from csms.core.api_views import ApiView
from csms.urls import handler400, handler500
from tests.api.cast import API
from tests.support.house import settings_are
from tests.support.server import ROOT

# Longer than any test run.
ENDLESS = {
    "postgresql": "SELECT pg_sleep(86400)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
}
watched: list[int] = []


class Slow(ApiView):
    """Asks what never ends."""

    scope = "read"

    def get(self, request: Request) -> Response:
        """Ask."""
        with connection.cursor() as cursor:
            cursor.execute(ENDLESS[connection.vendor])
        return Response({})


class Watched(ApiView):
    """Notes how many reads are watched over."""

    scope = "read"

    def get(self, request: Request) -> Response:
        """Read."""
        watched.append(long_reads.running())
        return Response({})

    post = get


class Broken(ApiView):
    """Asks for what is not there."""

    scope = "read"

    def get(self, request: Request) -> Response:
        """Ask."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        return Response({})


urlpatterns = [
    path("api/v1/slow/", Slow.as_view()),
    path("api/v1/watched/", Watched.as_view()),
    path("api/v1/broken/", Broken.as_view()),
    path("", include("csms.urls")),
]
__all__ = ["handler400", "handler500"]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def seen() -> list[int]:
    watched.clear()
    return watched


def ended() -> float:
    # Of this counter alone: others are read from rows, by this thread's connection.
    [metric] = long_reads.ENDED.collect()
    return metric.samples[0].value


def test_a_read_that_takes_too_long_is_ended_and_says_so(
    bob: APIClient, refusal: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    before = ended()
    with settings_are(CSMS_API_READ_SECONDS="1"):
        said = refusal(bob.get(f"{API}/slow/"), 504, "read_too_long")
    assert "more than 1 s" in said["detail"]
    assert ended() == before + 1
    [line] = [line for line in caplog.records if line.name == long_reads.__name__]
    assert (line.levelname, line.getMessage(), line.path) == ("WARNING", "api.read_too_long", f"{API}/slow/")
    assert long_reads.running() == 0
    assert connection.connection is None, "a late cancellation finds nobody"
    assert bob.get(f"{API}/charge-points/").status_code == 200


def test_reads_are_watched_over_and_what_is_written_is_not(bob: APIClient, seen: list[int]) -> None:
    assert bob.get(f"{API}/watched/").status_code == 200
    assert bob.post(f"{API}/watched/").status_code == 200
    with settings_are(CSMS_API_READ_SECONDS="0"):
        assert bob.get(f"{API}/watched/").status_code == 200
    assert seen == [1, 0, 0]
    assert long_reads.running() == 0


def test_another_failure_of_the_database_is_no_long_read(bob: APIClient) -> None:
    bob.raise_request_exception = False
    before = ended()
    assert bob.get(f"{API}/broken/").status_code == 500
    assert ended() == before
    assert long_reads.running() == 0


def test_a_cancellation_that_comes_too_late_does_nothing(rf: Any) -> None:
    read = long_reads.begin(rf.get("/"))
    assert read is not None
    connection.ensure_connection()
    kept = connection.connection
    read.end()
    read.cancel()
    assert not read.cancelled
    assert connection.connection is kept


def test_the_document_says_so_of_every_read() -> None:
    paths = yaml.load((ROOT / DOCUMENT).read_text(), yaml.CSafeLoader)["paths"]
    reads = [operations["get"]["responses"] for operations in paths.values() if "get" in operations]
    assert reads
    assert all(responses["504"] == {"$ref": "#/components/responses/ReadTooLong"} for responses in reads)
