"""What follows from what happens to charge points, for this block."""

from chargers.following import Booted, CommandSettled, SignedIn


def follow_sign_in(happened: SignedIn) -> None:
    """Do nothing yet."""


def follow_boot(happened: Booted) -> None:
    """Do nothing yet."""


def follow_command(happened: CommandSettled) -> None:
    """Do nothing yet."""
