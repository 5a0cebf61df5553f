"""Makes docs/conformance.md, and what the console shows of it, from the rows of the standard and the tests."""

import ast
import csv
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "docs" / "conformance.md"
DATA = ROOT / "console" / "conformance.json"  # the same for the console, which has no tests beside it
VERSIONS = (("v16", "OCPP 1.6"), ("v201", "OCPP 2.0.1"))  # folder, name
SHARED = "shared"  # folder of tests that stand for rows of several versions
CACHE = ROOT / ".pytest_cache" / "v" / "csms" / "conformance"

KINDS = {
    "message": "Messages",
    "testcase": "Certification cases",
    "transport": "Transport and security",
    "semantic": "Semantic rules",
    "quirk": "Field quirks",
    "attack": "Published attacks",
}


@dataclass(frozen=True)
class Row:
    """One thing that the standard, the certification or the field asks of a central system."""

    id: str
    kind: str
    block: str
    direction: str
    mandatory: str
    title: str

    @property
    def prefix(self) -> str:
        """How the names of its tests begin."""
        if self.id.startswith("MSG-"):
            action = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.id.removeprefix("MSG-"))
            return f"test_msg_{action.lower()}"
        words = re.sub(r"[-.]", "_", self.id.removesuffix("_CSMS")).lower()
        return "test_" + re.sub(r"^q_", "quirk_", re.sub(r"^a_", "attack_", words))


@dataclass(frozen=True)
class Case:
    """A test function; `id` is its node id."""

    id: str
    name: str


class Gap(Exception):
    """The rows and the tests do not fit together; each line says where."""


def rows(version: str) -> list[Row]:
    """Return the rows of a version (`v16`)."""
    with (HERE / version / "rows.csv").open(newline="") as file:
        return [Row(**values) for values in csv.DictReader(file)]


def waivers(version: str) -> dict[str, str]:
    """Return the rows that have no test, with the reason. Raises Gap for one that two files waive."""
    reasons: dict[str, str] = {}
    for file in sorted([*(HERE / version).glob("waivers.toml"), *(HERE / version).glob("waivers/*.toml")]):
        told: dict[str, str] = tomllib.loads(file.read_text())
        if twice := reasons.keys() & told.keys():
            raise Gap(f"waived twice: {', '.join(sorted(twice))}")
        reasons |= told
    return reasons


def covered(version: str) -> dict[str, list[str]]:
    """Return the rows that are proven by the tests of others, with the ids of those."""
    file = HERE / version / "covered.toml"
    return tomllib.loads(file.read_text()) if file.exists() else {}


def cases(version: str) -> list[Case]:
    """Return the test functions of a version, with the shared ones that bear the id of one of its rows."""
    prefixes = tuple(row.prefix for row in rows(version))
    shared = [case for case in _cases(HERE / SHARED) if case.name.startswith(prefixes)]
    return _cases(HERE / version) + shared


def _cases(folder: Path) -> list[Case]:
    found = []
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.append(Case(f"{file.relative_to(ROOT).as_posix()}::{node.name}", node.name))
    return found


def matched(
    wanted: Iterable[Row],
    tests: Iterable[Case],
    waived: Mapping[str, str],
    proven_by: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, list[Case]]:
    """Return the tests of each row. Raises Gap for rows without a test, and tests without a row.

    A row that is `proven_by` others has the tests of all of them, and each of them has some.
    """
    by_prefix = {row.prefix: row.id for row in wanted}
    found: dict[str, list[Case]] = {id: [] for id in by_prefix.values()}
    problems = []
    for test in tests:
        words = test.name.split("_")
        prefixes = ("_".join(words[:length]) for length in range(len(words), 1, -1))
        id = next((by_prefix[prefix] for prefix in prefixes if prefix in by_prefix), None)
        if id is None:
            problems.append(f"{test.id} bears no id of a row")
        else:
            found[id].append(test)
    for id, others in (proven_by or {}).items():
        if id not in found or (strange := [other for other in others if not found.get(other)]):
            problems.append(f"{id} cannot be proven by {', '.join(strange) if id in found else 'others'}")
        else:
            found[id] = [*found[id], *(test for other in others for test in found[other])]
    for id, its_tests in found.items():
        if its_tests and id in waived:
            problems.append(f"{id} is waived, and has the test {its_tests[0].id}")
        elif not its_tests and id not in waived:
            problems.append(f"{id} has neither a test nor a waiver")
    problems += [f"{id} is waived, but there is no such row" for id in waived if id not in found]
    if problems:
        raise Gap("\n".join(problems))
    return found


def proven(version: str, outcomes: Mapping[str, str]) -> dict[str, list[Case]]:
    """Return the tests of each row. Raises Gap as `matched` does, and for tests that did not pass."""
    tests = matched(rows(version), cases(version), waivers(version), covered(version))
    problems = [
        f"{test.id} {outcomes.get(test.id, 'was not run')}"
        for its_tests in tests.values()
        for test in its_tests
        if outcomes.get(test.id) != "passed"
    ]
    if problems:
        raise Gap("\n".join(problems))
    return tests


def data(outcomes: Mapping[str, str]) -> str:
    """Return the rows of all versions for the console: JSON, a row a line. Raises Gap as `proven` does."""
    lines = []
    for version, label in VERSIONS:
        tests, waived = proven(version, outcomes), waivers(version)
        lines += [
            {
                "version": label,
                "id": row.id,
                "kind": KINDS[row.kind],
                "block": row.block,
                "mandatory": row.mandatory,
                "title": row.title,
                "tests": [test.name for test in tests[row.id]],
                "waiver": waived.get(row.id, ""),
            }
            for row in rows(version)
        ]
    return "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n]\n"


def document(version: str, label: str, outcomes: Mapping[str, str], *more: tuple[str, str]) -> str:
    """Return the text of the document about a version, and about `more`. Raises Gap as `proven` does."""
    lines = [
        "# Conformance",
        "",
        "Generated by `make conformance` from the rows in `tests/conformance/` and the last run of the tests.",
        "CI fails when it is not up to date. Every row has a test whose name begins with its id, and that passed,",
        "or a waiver with its reason. Certification cases bear the ids of the Open Charge Alliance.",
        "M: mandatory, S: should, O: optional.",
    ]
    for each in ((version, label), *more):
        lines += _section(*each, outcomes)
    return "\n".join(lines) + "\n"


def _section(version: str, label: str, outcomes: Mapping[str, str]) -> list[str]:
    wanted, waived = rows(version), waivers(version)
    tests = proven(version, outcomes)
    lines = [
        "",
        f"## {label}",
        "",
        "| | rows | tested | waived |",
        "|---|---|---|---|",
    ]
    for kind, title in KINDS.items():
        ids = [row.id for row in wanted if row.kind == kind]
        lines.append(
            f"| {title} | {len(ids)} | {sum(bool(tests[id]) for id in ids)} | {sum(id in waived for id in ids)} |"
        )
    for kind, title in KINDS.items():
        lines += ["", f"### {title}", ""]
        block = ""
        for row in (row for row in wanted if row.kind == kind):
            if row.block != block:
                block = row.block
                lines += ([""] if lines[-1] else []) + [
                    f"**{block}**",
                    "",
                    "| id | | | tests |",
                    "|---|---|---|---|",
                ]
            shown = (
                f"waived: {waived[row.id]}"
                if row.id in waived
                else "<br>".join(f"`{test.name}`" for test in tests[row.id])
            )
            lines.append(
                f"| {row.id} | {row.title.replace('|', chr(92) + '|')} | {row.mandatory} | {shown} |"
            )
    return lines


def last_outcomes() -> dict[str, str]:
    """Return what became of the conformance tests in the last runs: node id -> outcome."""
    outcomes: dict[str, str] = json.loads(CACHE.read_text()) if CACHE.exists() else {}
    return outcomes
