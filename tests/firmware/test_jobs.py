"""Jobs follow their orders, reports, boots and the clock."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from chargers import jobs
from chargers.commands.ledger import expire_commands, settle_answer, settle_timeout
from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.firmware import services
from chargers.firmware.models import Evidence, FirmwareJob, FirmwareReport
from chargers.firmware.signatures import CERTIFICATE_MAX
from chargers.firmware.tasks import expire_updates
from chargers.following import Booted
from chargers.jobs import State
from chargers.locations import LOCATION_MAX, SCHEMES, location_fault
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from chargers.traits.models import ChargePointTraits
from csms.core.config import get_config
from csms.core.events.models import Event
from tests.api.cast import charge_point, online
from tests.certificates.cast import certificate, ec_key, pem, root
from tests.conformance.v16.cast import fresh
from tests.firmware.cast import SHA256, signed
from tests.support.house import now, settings_are

pytestmark = pytest.mark.django_db
IMAGE = "https://acme.example/fw.bin"


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point(firmware_version="1.0"))


def ordered(cp16: ChargePoint, type: str = "update-firmware", **params: Any) -> FirmwareJob:
    params = {"location": IMAGE} | params
    command = send_command(cp16, type, params, author=SYSTEM, now=now())
    return FirmwareJob.objects.get(command_id=command.pk)


def accepted(cp16: ChargePoint, **params: Any) -> FirmwareJob:
    job = ordered(cp16, **params)
    Command.objects.filter(pk=job.command_id).update(status="sent", sent_at=now(), action="UpdateFirmware")
    settle_answer(job.command_id, {}, version=Version.V16, now=now())
    job = fresh(job)
    assert job.state == State.RUNNING
    return job


def claim(cp16: ChargePoint, word: str, when: datetime | None = None) -> None:
    services.note_firmware_status(cp16.pk, word, numbered=False, now=when or now())


def boot(cp16: ChargePoint, version: str, when: datetime | None = None) -> None:
    ChargePoint.objects.filter(pk=cp16.pk).update(firmware_version=version)
    services.follow_boot(Booted(cp16.pk, cp16.cp_id, "accepted", {}, when or now()))


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_order_that_was_never_sent_cancels_its_job(cp16: ChargePoint) -> None:
    job = ordered(cp16)
    expire_commands(now=now() + timedelta(hours=1))
    job = fresh(job)
    assert (job.state, job.detail, job.ended_at is not None) == (
        State.CANCELLED,
        "The order was never sent.",
        True,
    )


def test_an_order_without_answer_loses_its_job(cp16: ChargePoint) -> None:
    job = ordered(cp16)
    Command.objects.filter(pk=job.command_id).update(status="sent", sent_at=now())
    settle_timeout(job.command_id, now=now())
    assert (fresh(job).state, fresh(job).detail) == (State.LOST, "The order was sent, and no answer came.")


def test_a_report_may_come_before_the_answer(cp16: ChargePoint) -> None:
    job = ordered(cp16)
    Command.objects.filter(pk=job.command_id).update(status="sent", sent_at=now(), action="UpdateFirmware")
    claim(cp16, "DownloadFailed")
    settle_answer(job.command_id, {}, version=Version.V16, now=now())
    assert fresh(job).state == State.FAILED


def test_a_report_is_about_the_running_update_not_about_one_on_its_way(cp16: ChargePoint) -> None:
    running = accepted(cp16)
    on_its_way = ordered(cp16)
    claim(cp16, "Downloading")
    assert (fresh(running).status, fresh(on_its_way).status) == ("Downloading", "")


def test_a_job_tells_outside_how_far_it_is(cp16: ChargePoint) -> None:
    job = accepted(cp16, expected_version="2.0")
    claim(cp16, "Installed")
    event = Event.objects.filter(type="cp.firmware_status").order_by("pk").last()
    assert event is not None
    assert event.cp_id == cp16.cp_id
    for part in (f'"job_id":"{job.pk}"', '"state":"succeeded"', '"status":"Installed"', '"evidence":"none"'):
        assert part in event.payload


@pytest.mark.parametrize(
    "location",
    [
        "nonsense",
        "file:///etc/passwd",
        "https://",
        "gopher://x/y",
        "https://x/a b",
        "http://x:99999/",
        "https://é/",
    ],
)
def test_a_location_that_cannot_be_given_is_refused(cp16: ChargePoint, location: str) -> None:
    with pytest.raises(CommandRefused) as refusal:
        ordered(cp16, location=location)
    assert set(refusal.value.errors) == {"location"}
    assert not FirmwareJob.objects.exists()


def test_locations() -> None:
    for scheme in SCHEMES:
        assert location_fault(f"{scheme}://user:pw@acme.example:21/fw.bin") == ""
    assert location_fault("https://x/".ljust(1700, "a")) == ""  # what some stores sign
    assert "has 2001 characters" in location_fault("https://x/".ljust(LOCATION_MAX + 1, "a"))


@pytest.mark.parametrize(
    "command", ["update-firmware", "signed-update-firmware", "get-diagnostics", "get-log"]
)
def test_a_charge_point_that_takes_only_short_urls_gets_none_that_is_longer(
    cp16: ChargePoint, command: str
) -> None:
    ChargePointTraits.objects.create(charge_point=cp16, traits={"upload_url_max": 40}, changed_at=now())
    params: dict[str, Any] = {
        "update-firmware": {"location": "https://acme.example/" + "a" * 40},
        "signed-update-firmware": signed(location="https://acme.example/" + "a" * 40),
    }.get(command, {})
    with pytest.raises(CommandRefused, match="this charge point takes 40") as refusal:
        send_command(cp16, command, params, author=SYSTEM, now=now())
    assert set(refusal.value.errors) == {"location"}
    assert not Command.objects.exists()


def test_a_signature_that_was_verified_here_is_marked(cp16: ChargePoint) -> None:
    verified = ordered(cp16, "signed-update-firmware", **signed(firmware_sha256=SHA256))
    believed = ordered(cp16, "signed-update-firmware", **signed())
    assert (verified.signature_checked, believed.signature_checked) == (True, False)
    assert verified.request_id != believed.request_id


def test_a_certificate_that_is_too_long_in_lines_is_refused_and_not_sent(cp16: ChargePoint) -> None:
    maker = root()

    def named(length: int) -> str:
        parts = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 64)] * (length // 64)
        parts.append(x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * (length % 64 or 64)))
        public = ec_key().public_key()
        return pem(certificate(x509.Name(parts), public, maker.certificate.subject, maker.key))

    texts = (named(length).strip() for length in range(2000, 4000, 16))
    # Fits without its line ends, and does not with them.
    without_lines = next(
        bare for text in texts if len(bare := text.replace("\n", "")) <= CERTIFICATE_MAX < len(text)
    )
    with pytest.raises(CommandRefused) as refusal:
        ordered(cp16, "signed-update-firmware", **signed(signing_certificate=without_lines))
    assert set(refusal.value.errors) == {"signing_certificate"}
    assert not FirmwareJob.objects.exists()


def test_an_installation_before_the_download_is_refused(cp16: ChargePoint) -> None:
    with pytest.raises(CommandRefused) as refusal:
        ordered(
            cp16,
            "signed-update-firmware",
            **signed(retrieve_date="2099-01-02T00:00:00Z", install_date="2099-01-01T00:00:00Z"),
        )
    assert set(refusal.value.errors) == {"install_date"}


def test_words_that_take_turns_for_ever_do_not_fill_the_table(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargers.jobs.REPORTS_MAX", 6)
    job = accepted(cp16)
    for _ in range(10):
        claim(cp16, "Downloading")
        claim(cp16, "DownloadPaused")
    assert job.reports.count() == 6
    assert sum(report.count for report in job.reports.all()) == 20
    assert fresh(job).status == "DownloadPaused"


@pytest.mark.parametrize("numbered", [True, False])
def test_words_and_numbers_without_end_do_not_fill_the_table(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch, numbered: bool
) -> None:
    monkeypatch.setattr("chargers.jobs.REPORTS_MAX", 6)
    job = accepted(cp16)
    for n in range(1, 20):
        services.note_firmware_status(
            cp16.pk,
            "Installed" if numbered else f"Word{n}",
            numbered=numbered,
            request_id=n if numbered else None,
            now=now(),
        )
    assert FirmwareReport.objects.count() == 6
    claim(cp16, "Installed")  # what counts is written all the same
    assert FirmwareReport.objects.count() == 7
    assert (fresh(job).state, fresh(job).status) == (State.SUCCEEDED, "Installed")


def test_a_word_of_any_length_is_kept_as_far_as_there_is_room(cp16: ChargePoint) -> None:
    accepted(cp16)
    claim(cp16, "Almost" * 50)
    report = FirmwareReport.objects.get()
    assert (report.status, report.flag) == (("Almost" * 50)[:64], "unknown_status")


def test_a_job_that_another_process_ended_meanwhile_is_not_told_again(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accepted(cp16)
    meant = jobs._meant

    def ended_meanwhile(*args: Any) -> FirmwareJob | None:
        found = meant(*args)
        FirmwareJob.objects.filter(pk=job.pk).update(state=State.CANCELLED)
        return found

    monkeypatch.setattr(jobs, "_meant", ended_meanwhile)
    told = Event.objects.filter(type="cp.firmware_status").count()
    claim(cp16, "Installed")
    assert fresh(job).state == State.CANCELLED
    assert Event.objects.filter(type="cp.firmware_status").count() == told


# --- boots ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "version", "evidence"),
    [
        ("", "1.0", Evidence.UNCHANGED),
        ("", "2.0", Evidence.CHANGED),
        ("2.0", "2.0", Evidence.EXPECTED),
        ("2.0", "2.1", Evidence.UNEXPECTED),
        ("2.0", "1.0", Evidence.UNEXPECTED),
        ("", "", Evidence.NONE),
    ],
)
def test_the_next_boot_is_the_evidence(
    cp16: ChargePoint, expected: str, version: str, evidence: Evidence
) -> None:
    job = accepted(cp16, **({"expected_version": expected} if expected else {}))
    claim(cp16, "Installed")
    boot(cp16, version)
    assert (fresh(job).state, fresh(job).evidence) == (State.SUCCEEDED, evidence)


def test_a_boot_in_between_does_not_hide_the_one_that_shows_the_new_version(cp16: ChargePoint) -> None:
    job = accepted(cp16)
    boot(cp16, "1.0")
    claim(cp16, "Installed")
    assert fresh(job).evidence == Evidence.UNCHANGED
    boot(cp16, "2.0")
    assert fresh(job).evidence == Evidence.CHANGED
    boot(cp16, "3.0")  # what came of something else
    assert fresh(job).version_after == "2.0"


def test_a_boot_long_after_is_no_evidence(cp16: ChargePoint) -> None:
    job = accepted(cp16)
    claim(cp16, "Installed")
    boot(cp16, "2.0", now() + timedelta(days=2))
    assert fresh(job).evidence == Evidence.NONE


def test_a_failed_update_asks_for_no_evidence(cp16: ChargePoint) -> None:
    job = accepted(cp16)
    claim(cp16, "InstallationFailed")
    boot(cp16, "2.0")
    assert fresh(job).evidence == Evidence.NONE


# --- the clock --------------------------------------------------------------------------------------------------------


def test_silence_ends_an_update_once(cp16: ChargePoint) -> None:
    job = accepted(cp16)
    quiet = timedelta(seconds=get_config().job_timeout)
    claim(cp16, "Downloading", now() + quiet / 2)
    assert services.expire_updates(now=now() + quiet * 1.2) == 0
    assert services.expire_updates(now=now() + quiet * 1.6) == 1
    assert services.expire_updates(now=now() + quiet * 1.6) == 0
    assert (fresh(job).state, fresh(job).detail) == (State.LOST, "Nothing was heard of it for too long.")
    claim(cp16, "Downloading")  # the same word again, and it is alive
    assert fresh(job).state == State.RUNNING


def test_repeats_are_signs_of_life(cp16: ChargePoint) -> None:
    job = accepted(cp16)
    claim(cp16, "Downloading")
    first = fresh(job)
    claim(cp16, "Downloading", now() + timedelta(hours=5))
    again = fresh(job)
    assert again.status_at == first.status_at
    assert again.stale_at is not None
    assert again.stale_at > first.stale_at + timedelta(hours=4)
    assert FirmwareReport.objects.get().count == 2


def test_at_once_is_said_as_the_api_says_times(cp16: ChargePoint) -> None:
    command = Command.objects.get(pk=accepted(cp16).command_id)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", command.params["retrieve_date"])


def test_a_late_date_is_waited_for(cp16: ChargePoint) -> None:
    later = now() + timedelta(days=7)
    job = accepted(cp16, retrieve_date=later.isoformat())
    claim(cp16, "DownloadScheduled")
    assert services.expire_updates(now=later) == 0
    assert fresh(job).state == State.RUNNING


def test_a_date_at_the_end_of_the_calendar_is_waited_for_without_end(cp16: ChargePoint) -> None:
    job = accepted(cp16, retrieve_date="9999-12-31T23:59:59Z")
    assert job.stale_at is None
    assert services.expire_updates(now=now() + timedelta(days=9999)) == 0


def test_without_a_limit_nothing_is_given_up(cp16: ChargePoint) -> None:
    with settings_are(CSMS_JOB_TIMEOUT="0"):
        job = accepted(cp16)
        claim(cp16, "Downloading")
        assert fresh(job).stale_at is None
        assert services.expire_updates(now=now() + timedelta(days=9999)) == 0


def test_the_clock_does_it_by_itself(cp16: ChargePoint) -> None:
    job = accepted(cp16)
    FirmwareJob.objects.filter(pk=job.pk).update(stale_at=now())
    assert expire_updates() == 1
