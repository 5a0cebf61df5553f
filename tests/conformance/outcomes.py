"""Keeps what became of the conformance tests in pytest's cache, where the report finds it."""

from pathlib import PurePosixPath

import pytest

KEY = "csms/conformance"
FOLDER = PurePosixPath("tests/conformance")


class Outcomes:
    """Registered in the process that reports, which under xdist is not the one that runs the tests."""

    def __init__(self, cache: pytest.Cache) -> None:
        self.cache = cache
        self.outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file, _, name = report.nodeid.partition("::")
        if not PurePosixPath(file).is_relative_to(FOLDER):
            return
        # A test with parameters is as good as its worst case, and a skipped one has shown nothing.
        test = f"{file}::{name.partition('[')[0]}"
        if report.failed or report.skipped:
            self.outcomes[test] = report.outcome
        elif report.when == "call":
            self.outcomes.setdefault(test, report.outcome)

    def pytest_sessionfinish(self) -> None:
        if self.outcomes:
            known: dict[str, str] = self.cache.get(KEY, {})
            self.cache.set(KEY, known | self.outcomes)


def register(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and getattr(config, "cache", None) is not None:
        config.pluginmanager.register(Outcomes(config.cache), "conformance")
