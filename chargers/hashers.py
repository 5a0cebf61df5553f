"""The hash of charge points' passwords."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ChargePointHasher(PBKDF2PasswordHasher):
    """PBKDF2 with few rounds: these keys are long and random (T-024), and all are checked again after a restart."""

    algorithm = "charge_point"
    iterations = 20_000


class ChargePointTextHasher(ChargePointHasher):
    """The same for passwords of OCPP 2.x, which are texts that are compared as they are (T-025)."""

    algorithm = "charge_point_text"
