"""The settings by the API: administrators see and override them, nobody else does either."""

import pytest
from rest_framework.test import APIClient

from csms.core.audit.models import AuditEntry
from csms.core.overrides.models import SettingOverride
from csms.core.overrides.services import refresh
from tests.api.cast import client_of
from tests.support.house import settings_are

pytestmark = pytest.mark.django_db
HEARTBEAT = "/api/v1/settings/CSMS_HEARTBEAT_INTERVAL/"


@pytest.fixture
def adam() -> APIClient:
    return client_of("adam", "admin")


def test_an_administrator_overrides_and_resets(adam: APIClient) -> None:
    answer = adam.put(f"{HEARTBEAT}override/", {"value": "900", "reason": "mobile network"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["value"], told["value_source"], told["environment_value"]) == ("900", "override", "300")
    assert told["override"]["reason"] == "mobile network"
    assert (told["minimum"], told["maximum"], told["unit"]) == (10, 86400, "s")
    assert adam.put(f"{HEARTBEAT}override/", {"value": "900", "reason": "again"}).status_code == 200
    assert adam.post(f"{HEARTBEAT}reset/", {"reason": "over"}).json()["override"] is None
    assert adam.post(f"{HEARTBEAT}reset/", {}).status_code == 200
    [reset, made] = adam.get(f"{HEARTBEAT}changes/").json()["results"]
    assert (made["action"], made["by"], made["details"]) == (
        "setting.overridden",
        "token adam",
        {"from": "300", "to": "900"},
    )
    assert (reset["action"], reset["reason"]) == ("setting.reset", "over")


@pytest.mark.parametrize("scopes", [("read",), ("read", "command", "write")])
def test_whoever_is_no_administrator_neither_sees_nor_overrides(scopes: tuple[str, ...]) -> None:
    client = client_of("bob", *scopes)
    assert client.get("/api/v1/settings/").status_code == 403
    assert client.get(HEARTBEAT).status_code == 403
    assert client.put(f"{HEARTBEAT}override/", {"value": "900", "reason": "x"}).status_code == 403
    assert client.post(f"{HEARTBEAT}reset/", {}).status_code == 403
    assert not SettingOverride.objects.exists()
    assert not AuditEntry.objects.exists()


def test_refusals_say_what_would_be_taken(adam: APIClient) -> None:
    answer = adam.put(f"{HEARTBEAT}override/", {"value": "5", "reason": "x"})
    assert answer.status_code == 422
    assert answer.json()["error"]["errors"] == {"value": ["Give a whole number from 10 to 86400."]}
    answer = adam.put("/api/v1/settings/CSMS_PORT/override/", {"value": "80", "reason": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_mutable")
    answer = adam.put("/api/v1/settings/CSMS_NONSENSE/override/", {"value": "80", "reason": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_setting")


def test_secrets_are_not_in_any_answer(adam: APIClient) -> None:
    with settings_are(BACKEND_TOKEN="hunter2hunter2", REDIS_URL="redis://:hunter2@redis.example/0"):
        answer = adam.get("/api/v1/settings/")
        assert "hunter2" not in answer.content.decode()
        [secret] = [s for s in answer.json()["results"] if s["name"] == "BACKEND_TOKEN"]
        assert (secret["secret"], secret["is_set"], secret["value"]) == (True, True, "")


def test_the_list_is_filtered_and_takes_one_query(
    adam: APIClient, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    adam.put(f"{HEARTBEAT}override/", {"value": "900", "reason": "x"})
    refresh()
    found = adam.get("/api/v1/settings/?value_source=override&mutable=true").json()["results"]
    assert [setting["name"] for setting in found] == ["CSMS_HEARTBEAT_INTERVAL"]
    with django_assert_num_queries(2):  # who asks, and the rows
        adam.get("/api/v1/settings/?category=Retention")
