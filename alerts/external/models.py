"""What is known of each server beside the house, and of the file that it reads from us."""

from django.db import models

NAME_MAX = 16
WHY_MAX = 1000  # characters


class Server(models.Model):
    """Whether a server answered when it was last asked, and since when that is so. One never asked has no row."""

    name = models.CharField(primary_key=True, max_length=NAME_MAX)
    url = models.CharField(max_length=500, help_text="of which all this is true")
    reachable = models.BooleanField()
    since = models.DateTimeField(help_text="since when it is reachable, or is not")
    asked_at = models.DateTimeField(help_text="when it was last asked whether it is there")
    why = models.CharField(max_length=WHY_MAX, blank=True, help_text="why it is not reachable")
    version = models.CharField(max_length=64, blank=True, help_text="as it said when it last answered")

    def __str__(self) -> str:
        return f"{self.name}: {'reachable' if self.reachable else 'unreachable'}"


class KeptFile(models.Model):
    """What became of the file that a server reads from us. In step: the digest of what is wanted was loaded."""

    name = models.CharField(primary_key=True, max_length=NAME_MAX)
    url = models.CharField(max_length=500, blank=True, help_text="who has loaded it")
    loaded_digest = models.CharField(max_length=64, blank=True, help_text="of the text that was last loaded")
    loaded_text = models.TextField(blank=True, help_text="that text, sealed, to be set back")
    loaded_at = models.DateTimeField(null=True)
    unseen_why = models.CharField(
        max_length=WHY_MAX, blank=True, help_text="why the server, which took it, does not show it"
    )
    refused_digest = models.CharField(
        max_length=64, blank=True, help_text="of the text that was last refused"
    )
    refused_why = models.CharField(max_length=WHY_MAX, blank=True)
    refused_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
