"""The token lists that charge points keep, mirrored and brought up to date."""

from django.db import models

from chargers.models import ChargePoint


class LocalList(models.Model):
    """What is known of the local authorization list of one charge point, and which tokens belong on it.

    `version` and the entries are what the charge point accepted last; `reported_version` is what it says itself.
    """

    class Policy(models.TextChoices):
        OFF = "off", "Off"
        ALL = "all", "All tokens"
        CHOSEN = "chosen", "Chosen tokens and groups"

    charge_point = models.OneToOneField(ChargePoint, models.PROTECT, related_name="local_list")
    policy = models.CharField(max_length=6, choices=Policy.choices, default=Policy.OFF)
    tokens = models.JSONField(default=list, help_text="chosen tokens")
    groups = models.JSONField(default=list, help_text="chosen groups: parents of tokens")

    version = models.PositiveIntegerField(default=0, help_text="as last accepted; 0 = never")
    told_version = models.PositiveIntegerField(default=0, help_text="the highest that was ever sent")
    accepted_at = models.DateTimeField(null=True)
    reported_version = models.IntegerField(null=True, help_text="-1 = it keeps no list, 0 = it is empty")
    reported_at = models.DateTimeField(null=True)
    supported = models.BooleanField(null=True, help_text="empty = not known yet")
    full_needed = models.BooleanField(
        default=False, help_text="what the charge point has is not what is mirrored"
    )

    # The last update that was sent, and the next.
    command_id = models.UUIDField(null=True, help_text="the update on its way")
    last_command_id = models.UUIDField(null=True)
    last_kind = models.CharField(max_length=12, blank=True)
    last_result = models.CharField(
        max_length=64, blank=True, help_text="the charge point's own word, or that of the ledger"
    )
    last_at = models.DateTimeField(null=True)
    fell_back = models.BooleanField(default=False, help_text="the whole list was sent after a failed change")
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    try_after = models.DateTimeField(null=True, help_text="no automatic update before")
    seen = models.CharField(
        max_length=100, blank=True, help_text="the state of the token table that it was last compared with"
    )

    planned = models.CharField(
        max_length=100, blank=True, help_text="the state of the token table from which its parts were made"
    )

    def __str__(self) -> str:
        return f"{self.charge_point} version {self.version}"


class LocalListPart(models.Model):
    """What is left of an update that takes several messages: the entries of one of them, in the order of the ids."""

    local_list = models.ForeignKey(LocalList, models.CASCADE, related_name="parts")
    entries = models.JSONField(help_text="as in the parameters of the command")

    def __str__(self) -> str:
        return f"{self.local_list_id}/{self.pk}"


class LocalListEntry(models.Model):
    """One token on a charge point's list, as it was accepted last."""

    local_list = models.ForeignKey(LocalList, models.CASCADE, related_name="entries")
    id_token = models.CharField(max_length=255)
    key = models.CharField(max_length=765, help_text="the token without regard to case")
    status = models.CharField(max_length=32)
    expires_at = models.DateTimeField(null=True)
    parent = models.CharField(max_length=255, blank=True)
    type = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="in OCPP's words; empty on lists of 1.6",
    )
    evses = models.JSONField(
        default=list, db_default=[], help_text="the only ones that it may use; none = all"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["local_list", "key", "type"], name="locallistentry_caseless")
        ]
        indexes = [models.Index(fields=["key"], name="locallistentry_key")]  # on which lists is this token?

    def __str__(self) -> str:
        return self.id_token
