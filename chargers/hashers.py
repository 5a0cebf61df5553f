"""The hash of charge points' passwords."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ChargePointHasher(PBKDF2PasswordHasher):
    """PBKDF2 with few rounds: these keys are long and random (T-024), and all are checked again after a restart."""

    algorithm = "charge_point"
    iterations = 20_000
