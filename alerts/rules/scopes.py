"""Of whom a rule is: how a scope is kept in its row, checked, and understood."""

from collections.abc import Mapping
from typing import Any

from alerts.finding import Scope
from chargers.labels import VALUE_MAX, wrong_name
from csms.core.refusals import BadField

KINDS = ("cp_ids", "sites", "models")
EACH_MAX = 100  # values of a kind
TEXT_MAX = 200  # characters of each


def checked(given: Any) -> dict[str, Any]:
    """Return a scope as it is kept: only the kinds that say something. Raises BadField."""
    if not isinstance(given, Mapping):
        raise BadField("scope", "It is an object of cp_ids, sites, models and labels.")
    if unknown := [str(kind) for kind in given if kind not in (*KINDS, "labels")]:
        raise BadField("scope", f"It has cp_ids, sites, models and labels; not {unknown[0][:50]!r}.")
    kept: dict[str, Any] = {kind: _texts(kind, given[kind]) for kind in KINDS if given.get(kind)}
    if labels := given.get("labels"):
        kept["labels"] = _labels(labels)
    return kept


def scope_of(kept: Any) -> Scope:
    """Return what a kept scope means."""
    labels = kept.get("labels", {})
    return Scope(
        cp_ids=tuple(kept.get("cp_ids", ())),
        sites=tuple(kept.get("sites", ())),
        models=tuple(kept.get("models", ())),
        labels=tuple(labels.items()),
    )


def _texts(kind: str, values: Any) -> list[str]:
    if not isinstance(values, list) or len(values) > EACH_MAX:
        raise BadField("scope", f"{kind} is a list of at most {EACH_MAX} texts.")
    for value in values:
        if not isinstance(value, str) or not 1 <= len(value) <= TEXT_MAX or not value.isprintable():
            raise BadField("scope", f"{kind} has printable texts of 1 to {TEXT_MAX} characters.")
    return list(dict.fromkeys(values))


def _labels(labels: Any) -> dict[str, str]:
    if not isinstance(labels, Mapping) or len(labels) > EACH_MAX:
        raise BadField("scope", f"labels is an object of at most {EACH_MAX} names with their values.")
    for name, value in labels.items():
        if problem := wrong_name(name):
            raise BadField("scope", f"labels: {problem}")
        if not isinstance(value, str) or len(value) > VALUE_MAX or not value.isprintable():
            raise BadField("scope", f"labels: A value is a printable text of at most {VALUE_MAX} characters.")
    return dict(labels)
