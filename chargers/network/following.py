"""What follows from what happens to charge points, for this block."""

from chargers.following import Booted, CommandSettled, SignedIn
from chargers.network import services


def follow_sign_in(happened: SignedIn) -> None:
    """See whether it has come back with the security profile that it was moved to."""
    services.note_sign_in(happened)


def follow_boot(happened: Booted) -> None:
    """See whether it has come back without it."""
    services.note_boot(happened)


def follow_command(happened: CommandSettled) -> None:
    """Take a move to another security profile a step further."""
    if happened.type in ("set-network-profile", "change-configuration", "reset"):
        services.go_on(happened)
