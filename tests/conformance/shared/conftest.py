from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def both_versions() -> Iterator[None]:
    """The house speaks OCPP 2.0.1, too."""
    from tests.support.house import settings_are

    with settings_are(CSMS_OCPP_VERSIONS="ocpp1.6,ocpp2.0.1"):
        yield
