from tests.api.conftest import alice, bob, refusal

__all__ = ["alice", "bob", "refusal"]
