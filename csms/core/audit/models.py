"""What people and backends did to the house itself: who, what, to what, when, and how it was before."""

from django.db import models

from csms.core.ids import uuid7


class AuditEntry(models.Model):
    """One act of somebody. Commands to charge points have a ledger of their own, which tells more.

    It names what it is about by kind and key, not by a foreign key: it outlives what it tells of, and knows no room.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    by = models.CharField(max_length=255, help_text="the name of the account or API token")
    action = models.CharField(max_length=64, help_text="noun.past_participle")
    subject_type = models.CharField(
        max_length=32, help_text="the kind of what it was done to, such as charge_point"
    )
    subject = models.CharField(max_length=255, help_text="its key, such as the identity of a charge point")
    reason = models.CharField(max_length=500, blank=True, help_text="why, in the words of who did it")
    details = models.JSONField(default=dict, help_text="what changed, from and to; never a secret")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["subject_type", "subject", "-id"], name="audit_subject"),
            models.Index(fields=["by", "-id"], name="audit_by"),
        ]

    def __str__(self) -> str:
        return f"{self.by}: {self.action} {self.subject}"
