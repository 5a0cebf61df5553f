"""A bulk job that is over, repeated for those it did not succeed with."""

from threading import Barrier, Thread

import pytest
from django.db import connection
from rest_framework.test import APIClient

from chargers.bulk import services
from chargers.bulk.models import BulkJob, BulkTarget
from chargers.models import ChargePoint
from csms.core.refusals import NotNow
from tests.api.cast import API, NOON, charge_point
from tests.bulk.cast import ALICE, answers, fleet, fresh, job_for, sent, steps

pytestmark = pytest.mark.django_db


def half_failed(**manner: object) -> BulkJob:
    """One of four accepts, one rejects, one is offline, one is retired."""
    first, second, third, fourth = fleet(4)
    ChargePoint.objects.filter(pk=third.pk).update(connection_id=None)
    ChargePoint.objects.filter(pk=fourth.pk).update(retired_at=NOON)
    job = job_for([first, second, third, fourth], **manner)
    steps()
    answers(job, count=1)
    answers(job, "Rejected")
    steps()
    assert fresh(job).state == "finished"
    return fresh(job)


def targets(job: BulkJob) -> list[str]:
    rows = BulkTarget.objects.filter(job=job).order_by("position")
    return list(rows.values_list("charge_point__cp_id", flat=True))


def test_those_that_failed_get_the_command_again() -> None:
    job = half_failed(rate_per_minute=600, canary=0, if_offline="skip")
    again = services.retry_bulk_job(job, "failed", author=ALICE, now=NOON)
    assert targets(again) == ["CP002"]
    assert (again.retry_of, again.type, again.rate_per_minute) == (job.pk, job.type, 600)
    steps()
    assert sent(again) == ["CP002"]


def test_a_job_is_repeated_once_at_a_time_and_never_for_those_that_a_repetition_succeeded_with() -> None:
    job = half_failed()
    again = services.retry_bulk_job(job, "failed", author=ALICE, now=NOON)
    for which in ("failed", "missed"):
        with pytest.raises(NotNow, match=str(again.pk)) as refused:
            services.retry_bulk_job(job, which, author=ALICE, now=NOON)
        assert refused.value.code == "retried_already"
    steps()
    answers(again)
    steps()
    with pytest.raises(NotNow, match="no such charge points"):
        services.retry_bulk_job(job, "failed", author=ALICE, now=NOON)
    assert targets(services.retry_bulk_job(job, "missed", author=ALICE, now=NOON)) == ["CP003", "CP004"]


def test_what_a_repetition_of_a_repetition_succeeded_with_is_done_for_all_of_them() -> None:
    job = half_failed()
    second = services.retry_bulk_job(job, "failed", author=ALICE, now=NOON)
    steps()
    answers(second, "Rejected")
    steps()
    third = services.retry_bulk_job(fresh(second), "failed", author=ALICE, now=NOON)
    with pytest.raises(NotNow, match=str(third.pk)):
        services.retry_bulk_job(job, "failed", author=ALICE, now=NOON)
    steps()
    answers(third)
    steps()
    for one in (job, second):
        with pytest.raises(NotNow, match="no such charge points"):
            services.retry_bulk_job(fresh(one), "failed", author=ALICE, now=NOON)


def test_a_sibling_keeps_what_it_could_not_do_for_the_job_that_is_repeated_next() -> None:
    job = half_failed()
    second = services.retry_bulk_job(job, "failed", author=ALICE, now=NOON)
    services.cancel_bulk_job(second, by="alice", now=NOON)
    steps()
    third = services.retry_bulk_job(job, "missed", author=ALICE, now=NOON)
    assert targets(third) == ["CP002", "CP003", "CP004"]  # nothing was sent by the one that was cancelled
    with pytest.raises(NotNow, match=str(third.pk)):
        services.retry_bulk_job(fresh(second), "missed", author=ALICE, now=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_repeat_a_job_at_the_same_moment_one_is_refused() -> None:
    job, barrier, became = half_failed(), Barrier(2), []

    def press() -> None:
        try:
            barrier.wait(10)
            became.append(str(services.retry_bulk_job(fresh(job), "failed", author=ALICE, now=NOON).pk))
        except NotNow as refusal:
            became.append(refusal.code)
        finally:
            connection.close()

    threads = [Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (made,) = BulkJob.objects.filter(retry_of=job.pk)
    assert sorted(became) == sorted([str(made.pk), "retried_already"])


def test_only_what_is_over_and_has_failed_is_repeated() -> None:
    running = job_for(fleet(1))
    with pytest.raises(NotNow, match="not over"):
        services.retry_bulk_job(running, "failed", author=ALICE, now=NOON)
    steps()
    answers(running)
    steps()
    with pytest.raises(NotNow, match="no such charge points"):
        services.retry_bulk_job(fresh(running), "missed", author=ALICE, now=NOON)


def test_secrets_that_are_gone_are_not_made_up() -> None:
    row = charge_point("CP9")
    job = job_for([row], "set-authorization-key", {"key": "AB" * 20})
    services.cancel_bulk_job(job, by="alice", now=NOON)
    with pytest.raises(NotNow, match="secret"):
        services.retry_bulk_job(fresh(job), "missed", author=ALICE, now=NOON)


def test_the_api_repeats_a_job(alice: APIClient, bob: APIClient) -> None:
    job = half_failed()
    url = f"{API}/bulk-jobs/{job.pk}/retry/"
    assert bob.post(url, {}, format="json").status_code == 403
    answer = alice.post(url, {"which": "missed"}, format="json")
    assert answer.status_code == 201
    assert (answer.json()["retry_of"], answer.json()["total"]) == (str(job.pk), 3)
    assert alice.post(url, {"which": "all"}, format="json").status_code == 422
    again = alice.post(f"{API}/bulk-jobs/{answer.json()['id']}/retry/", {}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "bulk_job_not_over")
