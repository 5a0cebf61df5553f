"""Firmware updates, from the order to the last status."""

from django.db import models

from chargers.jobs import OPEN, Job, Report


class Evidence(models.TextChoices):
    """What the version that the next boot names says about an update, beside what the charge point claims."""

    NONE = "none", "No boot yet"
    UNCHANGED = "unchanged", "The version is the one before"
    CHANGED = "changed", "The version is another"
    EXPECTED = "expected", "The version is the one expected"
    UNEXPECTED = "unexpected", "The version is another than the one expected"


class FirmwareJob(Job):
    """A firmware update of one charge point."""

    signed = models.BooleanField(default=False)
    retrieve_at = models.DateTimeField(help_text="not before")
    install_at = models.DateTimeField(null=True, help_text="not before")
    signing_certificate = models.TextField(blank=True)
    signature = models.TextField(blank=True)
    signature_checked = models.BooleanField(
        default=False,
        help_text="whether the signature was verified here, over the digest that came with the order",
    )
    version_before = models.TextField(blank=True)
    version_expected = models.TextField(blank=True)
    version_after = models.TextField(blank=True, help_text="by the boot that followed")
    booted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request_id", "charge_point"], name="firmwarejob_wire_id"),
        ]
        indexes = [
            models.Index(fields=["charge_point", "-id"], name="firmwarejob_cp"),
            models.Index(fields=["stale_at"], name="firmwarejob_open", condition=models.Q(state__in=OPEN)),
        ]

    @property
    def evidence(self) -> Evidence:
        """Return what was seen of the update."""
        if self.booted_at is None:
            return Evidence.NONE
        if self.version_expected:
            return Evidence.EXPECTED if self.version_after == self.version_expected else Evidence.UNEXPECTED
        return Evidence.UNCHANGED if self.version_after == self.version_before else Evidence.CHANGED


class FirmwareReport(Report):
    """A status of a firmware update, as it was reported."""

    job = models.ForeignKey(
        FirmwareJob, models.DO_NOTHING, null=True, db_constraint=False, related_name="reports"
    )

    class Meta:
        indexes = [models.Index(fields=["charge_point", "-id"], name="firmwarereport_cp")]
