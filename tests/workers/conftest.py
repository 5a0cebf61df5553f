"""What the tests of workers stand on."""

from pathlib import Path

import pytest

from tests.lanes.programs import find_redis


@pytest.fixture(scope="session")
def redis_program(redis_database: str) -> Path:
    """The program of Redis, for a test that must kill it; only where the lane's own is not one of Docker's."""
    program = find_redis()
    if program is None:
        pytest.skip("no program of Redis is installed, so none can be killed")
    return program
