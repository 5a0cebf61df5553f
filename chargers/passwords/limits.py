"""How long a password a charge point takes, by what it reported."""

from chargers.device_model.models import Variable
from chargers.passwords.names import PASSWORD
from chargers.services import PASSWORD_MAX

TEXT_MAX = 40  # characters; 2.0.1 before its errata of 2025-01, which let a charge point say more


def longest_password(charge_point_id: int) -> int:
    """Return how many characters a password of OCPP 2.x may have: 40, or up to 64 where maxLimit says so (T-025)."""
    reported = (
        Variable.objects.filter(
            component__charge_point_id=charge_point_id,
            component__key=PASSWORD.of_component.casefold(),
            key=PASSWORD.of_variable.casefold(),
        )
        .values_list("max_limit", flat=True)
        .first()
    )
    return min(max(int(reported or 0), TEXT_MAX), PASSWORD_MAX)
