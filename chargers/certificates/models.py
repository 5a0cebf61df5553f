"""Certificates of charge points: requests and their signing, what is installed, what expires."""

from django.db import models

from chargers.certificates.pem import HashData
from chargers.models import ChargePoint
from csms.core.ids import uuid7


class SigningRequest(models.Model):
    """A charge point's request for a certificate of its own, from its arrival to the certificate's use."""

    class Use(models.TextChoices):
        CHARGE_POINT = "charge_point", "To connect to us"
        V2G = "v2g", "To speak with cars (ISO 15118)"
        COMBINED = "combined", "To connect to us and to speak with cars"

    class Status(models.TextChoices):
        REFUSED = "refused", "Refused at once: it must not be signed"
        PENDING = "pending", "Waits for approval"
        APPROVED = "approved", "Approved, to be signed"
        SIGNED = "signed", "Signed, to be installed"
        INSTALLED = "installed", "Installed"
        DECLINED = "declined", "The charge point did not take the certificate"
        REJECTED = "rejected", "Rejected"
        SUPERSEDED = "superseded", "Replaced by a newer request"

    OPEN = (Status.PENDING, Status.APPROVED, Status.SIGNED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="signing_requests")
    status = models.CharField(max_length=16, choices=Status.choices)
    use = models.CharField(
        max_length=16, choices=Use.choices, default=Use.CHARGE_POINT, db_default=Use.CHARGE_POINT
    )
    csr = models.TextField(help_text="as it came")
    subject = models.TextField(blank=True)
    key = models.CharField(max_length=64, blank=True, help_text="kind and size of the public key")
    key_digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the public key")
    problems = models.JSONField(default=list, help_text="what is wrong with it, in words")
    received_at = models.DateTimeField()

    # What became of it.
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, help_text="why it was rejected, or not installed")
    authority = models.CharField(max_length=32, blank=True, help_text="who signed")
    chain = models.TextField(blank=True, help_text="the signed certificate and its issuers, leaf first")
    signed_at = models.DateTimeField(null=True)
    signing_error = models.TextField(blank=True, help_text="why the CA could not sign, the last time")
    signing_attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, help_text="when signing or sending is tried again")
    command_id = models.UUIDField(null=True, help_text="the command that brings, or brought, the certificate")
    sendings = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True, help_text="when it came to its end")

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "-received_at"], name="signingrequest_cp"),
            models.Index(
                fields=["status"],
                name="signingrequest_open",
                condition=models.Q(status__in=["pending", "approved", "signed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.status}"


class InstalledCertificate(models.Model):
    """A certificate that a charge point has, as far as is known: because it took it from us, or reported it."""

    class Use(models.TextChoices):
        CENTRAL_SYSTEM_ROOT = "central_system_root", "Root of the central system"
        MANUFACTURER_ROOT = "manufacturer_root", "Root of the manufacturer"
        CHARGE_POINT = "charge_point", "The charge point's own"
        V2G = "v2g", "The charge point's own for cars (ISO 15118)"

    ROOTS = (Use.CENTRAL_SYSTEM_ROOT, Use.MANUFACTURER_ROOT)
    OWN = (Use.CHARGE_POINT, Use.V2G)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="certificates")
    use = models.CharField(max_length=32, choices=Use.choices)
    # The hash data as the charge point reported it, or as computed from the PEM until it does.
    hash_algorithm = models.CharField(max_length=16, blank=True)
    issuer_name_hash = models.CharField(max_length=256, blank=True)
    issuer_key_hash = models.CharField(max_length=256, blank=True)
    serial_number = models.CharField(max_length=256, blank=True)
    # What is known from the PEM; empty for one that was only reported.
    pem = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, help_text="SHA-256")
    subject = models.TextField(blank=True)
    issuer = models.TextField(blank=True)
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True)

    installed_at = models.DateTimeField(null=True, help_text="when the charge point took it from us")
    reported_at = models.DateTimeField(null=True, help_text="when the charge point last reported it")
    removed_at = models.DateTimeField(null=True)
    removal = models.CharField(max_length=32, blank=True, help_text="how we know that it is gone")
    warned_days = models.IntegerField(
        null=True, help_text="of how few days before the end was told; 0 = ended"
    )

    renewal_asked_at = models.DateTimeField(
        null=True, help_text="when the charge point was last asked to ask for its successor"
    )

    class Meta:
        indexes = [
            models.Index(fields=["charge_point", "use"], name="installedcertificate_cp"),
            models.Index(fields=["serial_number"], name="installedcertificate_serial"),
            models.Index(
                fields=["not_after"],
                name="installedcertificate_expiry",
                condition=models.Q(removed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.use} {self.subject or self.serial_number}"

    @property
    def hash_data(self) -> HashData:
        """Its name in OCPP."""
        return HashData(self.hash_algorithm, self.issuer_name_hash, self.issuer_key_hash, self.serial_number)
