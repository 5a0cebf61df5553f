"""Files and jobs are kept as long as the settings say, and a file's content goes with it."""

from datetime import timedelta

import pytest

from chargers.diagnostics import store
from chargers.diagnostics.models import LogJob, LogReport, StoredFile, Upload
from chargers.firmware.models import FirmwareJob, FirmwareReport
from csms.core.config import get_config
from csms.core.ids import UUID, uuid7_floor
from csms.pruning import prune
from tests.diagnostics.cast import a_file, a_job, a_report
from tests.firmware.cast import an_update
from tests.support.house import now, settings_are

pytestmark = pytest.mark.django_db
LONG_AGO = now() - timedelta(days=2000)


def old_id(n: int) -> UUID:
    return UUID(int=uuid7_floor(LONG_AGO).int + n)


def test_old_files_go_with_their_content_and_young_ones_stay() -> None:
    job = a_job()
    old = [a_file(job, id=old_id(n)) for n in range(3)]
    young = a_file(job)
    assert prune(get_config(), now=now(), dry_run=True)["files"] == 3
    assert all(store.exists(file.content) for file in old)
    assert prune(get_config(), now=now())["files"] == 3
    assert not any(store.exists(file.content) for file in old)
    assert store.exists(young.content)
    assert StoredFile.objects.get() == young


def test_zero_days_is_for_ever() -> None:
    with settings_are(CSMS_RETAIN_FILES_DAYS="0"):
        file = a_file(a_job(), id=old_id(1))
        assert prune(get_config(), now=now())["files"] == 0
    assert store.exists(file.content)


def test_jobs_that_ended_long_ago_go_and_open_ones_stay() -> None:
    ended = a_job(ended_at=LONG_AGO, state="failed")
    a_report(ended)
    LogReport.objects.update(id=old_id(5))
    an_update(ended.charge_point, ended_at=LONG_AGO, state="lost")
    FirmwareReport.objects.update(id=old_id(6))
    Upload.objects.create(
        token_hash="x", charge_point=ended.charge_point, job=ended, created_at=LONG_AGO, expires_at=LONG_AGO
    )
    a_job(ended.charge_point), an_update(ended.charge_point)
    removed = prune(get_config(), now=now())
    names = ("log jobs", "log reports", "firmware jobs", "firmware reports", "upload URLs")
    assert [removed[name] for name in names] == [1] * 5
    assert (LogJob.objects.count(), FirmwareJob.objects.count()) == (1, 1)
