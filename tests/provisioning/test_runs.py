"""Charging stations are set up before they are accepted, and are never kept out for long (2.0.1, B02)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from chargers.commands.sending import ask_to_boot
from chargers.configuration.following import SILENT_FOR, ask_silent
from chargers.configuration.selectors import needs_reboot
from chargers.models import ChargePoint, Provisioning
from chargers.provisioning import services
from chargers.provisioning.models import ProvisioningRun
from chargers.reporting.models import Report
from csms.core.audit.models import AuditEntry
from tests.provisioning.cast import Station, reported, wishes
from tests.support.house import fresh, settings_are
from tests.transactions.cast import NOON

__all__ = ["wishes"]

pytestmark = pytest.mark.django_db


def go_on(station: Station, seconds: float = 1) -> int:
    """The clock's look, so much later."""
    station.clock += seconds
    return services.go_on(now=station.now)


def test_one_whose_run_is_over_is_not_held_for_ever():
    station = Station()
    assert station.boots() == "Pending"
    ProvisioningRun.objects.update(state="done")
    assert station.boots() == "Accepted"
    assert fresh(station.row).provisioning == ""


def test_it_is_read_set_given_a_password_restarted_and_then_accepted(wishes: list[str]):
    wishes += ["one", "two"]
    station = Station()
    assert station.boots() == "Pending"
    assert (fresh(station.row).provisioning, station.holder.approved) == ("running", True)

    asked, _ = station.told()
    report = reported(asked, station.row, state=Report.State.COLLECTING)
    station.settles(asked)
    assert station.waits, "all its parts must be there"
    Report.objects.update(state=Report.State.WHOLE)
    go_on(station)
    assert station.waits, "and they must have been used"
    Report.objects.filter(pk=report.pk).update(applied_at=station.now)
    go_on(station)

    station.needs_a_boot()
    station.answers(action="DataTransfer")
    assert station.run.step == "settings"
    station.answers(action="DataTransfer")  # by what follows its last answer, the next step begins at once
    station.answers(action="SetVariables")
    station.answers(action="Reset")
    go_on(station)
    assert station.run.step == "reset", "it has not booted"
    assert station.boots("Triggered") == "Pending"
    assert station.run.step == "reset", "it was asked for the message, and has not restarted"
    assert needs_reboot(station.row)
    assert station.boots("RemoteReset") == "Pending"
    assert not needs_reboot(station.row)

    assert station.outcomes == ["report done", "settings done", "password done", "reset done"]
    assert (station.run.state, station.run.finished_at) == ("done", station.now)
    assert fresh(station.row).provisioning == ""
    assert fresh(station.row).booted_at is None, "only an accepted boot counts"
    assert station.boots("Triggered") == "Accepted"
    assert station.boots() == "Accepted"
    assert ProvisioningRun.objects.count() == 1, "once is enough"


def test_what_there_is_nothing_to_do_for_costs_no_time(wishes: list[str]):
    station = Station()
    ChargePoint.objects.update(password_hash="something")
    assert station.boots() == "Pending"
    station.answers(action="GetBaseReport")
    assert station.outcomes == ["report done", "settings nothing", "password nothing", "reset nothing"]
    assert station.run.state == "done"


@pytest.mark.parametrize(
    ("word", "why"),
    [("Rejected", "1 of 1: get-base-report Rejected"), ("Nonsense", "1 of 1: get-base-report")],
)
def test_a_step_that_is_refused_is_noted_and_the_next_one_begins(wishes: list[str], word: str, why: str):
    station = Station()
    station.boots()
    station.answers(word)
    (noted,) = [one for one in station.run.steps if one["step"] == "report"]
    assert noted["outcome"] == "refused"
    assert noted["why"].startswith(why)
    assert station.run.step == "password"


def test_a_report_that_stays_incomplete_says_why(wishes: list[str]):
    station = Station()
    station.boots()
    asked, _ = station.told()
    reported(asked, station.row, state=Report.State.INCOMPLETE, problem="of its parts 3 did not come")
    station.settles(asked)
    assert (station.outcomes[0], station.run.steps[0]["why"]) == (
        "report refused",
        "of its parts 3 did not come",
    )


def test_what_the_version_cannot_say_is_left_out():
    """Also one of 1.6, which has no base report, comes to its end."""
    station = Station()
    ChargePoint.objects.update(protocol="ocpp1.6")
    services.begin(row := fresh(station.row), station.holder.traits, now=NOON)
    row.save()
    services.note_boot(row.pk, now=NOON)
    (noted,) = [one for one in station.run.steps if one["step"] == "report"]
    assert noted["outcome"] == "nothing"
    assert noted["why"]


def test_a_line_that_breaks_costs_a_step_but_not_the_run(wishes: list[str]):
    station = Station()
    station.boots()
    for _ in range(2):
        station.loses()
        station.goes()
        assert go_on(station) == 0, "who is away is told nothing"
        station.comes_back()
        assert station.holder.registration == "pending", "a reconnection without boot changes nothing"
        go_on(station)
        assert station.run.step == "report"
    station.answers(action="GetBaseReport")
    assert station.outcomes[0] == "report done"


def test_while_its_line_is_broken_no_step_is_begun_or_noted(wishes: list[str]):
    """What ends meanwhile takes the run no further: each later step would be noted as one that could not be taken."""
    station = Station()
    station.boots()
    command_id, _ = station.told()
    station.goes()
    before = station.run
    station.settles(command_id, "Rejected")  # an answer that was on its way when the line broke
    services.advance(station.row.pk, now=station.now)
    assert (station.run.step, station.outcomes, station.run.steps) == ("report", [], before.steps)
    station.comes_back()
    go_on(station)
    assert station.outcomes[0] == "report refused"


def test_a_line_that_breaks_again_and_again_ends_the_step(wishes: list[str]):
    station = Station()
    station.boots()
    for _ in range(services.TRIES_MAX):
        station.loses()
        go_on(station)
    assert station.outcomes[0] == "report refused"


def test_a_station_that_restarts_before_it_answers_is_not_restarted_again(wishes: list[str]):
    station = Station()
    ChargePoint.objects.update(password_hash="something")
    station.needs_a_boot()
    station.boots()
    station.answers(action="GetBaseReport")
    _, action = station.told()
    assert action == "Reset"
    station.comes_back()
    assert station.boots("RemoteReset") == "Pending"
    assert station.outcomes[-1] == "reset done"
    assert station.run.state == "done"


def test_after_its_time_it_is_accepted_and_marked(wishes: list[str]):
    with settings_are(CSMS_PROVISIONING_TIMEOUT="60"):
        station = Station()
        station.boots()
        assert go_on(station, 58) == 1
        assert fresh(station.row).standing == "pending"
        station.goes()  # also one that is away
        assert go_on(station, 2) == 1
    assert (fresh(station.row).provisioning, fresh(station.row).standing) == ("failed", "accepted")
    assert (station.run.state, station.run.problem) == ("late", "Read its device model: it took too long")
    assert go_on(station) == 0
    station.comes_back()
    assert station.boots() == "Accepted"


@pytest.mark.parametrize(
    ("setting", "trait", "first"),
    [("false", "", False), ("true", "", True), ("true", "after", False), ("false", "before", True)],
)
def test_who_is_set_up_first(wishes: list[str], setting: str, trait: str, first: bool):
    with settings_are(CSMS_PROVISION_BEFORE_ACCEPTANCE=setting):
        station = Station(**({"provisioning": trait} if trait else {"restart_pause": 1}))
        assert station.boots() == ("Pending" if first else "Accepted")


@pytest.mark.parametrize(
    "values", [{"booted_at": NOON}, {"registration": "pending"}, {"registration": "rejected"}]
)
def test_only_who_is_new_and_approved_is_set_up_first(values: dict[str, Any]):
    station = Station()
    ChargePoint.objects.update(**values)
    station.boots()
    assert not ProvisioningRun.objects.exists()
    assert station.holder.approved == ("booted_at" in values)


def test_one_that_is_due_is_set_up_whatever_the_settings_say(wishes: list[str]):
    station = Station(provisioning="after")
    ChargePoint.objects.update(booted_at=NOON, provisioning=Provisioning.DUE)
    assert station.boots() == "Pending"
    assert station.run.step == "report"


def test_people_have_it_set_up_again_at_its_next_boot(wishes: list[str]):
    station = Station(provisioning="after")
    assert station.boots() == "Accepted"
    assert services.provision_anew(fresh(station.row), by="alice", now=NOON)
    assert not services.provision_anew(fresh(station.row), by="alice", now=NOON), "once"
    assert (fresh(station.row).provisioning, fresh(station.row).standing) == ("due", "accepted")
    assert services.accept_now(station.row, by="bob", now=NOON), "which is taken back"
    assert not services.accept_now(station.row, by="bob", now=NOON)
    assert station.boots() == "Accepted"
    services.provision_anew(fresh(station.row), by="alice", now=NOON)
    assert station.boots() == "Pending"
    assert not services.provision_anew(fresh(station.row), by="alice", now=NOON), "it is under way"
    station.answers(action="GetBaseReport")
    assert station.run.steps[0]["outcome"] == "done"
    acts = AuditEntry.objects.filter(action__startswith="charge_point.provisioning").order_by("id")
    assert [(act.action.rpartition("_")[2], act.by) for act in acts] == [
        ("ordered", "alice"),
        ("dropped", "bob"),
        ("ordered", "alice"),
    ]
    ChargePoint.objects.update(protocol="ocpp1.6", provisioning="failed")
    with pytest.raises(services.CannotBeSetUp, match="lets it be set up first"):
        services.provision_anew(fresh(station.row), by="alice", now=NOON)
    assert fresh(station.row).provisioning == "failed"


@pytest.mark.parametrize(
    ("approved", "why"), [(True, "it is not being set up any more"), (False, "it was approved")]
)
def test_it_is_asked_to_boot_for_the_true_reason(wishes: list[str], approved: bool, why: str):
    station = Station()
    assert ask_to_boot(station.row.pk, approved=approved, now=NOON).reason == why


def test_people_may_accept_it_at_once(wishes: list[str]):
    station = Station()
    station.boots()
    assert services.accept_now(station.row, by="alice", now=NOON)
    assert not services.accept_now(station.row, by="alice", now=NOON), "once"
    assert (fresh(station.row).standing, station.run.state) == ("accepted", "skipped")
    assert station.run.problem == "alice did not wait for it"
    (act,) = AuditEntry.objects.filter(action="charge_point.accepted_early")
    assert (act.by, act.subject) == ("alice", "CS201")


def test_a_late_answer_and_a_run_that_was_taken_away_harm_nothing(wishes: list[str]):
    station = Station()
    station.boots()
    ChargePoint.objects.update(provisioning="")
    station.answers()
    assert station.run.state == "skipped"
    assert fresh(station.row).standing == "accepted"


def test_commands_of_others_do_not_take_it_further(wishes: list[str]):
    station = Station()
    station.boots()
    _, action = station.told()
    assert action == "GetBaseReport"
    before = station.run
    assert not services.owner_of(before.pk, station.row.pk)
    services.advance(station.row.pk, now=station.now + timedelta(seconds=1))  # twice changes nothing
    assert (station.run.step_at, station.run.tries) == (before.step_at, 1)


def test_who_is_being_set_up_is_not_asked_why_it_does_not_boot(wishes: list[str]):
    station = Station()
    station.boots()
    later = station.now + SILENT_FOR
    assert ask_silent(now=later) == 0
    ChargePoint.objects.update(provisioning="", protocol="ocpp1.6")
    assert ask_silent(now=later) == 1, "it is accepted, and has not booted since"


def test_one_charge_point_has_one_run_at_a_time(wishes: list[str]):
    station = Station()
    station.boots()
    station.boots()
    with pytest.raises(IntegrityError), transaction.atomic():
        ProvisioningRun.objects.create(charge_point=station.row, step="report", started_at=NOON, due_at=NOON)
