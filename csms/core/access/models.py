"""People and API tokens."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models

# What each role may do; API tokens carry the same words as scopes.
SCOPES = ("read", "command", "write", "admin")


class Role(models.TextChoices):
    """What a person is to the network."""

    VIEWER = "viewer", "Viewer: may look"
    OPERATOR = "operator", "Operator: may look, command and edit"
    ADMINISTRATOR = "administrator", "Administrator: may do everything"


ROLE_SCOPES: dict[str, frozenset[str]] = {
    Role.VIEWER: frozenset({"read"}),
    Role.OPERATOR: frozenset({"read", "command", "write"}),
    Role.ADMINISTRATOR: frozenset(SCOPES),
}


class User(AbstractUser):
    """A person who signs in to the console."""

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    def may(self, scope: str) -> bool:
        """Return whether this person may do what `scope` (one of SCOPES) names."""
        return self.is_active and (self.is_superuser or scope in ROLE_SCOPES[self.role])

    @property
    def caller(self) -> str:
        """Return who calls, as no other caller of the API is named."""
        return f"person {self.pk}"


class ApiToken(models.Model):
    """A program's key to the API. Only a digest of it is kept; the key itself is shown once."""

    name = models.CharField(max_length=64, unique=True)
    # SHA-256 of 256 random bits: nothing to guess, so no slow hash on every request.
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(
        max_length=8, help_text="The first characters of the token, to tell tokens apart."
    )
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=255, blank=True)
    # Requests a minute; null: as CSMS_API_RATE has it, 0: no limit.
    rate = models.PositiveIntegerField(null=True, blank=True)
    # Sealed: what is sent on behalf of the program is signed with it. "" in tokens that are older than signing.
    signing_secret = models.TextField(blank=True)
    older_signing_secret = models.TextField(blank=True)
    older_signs_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    def state(self, now: datetime) -> str:
        """Return what becomes of who presents the key now: `live`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "live"

    def may(self, scope: str) -> bool:
        """Return whether the token carries `scope`."""
        return scope in self.scopes


class TokenChange(models.Model):
    """What was done to a token, and by whom; never its secrets."""

    class What(models.TextChoices):
        """What was done."""

        CREATED = "created", "Created"
        CHANGED = "changed", "Changed"
        REVOKED = "revoked", "Revoked"
        ROTATED = "signing_secret_rotated", "Signing secret rotated"

    # Its index is the one below.
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, db_index=False, related_name="changes")
    at = models.DateTimeField()
    what = models.CharField(max_length=32, choices=What.choices)
    by = models.CharField(max_length=255)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["token", "id"], name="token_change")]

    def __str__(self) -> str:
        return f"{self.token.name} {self.what}"


class SavedView(models.Model):
    """The filters and order of a list under a name: one person's own, or shared with all."""

    owner = models.ForeignKey(User, models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=40, help_text="which list it is of")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True, help_text="the query string of its address")
    shared = models.BooleanField(default=False, help_text="everybody sees it")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "page", "name"], name="savedview_name")]
        indexes = [models.Index(fields=["page"], condition=models.Q(shared=True), name="savedview_shared")]

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view with which a list begins for one person."""

    user = models.ForeignKey(User, models.CASCADE, db_index=False, related_name="+")
    page = models.CharField(max_length=40)
    view = models.ForeignKey(SavedView, models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "page"], name="defaultview_once")]

    def __str__(self) -> str:
        return f"{self.page}: {self.view_id}"
