"""What a page of metrics says, what docs/metrics.md says of it, and which metrics an expression names."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docker" / "observability"
ROW = re.compile(r"^\| `(csms_\w+)` \| (\w+) \| (.*?) \| .+ \|$", re.MULTILINE)
NAME = re.compile(r"(?<![\w:.])(?:csms|slo|django|process|python)[_:][a-z0-9_:]+", re.IGNORECASE)
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
SELECTED = re.compile(r"((?:csms|django)_\w+)\{([^}]*)\}")
PARTS = ("_bucket", "_count", "_sum")


@dataclass(frozen=True)
class Page:
    """What a page says: the type of each family, and the value of each series."""

    text: str
    types: dict[str, str]
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    @property
    def names(self) -> set[str]:
        """The names of all series, and of those that have none yet."""
        parts = {name + part for name, type in self.types.items() if type == "histogram" for part in PARTS}
        return {name for name, _ in self.samples} | set(self.types) | parts

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a series, None if there is none."""
        return self.samples.get((name, frozenset(labels.items())))


def read(text: str) -> Page:
    """Read a page by the parser of prometheus-client, as a scraper does."""
    types: dict[str, str] = {}
    samples = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        types[name] = family.type
        for sample in family.samples:
            samples[sample.name, frozenset(sample.labels.items())] = sample.value
    return Page(text, types, samples)


class Row(NamedTuple):
    """A line of the tables of docs/metrics.md."""

    type: str
    labels: tuple[str, ...]


def documented() -> dict[str, Row]:
    """The tables of docs/metrics.md."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    return {
        name: Row(type, tuple(re.findall(r"`(\w+)`", labels))) for name, type, labels in ROW.findall(text)
    }


def named(expression: str) -> set[str]:
    """The metrics, recorded ones among them, that an expression names."""
    return set(NAME.findall(QUOTED.sub('""', expression)))


def selected(expression: str) -> dict[str, set[str]]:
    """Metric -> the labels by which the expression selects of it."""
    found: dict[str, set[str]] = {}
    for name, matchers in SELECTED.findall(QUOTED.sub('""', expression)):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
    return found
