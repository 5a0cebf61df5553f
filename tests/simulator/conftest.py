import pytest

from tests.simulator.central_system import central_system


@pytest.fixture
async def system():
    async with central_system() as it:
        yield it
