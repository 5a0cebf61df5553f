"""`make bench-pages`: opens every page of the console over a large network, and prints how long each took and weighs.

Time is the server's: whole pages over one kept connection, without a browser. The weight is what goes over the wire
when somebody opens the page for the first time: the page with its scripts and styles. Exit status 1 when a page did not
come or is beyond a goal; with `--quick` only the former. `--database URL` takes a network that tests.bench.reads_data
has made before.
"""

import argparse
import http.client
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from urllib.parse import quote, urlencode

import psycopg

from tests.bench.fleet import BenchFailure
from tests.bench.gauges import Reading
from tests.bench.reads import QUICK, Answered, Asking, Plan, Say, network, samples
from tests.bench.reads_plans import Looking
from tests.bench.reads_questions import Question
from tests.bench.stage import Stage
from tests.support.server import ADMIN_PASSWORD

GOAL = 0.100  # seconds, p99
HEAVIEST = 300  # KB on the wire at the first look

ONE, MODERN = "/inspect/charge-points/{cp}", "/inspect/charge-points/{modern}"
TABS = (
    "transactions", "commands", "configuration", "availability", "authorization-list", "reservations",
    "charging-profiles", "firmware", "certificates", "network", "security-events", "device-events", "events",
    "frames", "connections", "deviations", "traits", "audit",
)  # fmt: skip
PAGES = (
    "/", "/figures.json", "/search?q=CP-0042", "/palette.json?q=CP-0042",
    "/inspect/charge-points", "/inspect/charge-points?faults=1", "/inspect/charge-points?online=yes&sort=-name",
    "/inspect/charge-points?q=CP-0042", "/inspect/charge-points/{busy}/frames/{frame}",
    f"{ONE}/charging-profiles/1.json", ONE, "/inspect/charge-points/{busy}", *(f"{ONE}/{tab}" for tab in TABS),
    "/inspect/transactions", "/inspect/transactions?status=active", "/inspect/transactions?odd=on",
    "/inspect/transactions?charge_point={cp}", "/inspect/transactions?sort=-energy",
    "/inspect/transactions/{tx}", "/inspect/transactions/{active}",
    "/inspect/transactions/{tx}/charts.json", "/inspect/transactions/{active}/charts.json",
    # Of OCPP 2.x.
    *(f"{MODERN}{tab}" for tab in ("", "/configuration", "/network")), "/inspect/transactions/{numbered}",
    "/inspect/transactions/{numbered}/signed.xml", "/inspect/transactions/{numbered}/signed.json",
    "/inspect/frames", "/inspect/frames?cp_id={cp}", "/inspect/stuck",
    "/inspect/analytics", "/inspect/analytics?range=7", "/inspect/analytics?range=90",
    "/inspect/analytics?by=hour&range=7", "/inspect/analytics?site={site}",
    "/sys/alerts", "/sys/alerts?tab=silences", "/sys/alerts?tab=channels", "/sys/alerts?tab=rules",
    "/sys/alerts?tab=incidents", "/sys/alerts/alarm", "/sys/alerts/{alert}",
    "/sys/authorizations", "/sys/tokens", "/sys/tokens?q={token}", "/sys/tokens/{id_token}",
    "/sys/commands", "/sys/commands/jobs", "/sys/commands/jobs/{bulk}", "/sys/reservations",
    "/sys/certificate-requests", "/sys/security-events", "/sys/deviations", "/sys/delivery", "/sys/events",
    "/sys/webhooks", "/sys/webhooks/{endpoint}", "/sys/files", "/sys/config", "/sys/config/{setting}",
    "/sys/conformance",
)  # fmt: skip

# What the clock would have noted: a minute's row for 92 days, and what the days added up to.
FIGURES = """
INSERT INTO figures_minute (at, known, online, faulted, connectors, charging, occupied, sessions, power_w, messages,
                            taken_at)
SELECT at, %(cps)s, %(cps)s / 2, %(cps)s / 100, %(cps)s * 2, %(cps)s / 5, %(cps)s / 3, %(cps)s / 5, %(cps)s * 2000,
       %(cps)s * 10, at
  FROM generate_series(date_trunc('minute', now()) - interval '92 days', now(), interval '1 minute') AS at
    ON CONFLICT DO NOTHING;
INSERT INTO figures_day (day, zone, site, plugged, faults, known_seconds, offline_seconds, made_at)
SELECT day::date, 'UTC', site, 40, 2, 8640000, 4000, now()
  FROM generate_series(now() - interval '92 days', now(), interval '1 day') AS day,
       (SELECT DISTINCT site FROM chargers_chargepoint) AS sites
    ON CONFLICT DO NOTHING;
INSERT INTO figures_trouble (day, zone, charge_point_id, faults, offline_seconds)
SELECT day::date, 'UTC', id, id %% 3, 300 + id %% 1000
  FROM generate_series(now() - interval '92 days', now(), interval '1 day') AS day, chargers_chargepoint
 WHERE (id + extract(doy FROM day)::int) %% 10 = 0
    ON CONFLICT DO NOTHING;
DELETE FROM figures_wholeday; DELETE FROM figures_chargepointday; DELETE FROM figures_late;
INSERT INTO figures_chargepointday (day, zone, charge_point_id, started, wh, seconds, running, charging, charging_since,
                                    known, authorised, charged, clean_ends)
SELECT (started_at AT TIME ZONE 'UTC')::date AS its_day, 'UTC', charge_point_id, count(*), coalesce(sum(energy_wh), 0),
       coalesce(sum(duration_seconds), 0), count(*) FILTER (WHERE status = 'active'), 0, 0,
       count(*) FILTER (WHERE status = 'ended'), count(*) FILTER (WHERE status = 'ended'),
       count(*) FILTER (WHERE energy_wh > 0), count(*) FILTER (WHERE energy_wh > 0)
  FROM transactions_transaction WHERE (started_at AT TIME ZONE 'UTC')::date < (now() AT TIME ZONE 'UTC')::date
 GROUP BY its_day, charge_point_id;
INSERT INTO figures_wholeday (day, zone, started, wh, seconds, running, charging, charging_since, known, authorised,
                              charged, clean_ends, noted, noted_connectors, noted_occupied, noted_charging)
SELECT its.day, 'UTC', coalesce(sum(started), 0), coalesce(sum(wh), 0), coalesce(sum(seconds), 0),
       coalesce(sum(running), 0), 0, 0, coalesce(sum(known), 0), coalesce(sum(authorised), 0),
       coalesce(sum(charged), 0), coalesce(sum(clean_ends), 0), 1440, 1440 * %(cps)s * 2,
       1440 * %(cps)s / 3, 1440 * %(cps)s / 5
  FROM (SELECT d::date AS day FROM generate_series((now() AT TIME ZONE 'UTC')::date - 92,
                                                   (now() AT TIME ZONE 'UTC')::date - 1, interval '1 day') AS d) AS its
  LEFT JOIN figures_chargepointday AS parts ON parts.day = its.day
 GROUP BY its.day;
INSERT INTO figures_firstseen (charge_point_id, at)
SELECT charge_point_id, min(opened_at) FROM chargers_connection GROUP BY charge_point_id
    ON CONFLICT DO NOTHING;
ANALYZE figures_minute, figures_day, figures_trouble, figures_wholeday, figures_chargepointday, figures_firstseen;
"""


@dataclass
class Page:
    """A page, how long it took, and its weight at the first look in bytes; or why it did not come."""

    path: str
    answered: Answered | None = None
    weight: int = 0
    failure: str = ""


class Opening(Asking):
    """A person who is signed in, as a browser would ask."""

    def __init__(self, port: int, found: dict[str, list[str]], plan: Plan) -> None:
        super().__init__(port, "", found, plan)
        self.headers = {}
        self._static: dict[str, int] = {}
        page = self._asked("GET", "/sign-in")
        token = _cookie(page, "csrftoken")
        form = urlencode({"username": "admin", "password": ADMIN_PASSWORD, "csrfmiddlewaretoken": token})
        self.headers = {"Cookie": f"csrftoken={token}", "Content-Type": "application/x-www-form-urlencoded"}
        session = _cookie(self._asked("POST", "/sign-in", form), "sessionid")
        self.headers = {"Cookie": f"sessionid={session}; csrftoken={token}"}

    def _asked(self, method: str, path: str, body: str | None = None) -> http.client.HTTPResponse:
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer

    def urls(self, question: Question) -> Iterator[str]:
        """Yield the addresses of a page, with another sample in each, for ever."""
        number = 0
        while True:
            words = {
                word: quote(found[number % len(found)], safe="")
                for word, found in self.samples.items()
                if found
            }
            yield question.path.format(**words)
            number += 1

    def weight(self, path: str) -> int:
        """Return how many bytes come when a page is opened for the first time, as a browser takes them."""
        html, size = self._taken(path)
        for address in set(re.findall(rb'(?:src|href)="(/static/[^"]+\.(?:js|css))"', html)):
            where = address.decode()
            if where not in self._static:
                self._static[where] = self._taken(where)[1]
            size += self._static[where]
        return size

    def _taken(self, path: str) -> tuple[bytes, int]:
        plain = self.get(path) if "/static/" not in path else b""
        self.connection.request("GET", path, headers=self.headers | {"Accept-Encoding": "gzip, br"})
        return plain, len(self.connection.getresponse().read())

    def rested(self) -> None:
        """Begin a new connection: the server has closed one that was silent for long."""
        self.connection.close()
        self.get("/healthz")


def _cookie(answer: http.client.HTTPResponse, name: str) -> str:
    for header in answer.headers.get_all("Set-Cookie", []):
        if header.startswith(f"{name}="):
            return header.partition("=")[2].partition(";")[0]
    raise BenchFailure(f"no cookie {name}: {answer.status}")


def measure(plan: Plan, stage: Stage, say: Say, asked: argparse.Namespace) -> list[Page]:
    """Open every page whose address has a text of `--only`."""
    results = []
    with network(stage, say, plan.size, asked.database) as (server, _):
        url = server.env["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            psycopg.ClientCursor(connection).execute(FIGURES, {"cps": plan.size.charge_points})
        assert server.process is not None
        meter = partial(Reading.take, server.process.pid, None if asked.database else stage.postmaster)
        opening = Opening(server.port, samples(url), plan)
        with closing(opening.connection), Looking(server) as looking:
            for path in PAGES:
                if asked.only and not any(text in path for text in asked.only):
                    continue
                page = Page(path)
                try:
                    opening.rested()
                    page.answered = opening.time(Question(path), meter)
                    first = next(opening.urls(Question(path)))
                    page.weight = opening.weight(first)
                    page.answered.statements, _ = looking.at(first, cookie=opening.headers["Cookie"])
                except (BenchFailure, KeyError) as failure:
                    page.failure = str(failure)[:200]
                results.append(page)
                say(row(page))
    return results


HEAD = f"{'page':58} {'p50 ms':>8} {'p99 ms':>8} {'server CPU ms':>14} {'statements':>11} {'KB first':>9} {'asked':>6}"


def row(page: Page) -> str:
    """Return one line of the table."""
    one = page.answered
    if page.failure or one is None:
        return f"{page.path:58} did not come: {page.failure}"
    server = one.window.server_us / 1000 if one.window else 0.0
    return (
        f"{page.path:58} {1000 * one.p50:8.1f} {1000 * one.p99:8.1f} {server:14.1f} {one.statements:11} "
        f"{page.weight / 1024:9.1f} {len(one.latencies):6}"
    )


def beyond(pages: list[Page]) -> dict[str, list[Page]]:
    """Return the goals, each with the pages that miss it."""
    came = [page for page in pages if page.answered is not None and not page.failure]
    return {
        f"p99 under {1000 * GOAL:.0f} ms": [
            page for page in came if page.answered and page.answered.p99 > GOAL
        ],
        f"at most {HEAVIEST} KB at first": [page for page in came if page.weight > HEAVIEST * 1024],
    }


def report(pages: list[Page]) -> str:
    """Return the table, and which goals were met."""
    came = sum(page.answered is not None and not page.failure for page in pages)
    lines = [HEAD, *map(row, pages), ""]
    for goal, missing in beyond(pages).items():
        lines.append(f"goal {goal}: {came - len(missing)} of {came}, {'not met' if missing else 'met'}")
        lines += [f"  beyond it: {page.path}" for page in missing]
    return "\n".join(lines)


def status(pages: list[Page], *, quick: bool) -> int:
    """Return 1 if a page did not come, or misses a goal in figures that mean something; else 0."""
    missed = not quick and any(beyond(pages).values())
    return int(missed or any(page.failure for page in pages))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only see that it runs; the figures mean nothing"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="TEXT", help="open only what has one of these"
    )
    parser.add_argument("--database", default="", metavar="URL", help="a network that was made before")
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
            pages = measure(QUICK if asked.quick else replace(Plan(), requests=60), stage, say, asked)
            print(f"\n{report(pages)}")
            print(f"\n{monotonic() - begun:.0f} seconds in all, load average {os.getloadavg()[0]:.1f}")
    except (BenchFailure, AssertionError) as failure:  # the latter of a server that did not start
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status(pages, quick=asked.quick)


if __name__ == "__main__":
    sys.exit(main())
