"""Runs pytest once per lane and says at the end which lanes ran, with how many tests, and which did not."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.lanes.programs import provide
from tests.lanes.services import (
    Service,
    ServiceError,
    end_with_parent,
    start_in_docker,
    start_postgres,
    start_redis,
)

VARIABLES = {
    "postgres": "CSMS_TEST_DATABASE_URL",
    "redis": "CSMS_TEST_REDIS_URL",
    "rabbitmq": "CSMS_TEST_RABBITMQ",
    "kafka": "CSMS_TEST_KAFKA",
    "prometheus": "CSMS_TEST_PROMETHEUS",
    "alertmanager": "CSMS_TEST_ALERTMANAGER",
    "chromium": "CSMS_TEST_CHROMIUM",
}
PROGRAMS_ONLY = {
    "chromium",
    "rabbitmq",
    "kafka",
    "prometheus",
    "alertmanager",
}  # tests start these themselves
BESIDE = (
    "redis",
    "rabbitmq",
    "kafka",
    "prometheus",
    "alertmanager",
)  # no runs of their own: used by tests of all of them
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Lane:
    """One pytest run: which tests, and on what."""

    name: str
    needs: str | None
    selection: str
    database: str


LANES = (
    Lane("sqlite", None, "not browser", "sqlite"),
    # Processes of its own: Playwright leaves an event loop in its thread, and no other test could start one.
    Lane("chromium", "chromium", "browser", "sqlite"),
    Lane("postgres", "postgres", "not browser and not sqlite_only", "postgres"),
)


@dataclass
class Result:
    """What became of a lane: its counts, or why it did not run."""

    status: int = 0
    problem: str = ""
    counts: dict[str, dict] = field(default_factory=dict)


def test(pytest_arguments: Sequence[str]) -> int:
    """Provide the services, run all lanes, print the summary; returns 0 only when everything passed.

    A lane that cannot run is a warning at a desk, and a failure where CI=true.
    """
    # Both said explicitly: a shell starts background jobs with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        where, missing = provide_services(stack)
        results: dict[str, Result] = {}
        try:
            for lane in LANES:
                if lane.needs in missing:
                    results[lane.name] = Result(problem=missing[lane.needs])
                else:
                    results[lane.name] = run_lane(lane, where, pytest_arguments)
        except KeyboardInterrupt:
            print("\nInterrupted.", file=sys.stderr)
            return 130
        status = summarize(results, where, missing)
        if not pytest_arguments and results["sqlite"].status == 0:
            print("\n-- conformance", flush=True)
            drift = subprocess.run([sys.executable, "-m", "tests.conformance", "--check"], check=False)
            status = status or drift.returncode
        return status


def provide_services(stack: ExitStack) -> tuple[dict[str, Service], dict[str, str]]:
    """Start or find every service: those that are there, and why the others are not."""
    where: dict[str, Service] = {
        lane: Service(url, f"as {variable} says")
        for lane, variable in VARIABLES.items()
        if (url := os.environ.get(variable))
    }
    missing: dict[str, str] = {}
    for lane, program in provide([lane for lane in VARIABLES if lane not in where]).items():
        try:
            where[lane] = start(lane, program)
            stack.callback(where[lane].stop)
        except ServiceError as error:
            missing[lane] = str(error)
    return where, missing


def start(lane: str, program: Path | str, *, outlive: bool = False) -> Service:
    """Start the service of a lane from its program, else in Docker; raises ServiceError with both reasons."""
    if lane in PROGRAMS_ONLY:
        if isinstance(program, str):
            raise ServiceError(f"{lane} {program}")
        return Service(str(program), str(program))
    try:
        if isinstance(program, str):
            raise ServiceError(f"{lane} {program}")
        return (start_postgres if lane == "postgres" else start_redis)(program, outlive=outlive)
    except ServiceError as error:
        try:
            return start_in_docker(lane)
        except ServiceError as no_docker:
            raise ServiceError(f"{error}; {no_docker}") from None


def run_lane(lane: Lane, where: dict[str, Service], pytest_arguments: Sequence[str]) -> Result:
    with tempfile.TemporaryDirectory(prefix="csms-report-") as folder:
        report = Path(folder) / "report.json"
        environment = os.environ | {VARIABLES[name]: service.url for name, service in where.items()}
        environment |= {"CSMS_TEST_LANE": lane.database, "CSMS_TEST_REPORT": str(report)}
        command = [sys.executable, "-m", "pytest", "-m", lane.selection]
        workers = os.environ.get("CSMS_TEST_WORKERS") or str(min(os.cpu_count() or 1, 4))
        if workers != "1":
            # By file: what a file starts for all its tests, such as a server, is started once.
            command += ["-n", workers, "--dist", "loadfile"]
        print(f"\n-- lane {lane.name}", flush=True)
        status = run_to_the_end([*command, *pytest_arguments], environment)
        counts = json.loads(report.read_text()) if report.exists() else {}
        problem = "no test is selected" if status == NO_TESTS_COLLECTED else ""
        return Result(status, problem, counts)


def run_to_the_end(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run `command`; when interrupted, let it clean up first, unless interrupted again."""
    # A process group of its own, so that Ctrl-C reaches pytest and its workers once, and through this process.
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=end_with_parent
    ) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            try:
                os.killpg(process.pid, signal.SIGINT)
                process.wait()
            except KeyboardInterrupt:
                os.killpg(process.pid, signal.SIGKILL)
            raise


def summarize(results: dict[str, Result], where: dict[str, Service], missing: dict[str, str]) -> int:
    strict = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
    failed = any(result.status for result in results.values()) or (strict and bool(missing))
    print("\n-- lanes")
    for name, result in results.items():
        origin = where[name].origin if name in where else "built in" if name == "sqlite" else ""
        _line(name, result, counts_in_words(result.counts.get("outcomes", {})), origin)
    for name in BESIDE:
        needed = [result.counts.get("needs", {}).get(name, {}) for result in results.values()]
        total = {
            outcome: sum(count.get(outcome, 0) for count in needed) for count in needed for outcome in count
        }
        beside = Result(problem=missing.get(name, ""))
        _line(name, beside, counts_in_words(total), where[name].origin if name in where else "")
    skips: dict[str, int] = {}
    for result in results.values():
        for reason, count in result.counts.get("skips", {}).items():
            skips[reason] = skips.get(reason, 0) + count
    for reason, count in sorted(skips.items()):
        print(f"  skipped    {count} x {reason}")
    if missing and not strict:
        names = ", ".join(sorted(missing))
        print(f"\nWARNING: not everything was tested, for want of {names}. With CI=true this fails.")
    print("\nTESTS FAILED" if failed else "\nAll tests of the lanes above passed.", flush=True)
    return 1 if failed else 0


def counts_in_words(counts: dict[str, int]) -> str:
    order = ("passed", "failed", "errors", "skipped")
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in order if counts.get(outcome)) or "no tests"


def _line(name: str, result: Result, words: str, origin: str) -> None:
    if result.problem:
        words = f"DID NOT RUN: {result.problem}"
    elif result.status:
        words = f"FAILED (exit status {result.status}): {words}"
    print(f"  {name:10} {words}" + (f"  ({origin})" if origin else ""))
