"""How a charge point is served: what people decided of it, and whether it is being set up before it is accepted."""

from django.db import models


class Registration(models.TextChoices):
    """Whether the network wants to serve a charge point."""

    PENDING = "pending", "Waiting for approval"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"


class Provisioning(models.TextChoices):
    """Whether a charge point is being set up before it is accepted (2.0.1, B02)."""

    NONE = "", "Nothing to do"
    DUE = "due", "Begins with its next boot"
    RUNNING = "running", "Is being set up"
    FAILED = "failed", "Accepted although it was not set up to the end"


def standing_of(registration: str, provisioning: str, *, certificate_ended: bool) -> str:
    """Return a word of Registration for how a charge point is served now (2.0.1, B02.FR.01; T-036)."""
    waits = (
        provisioning == Provisioning.RUNNING or certificate_ended
    ) and registration == Registration.ACCEPTED
    return Registration.PENDING.value if waits else registration


def in_standing(registration: Registration, prefix: str = "") -> models.Q:
    """Return the condition for charge points of this standing; `prefix` leads to them, as in "charge_point__"."""
    said = models.Q(**{f"{prefix}registration": registration})
    waits = models.Q(**{f"{prefix}provisioning": Provisioning.RUNNING}) | models.Q(
        **{f"{prefix}certificate_ended": True}
    )
    if registration == Registration.ACCEPTED:
        return said & ~waits
    accepted = models.Q(**{f"{prefix}registration": Registration.ACCEPTED})
    return said | (accepted & waits) if registration == Registration.PENDING else said
