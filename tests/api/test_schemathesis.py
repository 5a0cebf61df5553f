"""What schemathesis makes up from the OpenAPI document, well and badly formed, is answered as the document says."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test

from csms.core.access.services import create_api_token
from tests.api.asking import DOCUMENT, KINDS, OPERATIONS, OWN_SAMPLES
from tests.api.cast import NOON
from tests.api.test_contract import samples  # noqa: F401  # the fixture is used here, too

# Made up at random, but the same in every run, beside all that covers the bounds of each field. Look deeper with
# `CSMS_TEST_EXAMPLES=60 pytest tests/api/test_schemathesis.py`.
EXAMPLES = int(os.environ.get("CSMS_TEST_EXAMPLES", "3"))
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"mode": "all", "deterministic": True, "max-examples": EXAMPLES, "database": "none"},
        "checks": {
            # What a schema allows may still be refused for what is known: there is no such connector (404), this
            # version has no such command (409), no event has come so far (410), a window ends before it begins (422),
            # the charge point left (503).
            "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "410", "422", "503"]},
        },
    }
)
SCHEMA: Any = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
SCHEMA.app = get_wsgi_application()
SETTINGS = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    print_blob=False,
)


@pytest.fixture
def key(samples: dict[str, Any]) -> Iterator[str]:  # noqa: F811
    """A token that may do everything; the connection of the test stays open between requests."""
    _, key = create_api_token("schemathesis", scopes=("read", "command", "write", "admin"), now=NOON)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield key
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def tried(name: str, ask: Callable[[Case], None]) -> None:
    """Ask an operation all that schemathesis has for it. Cases are made here: at collection they are slow."""
    operation = SCHEMA.find_operation_by_id(name)
    config = HypothesisTestConfig(project=SCHEMA.config, modes=list(HypothesisTestMode), settings=SETTINGS)

    def asked(case: Case) -> None:
        ask(case)

    create_test(operation=operation, test_func=asked, config=config)()


def leaves(problem: BaseException) -> Iterator[BaseException]:
    if isinstance(problem, BaseExceptionGroup) and not isinstance(problem, FailureGroup):
        for one in problem.exceptions:
            yield from leaves(one)
    else:
        yield problem


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_answers_as_documented(
    name: str,
    key: str,
    samples: dict[str, Any],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, path, _ = OPERATIONS[name]
    kind = next((kind for part, kind in KINDS.items() if part in path), "transaction")
    known = samples | {"id": samples[kind]} | OWN_SAMPLES.get(name, {})

    def ask(case: Case) -> None:
        made = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
        if made is None or made.mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        with transaction.atomic():  # one request does not find what another did
            case.call_and_validate(headers={"Authorization": f"Bearer {key}"})
            transaction.set_rollback(True)

    try:
        tried(name, ask)
    except (FailureGroup, BaseExceptionGroup) as problem:
        # What is wrong and how to ask again; not the thousands of lines that were logged on the way.
        caplog.clear()
        pytest.fail("\n\n".join(str(one) for one in leaves(problem)), pytrace=False)
