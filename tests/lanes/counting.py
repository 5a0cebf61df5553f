"""Counts the tests of one pytest run, by outcome and by the service that they needed, into a JSON file."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

# A fixture that a test asks for, directly or not, tells the service it needs.
NEEDS = {
    "redis_url": "redis",
    "chromium_path": "chromium",
    "postgres_url": "postgres",
    "rabbitmq_program": "rabbitmq",
    "kafka_libraries": "kafka",
    "prometheus_program": "prometheus",
    "alertmanager_program": "alertmanager",
}


class Count:
    """Registered in the process that reports, which under xdist is not the one that runs the tests."""

    def __init__(self, report_file: Path) -> None:
        self.report_file = report_file
        self.outcomes: Counter[str] = Counter()
        self.needs: dict[str, Counter[str]] = {}
        self.skips: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        outcome = "errors" if report.when != "call" and report.failed else report.outcome
        self.outcomes[outcome] += 1
        for name, value in report.user_properties:
            if name == "needs":
                self.needs.setdefault(str(value), Counter())[outcome] += 1
        if report.skipped:
            reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.skips[reason.removeprefix("Skipped: ")] += 1

    def pytest_sessionfinish(self) -> None:
        self.report_file.write_text(
            json.dumps({"outcomes": self.outcomes, "needs": self.needs, "skips": self.skips})
        )


def register(config: pytest.Config) -> None:
    report_file = os.environ.get("CSMS_TEST_REPORT")
    if report_file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Count(Path(report_file)), "count")


def note_needs(item: pytest.Item) -> None:
    """Write on the test which services it needs, where its report carries it to the count."""
    for fixture in sorted(set(NEEDS) & set(getattr(item, "fixturenames", ()))):
        item.user_properties.append(("needs", NEEDS[fixture]))
