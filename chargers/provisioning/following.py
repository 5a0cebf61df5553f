"""What follows from what happens to charge points, for this block."""

from chargers.following import Booted, CommandSettled


def follow_boot(happened: Booted) -> None:
    """Do nothing yet."""


def follow_command(happened: CommandSettled) -> None:
    """Do nothing yet."""
