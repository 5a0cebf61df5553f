"""The ledger of commands and the bulk jobs: filters, outcome and effect, taking back, pause, resume, end, retry."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.bulk.models import BulkJob, BulkTarget
from chargers.bulk.running import run_bulk_jobs
from chargers.bulk.services import Manner, create_bulk_job
from chargers.commands.ordering import Author
from chargers.models import Command
from tests.console.cast import HOSTILE, make_charge_point
from tests.console.fleet import make_busy_fleet, make_online

LEDGER, JOBS = "/sys/commands", "/sys/commands/jobs"


def order(cp_id: str = "CP1", **values: object) -> Command:
    from chargers.models import ChargePoint

    now = timezone.now()
    row = ChargePoint.objects.filter(cp_id=cp_id).first() or make_charge_point(cp_id)
    defaults = {
        "charge_point": row,
        "type": "reset",
        "params": {"type": "Soft"},
        "by": "alice",
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
    }
    return Command.objects.create(**defaults | values)


def listed(client: Client, query: str = "") -> list[str]:
    text = client.get(LEDGER + query, headers={"Live": "list"}).content.decode()
    rows = [part.split('"')[0] for part in text.split('id="command-')[1:]]
    known = {str(row.pk): row.reason for row in Command.objects.all()}
    return [known[row] for row in rows]


@pytest.fixture
def ledger(db: None) -> None:
    order("CP1", reason="a", status="accepted", effect="It booted.", effect_at=timezone.now())
    order("CP1", reason="b", status="accepted")
    order(
        "CP2",
        reason="c",
        type="clear-cache",
        params={},
        by="token x",
        status="failed",
        error_code="NotSupported",
    )
    order("CP2", reason="d")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "dcba"),
        ("?sort=time", "abcd"),
        ("?q=cp1", "ba"),
        ("?q=CP", ""),
        ("?type=clear-cache", "c"),
        ("?status=open", "d"),
        ("?status=failed", "c"),
        ("?by=token+x", "c"),
        ("?effect=seen", "a"),
        ("?effect=unseen", "b"),
        ("?window=1h", "dcba"),
        ("?until=2020-01-01T00:00", ""),
        ("?since=2020-01-01T00:00&type=reset", "dba"),
        ("?since=nonsense&status=nonsense&after=nonsense&window=x", "dcba"),
    ],
)
def test_commands_are_found(alice: Client, ledger: None, query: str, expected: str) -> None:
    assert "".join(listed(alice, query)) == expected


def test_the_answer_and_the_effect_are_two_facts(alice: Client, ledger: None) -> None:
    text = alice.get(LEDGER).content.decode()
    assert "It booted." in text
    assert "None was seen yet. Expected:" in text
    assert "NotSupported" in text
    assert "by token x" in text


def test_a_long_ledger_goes_on_where_the_page_ended(alice: Client) -> None:
    for number in range(60):
        order(reason=str(number))
    first = listed(alice)
    assert (first[0], len(first)) == ("59", 50)
    last = Command.objects.get(reason="10").pk
    assert f"after={last}" in alice.get(LEDGER).content.decode()
    assert listed(alice, f"?after={last}") == [str(number) for number in range(9, -1, -1)]


def test_what_waits_is_taken_back_and_what_is_sent_is_not(alice: Client, bob: Client, ledger: None) -> None:
    waiting = Command.objects.get(reason="d")
    assert bob.post(f"{LEDGER}/{waiting.pk}/cancel").status_code == 403
    assert "Take it back" not in bob.get(LEDGER).content.decode()
    answer = alice.post(f"{LEDGER}/{waiting.pk}/cancel", {"back": f"{LEDGER}?status=open"})
    assert answer.url == f"{LEDGER}?status=open"
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"
    sent = order(reason="e", status="sent")
    answer = alice.post(f"{LEDGER}/{sent.pk}/cancel", {"back": "//elsewhere"}, follow=True)
    assert "It is too late" in answer.content.decode()
    assert answer.redirect_chain[0][0] == LEDGER


def test_only_administrators_take_back_what_only_they_order(alice: Client, db: None) -> None:
    waiting = order(type="install-certificate", params={})
    assert alice.post(f"{LEDGER}/{waiting.pk}/cancel").status_code == 403


@pytest.mark.parametrize("door", ["send", "many", "take-back", "job"])
def test_a_refusal_by_the_scope_of_a_command_speaks_the_language_of_the_reader(
    alice: Client, door: str
) -> None:
    waiting = order(type="install-certificate", params={})
    path, posted = {
        "send": ("/inspect/charge-points/CP1/commands/install-certificate", {}),
        "many": ("/inspect/fleet/command", {"bulk_type": "install-certificate", "cp": "CP1"}),
        "take-back": (f"{LEDGER}/{waiting.pk}/cancel", {}),
        "job": (f"{JOBS}/{make_job().pk}/cancel", {}),
    }[door]
    BulkJob.objects.update(type="install-certificate")
    alice.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    answer = alice.post(path, posted)
    assert answer.status_code == 403
    assert "Das dürfen nur Administratoren." in answer.content.decode()


def test_a_command_leads_to_its_frames(alice: Client, ledger: None) -> None:
    sent = order(status="accepted", message_id="m 1&x", sent_at=timezone.now())
    text = alice.get(LEDGER).content.decode()
    assert f"/inspect/charge-points/{sent.charge_point}/frames?message_id=m%201%26x&amp;since=20" in text


def test_the_ledger_can_be_taken_along(alice: Client, ledger: None) -> None:
    body = b"".join(alice.get(f"{LEDGER}?status=failed&export=csv").streaming_content).decode()
    assert "NotSupported" in body
    assert "It booted" not in body


def test_hostile_words_are_escaped_and_an_empty_house_says_what_to_do(alice: Client) -> None:
    assert "No command was given yet" in alice.get(LEDGER).content.decode()
    assert "No bulk job was made yet" in alice.get(JOBS).content.decode()
    make_busy_fleet(2)
    for path in (LEDGER, JOBS):
        assert HOSTILE not in alice.get(path).content.decode()
    assert "No command is like that" in alice.get(f"{LEDGER}?type=get-log").content.decode()


def queries(client: Client, path: str, part: str = "list") -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path, headers={"Live": part}).status_code == 200
    return len(seen)


def test_the_ledger_costs_the_same_for_one_and_for_thirty(alice: Client) -> None:
    order()
    one = queries(alice, LEDGER)
    for number in range(29):
        order(f"CP{number}")
    assert (one, queries(alice, LEDGER)) == (3, 3)  # session, person, page


# --- bulk jobs --------------------------------------------------------------------------------------------------------


def make_job(count: int = 2, online: bool = True, **manner: object) -> BulkJob:
    rows = [make_charge_point(f"J{BulkJob.objects.count()}-{number}") for number in range(count)]
    for row in rows if online else ():
        make_online(row)
    return create_bulk_job(
        rows,
        "clear-cache",
        {},
        Manner(rate_per_minute=6000, **manner),
        author=Author("alice"),
        now=timezone.now(),
    )


def test_a_job_shows_how_far_it_is_and_what_became_of_it_at_each(alice: Client) -> None:
    job = make_job(3)
    BulkTarget.objects.filter(job=job, position=1).update(state="accepted")
    BulkTarget.objects.filter(job=job, position=2).update(state="failed", code="NotSupported", detail=HOSTILE)
    text = alice.get(f"{JOBS}/{job.pk}").content.decode()
    assert "2 of 3" in text
    assert HOSTILE not in text
    assert "1 failure" in alice.get(JOBS).content.decode()
    text = alice.get(f"{JOBS}/{job.pk}?state=failed", headers={"Live": "targets"}).content.decode()
    assert "J0-1" in text
    assert "J0-0" not in text
    body = b"".join(alice.get(f"{JOBS}/{job.pk}?export=csv").streaming_content).decode()
    assert "NotSupported" in body
    assert alice.get(f"{JOBS}?state=finished").content.decode().count("No job is like that") == 1


def test_a_job_is_paused_resumed_ended_and_retried(alice: Client) -> None:
    job = make_job(2, online=False)
    page = f"{JOBS}/{job.pk}"

    def state() -> str:
        job.refresh_from_db()
        return str(job.state)

    alice.post(f"{page}/pause")
    assert state() == "paused"
    assert "Resume" in alice.get(page).content.decode()
    alice.post(f"{page}/resume")
    assert state() == "running"
    assert (
        "Not done" in alice.post(f"{page}/retry-failed", {"confirmed": "yes"}, follow=True).content.decode()
    )
    assert "End the job?" in alice.post(f"{page}/cancel").content.decode()
    assert state() == "running"
    alice.post(f"{page}/cancel", {"confirmed": "yes"})
    assert state() == "cancelled"
    assert "Retry all 2 without success" in alice.get(page).content.decode()
    answer = alice.post(f"{page}/retry-missed", {"confirmed": "yes"})
    again = BulkJob.objects.exclude(pk=job.pk).get()
    assert answer.url == f"{JOBS}/{again.pk}"
    assert (again.retry_of, again.total, again.by) == (job.pk, 2, "alice")
    assert "Those without success of an earlier job" in alice.get(answer.url).content.decode()
    assert "Not done" in alice.post(f"{page}/pause", follow=True).content.decode()


def test_only_the_failed_ones_are_retried(alice: Client) -> None:
    job = make_job(3)
    now = timezone.now()
    run_bulk_jobs(now=now)
    BulkTarget.objects.filter(job=job, position=1).update(state="accepted")
    BulkTarget.objects.filter(job=job, position=2).update(state="timed_out")
    BulkTarget.objects.filter(job=job, position=3).update(state="skipped")
    run_bulk_jobs(now=now + timedelta(seconds=5))
    text = alice.get(f"{JOBS}/{job.pk}").content.decode()
    assert "Retry the 1 that failed" in text
    assert "Retry all 2 without success" in text
    alice.post(f"{JOBS}/{job.pk}/retry-failed", {"confirmed": "yes"})
    again = BulkJob.objects.exclude(pk=job.pk).get()
    assert list(again.targets.values_list("charge_point__cp_id", flat=True)) == ["J0-1"]


@pytest.mark.parametrize("step", ["pause", "resume", "cancel", "retry-failed", "retry-missed"])
def test_who_only_looks_changes_no_job(bob: Client, step: str) -> None:
    job = make_job()
    assert "End the job" not in bob.get(f"{JOBS}/{job.pk}").content.decode()
    assert bob.post(f"{JOBS}/{job.pk}/{step}", {"confirmed": "yes"}).status_code == 403
    job.refresh_from_db()
    assert job.state == "running"


def test_unknown_jobs_and_steps_are_not_found(alice: Client) -> None:
    job = make_job()
    assert alice.get(f"{JOBS}/00000000-0000-7000-8000-000000000000").status_code == 404
    assert alice.post(f"{JOBS}/{job.pk}/explode").status_code == 404


def test_jobs_cost_the_same_for_one_and_for_many(alice: Client) -> None:
    job = make_job(30)
    one = queries(alice, JOBS), queries(alice, f"{JOBS}/{job.pk}", "head targets")
    for _ in range(5):
        make_job(1)
    run_bulk_jobs(now=timezone.now())
    many = queries(alice, JOBS), queries(alice, f"{JOBS}/{job.pk}", "head targets")
    # session, person; how many, the page, their counts — and: the job, counts, how many targets, the page, commands
    assert (one[0], many[0]) == (5, 5)
    assert many[1] <= one[1] + 1 <= 8
