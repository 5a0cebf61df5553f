"""When charge points were last heard is stored for all of them at once, quickly and for nobody else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargers.models import ChargePoint, Registration
from chargers.reports import touch_charge_points
from chargers.services import register_charge_point

NOW = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.django_db
def test_each_charge_point_gets_its_own_moment_and_a_silent_one_none() -> None:
    heard, later, silent = (
        register_charge_point(cp_id, now=NOW, registration=Registration.ACCEPTED)
        for cp_id in ("CP16", "CS201", "CP-SILENT")
    )
    with CaptureQueriesContext(connection) as queries:
        touch_charge_points({later.pk: NOW + timedelta(seconds=7), heard.pk: NOW})
    assert dict(ChargePoint.objects.values_list("cp_id", "last_seen_at")) == {
        "CP16": NOW,
        "CS201": NOW + timedelta(seconds=7),
        silent.cp_id: None,
    }
    # A CASE over all of them stopped a process with 1,000 charge points for a fifth of a second, every 20 seconds.
    assert not any("CASE" in query["sql"] for query in queries)
