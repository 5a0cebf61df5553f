from tests.support.house_fixtures import db, house, short_patience

__all__ = ["db", "house", "short_patience"]
