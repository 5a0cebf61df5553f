"""What follows from what happens to charge points, for this block."""

from chargers.following import Booted, CommandSettled
from chargers.models import Registration
from chargers.provisioning import services


def follow_boot(happened: Booted) -> None:
    """Begin with a charge point whose boot was answered Pending, or go on after its restart."""
    if happened.registration == Registration.PENDING:
        services.note_boot(happened.charge_point_id, restarted=happened.restarted, now=happened.now)


def follow_command(happened: CommandSettled) -> None:
    """Go on once a command has ended for which a run waits."""
    if services.owner_of(happened.command_id, happened.charge_point_id):
        services.advance(happened.charge_point_id, now=happened.now)
