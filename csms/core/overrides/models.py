"""What administrators have set while servers run, in the place of the environment."""

from django.db import models


class SettingOverride(models.Model):
    """One setting that is overridden. What it was before, and who reset it, is in the audit."""

    name = models.CharField(max_length=64, primary_key=True, help_text="of the environment variable")
    value = models.TextField(help_text="as it would be written into the environment")
    by = models.CharField(max_length=255, help_text="the name of the account or API token")
    at = models.DateTimeField()
    reason = models.CharField(max_length=500, help_text="why, in the words of who did it")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}={self.value}"
