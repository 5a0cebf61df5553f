"""The rules that are shipped can be understood, quiet each other without a ring, and stand in docs/alerts.md."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from alerts.conditions import CONDITIONS, HAPPENINGS, docs
from alerts.conditions.params import checked
from alerts.models import Severity
from alerts.rules.models import Group
from alerts.rules.starters import STARTERS
from chargers.models import ConnectorStatus

ABOUT = {**CONDITIONS, **HAPPENINGS}
BY_SLUG = {starter.slug: starter for starter in STARTERS}
EQUALS = {"site", "model", "firmware", "network", "process", "charge_point"}


def test_there_are_enough_of_them_and_those_of_before_are_as_they_were() -> None:
    assert len(BY_SLUG) == len(STARTERS) >= 40
    before = {
        "charge-point-offline": ("critical", 900),
        "connector-faulted": ("critical", 300),
        "certificate-expired": ("critical", 0),
        "certificate-expires": ("warning", 0),
        "charging-unexplained": ("warning", 300),
        "clock-off": ("info", 900),
    }
    for slug, (severity, lasting) in before.items():
        starter = BY_SLUG[slug]
        assert (starter.severity, starter.lasting_seconds, starter.keep_seconds) == (severity, lasting, 0)
        assert starter.enabled


@pytest.mark.parametrize("slug", sorted(BY_SLUG))
def test_a_starter_is_a_rule_that_can_be_looked_at(slug: str) -> None:
    starter = BY_SLUG[slug]
    about = ABOUT[starter.about]
    assert set(checked(about.params, starter.params)) == {param.name for param in about.params}
    assert starter.severity in Severity.values
    assert set(starter.group_by) <= set(Group.values)
    assert len(slug) <= 64
    assert 0 < len(starter.name) <= 100
    assert starter.description.endswith(".")
    assert starter.scope == {}
    if starter.enabled:
        assert starter.advice.endswith((".", "…)."))
    if starter.about in HAPPENINGS:
        assert starter.lasting_seconds == starter.keep_seconds == 0


def test_they_quiet_rules_that_there_are_and_never_themselves() -> None:
    quiets = {starter.slug: {each["rule"] for each in starter.inhibits} for starter in STARTERS}

    def reached(slug: str, seen: frozenset[str] = frozenset()) -> set[str]:
        assert slug not in seen
        return {slug}.union(*(reached(other, seen | {slug}) for other in quiets[slug]))

    for starter in STARTERS:
        assert quiets[starter.slug] <= set(BY_SLUG)
        assert len(quiets[starter.slug]) == len(starter.inhibits)
        assert all(set(each["equal"]) <= EQUALS for each in starter.inhibits)
        reached(starter.slug)
    assert "charge-point-offline" in quiets["site-outage"]


def test_every_condition_is_shipped_and_every_event_of_a_proxy_can_be_a_rule() -> None:
    assert {starter.about for starter in STARTERS} >= set(CONDITIONS)
    events = {
        "charge-point-connected",
        "charge-point-disconnected",
        "transaction-started",
        "transaction-stopped",
    }
    events |= {f"station-{word}" for word in ("available", "unavailable", "faulted")}
    assert events <= set(HAPPENINGS)
    assert (
        len([slug for slug in HAPPENINGS if slug.startswith("connector-")])
        == len(ConnectorStatus.values)
        == 9
    )
    assert "backend-away" in CONDITIONS


def test_the_page_has_the_tables_as_they_are() -> None:
    known = (Path(settings.BASE_DIR) / docs.DOCUMENT).read_text()
    call_command("alerts_docs", "--check")
    assert docs.document(known) == known
    for slug in (*ABOUT, *BY_SLUG):
        assert f"`{slug}`" in known


def test_a_page_that_has_drifted_is_told_of_and_written_anew(tmp_path: Path, settings: Any) -> None:
    page = tmp_path / docs.DOCUMENT
    page.parent.mkdir()
    settings.BASE_DIR = tmp_path
    page.write_text(f"# What people wrote\n{docs.MARK}and an old table")
    with pytest.raises(CommandError, match="alerts_docs"):
        call_command("alerts_docs", "--check")
    call_command("alerts_docs")
    call_command("alerts_docs", "--check")
    assert page.read_text().startswith(f"# What people wrote\n{docs.MARK}\n## Conditions\n")
    page.write_text("# No mark\n")
    with pytest.raises(ValueError, match="no line that says where"):
        call_command("alerts_docs")
