"""`make bench-reads`: asks every route of the API that can be read about a large network, and prints how long it took.

Exit status 1 when an answer was not a success. What takes longer than the goal is named, with whether it is documented
as something that no index serves. `--plans FILE` writes the statements of everything slow with PostgreSQL's plans.
"""

import argparse
import http.client
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from secrets import token_hex
from time import monotonic, perf_counter
from urllib.parse import quote

import psycopg

from tests.bench.fleet import BenchFailure
from tests.bench.gauges import Reading, Window
from tests.bench.reads_data import Size, fill
from tests.bench.reads_plans import Looking
from tests.bench.reads_questions import API, SAMPLES, Question, questions
from tests.bench.report import percentile
from tests.bench.stage import Stage
from tests.support.server import Server

Say = Callable[[str], None]
GOAL = 0.050  # seconds, p99
PROBES = 5  # for each question


@dataclass(frozen=True)
class Plan:
    """How much of everything. One question takes `seconds` at most, if it has been asked `least` times by then."""

    size: Size = Size()
    requests: int = 100
    warm_up: int = 5
    least: int = 30
    seconds: float = 2.0
    deep_pages: int = 10  # of 1,000 rows


QUICK = Plan(
    Size(charge_points=100, transactions=1_000, readings=10, frames=2_000),
    requests=2, warm_up=0, least=1, seconds=1.0, deep_pages=1,
)  # fmt: skip


@dataclass
class Answered:
    """How long the answers to one question took, in seconds, and what it cost the database."""

    question: Question
    latencies: list[float] = field(default_factory=list)
    statements: int = 0
    window: Window | None = None
    """The processor time of server and database, which depends less on what else the machine does."""

    @property
    def p50(self) -> float:
        return percentile(self.latencies, 0.5)

    @property
    def p99(self) -> float:
        return percentile(self.latencies, 0.99)


class Asking:
    """One client that keeps its connection open and asks one thing after the other."""

    def __init__(self, port: int, key: str, samples: dict[str, list[str]], plan: Plan) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": f"Bearer {key}"}
        self.samples, self.plan = samples, plan
        self.probes: list[float] = []
        """How long a question took that asks for nothing, in seconds: what the machine does beside all this."""

    def urls(self, question: Question) -> Iterator[str]:
        """Yield the URLs of a question, with another sample in each, for ever."""
        url = question.path
        if question.deep:
            url += ("&" if "?" in url else "?") + self._deep(question)
        words = {word: cycle(found) for word, found in self.samples.items() if f"{{{word}}}" in url}
        while True:
            values = {word: quote(next(found), safe="") for word, found in words.items()}
            yield API + url.format(**values).replace(" ", "%20")

    def _deep(self, question: Question) -> str:
        """Walk on for many pages, and return the cursor there (that of the last page that has one)."""
        cursor = ""
        for _ in range(self.plan.deep_pages):
            limit = "limit=1000" if self.plan.deep_pages > 1 else "limit=5"
            path = question.path + ("&" if "?" in question.path else "?") + limit
            first = {word: quote(found[0], safe="") for word, found in self.samples.items() if found}
            following = json.loads(self.get(API + path.format(**first) + cursor))["next_cursor"]
            if following is None:
                break
            cursor = f"&cursor={following}"
        return cursor.removeprefix("&")

    def get(self, url: str) -> bytes:
        """Return the body. Raises BenchFailure for anything but a success."""
        try:
            self.connection.request("GET", url, headers=self.headers)
            answer = self.connection.getresponse()
        except http.client.RemoteDisconnected:  # the server has closed a connection that rested for long
            self.connection.close()
            self.connection.request("GET", url, headers=self.headers)
            answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise BenchFailure(f"GET {url}: {answer.status} {body[:500]!r}")
        return body

    def time(self, question: Question, meter: Callable[[], Reading]) -> Answered:
        """Ask one question many times."""
        answered, urls = Answered(question), self.urls(question)
        for url in islice(urls, self.plan.warm_up):
            self.get(url)
        for _ in range(PROBES):
            begun = perf_counter()
            self.get("/healthz")
            self.probes.append(perf_counter() - begun)
        begin, end = meter(), perf_counter() + self.plan.seconds
        for url in islice(urls, self.plan.requests):
            begun = perf_counter()
            self.get(url)
            now = perf_counter()
            answered.latencies.append(now - begun)
            if now > end and len(answered.latencies) >= self.plan.least:
                break
        answered.window = Window(len(answered.latencies), begin, meter())
        return answered


def samples(url: str) -> dict[str, list[str]]:
    """Return what stands for each word in braces."""
    with psycopg.connect(url) as connection:
        return {
            word: [text for (text,) in connection.execute(select).fetchall()]
            for word, select in SAMPLES.items()
        }


@contextmanager
def network(stage: Stage, say: Say, size: Size, url: str) -> Iterator[tuple[Server, str]]:
    """A server with a large network, made anew unless it is in the database of a URL, and a key to its API."""
    with stage.reader(url) as server:
        made = server.manage(
            "create_api_token", f"bench {token_hex(4)}", "--scopes", "read,command,write,admin", "--rate", "0"
        )
        key = next((word for word in made.stdout.split() if word.startswith("csms_")), "")
        if not key:
            raise BenchFailure(f"no token: {made.stdout}{made.stderr}")
        if not url:
            say(f"making {size.transactions:,} transactions, {size.transactions * size.readings:,} readings")
            fill(server.env["DATABASE_URL"], size)
        stage.on_server_core(server.start)
        yield server, key


def measure(
    plan: Plan, stage: Stage, say: Say, asked: argparse.Namespace
) -> tuple[list[Answered], list[float]]:
    """Ask everything whose title has a text of `--only`; write plans of what is slow.

    Returns the answers, and how long probes took meanwhile.
    """
    results = []
    with network(stage, say, plan.size, asked.database) as (server, key):
        assert server.process is not None
        # Others may use a cluster that is not ours.
        postmaster = None if asked.database else stage.postmaster
        meter = partial(Reading.take, server.process.pid, postmaster)
        asking = Asking(server.port, key, samples(server.env["DATABASE_URL"]), plan)
        with closing(asking.connection), Looking(server) as looking:
            for question in questions():
                if asked.only and not any(text in question.title for text in asked.only):
                    continue
                one = asking.time(question, meter)
                slow = asked.plans is not None and one.p99 > GOAL
                one.statements, texts = looking.at(next(asking.urls(question)), key, explain=slow)
                if texts:
                    with asked.plans.open("a") as file:
                        print(f"===== {row(one)}", *texts, sep="\n\n", file=file)
                results.append(one)
                say(row(one))
    return results, asking.probes


# --- the report -------------------------------------------------------------------------------------------------------

HEAD = (
    f"{'route':70} {'p50 ms':>8} {'p99 ms':>8} {'server CPU ms':>14} {'PostgreSQL CPU ms':>18} {'statements':>11} "
    f"{'asked':>6}"
)


def row(one: Answered) -> str:
    """Return one line of the table."""
    beyond = ""
    if one.p99 > GOAL:
        beyond = f"  beyond: {one.question.why or 'SHOULD BE SERVED BY AN INDEX'}"
    server = one.window.server_us / 1000 if one.window else 0.0
    database = one.window.database_us if one.window else None
    postgres = "-" if database is None else f"{database / 1000:.1f}"
    return (
        f"{one.question.title:70} {1000 * one.p50:8.1f} {1000 * one.p99:8.1f} {server:14.1f} {postgres:>18} "
        f"{one.statements:11} {len(one.latencies):6}{beyond}"
    )


def report(results: list[Answered], probes: list[float]) -> str:
    """Return the table, and which of the slow ones are documented."""
    served = [one for one in results if not one.question.why]
    slow = [one for one in served if one.p99 > GOAL]
    allowed = [one for one in results if one.question.why and one.p99 > GOAL]
    return "\n".join(
        [
            HEAD,
            *map(row, results),
            "",
            f"goal p99 under {1000 * GOAL:.0f} ms where an index serves: {len(served) - len(slow)} of {len(served)}, "
            f"{'not met' if slow else 'met'}",
            *(f"  beyond it: {one.question.title} ({1000 * one.p99:.0f} ms)" for one in slow),
            f"not served by an index, and said so: {sum(1 for one in results if one.question.why)}, of which "
            f"{len(allowed)} took longer",
            *(f"  {one.question.title} ({1000 * one.p99:.0f} ms): {one.question.why}" for one in allowed),
            f"meanwhile /healthz, which asks for nothing, took p50 {1000 * percentile(probes, 0.5):.1f} ms, "
            f"p99 {1000 * percentile(probes, 0.99):.1f} ms",
            f"in all: {sum(1 for one in results if one.p99 <= GOAL)} of {len(results)} under {1000 * GOAL:.0f} ms",
        ]
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reads", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only see that it runs; the figures mean nothing"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="ask only what has one of these texts in its URL",
    )
    parser.add_argument(
        "--database", default="", metavar="URL", help="a network that tests.bench.reads_data has made before"
    )
    parser.add_argument(
        "--plans", type=Path, metavar="FILE", help="add the plans of what is slow to this file"
    )
    asked = parser.parse_args()
    if sys.platform != "linux":
        print("the benchmark reads /proc and places processes on cores, so it needs Linux", file=sys.stderr)
        return 1
    begun = monotonic()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # end the server as well

    def say(what: str) -> None:
        print(f"  {monotonic() - begun:4.0f} s  {what}", file=sys.stderr, flush=True)

    try:
        with Stage() as stage:
            print(stage.in_words(), flush=True)
            plan = QUICK if asked.quick else Plan()
            found = measure(plan, stage, say, asked)
            print(f"\n{report(*found)}")
            print(f"\n{monotonic() - begun:.0f} seconds in all, load average {os.getloadavg()[0]:.1f}")
    except (BenchFailure, AssertionError) as failure:  # the latter of a server that did not start
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
