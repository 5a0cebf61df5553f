from tests.support.house import db, house

__all__ = ["db", "house"]
