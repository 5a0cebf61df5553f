"""Logs and their files through the API: listed, shown, downloaded, deleted."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from chargers.diagnostics import store
from chargers.diagnostics.models import LogReport, StoredFile
from csms.core.events.models import Event
from tests.api.cast import API, charge_point
from tests.diagnostics.cast import a_file, a_job, a_report
from tests.support.house import now

FILES, JOBS = f"{API}/files/", f"{API}/log-jobs/"
OF_CP16 = f"{API}/charge-points/CP16/"
# Django warns of a body that it must gather from a loop: here, as under WSGI, none is running.
streams = pytest.mark.filterwarnings("error:StreamingHttpResponse must consume")


def names(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_a_job_is_shown_with_its_reports_and_its_file(bob: APIClient) -> None:
    job = a_job(charge_point(), state="running", status="Uploading", file_name="d.zip")
    a_report(job)
    file = a_file(job)
    body = bob.get(f"{JOBS}{job.pk}/").json()
    assert (body["cp_id"], body["log"], body["state"], body["status"]) == (
        "CP16",
        "diagnostics",
        "running",
        "Uploading",
    )
    assert [(report["status"], report["count"]) for report in body["reports"]] == [("Uploading", 1)]
    assert [one["id"] for one in body["files"]] == [str(file.pk)]
    assert bob.get(JOBS).json()["results"] == [body]


def test_jobs_are_found_by_charge_point_and_state(bob: APIClient, refusal: Any) -> None:
    mine, theirs = a_job(charge_point()), a_job(charge_point("CP17"), state="failed")
    assert names(bob.get(JOBS)) == [str(theirs.pk), str(mine.pk)]
    assert names(bob.get(JOBS, {"cp_id": "cp16"})) == [str(mine.pk)]
    assert names(bob.get(JOBS, {"state": "failed"})) == [str(theirs.pk)]
    assert names(bob.get(f"{OF_CP16}log-jobs/")) == [str(mine.pk)]
    assert names(bob.get(f"{OF_CP16}log-jobs/", {"state": "failed"})) == []
    refusal(bob.get(JOBS, {"cp_id": "CP99"}), 404, "unknown_charge_point")
    refusal(bob.get(JOBS, {"state": "odd"}), 422, "invalid", "state")
    refusal(bob.get(f"{JOBS}{uuid4()}/"), 404, "unknown_log_job")


def test_reports_that_belong_to_nothing_are_listed_with_the_reason(bob: APIClient) -> None:
    LogReport.objects.create(
        charge_point=charge_point(),
        request_id=4711,
        status="Uploaded",
        flag="unknown_request",
        received_at=now(),
        last_at=now(),
    )
    [report] = bob.get(f"{OF_CP16}log-reports/").json()["results"]
    assert (report["job_id"], report["request_id"], report["flag"]) == (None, 4711, "unknown_request")


def test_files_are_listed_and_shown(bob: APIClient, refusal: Any) -> None:
    file = a_file(a_job(charge_point()))
    a_file(a_job(charge_point("CP17")))
    body = bob.get(f"{FILES}{file.pk}/").json()
    assert body["sha256"] == hashlib.sha256(b"what happened").hexdigest()
    assert (body["name"], body["size"], body["cp_id"]) == ("diag.zip", 13, "CP16")
    assert bob.get(f"{OF_CP16}files/").json()["results"] == [body]
    assert bob.get(FILES, {"cp_id": "CP16"}).json()["results"] == [body]
    assert len(names(bob.get(FILES))) == 2
    refusal(bob.get(f"{FILES}{uuid4()}/"), 404, "unknown_file")


@streams
@pytest.mark.parametrize("accept", ["*/*", "application/octet-stream"])
def test_a_file_is_downloaded_as_it_came_and_no_browser_may_show_it(bob: APIClient, accept: str) -> None:
    content = b"<script>alert(1)</script>" * 40_000  # more than a piece
    file = a_file(a_job(charge_point()), content, name='a "b".html', content_type="text/html")
    answer = bob.get(f"{FILES}{file.pk}/content/", HTTP_ACCEPT=accept)
    assert b"".join(answer) == content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Length"] == str(len(content))
    assert answer["Content-Disposition"] == 'attachment; filename="a \\"b\\".html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "no-store" in answer["Cache-Control"]


def test_a_content_that_is_gone_is_410(bob: APIClient, refusal: Any) -> None:
    file = a_file(a_job(charge_point()))
    store.delete(file.content)
    refusal(bob.get(f"{FILES}{file.pk}/content/"), 410, "gone")
    refusal(bob.get(f"{FILES}{uuid4()}/content/"), 404, "unknown_file")


@pytest.mark.django_db(transaction=True)
def test_deleting_takes_the_content_with_it_and_says_who_did() -> None:
    from tests.api.cast import client_of

    alice = client_of("alice", "read", "write")
    file = a_file(a_job(charge_point()))
    assert alice.delete(f"{FILES}{file.pk}/").status_code == 204
    assert not StoredFile.objects.exists()
    assert not store.exists(file.content)
    event = Event.objects.get(type="file.deleted")
    assert '"by":"token alice"' in event.payload
    assert file.sha256 in event.payload
    assert alice.delete(f"{FILES}{file.pk}/").status_code == 404


def test_who_may_only_look_deletes_nothing(bob: APIClient, charlie: APIClient, refusal: Any) -> None:
    file = a_file(a_job(charge_point()))
    refusal(bob.delete(f"{FILES}{file.pk}/"), 403, "forbidden")
    refusal(charlie.get(f"{FILES}{file.pk}/content/"), 401, "unauthenticated")
    assert store.exists(file.content)
