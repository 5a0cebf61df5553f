"""Firmware management, 1.6 sections 4.5, 5.19 and 6.17, and signed firmware of the security white paper."""

from datetime import UTC, datetime, timedelta

import pytest

from chargers.firmware.models import Evidence, FirmwareJob, FirmwareReport
from chargers.jobs import State
from chargers.models import Command
from csms.core.events.models import Event
from tests.conformance.v16.cast import CP16, cp16, fresh
from tests.firmware.cast import certificate, signature, signed
from tests.support.house import House

IMAGE = "ftp://acme.example/fw-2.0.bin"
STEPS = ("Downloading", "Downloaded", "Installing")
SIGNED_STEPS = (
    "DownloadScheduled",
    "Downloading",
    "DownloadPaused",
    "Downloading",
    "Downloaded",
    "SignatureVerified",
    "InstallScheduled",
    "Installing",
    "InstallRebooting",
)


def job_of(command: Command) -> FirmwareJob:
    return FirmwareJob.objects.get(command_id=command.pk)


def claims(job: FirmwareJob) -> list[str]:
    return [report.status for report in job.reports.order_by("pk")]


async def updating(charger: CP16, **params: object) -> FirmwareJob:
    """Order an update, answer that it has come, and return its job."""
    command = await charger.hears("update-firmware", {}, location=IMAGE, **params)
    return job_of(command)


async def claim(charger: CP16, *words: str) -> None:
    for word in words:
        assert await charger.call("FirmwareStatusNotification", {"status": word}) == {}


async def signed_claim(charger: CP16, request_id: int, *words: str) -> None:
    for word in words:
        report = {"status": word, "requestId": request_id}
        assert await charger.call("SignedFirmwareStatusNotification", report) == {}


# --- unsigned ---------------------------------------------------------------------------------------------------------


async def test_tc_044_1_firmware_update(house: House):
    async with cp16(house) as charger:
        await charger.boot(firmwareVersion="1.0")
        command = charger.order("update-firmware", location=IMAGE, retries=3, retry_interval=60)
        told = await charger.expect("UpdateFirmware")
        assert set(told) == {"location", "retrieveDate", "retries", "retryInterval"}
        assert (told["location"], told["retries"], told["retryInterval"]) == (IMAGE, 3, 60)
        await charger.answer()
        job = job_of(await charger.settled(command))
        assert (job.state, job.version_before, job.evidence) == (State.RUNNING, "1.0", Evidence.NONE)
        await claim(charger, *STEPS)
        await charger.boot(firmwareVersion="2.0")
        await claim(charger, "Installed")
        job = fresh(job)
        assert (job.state, job.status) == (State.SUCCEEDED, "Installed")
        assert job.ended_at is not None
        assert (job.version_after, job.evidence) == ("2.0", Evidence.CHANGED)
        assert claims(job) == [*STEPS, "Installed"]
        assert fresh(command).effect == "The charge point says that the firmware is installed."
        states = [
            event.payload
            for event in Event.objects.filter(type="cp.firmware_status", cp_id=charger.row.cp_id)
        ]
        assert len(states) == 6  # running, three steps, the boot, installed


async def test_tc_044_2_firmware_download_failed(house: House):
    async with cp16(house) as charger:
        job = await updating(charger)
        await claim(charger, "Downloading", "DownloadFailed")
        assert (fresh(job).state, fresh(job).status) == (State.FAILED, "DownloadFailed")


async def test_tc_044_3_firmware_installation_failed(house: House):
    async with cp16(house) as charger:
        job = await updating(charger)
        await claim(charger, *STEPS, "InstallationFailed")
        assert (fresh(job).state, fresh(job).status) == (State.FAILED, "InstallationFailed")


async def test_s16_60_states_belong_to_the_last_update(house: House):
    async with cp16(house) as charger:
        first = await updating(charger)
        second = await updating(charger)
        assert (fresh(first).state, fresh(first).detail) == (State.CANCELLED, "A newer order replaced it.")
        await claim(charger, "Downloading")
        assert (claims(first), claims(second)) == ([], ["Downloading"])


@pytest.mark.parametrize("last", ["Installed", "DownloadFailed", "InstallationFailed"])
async def test_s16_60_a_final_state_is_final(house: House, last: str):
    async with cp16(house) as charger:
        job = await updating(charger)
        await claim(charger, last)
        ended = fresh(job)
        await claim(charger, "Downloading", last, "Installed", "DownloadFailed")
        assert (fresh(job).state, fresh(job).status, fresh(job).ended_at) == (
            ended.state,
            last,
            ended.ended_at,
        )
        late = job.reports.filter(flag="after_end")
        assert {report.status for report in late} == {"Downloading", "Installed", "DownloadFailed"} - {last}


async def test_s16_60_idle_only_answers_a_trigger(house: House):
    async with cp16(house) as charger:
        job = await updating(charger)
        await claim(charger, "Downloading")
        await charger.hears("trigger-message", requested_message="FirmwareStatusNotification")
        await claim(charger, "Idle")
        assert (fresh(job).state, fresh(job).status) == (State.RUNNING, "Downloading")
        idle = FirmwareReport.objects.get(charge_point=charger.row, status="Idle")
        assert (idle.job_id, idle.flag) == (None, "idle")


async def test_s16_61_the_answer_is_only_a_receipt_and_retrieve_date_is_not_before(house: House):
    async with cp16(house) as charger:
        night = datetime(2099, 1, 1, 3, tzinfo=UTC)
        command = charger.order("update-firmware", location=IMAGE, retrieve_date=night.isoformat())
        told = await charger.expect("UpdateFirmware")
        assert told == {"location": IMAGE, "retrieveDate": "2099-01-01T03:00:00.000Z"}
        await charger.answer()
        settled = await charger.settled(command)
        assert (settled.status, settled.effect) == (Command.Status.ACCEPTED, "")
        job = job_of(settled)
        assert (job.state, job.retrieve_at) == (State.RUNNING, night)
        assert job.stale_at is not None
        assert job.stale_at > night + timedelta(hours=1)  # silence until its time is no silence


@pytest.mark.usefixtures("short_patience")
async def test_msg_update_firmware_refused_or_unanswered_ends_its_job(house: House):
    async with cp16(house) as charger:
        command = charger.order("update-firmware", location=IMAGE)
        await charger.expect("UpdateFirmware")
        await charger.refuse("NotImplemented", "no such thing")
        job = job_of(await charger.settled(command))
        assert (job.state, job.ended_at is not None) == (State.REFUSED, True)
        assert job.detail == "The charge point answered with an error: NotImplemented: no such thing"
        command = charger.order("update-firmware", location=IMAGE)
        await charger.expect("UpdateFirmware")
        job = job_of(await charger.settled(command))
        assert (job.state, fresh(command).status) == (State.LOST, Command.Status.TIMED_OUT)
        await claim(charger, "Downloading")  # it had come after all
        assert (fresh(job).state, fresh(job).ended_at) == (State.RUNNING, None)


async def test_msg_firmware_status_notification_without_any_update_is_kept(house: House):
    async with cp16(house) as charger:
        await claim(charger, "Installed", "Installed")
        report = FirmwareReport.objects.get(charge_point=charger.row)
        assert (report.job_id, report.status, report.flag, report.count) == (None, "Installed", "no_job", 2)


async def test_msg_firmware_status_notification_may_skip_steps(house: House):
    async with cp16(house) as charger:
        job = await updating(charger)
        await claim(charger, "Installed")
        assert (fresh(job).state, claims(job)) == (State.SUCCEEDED, ["Installed"])


# --- signed -----------------------------------------------------------------------------------------------------------


async def test_tc_080_signed_firmware_update(house: House):
    async with cp16(house) as charger:
        await charger.boot(firmwareVersion="1.0")
        wish = signed(install_date="2099-01-02T00:00:00Z", retrieve_date="2099-01-01T00:00:00Z", retries=1)
        command = charger.order("signed-update-firmware", **wish)
        told = await charger.expect("SignedUpdateFirmware")
        assert told["firmware"] == {
            "location": wish["location"],
            "retrieveDateTime": "2099-01-01T00:00:00.000Z",
            "installDateTime": "2099-01-02T00:00:00.000Z",
            "signingCertificate": wish["signing_certificate"],
            "signature": wish["signature"],
        }
        await charger.answer(status="Accepted")
        job = job_of(await charger.settled(command))
        assert (told["requestId"], job.signed, job.state) == (job.request_id, True, State.RUNNING)
        await signed_claim(charger, job.request_id, *SIGNED_STEPS)
        await charger.boot(firmwareVersion="2.0")
        await charger.status("Available", 0)
        await signed_claim(charger, job.request_id, "Installed")
        assert (
            await charger.call(
                "SecurityEventNotification",
                {"type": "FirmwareUpdated", "timestamp": datetime.now(UTC).isoformat()},
            )
            == {}
        )
        job = fresh(job)
        assert (job.state, job.evidence) == (State.SUCCEEDED, Evidence.CHANGED)
        assert claims(job) == [*SIGNED_STEPS, "Installed"]


async def test_tc_081_signed_firmware_with_an_invalid_signature(house: House):
    async with cp16(house) as charger:
        command = await charger.hears("signed-update-firmware", **signed())
        job = job_of(command)
        await signed_claim(charger, job.request_id, "Downloading", "Downloaded", "InvalidSignature")
        assert (fresh(job).state, fresh(job).status) == (State.FAILED, "InvalidSignature")
        await signed_claim(charger, job.request_id, "Installed")
        assert (fresh(job).state, fresh(job).status) == (State.FAILED, "InvalidSignature")


async def test_s16_70_states_are_told_by_request_id(house: House):
    async with cp16(house) as charger:
        first = job_of(await charger.hears("signed-update-firmware", **signed()))
        second = job_of(await charger.hears("signed-update-firmware", **signed()))
        assert first.request_id != second.request_id
        await signed_claim(charger, first.request_id, "Downloading")
        await signed_claim(charger, second.request_id, "DownloadFailed")
        assert (fresh(first).state, fresh(second).state) == (State.RUNNING, State.FAILED)


@pytest.mark.parametrize("last", ["InvalidSignature", "InstallVerificationFailed"])
async def test_s16_70_a_failed_verification_is_final(house: House, last: str):
    async with cp16(house) as charger:
        job = job_of(await charger.hears("signed-update-firmware", **signed()))
        await signed_claim(charger, job.request_id, last, "Installed")
        assert (fresh(job).state, fresh(job).status) == (State.FAILED, last)


@pytest.mark.parametrize("word", ["Rejected", "InvalidCertificate", "RevokedCertificate"])
async def test_s16_70_a_refusal_ends_the_job(house: House, word: str):
    async with cp16(house) as charger:
        command = await charger.hears("signed-update-firmware", {"status": word}, **signed())
        assert (command.status, command.answer_status) == (Command.Status.REJECTED, word)
        job = job_of(command)
        assert (job.state, job.detail) == (State.REFUSED, f"The charge point answered {word}.")
        await signed_claim(charger, job.request_id, "Installed")
        assert fresh(job).state == State.REFUSED


async def test_msg_signed_update_firmware_that_cancels_another(house: House):
    async with cp16(house) as charger:
        first = job_of(await charger.hears("signed-update-firmware", **signed()))
        second = job_of(
            await charger.hears("signed-update-firmware", {"status": "AcceptedCanceled"}, **signed())
        )
        assert (fresh(first).state, fresh(first).detail) == (State.CANCELLED, "A newer order replaced it.")
        assert fresh(second).state == State.RUNNING
        await signed_claim(charger, first.request_id, "DownloadFailed")
        assert fresh(first).state == State.CANCELLED


async def test_msg_signed_firmware_status_notification_of_an_unknown_request_is_kept(house: House):
    async with cp16(house) as charger, cp16(house) as other:
        theirs = job_of(await other.hears("signed-update-firmware", **signed()))
        await signed_claim(charger, theirs.request_id, "Installed")  # another's job is not theirs to end
        await signed_claim(charger, 4711, "Installed")
        await signed_claim(charger, 2**40, "Installed")
        reports = FirmwareReport.objects.filter(charge_point=charger.row)
        assert {(report.job_id, report.flag) for report in reports} == {(None, "unknown_request")}
        assert reports.count() == 3
        assert fresh(theirs).state == State.RUNNING


async def test_msg_signed_firmware_status_notification_without_request_id(house: House):
    async with cp16(house) as charger:
        job = job_of(await charger.hears("signed-update-firmware", **signed()))
        assert await charger.call("SignedFirmwareStatusNotification", {"status": "Downloading"}) == {}
        assert fresh(job).status == "Downloading"


async def test_msg_signed_update_firmware_is_not_sent_with_a_wrong_signature(house: House):
    from chargers.commands.ordering import CommandRefused

    async with cp16(house) as charger:
        wrong = signed(signature=signature(content=b"other"), firmware_sha256="00" * 32)
        with pytest.raises(CommandRefused) as refusal:
            charger.order("signed-update-firmware", **wrong)
        assert set(refusal.value.errors) == {"signature"}
        expired = signed(signing_certificate=certificate(days=(-20, -10)))
        with pytest.raises(CommandRefused) as refusal:
            charger.order("signed-update-firmware", **expired)
        assert set(refusal.value.errors) == {"signing_certificate"}
        assert not FirmwareJob.objects.filter(charge_point=charger.row).exists()


async def test_msg_update_firmware_keeps_the_password_in_the_location_secret(house: House):
    async with cp16(house) as charger:
        secret = "ftp://user:hunter2@acme.example/fw.bin"
        command = charger.order("update-firmware", location=secret)
        assert "hunter2" not in str(fresh(command).params)
        assert (await charger.expect("UpdateFirmware"))["location"] == secret
        await charger.answer()
        settled = await charger.settled(command)
        assert "hunter2" not in f"{settled.params}{settled.payload}"
        assert job_of(settled).location == "ftp://user:***@acme.example/fw.bin"
