"""Who is turned away at the door whatever else is known of them: identities for good, addresses for a while."""

from django.db import models


class Block(models.Model):
    """An identity or an address that gets no connection. An identity need not be known: it never gets a row then."""

    class Kind(models.TextChoices):
        IDENTITY = "identity", "Identity"
        ADDRESS = "address", "Address"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    value = models.CharField(max_length=255, help_text="as it was given")
    folded = models.CharField(max_length=255, editable=False, help_text="as it is compared")
    reason = models.CharField(max_length=500, blank=True, help_text="why, in the words of who did it")
    by = models.CharField(max_length=150, help_text="who did it")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, help_text="empty: for good; an address is never blocked so")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "folded"], name="block_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def facts(self) -> dict[str, str]:
        """Return who blocked it, why, and until when, as the audit keeps that; what is empty is left out."""
        until = self.expires_at.isoformat() if self.expires_at else ""
        facts = {"by": self.by, "reason": self.reason, "expires_at": until}
        return {name: text for name, text in facts.items() if text}
