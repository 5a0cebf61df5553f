"""The benchmark runs, loses nothing and prints every row; how fast anything was is no matter for a test."""

import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls.resolvers import RoutePattern
from drf_spectacular.generators import SchemaGenerator

from chargers.protocol.events import CallReceived
from chargers.protocol.session import Session
from chargers.protocol.versions import Version
from console.tabs import TABS
from console.urls import urlpatterns
from tests.bench import events
from tests.bench.durability import Findings
from tests.bench.fleet import OpenLoop
from tests.bench.gauges import Reading, Window
from tests.bench.measuring import (
    CEILING,
    COMPRESSED,
    EVENTS,
    GROUPED,
    HEARTBEATS,
    QUICK,
    SINGLE,
    SQLITE_GROUPED,
    SQLITE_SINGLE,
    TOKENS,
    Idle,
    Results,
)
from tests.bench.messages import frame, meter_values
from tests.bench.messages201 import Updated, deflated, deflater
from tests.bench.pages import ONE, PAGES, Page, status
from tests.bench.pages import report as pages_report
from tests.bench.reads import Answered
from tests.bench.reads import report as reads_report
from tests.bench.reads_questions import SAMPLES, Question, questions
from tests.bench.report import goals, percentile, table
from tests.console.cast import person, signed_in
from tests.support.server import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux")


def quick(module: str, postgres_url: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A short run of a benchmark."""
    return subprocess.run(
        [sys.executable, "-m", module, "--quick", *more],
        cwd=ROOT,
        env=os.environ | {"CSMS_TEST_DATABASE_URL": postgres_url} | environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


def test_the_benchmark_runs_loses_nothing_and_prints_every_row(postgres_url: str) -> None:
    run = quick("tests.bench", postgres_url)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = (GROUPED, SINGLE, SQLITE_GROUPED, SQLITE_SINGLE, HEARTBEATS, EVENTS, COMPRESSED, TOKENS, CEILING)
    lines = (
        "ratio: ",
        "2.0.1: ",
        "bottleneck: ",
        "memory: ",
        "of 2.0.1: ",
        "connect and boot: ",
        "latency at ",
        "durability: ",
    )
    for beginning in (*rows, *lines):
        assert f"\n{beginning}" in run.stdout, beginning
    assert run.stdout.count("\ngoal ") == 4
    assert "lost = 0, stored twice = 0" in run.stdout


def test_the_benchmark_of_reads_asks_everything_and_prints_it(postgres_url: str) -> None:
    run = quick("tests.bench.reads", postgres_url)
    assert run.returncode == 0, run.stdout + run.stderr
    for question in questions():
        assert f"\n{question.title} " in run.stdout, question.title
    assert "\ngoal p99 under 50 ms where an index serves: " in run.stdout


def test_the_benchmark_of_alerts_looks_and_prints_both_kinds(postgres_url: str) -> None:
    run = quick("tests.bench.alerts", postgres_url)
    assert run.returncode == 0, run.stdout + run.stderr
    changes = re.search(r"^the first look: ([0-9,]+) changes in ", run.stdout, re.M)
    assert changes is not None
    assert int(changes[1].replace(",", "")) > 0
    assert re.search(
        r"^a look that finds nothing new: [0-9]+ ms, .* [1-9][0-9]* statements", run.stdout, re.M
    )


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in(person("admin", "administrator"))


def test_the_benchmark_of_pages_knows_every_page_and_every_tab(admin: Client) -> None:
    # Forms, the bytes of a file, and what nobody opens over a large network.
    others = {
        "sign-in", "sign-out", "language", "sys/tokens/add", "sys/tokens/import", "sys/files/<uuid:pk>/content",
        "sys/webhooks/add", "sys/webhooks/<uuid:pk>/change", "sys/alerts/channels/add", "sys/alerts/channels/<uuid:pk>",
        "sys/alerts/rules/add", "sys/alerts/rules/<slug:slug>/change", "sys/alerts/rules/<slug:slug>/route",
        "sys/alerts/prometheus/rules/add", "sys/alerts/prometheus/rules/<uuid:pk>", "sys/alerts/silences/add",
        "sys/alerts/alertmanager/silences/add",
    }  # fmt: skip
    samples = {"str": "CP1", "int": "1", "uuid": str(UUID(int=1)), "slug": "x"}

    def is_page(pattern: str) -> bool:
        """Tell it from a step, which is only posted."""
        address = re.sub(r"<(\w+):\w+>", lambda found: samples[found[1]], pattern)
        return admin.get(f"/{address}").status_code != 405

    patterns = [str(pattern.pattern) for pattern in urlpatterns if isinstance(pattern.pattern, RoutePattern)]
    pages = {pattern for pattern in patterns if is_page(pattern)} - others
    assert f"{ONE.lstrip('/').replace('{cp}', '<str:cp_id>')}/frames/<uuid:pk>" in pages
    opened = {path.partition("?")[0].lstrip("/") for path in PAGES}
    known = {page: re.compile(re.sub("<.*?>", "[^/]+", page)) for page in pages}
    assert [page for page, one in known.items() if not any(map(one.fullmatch, opened))] == []
    assert {f"{ONE}/{slug}" for slug in TABS} <= set(PAGES)
    words = {word for path in PAGES for word in re.findall(r"{(\w+)}", path)}
    assert words <= set(SAMPLES)


@pytest.mark.parametrize("path", [path for path in PAGES if "?" in path])
def test_the_benchmark_of_pages_asks_for_nothing_that_a_page_passes_over(
    admin: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    address, _, query = path.partition("?")
    assert parse_qs(query).keys() <= looked_for(admin, monkeypatch, address)


def test_a_parameter_that_no_page_knows_is_noticed(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    names = looked_for(admin, monkeypatch, "/inspect/frames")
    assert "cp_id" in names
    assert "charge_point" not in names


def looked_for(client: Client, monkeypatch: pytest.MonkeyPatch, address: str) -> set[str]:
    """The names that a page looks for in a query, which is empty."""
    looked: set[str] = set()

    def noting(name: str) -> None:
        plain = getattr(QueryDict, name)

        def noted(self: QueryDict, key: str, *more: Any, **options: Any) -> Any:
            looked.add(key)
            return plain(self, key, *more, **options)

        monkeypatch.setattr(QueryDict, name, noted)

    for name in ("__getitem__", "__contains__", "getlist"):
        noting(name)
    assert client.get(address).status_code == 200
    return looked


def test_the_benchmark_of_pages_fails_beyond_a_goal_unless_its_figures_mean_nothing() -> None:
    fast, slow = Answered(Question("/"), [0.01] * 100), Answered(Question("/"), [0.01] * 50 + [0.2] * 50)
    for page, goal in (
        (Page("/slow", slow, 1024), "p99 under 100 ms"),
        (Page("/heavy", fast, 301 * 1024), "at most 300 KB at first"),
    ):
        pages = [Page("/", fast, 1024), page]
        assert f"goal {goal}: 1 of 2, not met\n  beyond it: {page.path}" in pages_report(pages)
        assert (status(pages, quick=False), status(pages, quick=True)) == (1, 0)
    assert status([Page("/", fast, 1024)], quick=False) == 0
    assert status([Page("/gone", failure="404")], quick=True) == 1


def test_the_benchmark_of_pages_opens_some_and_weighs_them(postgres_url: str) -> None:
    some = (
        "/figures.json", "/inspect/analytics?range=7", "/frames/{frame}", "/charts.json", "/sys/tokens/{id_token}",
        "/sys/webhooks/{endpoint}", "/sys/commands/jobs/{bulk}", "/sys/config/{setting}",
        "/charging-profiles/1.json",
    )  # fmt: skip
    run = quick("tests.bench.pages", postgres_url, "--only", *some)
    assert run.returncode == 0, run.stdout + run.stderr
    for path in (path for path in PAGES if any(text in path for text in some)):
        assert f"\n{path} " in run.stdout, path
    for goal in ("p99 under 100 ms: ", "at most 300 KB"):
        assert f"\ngoal {goal}" in run.stdout, goal


def test_the_benchmark_of_events_brings_all_of_them_to_kafka(
    postgres_url: str, kafka_libraries: Path
) -> None:
    run = quick("tests.bench.events", postgres_url, CSMS_TEST_KAFKA=str(kafka_libraries))
    assert run.returncode == 0, run.stdout + run.stderr
    for beginning in (
        "an event where it happens: ",
        "numbering: ",
        "relay to Kafka: ",
        "from a charger's frame ",
    ):
        assert f"\n{beginning}" in run.stdout, beginning
    assert run.stdout.count("missing 0") == 2


def test_events_are_waited_for_as_long_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SECONDS", 0.25)
    coming = iter(range(8))  # longer than that in all
    assert events.wait_while_it_grows(lambda: next(coming), 7)
    assert not events.wait_while_it_grows(lambda: 3, 7)


def test_the_benchmark_of_reads_knows_every_route() -> None:
    # Neither a list nor a detail: documents, the bytes of a file, and what is there only on a real charge point.
    others = {
        "schema/",
        "files/{id}/content/",
        "charge-points/{cp_id}/connectors/{connector}/",
        "events/stream",  # without end
        # They ask a server beside the house.
        "prometheus/", "prometheus/alerts/", "prometheus/loaded-rules/",
        "alertmanager/", "alertmanager/alerts/", "alertmanager/silences/", "alertmanager/silences/{id}/",
    }  # fmt: skip
    document = SchemaGenerator().get_schema(request=None, public=True)
    known = {
        path.removeprefix("/api/v1/") for path, operations in document["paths"].items() if "get" in operations
    }
    asked = {re.sub("{.*?}", "{}", question.route) for question in questions()}
    assert {re.sub("{.*?}", "{}", path) for path in known - others} == asked


def test_what_is_slow_is_named_with_whether_it_was_said() -> None:
    quick, slow = [0.01] * 200, [0.01] * 190 + [0.2] * 10
    text = reads_report(
        [
            Answered(Question("quick/"), quick, 2),
            Answered(Question("slow/"), slow, 2),
            Answered(Question("slow/?q=x", "looks into texts"), slow, 2),
        ],
        [0.001] * 99 + [0.03],
    )
    assert "where an index serves: 1 of 2, not met" in text
    assert "  beyond it: slow/ (200 ms)" in text
    assert "beyond: looks into texts" in text
    assert "not served by an index, and said so: 1, of which 1 took longer" in text
    assert "  slow/?q=x (200 ms): looks into texts" in text
    assert "meanwhile /healthz, which asks for nothing, took p50 1.0 ms, p99 1.0 ms" in text
    assert text.endswith("in all: 1 of 3 under 50 ms")


def results(grouped_us: float, single_us: float, events_us: float = 100) -> Results:
    """Results of 1,000 messages a second whose cost on the server is given."""
    made = Results(idle=Idle(2000, 24.0, None, 100.0, 5.0), latency=OpenLoop([0.001, 0.002], [0.0, 0.0]))
    costs = dict.fromkeys((EVENTS, COMPRESSED, TOKENS), events_us)
    for name, cost in (costs | {GROUPED: grouped_us, SINGLE: single_us, CEILING: 1.0}).items():
        made.add(
            name,
            Window(1000, Reading(0.0, 0.0, 0.0, None), Reading(1.0, 0.1, cost / 1000, None)),
        )
    return made


def test_goals_are_met_or_not_met_by_the_cost_on_the_server() -> None:
    assert [line.rsplit(", ", 1)[1] for line in goals(results(90, 800))] == ["met"] * 4
    assert [line.rsplit(", ", 1)[1] for line in goals(results(150, 800, 210))] == [
        "not met", "met", "not met", "met",
    ]  # fmt: skip
    assert [line.rsplit(", ", 1)[1] for line in goals(results(250, 800, 360))] == ["not met"] * 4


def test_the_table_names_what_was_lost_and_what_could_not_be_read() -> None:
    text = table(results(100, 900), QUICK, Findings(acknowledged=10, lost=2, doubled=1))
    assert "of 10 acknowledged readings lost = 2, stored twice = 1" in text
    assert "kernel: not readable here" in text
    assert "9.0x the server CPU" in text


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.999) == 3.0
    hundred = [float(number) for number in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.0, 0.01, 0.5, 0.99, 1.0)] == [
        1.0,
        1.0,
        50.0,
        99.0,
        100.0,
    ]


def test_meter_values_differ_in_every_message_and_have_the_promised_size() -> None:
    make = meter_values(123)
    one, two = make(1, b"2026-11-21T10:00:00.000Z"), make(2, b"2026-11-21T10:00:01.000Z")
    assert one != two
    assert len(one) == len(two)
    assert 1350 < len(one) < 1500
    assert one.count(b'"measurand"') == 10
    assert int.from_bytes(one[2:4], "big") == len(one) - 8


@pytest.mark.parametrize("token", [False, True])
def test_transaction_events_count_on_and_are_valid_compact_and_comparable(token: bool) -> None:
    make, session = Updated("CS1", token=token), Session(Version.V201, 30)
    for serial in (7, 8):
        call = session.receive_text(make(serial, b"2026-11-21T10:00:00.000Z")[8:].decode(), 0.0)
        assert isinstance(call, CallReceived)
        assert call.notes == ()  # what is repaired costs much more than what is said well
        samples = call.payload["meterValue"][0]["sampledValue"]
        assert (call.payload["seqNo"], len(samples)) == (serial - 6, 10)
        assert f"{samples[0]['value']}"[-12:] == f"{serial:012}"
        assert ("idToken" in call.payload) is token


def test_a_compressed_message_is_what_it_was() -> None:
    by, reader = deflater(), zlib.decompressobj(-12)
    for text in (b"short", b"long " * 100):
        packed = deflated(frame(text), by)
        assert packed[0] == 0xC1
        payload = packed[8 if packed[1] == 0xFE else 6 :]
        assert reader.decompress(payload + b"\0\0\xff\xff") == text
