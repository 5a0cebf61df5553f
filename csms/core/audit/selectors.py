"""What was done, newest first."""

from django.db.models import QuerySet

from csms.core.audit.models import AuditEntry


def audit_entries() -> QuerySet[AuditEntry]:
    """Return all acts, newest first."""
    return AuditEntry.objects.order_by("-id")


def done_to(subject_type: str, subject: object) -> QuerySet[AuditEntry]:
    """Return what was done to one thing, newest first."""
    return audit_entries().filter(subject_type=subject_type, subject=str(subject))
