"""What a backend's verdict on a charge point that boots means for our own approval of it."""

from chargers.models import ChargePoint, Registration
from csms.core.backend.answers import RegistrationVerdict


def heed(charge_point: ChargePoint, said: RegistrationVerdict) -> bool:
    """Set the registration in memory as it was said, and return whether that is to be stored.

    What the backend says holds until it says something else; what a fallback decides holds for this boot.
    """
    approved = charge_point.registration
    if approved == Registration.REJECTED:
        return False  # by people, whom no verdict from outside overrules
    if said.status != "Accepted":
        # Also one that is refused may come again and ask, for the backend may think better of it.
        charge_point.registration = Registration.PENDING
    elif said.source == "backend":  # while nobody can be asked, only those are accepted whom we approved
        charge_point.registration = Registration.ACCEPTED
    return said.source == "backend" and charge_point.registration != approved
