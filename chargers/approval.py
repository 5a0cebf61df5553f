"""What a backend's verdict on a charge point that boots means for its approval, and what our own is worth beside it."""

from chargers.models import ChargePoint, Registration
from csms.core.backend.answers import RegistrationVerdict


def heed(charge_point: ChargePoint, said: RegistrationVerdict | None) -> bool:
    """Set the registration in memory as it was said, and return whether that is to be stored.

    What the backend says holds until it says something else; what was said here is kept beside it. Where nobody is
    asked or answers (`said` is None, or of a fallback), whom we approved ourselves is approved again: a wrong word of
    the backend must not last longer than the backend. What a fallback decides holds for this boot.
    """
    if charge_point.registration == Registration.REJECTED:
        return False  # by people, whom no verdict from outside overrules
    before = charge_point.registration, charge_point.own_registration
    match said.source if said is not None else "own":
        case "backend":
            accepted = said is not None and said.status == "Accepted"
            # Also one that is refused may come again and ask, for the backend may think better of it.
            registration = Registration.ACCEPTED if accepted else Registration.PENDING
            ours = charge_point.own_registration or charge_point.registration
            charge_point.registration = registration
            charge_point.own_registration = "" if ours == registration else ours
        case "reject":
            charge_point.registration = Registration.PENDING
            return False
        case _ if charge_point.own_registration == Registration.ACCEPTED:
            charge_point.registration, charge_point.own_registration = Registration.ACCEPTED, ""
    return (charge_point.registration, charge_point.own_registration) != before
