"""Logs and diagnostics of charge points: the jobs, one-time upload URLs, and the files that came."""

from django.db import models

from chargers.jobs import OPEN, Job, Report
from chargers.models import ChargePoint
from csms.core.ids import uuid7


class Log(models.TextChoices):
    """What a charge point is asked for."""

    DIAGNOSTICS = "diagnostics", "Diagnostics"
    SECURITY = "security", "Security log"


class LogJob(Job):
    """The upload of a log by one charge point."""

    log = models.CharField(max_length=16, choices=Log.choices)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    file_name = models.TextField(blank=True, help_text="as the charge point named it in its answer")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request_id", "charge_point"], name="logjob_wire_id"),
        ]
        indexes = [
            models.Index(fields=["charge_point", "-id"], name="logjob_cp"),
            models.Index(fields=["stale_at"], name="logjob_open", condition=models.Q(state__in=OPEN)),
        ]


class LogReport(Report):
    """A status of an upload, as it was reported."""

    job = models.ForeignKey(LogJob, models.DO_NOTHING, null=True, db_constraint=False, related_name="reports")

    class Meta:
        indexes = [models.Index(fields=["charge_point", "-id"], name="logreport_cp")]


class Upload(models.Model):
    """A URL to which one file may be uploaded once. Who has the URL may upload; only its hash is kept."""

    token_hash = models.CharField(max_length=64, unique=True)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="+")
    job = models.ForeignKey(
        LogJob,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="uploads",
        help_text="empty for one that somebody issued by hand",
    )
    by = models.CharField(max_length=150, blank=True, help_text="who issued it by hand")
    file_id = models.UUIDField(null=True, help_text="the file that came through it; it may be deleted since")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    attempt = models.PositiveIntegerField(
        default=0, help_text="the newest; an older one may not finish any more"
    )
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["charge_point", "-id"], name="upload_cp")]

    def __str__(self) -> str:
        return f"{self.charge_point_id}, until {self.expires_at}"


class StoredFile(models.Model):
    """A file that came. Its content lies in the store under a name of ours; the names it came with are labels."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="+")
    job = models.ForeignKey(LogJob, models.DO_NOTHING, null=True, db_constraint=False, related_name="files")
    name = models.CharField(max_length=255, help_text="for people; never a path")
    content = models.CharField(max_length=64, unique=True, help_text="name of the content in the store")
    content_type = models.CharField(max_length=100, blank=True, help_text="as the sender claimed")
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    peer = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["charge_point", "-id"], name="storedfile_cp")]

    def __str__(self) -> str:
        return self.name
