from tests.support.house_fixtures import db, house

__all__ = ["db", "house"]
