"""What a charge point says it can take, by its configuration keys; nothing is assumed while they are unknown."""

from chargers.configuration.meanings import meant, meant_number

CHAIN_LENGTH = 10_000  # characters; CertificateSigned.certificateChain


def longest_chain(charge_point_id: int) -> int:
    """Return how many characters a chain may have: the standard's bound, or less if the charge point says so."""
    return min(meant_number(charge_point_id, "certificate_chain_max") or CHAIN_LENGTH, CHAIN_LENGTH)


def store_size(charge_point_id: int) -> int | None:
    """Return how many root certificates it holds at most; None while that is unknown."""
    return meant_number(charge_point_id, "certificate_store_max")


def one_root_only(charge_point_id: int) -> bool:
    """Return whether it holds but one root of the central system, and one to fall back to (S16-72)."""
    return (meant(charge_point_id, "additional_root_check") or "").strip().lower() == "true"
