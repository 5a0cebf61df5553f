from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # this file is read before Django is set up
    from tests.transactions.cast import Wireless


@pytest.fixture
def cp16() -> "Wireless":
    """A charge point at which alice's token is known."""
    from tests.transactions.cast import Wireless, token

    token()
    return Wireless()
