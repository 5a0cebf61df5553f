from tests.api.conftest import alice, bob, charlie
from tests.support.house_fixtures import db, house

__all__ = ["alice", "bob", "charlie", "db", "house"]
