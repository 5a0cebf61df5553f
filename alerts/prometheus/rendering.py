"""The file of the group `console-managed`, and whether it may be brought to Prometheus."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from alerts.external.files import HEAD
from alerts.external.programs import promtool_says
from alerts.external.texts import with_placeholders, yaml_text
from alerts.models import Severity
from alerts.prometheus.expressions import check_expression
from alerts.prometheus.models import PrometheusRule
from csms.core.refusals import BadField

GROUP = "console-managed"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]{0,63}")


def file_text(rules: Sequence[PrometheusRule]) -> str:
    """Return the whole file. Rules that are not enabled are not in it."""
    shown = [_rule(rule) for rule in rules if rule.enabled]
    return HEAD + yaml_text({"groups": [{"name": GROUP, "rules": shown}]})


def _rule(rule: PrometheusRule) -> dict[str, Any]:
    texts = {"summary": rule.summary, "description": rule.description}
    written: dict[str, Any] = {"alert": rule.name, "expr": rule.expression}
    if rule.lasting_seconds:
        written["for"] = f"{rule.lasting_seconds}s"
    if rule.keep_seconds:
        written["keep_firing_for"] = f"{rule.keep_seconds}s"
    written["labels"] = {"severity": rule.severity, **rule.labels}
    if annotations := {name: text for name, text in texts.items() if text}:
        written["annotations"] = annotations
    return written


def check_file(text: str) -> str:
    """Return what is wrong with a file of rules, "" for nothing: what promtool says, without it what is known here."""
    said = promtool_says(text)
    return _problem(text) if said is None else said


def _problem(text: str) -> str:
    """Return what is wrong, by the shape of what is written here and the parser in this process."""
    name = "It"
    try:
        groups = yaml.safe_load(text)["groups"]
        for rule in groups[0]["rules"]:
            name = rule["alert"]
            if not NAME.fullmatch(name) or not all(map(LABEL.fullmatch, rule["labels"])):
                return f"{name}: its name, or that of a label, is none."
            if rule["labels"]["severity"] not in Severity.values:
                return f"{name}: its severity is none."
            check_expression(rule["expr"])
            for field, words in rule.get("annotations", {}).items():
                with_placeholders(field, words)
    except BadField as refusal:
        return f"{name}: {refusal}"
    except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        return f"It is no file of rules: {error!r}"
    return ""
