"""Brings the group `console-managed` to Prometheus."""

from datetime import datetime

from alerts.external.client import ask
from alerts.external.keeping import Kept, Wanted, keep, standing
from alerts.external.reading import as_told
from alerts.external.services import set_address
from alerts.prometheus.models import PrometheusRule
from alerts.prometheus.rendering import GROUP, check_file, file_text
from csms.core.config import get_config

SERVER = "prometheus"


def wanted() -> Wanted:
    """Return what the file shall be."""
    rules = list(PrometheusRule.objects.order_by("name"))
    names = sorted(rule.name for rule in rules if rule.enabled)
    path = get_config().effective_prometheus_rules_file

    def seen() -> str:
        if _loaded_names() == names:
            return ""
        return (
            f"Prometheus was reloaded and does not show the group {GROUP}: name {path} under `rule_files` in its "
            "configuration, as it sees that file."
        )

    return Wanted(path, file_text(rules), check_file, seen, empty=not rules)


def deliver(*, reachable: bool, now: datetime) -> bool:
    """Bring the file in step, if it is not; return whether anything was done. Idempotent."""
    return keep(SERVER, wanted(), reachable=reachable, now=now)


def delivery() -> Kept:
    """Return how the file stands."""
    return standing(SERVER, wanted())


def _loaded_names() -> list[str]:
    """Return the names of the rules of our group that Prometheus has. Raises Unreachable and Refused."""
    groups = ask(set_address(SERVER), "/api/v1/rules", query=[("type", "alert")])
    with as_told("Prometheus"):
        return sorted(
            rule["name"]
            for group in groups["data"]["groups"]
            if group["name"] == GROUP
            for rule in group["rules"]
        )
