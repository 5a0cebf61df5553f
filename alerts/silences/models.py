"""Times in which nobody is told of alerts that match."""

from datetime import timedelta
from typing import Any

from django.db import models

from csms.core.ids import uuid7

COMMENT_MAX = 500


class Silence(models.Model):
    """All its matchers must hold. It is in force from `starts_at` to `ends_at`, and with a recurrence again and again.

    A recurrence is an RRULE of RFC 5545 (UNTIL and COUNT end it); the first window is that of the two times, and the
    others begin and end at the same times of day in `zone`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    matchers: Any = models.JSONField(help_text="of each: name, op (=, != or =~) and value")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="of the first window, if it recurs")
    recurrence = models.CharField(max_length=300, blank=True, help_text="RRULE; empty: once")
    zone = models.CharField(max_length=64, default="UTC")
    comment = models.CharField(max_length=COMMENT_MAX)
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    # The window that is now or comes next; the clock moves it on.
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    over_at = models.DateTimeField(help_text="when its last window ends, or when it was ended by hand")
    expired_by = models.CharField(max_length=150, blank=True, help_text="who ended it by hand")

    class Meta:
        indexes = [
            models.Index(fields=["over_at"], name="silence_over"),
            models.Index(fields=["-starts_at", "-id"], name="silence_starts"),
        ]

    def __str__(self) -> str:
        return self.comment

    @property
    def lasts(self) -> timedelta:
        """Return how long the first window is; others end by the clock, and may be an hour longer or shorter."""
        return self.ends_at - self.starts_at
