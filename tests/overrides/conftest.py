"""After each test the environment holds again."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _environment_holds() -> Iterator[None]:
    yield
    from csms.core.overrides.services import forget_overrides

    forget_overrides()
