"""The cast at the API's door, for signed readings."""

from tests.api.conftest import alice, bob, charlie, refusal

__all__ = ["alice", "bob", "charlie", "refusal"]
