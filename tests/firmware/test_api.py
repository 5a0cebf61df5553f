"""Firmware updates through the API."""

from typing import Any
from uuid import uuid4

from rest_framework.test import APIClient

from chargers.firmware.models import FirmwareReport
from tests.api.cast import API, charge_point, online
from tests.firmware.cast import an_update, signed
from tests.support.house import now

JOBS = f"{API}/firmware-jobs/"
OF_CP16 = f"{API}/charge-points/CP16/"


def names(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_an_update_is_shown_with_what_was_reported_and_seen(bob: APIClient) -> None:
    job = an_update(
        charge_point(), version_expected="2.0", version_after="2.0", booted_at=now(), state="succeeded"
    )
    body = bob.get(f"{JOBS}{job.pk}/").json()
    assert (body["cp_id"], body["request_id"], body["signed"]) == ("CP16", job.request_id, True)
    assert (body["state"], body["evidence"], body["version_after"]) == ("succeeded", "expected", "2.0")
    assert [report["status"] for report in body["reports"]] == ["Downloading"]
    assert bob.get(JOBS).json()["results"] == [body]


def test_updates_are_found_by_charge_point_and_state(bob: APIClient, refusal: Any) -> None:
    mine, theirs = an_update(charge_point()), an_update(charge_point("CP17"), state="lost")
    assert names(bob.get(JOBS)) == [str(theirs.pk), str(mine.pk)]
    assert names(bob.get(JOBS, {"cp_id": "cp16"})) == [str(mine.pk)]
    assert names(bob.get(JOBS, {"state": "lost"})) == [str(theirs.pk)]
    assert names(bob.get(f"{OF_CP16}firmware-jobs/")) == [str(mine.pk)]
    refusal(bob.get(JOBS, {"cp_id": "CP99"}), 404, "unknown_charge_point")
    refusal(bob.get(f"{JOBS}{uuid4()}/"), 404, "unknown_firmware_job")


def test_reports_that_belong_to_nothing_are_listed_with_the_reason(bob: APIClient) -> None:
    FirmwareReport.objects.create(
        charge_point=charge_point(), status="Idle", flag="idle", count=3, received_at=now(), last_at=now()
    )
    [report] = bob.get(f"{OF_CP16}firmware-reports/").json()["results"]
    assert (report["job_id"], report["flag"], report["count"]) == (None, "idle", 3)


def test_a_certificate_with_its_lines_can_be_given(alice: APIClient, bob: APIClient) -> None:
    online(charge_point())
    sent = alice.post(f"{OF_CP16}commands/signed-update-firmware/", signed())
    assert sent.status_code == 202, sent.json()
    [job] = bob.get(JOBS).json()["results"]
    assert (job["command_id"], job["state"]) == (sent.json()["id"], "ordered")
    assert sent.json()["params"]["request_id"] == job["request_id"]


def test_a_wrong_signature_is_refused_with_its_field(alice: APIClient, refusal: Any) -> None:
    online(charge_point())
    wrong = signed(firmware_sha256="00" * 32)
    refusal(alice.post(f"{OF_CP16}commands/signed-update-firmware/", wrong), 422, "invalid", "signature")
