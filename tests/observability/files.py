"""The files of docker/observability, and every expression in them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from alerts.prometheus.api import EXAMPLE
from tests.observability.page import FOLDER

RULES = sorted((FOLDER / "rules").glob("*.yml"))
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
PROOFS = sorted((Path(__file__).parent / "rules").glob("*.yml"))
OF_TARGETS = {"instance", "job"}
ALWAYS = {"CsmsWatchdog"}  # fires, whatever is so


def checked(*command: object) -> str:
    """What a tool says of a file that is in order."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def panels() -> Iterator[tuple[str, str]]:
    """Title and expression of everything that is drawn; a variable is any value."""
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$instance", ".*")
        for variable in board["templating"]["list"]:
            yield f"{path.stem}: ${variable['name']}", variable["query"]["query"].split("(")[1].split(",")[0]


RECORDED = {rule["record"] for rule in rules() if "record" in rule}
EXPRESSIONS = [
    *((rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()),
    *panels(),
    ("API: the example of a rule", EXAMPLE.value["expression"]),
]
