"""The cast at the API's door, as the tests of the API have it."""

from tests.api.conftest import alice, bob, charlie, refusal

__all__ = ["alice", "bob", "charlie", "refusal"]
