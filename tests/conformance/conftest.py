from typing import TYPE_CHECKING

import pytest

from tests.support.house_fixtures import db, house, short_patience

if TYPE_CHECKING:  # this file is read before Django is set up
    from tests.support.house import House

__all__ = ["db", "house", "short_patience"]


@pytest.fixture
def alice(house: "House") -> None:
    """The network knows alice's token."""
    from tests.conformance.v16.cast import token

    token("ALICE")
