"""How often a caller may ask: 429 says when to come again, and nobody is shut out by others."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY
from rest_framework.test import APIClient

from csms.core.access import buckets, throttling
from csms.core.access.buckets import Local, Shared, refill
from csms.core.access.models import ApiToken, User
from csms.core.access.services import revoke_api_token
from csms.core.config import Config, get_config
from csms.core.ids import uuid7_text
from tests.api.cast import API, client_of
from tests.api.documents import the_document

ROOT = Path(__file__).resolve().parents[2]
LIST = f"{API}/charge-points/"


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets the settings of this test; every bucket is full at its beginning."""

    def give(**values: Any) -> None:
        # Slow enough that nothing comes back while a test runs on a busy machine.
        config: Config = get_config().model_copy(update={"api_rate": 4, "api_burst": 4, **values})
        monkeypatch.setattr(throttling, "get_config", lambda: config)
        monkeypatch.setattr(buckets, "get_config", lambda: config)

    refill()
    yield give
    refill()


def limited(caller: str) -> float:
    return REGISTRY.get_sample_value("csms_api_requests_limited_total", {"caller": caller}) or 0.0


def statuses(client: APIClient, times: int, path: str = LIST, **headers: Any) -> list[int]:
    return [client.get(path, **headers).status_code for _ in range(times)]


# --- the bucket -------------------------------------------------------------------------------------------------------


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_a_burst_and_gains_its_rate() -> None:
    clock = Clock()
    local = Local(clock)
    taken = [local.take("a", 0.5, 3) for _ in range(4)]
    assert [(one.remaining, one.refused) for one in taken] == [(2, False), (1, False), (0, False), (0, True)]
    assert taken[3].wait == pytest.approx(0.5)
    assert taken[3].full_in == pytest.approx(1.5)
    clock.now += 0.5
    assert not local.take("a", 0.5, 3).refused
    assert local.take("a", 0.5, 3).refused  # a refused request costs nothing, and gains nothing
    clock.now += 100
    assert [local.take("a", 0.5, 3).refused for _ in range(4)] == [False, False, False, True]


def test_buckets_are_apart() -> None:
    local = Local(Clock())
    assert [local.take(name, 60, 1).refused for name in ("a", "b", "a")] == [False, False, True]


def test_the_memory_of_buckets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "KEPT_MAX", 10)
    clock = Clock()
    local = Local(clock)
    for number in range(95):
        local.take(f"address {number}", 60, 1)
        clock.now += 7  # some are full again when there are ten, some not
    assert len(local._full_at) <= 10
    for number in range(95):
        local.take(f"at once {number}", 60, 1)
    assert len(local._full_at) <= 10


# --- callers ----------------------------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_come_again(
    bob: APIClient, alice: APIClient, refusal: Any, rates: Callable[..., None]
) -> None:
    rates()
    before = limited("token")
    answers = [bob.get(LIST) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer["RateLimit"].split(";")[1] for answer in answers] == ["r=3", "r=2", "r=1", "r=0"]
    assert answers[0]["RateLimit-Policy"] == '"caller";q=4;w=60'
    answer = bob.get(LIST)
    said = refusal(answer, 429, "rate_limited")
    assert "4 times a minute" in said["detail"]
    assert 1 <= int(answer["Retry-After"]) <= 15
    assert answer["RateLimit"].startswith('"caller";r=0;t=')
    assert limited("token") == before + 1
    assert alice.get(LIST).status_code == 200  # others are others
    refusal(bob.post(f"{API}/id-tokens/", {"id_token": "X"}), 429, "rate_limited")


def test_retry_after_is_a_whole_second_at_least(bob: APIClient, rates: Callable[..., None]) -> None:
    rates(api_rate=60_000, api_burst=1)
    # The clock stands still: even the thousandth of a second that is missing is a second to wait.
    local = Local(Clock())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "_LOCAL", local)
        assert bob.get(LIST).status_code == 200
        answer = bob.get(LIST)
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")


def test_a_refused_request_counts_too(bob: APIClient, rates: Callable[..., None]) -> None:
    rates()
    tries = [bob.post(f"{API}/id-tokens/", {"id_token": "X"}).status_code for _ in range(5)]
    assert tries == [403] * 4 + [429]


def test_a_token_has_a_rate_of_its_own(bob: APIClient, alice: APIClient, rates: Callable[..., None]) -> None:
    rates()
    ApiToken.objects.filter(name="bob").update(rate=2)
    ApiToken.objects.filter(name="alice").update(rate=0)
    assert statuses(bob, 3) == [200, 200, 429]
    assert statuses(alice, 9) == [200] * 9
    assert "RateLimit" not in alice.get(LIST)


def test_a_rate_of_its_own_counts_where_there_is_no_limit_for_others(
    bob: APIClient, alice: APIClient, rates: Callable[..., None]
) -> None:
    rates(api_rate=0)
    ApiToken.objects.filter(name="bob").update(rate=1)
    assert statuses(bob, 2) == [200, 429]
    assert statuses(alice, 9) == [200] * 9


def test_people_have_the_rate_too_each_their_own(db: None, rates: Callable[..., None]) -> None:
    rates()
    before = limited("person")
    clients = []
    for name in ("eve", "frank"):
        client = APIClient()
        user = User.objects.create_user(name, password="x", role="viewer")
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        clients.append(client)
    assert statuses(clients[0], 5) == [200] * 4 + [429]
    assert statuses(clients[1], 4) == [200] * 4
    assert limited("person") == before + 1


def test_the_limit_is_documented_for_every_operation() -> None:

    document: Any = the_document()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "Retry-After" in operation["responses"]["429"]["headers"], operation["operationId"]


# --- strangers --------------------------------------------------------------------------------------------------------


def test_wrong_tokens_are_bounded_by_address_and_good_ones_come_in_all_the_same(
    bob: APIClient, refusal: Any, rates: Callable[..., None]
) -> None:
    rates(api_wrong_tokens=3, api_rate=0)
    before = limited("stranger")
    stranger = APIClient(HTTP_AUTHORIZATION="Bearer csms_guess")
    assert statuses(stranger, 3) == [401] * 3
    answer = stranger.get(LIST)
    refusal(answer, 429, "rate_limited")
    assert int(answer["Retry-After"]) >= 1
    assert "WWW-Authenticate" not in answer
    assert bob.get(LIST).status_code == 200  # behind the same address
    assert statuses(stranger, 1, REMOTE_ADDR="10.0.0.9") == [401]
    assert limited("stranger") == before + 1


@pytest.mark.parametrize("header", [None, "Bearer a b", "Bearer", "Basic YTpi", "revoked"])
def test_every_request_without_a_good_token_is_one_of_a_stranger(
    db: None, rates: Callable[..., None], header: str | None
) -> None:
    rates(api_wrong_tokens=1, api_rate=0)
    client = APIClient(HTTP_AUTHORIZATION=header) if header else APIClient()
    if header == "revoked":
        client = client_of("gone", "read")
        revoke_api_token("gone", now=timezone.now())
    assert statuses(client, 2) == [401, 429]


def test_one_network_of_ipv6_is_one_stranger(db: None, rates: Callable[..., None]) -> None:
    rates(api_wrong_tokens=1)
    client = APIClient()
    asked = [
        statuses(client, 1, REMOTE_ADDR=address)[0]
        for address in (
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8:0:1::1",
            "::ffff:10.0.0.1",
            "10.0.0.1",
            "?",
            "",
        )
    ]
    assert asked == [401, 429, 401, 401, 429, 401, 429]


# --- Redis ------------------------------------------------------------------------------------------------------------


def test_two_processes_share_a_bucket(redis_url: str) -> None:
    name = f"token:{uuid7_text()}"
    script = (
        "import sys\n"
        "from csms.core.access.buckets import Shared\n"
        "shared = Shared(sys.argv[1])\n"
        "print(sum(not shared.take(sys.argv[2], 60.0, 10).refused for _ in range(10)))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, redis_url, name], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    granted = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert sum(granted) in (10, 11)  # one more if it took them a minute
    taken = Shared(redis_url).take(name, 60.0, 10)
    assert taken is not None
    assert (taken.remaining, taken.refused) == (0, True)
    assert 0 < taken.wait <= 60


def test_redis_counts_as_memory_does_and_forgets_what_is_full(redis_url: str) -> None:
    import redis

    shared, name = Shared(redis_url), f"token:{uuid7_text()}"
    taken = [shared.take(name, 600.0, 3) for _ in range(4)]
    assert [(one.remaining, one.refused) for one in taken if one] == [
        (2, False),
        (1, False),
        (0, False),
        (0, True),
    ]
    with redis.Redis.from_url(redis_url) as client:
        assert 1_000_000 < client.pttl(f"csms:rate:{name}") <= 1_801_000


def test_callers_are_counted_in_redis_where_there_is_one(
    bob: APIClient, redis_url: str, rates: Callable[..., None]
) -> None:
    import redis

    rates(redis_url=redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        assert statuses(bob, 5) == [200] * 4 + [429]
        refill()
        assert statuses(bob, 1) == [429]  # what this process remembers is nothing to it
        client.flushdb()
        assert statuses(bob, 1) == [200]


def test_without_redis_requests_are_answered_and_each_process_counts_for_itself(
    bob: APIClient, rates: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    buckets._store.cache_clear()
    rates(redis_url="redis://127.0.0.1:1/0")
    failures = "csms_api_rate_store_failures_total"
    before = REGISTRY.get_sample_value(failures) or 0.0
    with caplog.at_level(logging.WARNING):
        assert statuses(bob, 5) == [200] * 4 + [429]
    assert [line.getMessage() for line in caplog.records if "rates" in line.getMessage()] == [
        "api.rates_not_shared"
    ]
    assert (REGISTRY.get_sample_value(failures) or 0.0) >= before + 1


def test_when_redis_is_back_it_is_asked_again(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    monkeypatch.setattr(buckets, "monotonic", clock)
    shared, name = Shared(redis_url), f"token:{uuid7_text()}"
    there, away = shared._script, Shared("redis://127.0.0.1:1/0")._script
    with caplog.at_level(logging.WARNING):
        shared._script = away
        assert shared.take(name, 60, 5) is None
        shared._script = there
        assert shared.take(name, 60, 5) is None  # not asked: it has just failed
        clock.now += buckets.AWAY + 1
        assert shared.take(name, 60, 5) is not None
    said = [line.getMessage() for line in caplog.records if "rates" in line.getMessage()]
    assert said == ["api.rates_not_shared", "api.rates_shared"]
