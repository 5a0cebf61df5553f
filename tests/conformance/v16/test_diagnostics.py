"""Diagnostics, 1.6 sections 4.4, 5.9 and 6.3x, and logs of the security white paper."""

from typing import Any

import pytest

from chargers.diagnostics.models import LogJob, LogReport, StoredFile, Upload
from chargers.jobs import State
from chargers.models import Command, Frame
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, cp16, eventually, fresh
from tests.diagnostics.cast import at_home, put
from tests.support.house import House

ELSEWHERE = "ftp://logs.example/in/"


def job_of(command: Command) -> LogJob:
    return LogJob.objects.get(command_id=command.pk)


async def claim(charger: CP16, *words: str) -> None:
    for word in words:
        assert await charger.call("DiagnosticsStatusNotification", {"status": word}) == {}


async def log_claim(charger: CP16, request_id: int, *words: str) -> None:
    for word in words:
        assert await charger.call("LogStatusNotification", {"status": word, "requestId": request_id}) == {}


# --- diagnostics ------------------------------------------------------------------------------------------------------


async def test_tc_045_1_get_diagnostics(house: House):
    async with cp16(house) as charger:
        with at_home(house):
            command = charger.order(
                "get-diagnostics",
                start_time="2026-01-01T00:00:00Z",
                stop_time="2026-01-02T00:00:00+01:00",
                retries=2,
                retry_interval=30,
            )
        told = await charger.expect("GetDiagnostics")
        assert (told["startTime"], told["stopTime"]) == (
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T23:00:00.000Z",
        )
        assert (told["retries"], told["retryInterval"]) == (2, 30)
        await charger.answer(fileName="diag-0815.zip")
        job = job_of(await charger.settled(command))
        assert (job.state, job.file_name) == (State.RUNNING, "diag-0815.zip")
        await claim(charger, "Uploading")
        assert (await put(told["location"], b"what happened"))[0] == 200
        await claim(charger, "Uploaded")
        job = fresh(job)
        assert (job.state, job.status) == (State.SUCCEEDED, "Uploaded")
        [file] = job.files.all()
        assert (file.name, file.size) == ("diag-0815.zip", 13)
        assert fresh(command).effect == "The file diag-0815.zip came."
        events = Event.objects.filter(
            cp_id=charger.row.cp_id, type__in=["cp.diagnostics_status", "file.received"]
        )
        assert [event.type for event in events.order_by("pk")] == [
            "cp.diagnostics_status",
            "cp.diagnostics_status",
            "file.received",
            "cp.diagnostics_status",
        ]


async def test_tc_045_2_get_diagnostics_upload_failed(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("get-diagnostics", {"fileName": "d.zip"}, location=ELSEWHERE)
        job = job_of(command)
        await claim(charger, "Uploading", "UploadFailed")
        ended = fresh(job)
        assert (ended.state, ended.status) == (State.FAILED, "UploadFailed")
        await claim(charger, "Uploaded", "Uploading")  # S16-62: final is final
        assert (fresh(job).state, fresh(job).status) == (State.FAILED, "UploadFailed")


async def test_s16_62_the_location_is_a_folder_and_a_file_name_may_follow_it(house: House):
    for suffix in ("diag.zip", "/diag.zip", "", "sub/diag.zip"):
        async with cp16(house) as charger:
            with at_home(house):
                command = charger.order("get-diagnostics")
            location = (await charger.expect("GetDiagnostics"))["location"]
            assert location.endswith("/")
            await charger.answer(fileName="diag.zip")
            await charger.settled(command)
            assert (await put(location + suffix, b"x"))[0] == 200
            assert StoredFile.objects.get(charge_point=charger.row).name == "diag.zip"


async def test_s16_62_without_a_file_name_there_is_nothing_to_upload(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("get-diagnostics", {}, location=ELSEWHERE)
        assert command.status == Command.Status.ACCEPTED
        job = job_of(command)
        assert (job.state, job.ended_at is not None) == (State.NOTHING, True)
        await claim(charger, "Uploading")  # some upload all the same
        assert (fresh(job).state, fresh(job).ended_at) == (State.RUNNING, None)


async def test_s16_62_our_url_is_not_given_to_one_that_speaks_only_ftp(house: House):
    from chargers.commands.ordering import CommandRefused

    async with cp16(house) as charger:
        await charger.hears(
            "get-configuration",
            {
                "configurationKey": [
                    {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "FTP,FTPS"}
                ]
            },
        )
        with at_home(house), pytest.raises(CommandRefused) as refusal:
            charger.order("get-diagnostics")
        assert set(refusal.value.errors) == {"location"}
        assert "FTP, FTPS only" in refusal.value.detail
        command = await charger.hears("get-diagnostics", {"fileName": "x"}, location=ELSEWHERE)
        assert command.payload == {"location": ELSEWHERE}


async def test_msg_get_diagnostics_that_was_refused_closes_its_url(house: House):
    async with cp16(house) as charger:
        with at_home(house):
            command = charger.order("get-diagnostics")
        location = (await charger.expect("GetDiagnostics"))["location"]
        await charger.refuse("NotSupported")
        job = job_of(await charger.settled(command))
        assert job.state == State.REFUSED
        status, text = await put(location, b"x")
        assert (status, text) == (410, "The order was taken back.\n")


async def test_msg_get_diagnostics_keeps_the_token_out_of_ledger_and_log(house: House):
    async with cp16(house) as charger:
        with at_home(house):
            command = charger.order("get-diagnostics")
        assert fresh(command).params["location"] == "***"
        location = (await charger.expect("GetDiagnostics"))["location"]
        await charger.answer(fileName="d")
        settled = await charger.settled(command)
        token = location.rstrip("/").rsplit("/", 1)[1]
        assert len(token) == 43
        await eventually(lambda: Frame.objects.filter(action="GetDiagnostics", direction="out").exists())
        kept = [settled.params, settled.payload, job_of(settled).location]
        kept += list(Frame.objects.filter(charge_point=charger.row).values_list("text", flat=True))
        assert token not in str(kept)
        assert token not in str(list(Upload.objects.values_list("token_hash", flat=True)))


async def test_msg_diagnostics_status_notification_belongs_to_the_last_order(house: House):
    async with cp16(house) as charger:
        first = job_of(await charger.hears("get-diagnostics", {"fileName": "1"}, location=ELSEWHERE))
        second = job_of(await charger.hears("get-diagnostics", {"fileName": "2"}, location=ELSEWHERE))
        await claim(charger, "Uploaded", "Idle")
        assert (fresh(first).state, fresh(second).state) == (State.CANCELLED, State.SUCCEEDED)


async def test_msg_diagnostics_status_notification_without_any_order_is_kept(house: House):
    async with cp16(house) as charger:
        await claim(charger, "Uploaded")
        report = LogReport.objects.get(charge_point=charger.row)
        assert (report.job_id, report.status, report.flag) == (None, "Uploaded", "no_job")


# --- logs -------------------------------------------------------------------------------------------------------------


async def test_tc_079_get_security_log(house: House):
    async with cp16(house) as charger:
        with at_home(house):
            command = charger.order(
                "get-log", log_type="SecurityLog", oldest_timestamp="2026-01-01T00:00:00Z", retries=1
            )
        told = await charger.expect("GetLog")
        location = told["log"]["remoteLocation"]
        job = job_of(command)
        assert told == {
            "logType": "SecurityLog",
            "requestId": job.request_id,
            "log": {"remoteLocation": location, "oldestTimestamp": "2026-01-01T00:00:00.000Z"},
            "retries": 1,
        }
        await charger.answer(status="Accepted", filename="security.log")
        await charger.settled(command)
        await log_claim(charger, job.request_id, "Uploading")
        assert (await put(location, b"log"))[0] == 200
        await log_claim(charger, job.request_id, "Uploaded")
        job = fresh(job)
        assert (job.state, job.log, job.file_name) == (State.SUCCEEDED, "security", "security.log")
        assert [file.size for file in job.files.all()] == [3]


@pytest.mark.parametrize("word", ["UploadFailure", "BadMessage", "NotSupportedOperation", "PermissionDenied"])
async def test_msg_log_status_notification_failures_are_final(house: House, word: str):
    async with cp16(house) as charger:
        job = job_of(await charger.hears("get-log", location=ELSEWHERE))
        await log_claim(charger, job.request_id, "Uploading", word, "Uploaded")
        assert (fresh(job).state, fresh(job).status) == (State.FAILED, word)


async def test_msg_log_status_notification_of_an_unknown_request_is_kept(house: House):
    async with cp16(house) as charger:
        job = job_of(await charger.hears("get-log", location=ELSEWHERE))
        await log_claim(charger, 1 if job.request_id != 1 else 2, "Uploaded")
        report = LogReport.objects.get(charge_point=charger.row)
        assert (report.job_id, report.flag) == (None, "unknown_request")
        assert fresh(job).state == State.RUNNING


async def test_msg_get_log_rejected(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("get-log", {"status": "Rejected"}, location=ELSEWHERE)
        assert (command.status, job_of(command).state) == (Command.Status.REJECTED, State.REFUSED)


async def test_msg_get_log_that_cancels_another(house: House):
    async with cp16(house) as charger:
        first = job_of(await charger.hears("get-log", location=ELSEWHERE))
        answer: dict[str, Any] = {"status": "AcceptedCanceled", "filename": "2.log"}
        second = job_of(await charger.hears("get-log", answer, location=ELSEWHERE))
        assert (fresh(first).state, fresh(second).state) == (State.CANCELLED, State.RUNNING)
