"""What is read of the configuration of charge points."""


def reported_value(charge_point_id: int, key: str) -> str | None:
    """Return what a charge point last reported as the value of a key; None while nothing was reported."""
    return None
