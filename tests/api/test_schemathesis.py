"""What schemathesis makes up from the OpenAPI document, well and badly formed, is answered as the document says."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from csms.core.access.services import create_api_token
from tests.api.cast import NOON
from tests.api.test_contract import DOCUMENT, KINDS, samples  # noqa: F401  # the fixture is used here, too

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"mode": "all", "deterministic": True, "max-examples": 8, "database": "none"},
        "phases": {
            "coverage": {"enabled": True},
            "fuzzing": {"enabled": True},
            "examples": {"enabled": True},
        },
        "checks": {
            # What a schema allows may still be refused for what is known of a charge point.
            "positive_data_acceptance": {"enabled": False},
        },
    }
)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
SCHEMA.app = get_wsgi_application()


@pytest.fixture
def key(samples: dict[str, Any]) -> Iterator[str]:  # noqa: F811
    """A token that may do everything; the connection of the test stays open between requests."""
    _, key = create_api_token("schemathesis", scopes=("read", "command", "write", "admin"), now=NOON)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield key
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@SCHEMA.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None, phases=[Phase.explicit, Phase.generate])
def test_it_answers_as_documented(case: schemathesis.Case, key: str, samples: dict[str, Any]) -> None:  # noqa: F811
    kind = next((kind for part, kind in KINDS.items() if part in case.operation.path), "transaction")
    known = samples | {"id": samples[kind]}
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        case.path_parameters = {name: known[name] for name in case.path_parameters}
    with transaction.atomic():
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"})
        transaction.set_rollback(True)
