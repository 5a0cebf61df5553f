from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[..., str]) -> Iterator[Server]:
    """A server process for a module, open to all; its tests use charge points of their own."""
    folder: Path = tmp_path_factory.mktemp("server")
    with running_server(
        folder,
        new_database(),
        CSMS_UNKNOWN_CHARGE_POINTS="accept",
        CSMS_UNKNOWN_ID_TAGS="accept",
        CSMS_CALL_TIMEOUT="2",
    ) as running:
        yield running
