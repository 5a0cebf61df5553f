"""Who did what is written in the transaction of the act, and told to open pages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from csms import retention
from csms.core.audit.models import AuditEntry
from csms.core.audit.selectors import audit_entries, done_to
from csms.core.audit.services import note

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def said(subject: str = "CP16", **more: object) -> AuditEntry:
    return note(
        "charge_point.approved", by="alice", subject_type="charge_point", subject=subject, now=NOW, **more
    )


@pytest.mark.django_db
def test_what_was_done_to_one_thing_is_found_newest_first() -> None:
    said(reason="it is ours", before="pending")
    said(subject="CP17")
    last = said()
    assert [entry.pk for entry in done_to("charge_point", "CP16")][0] == last.pk
    oldest = done_to("charge_point", "CP16").last()
    assert oldest is not None
    assert (oldest.by, oldest.reason, oldest.details) == ("alice", "it is ours", {"before": "pending"})
    assert audit_entries().count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_was_not_done_in_the_end_is_not_noted() -> None:
    with transaction.atomic():
        said()
        transaction.set_rollback(True)
    assert not audit_entries().exists()


@pytest.mark.django_db
def test_entries_end_with_the_time_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = said()
    assert "audit entries" in [kept.name for kept in retention.RETENTION]
    kept = next(kept for kept in retention.RETENTION if kept.model is AuditEntry)
    later = entry.at + timedelta(days=365 * 100)
    assert AuditEntry.objects.filter(kept.older(later)).exists()
    assert not AuditEntry.objects.filter(kept.older(NOW - timedelta(days=365 * 100))).exists()
