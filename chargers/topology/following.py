"""What follows from what happens to charge points, for this block."""

from chargers.following import Booted


def follow_boot(happened: Booted) -> None:
    """Do nothing yet."""
