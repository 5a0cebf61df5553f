"""The cast at the API's door, for tariffs."""

from tests.api.conftest import alice, bob, charlie, refusal

__all__ = ["alice", "bob", "charlie", "refusal"]
