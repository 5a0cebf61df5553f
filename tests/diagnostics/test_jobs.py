"""Uploads of logs that nobody speaks of any more."""

from datetime import timedelta

import pytest

from chargers.commands.ledger import settle_answer
from chargers.commands.ordering import SYSTEM, CommandRefused
from chargers.commands.sending import send_command
from chargers.diagnostics import services
from chargers.diagnostics.models import LogJob, StoredFile, Upload
from chargers.diagnostics.tasks import expire_logs
from chargers.jobs import State
from chargers.models import Command
from chargers.protocol.versions import Version
from csms.core.config import get_config
from tests.api.cast import charge_point, online
from tests.conformance.v16.cast import fresh
from tests.diagnostics.cast import a_job
from tests.support.house import now, settings_are

pytestmark = pytest.mark.django_db


def test_silence_ends_an_upload_that_brought_nothing() -> None:
    job = a_job(state=State.RUNNING, stale_at=now())
    assert services.expire_logs(now=now() + timedelta(seconds=1)) == 1
    assert fresh(job).state == State.LOST


def test_a_file_that_came_counts_more_than_silence() -> None:
    job = a_job(state=State.RUNNING, stale_at=now())
    StoredFile.objects.create(
        charge_point=job.charge_point, job=job, name="x", content="c", size=1, sha256="", received_at=now()
    )
    assert expire_logs() == 1
    assert (fresh(job).state, fresh(job).detail) == (
        State.SUCCEEDED,
        "The file came; the charge point did not say so.",
    )


def test_an_order_opens_a_url_for_as_long_as_the_settings_say() -> None:
    cp16 = online(charge_point())
    send_command(cp16, "get-diagnostics", {}, author=SYSTEM, now=now())
    upload = Upload.objects.get()
    assert upload.expires_at - upload.created_at == timedelta(seconds=get_config().upload_ttl)
    assert upload.job == LogJob.objects.get()


def test_the_time_of_a_url_counts_from_when_the_charge_point_was_told() -> None:
    cp16 = online(charge_point())
    command = send_command(
        cp16, "get-diagnostics", {}, author=SYSTEM, now=now(), expires_in=timedelta(days=2)
    )
    later = now() + timedelta(days=1)
    Command.objects.filter(pk=command.pk).update(status="sent", sent_at=later, action="GetDiagnostics")
    settle_answer(command.pk, {"fileName": "d"}, version=Version.V16, now=later)
    assert Upload.objects.get().expires_at == later + timedelta(seconds=get_config().upload_ttl)


def test_an_order_with_a_location_opens_none() -> None:
    cp16 = online(charge_point())
    send_command(cp16, "get-log", {"location": "ftp://x.example/"}, author=SYSTEM, now=now())
    assert not Upload.objects.exists()


def test_without_an_address_the_refusal_says_what_to_set() -> None:
    cp16 = online(charge_point())
    with settings_are(CSMS_BEHIND_TLS_PROXY="true"), pytest.raises(CommandRefused, match="CSMS_PUBLIC_URL"):
        send_command(cp16, "get-log", {}, author=SYSTEM, now=now())
    assert not LogJob.objects.exists()


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    cp16 = online(charge_point())
    span = {"start_time": "2026-01-02T00:00:00Z", "stop_time": "2026-01-01T00:00:00Z"}
    with pytest.raises(CommandRefused) as refusal:
        send_command(cp16, "get-diagnostics", span, author=SYSTEM, now=now())
    assert set(refusal.value.errors) == {"stop_time"}
