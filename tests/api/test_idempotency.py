"""A request that is sent again with its Idempotency-Key is answered as it was, and done once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.http import StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient

from chargers.models import ChargePoint, Command
from csms.core.access.models import User
from csms.core.api_errors import ApiError
from csms.core.api_views import ApiView
from csms.core.config import get_config
from csms.core.idempotency import once
from csms.core.idempotency.models import KeptAnswer
from csms.pruning import prune
from tests.api.cast import API, charge_point, client_of, online
from tests.api.documents import the_document
from transactions.models import IdToken

TOKENS = f"{API}/id-tokens/"
KEY = {"HTTP_IDEMPOTENCY_KEY": "key-1"}


def replayed(answer: Any) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


# --- a view of our own ------------------------------------------------------------------------------------------------


class Act(ApiView):
    """Notes a charge point, then does as it is told."""

    chapter = "Tests"
    ends: Any = None
    begins: Any = None

    def post(self, request: Request) -> Any:
        ChargePoint.objects.create(cp_id=str(uuid4()), created_at=timezone.now())
        if Act.begins is not None:
            Act.begins()
        if isinstance(Act.ends, Exception):
            raise Act.ends
        return Act.ends

    put = patch = get = delete = post

    def replay(self, request: Request, kept: dict[str, Any]) -> Response:
        return Response({"now": kept}, status=200)


urlpatterns = [path("act/", Act.as_view()), path("other/", Act.as_view())]


@pytest.fixture
def act(alice: APIClient) -> Iterator[Any]:
    """Posts to that view, which ends as it is told here; says how often the work was done and stayed."""
    Act.ends, Act.begins = None, None

    def post(ends: Any = None, where: str = "/act/", method: str = "post", **headers: Any) -> tuple[Any, int]:
        Act.ends = (
            ends if ends is not None else Response({"n": 1}, status=201, headers={"Location": "/there"})
        )
        alice.raise_request_exception = False
        answer = getattr(alice, method)(where, {}, **(KEY | headers))
        return answer, ChargePoint.objects.count()

    with override_settings(ROOT_URLCONF=__name__):
        yield post
    Act.ends, Act.begins = None, None


# --- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_key_twice_is_one_work_and_one_answer(alice: APIClient) -> None:
    first = alice.post(TOKENS, {"id_token": "CARD"}, **KEY)
    again = alice.post(TOKENS, {"id_token": "CARD"}, **KEY)
    assert (first.status_code, replayed(first)) == (201, False)
    assert (again.status_code, replayed(again)) == (201, True)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert IdToken.objects.count() == 1
    assert alice.post(TOKENS, {"id_token": "CARD"}).status_code == 422  # without a key it is done again


def test_without_a_key_nothing_is_kept(alice: APIClient) -> None:
    alice.post(TOKENS, {"id_token": "CARD"})
    assert not KeptAnswer.objects.exists()


def test_json_is_compared_by_its_values(alice: APIClient) -> None:
    bodies = (b'{"id_token": "CARD", "label": "Ada"}', b'{"label":"Ada","id_token":"C\\u0041RD"}')
    answers = [alice.generic("POST", TOKENS, body, "application/json", **KEY) for body in bodies]
    assert [replayed(answer) for answer in answers] == [False, True]


def test_put_and_patch_are_kept_too(alice: APIClient, act: Any) -> None:
    for count, method in enumerate(("post", "put", "patch"), start=1):
        assert act(method=method)[1] == count
        answer, counted = act(method=method)
        assert (replayed(answer), counted) == (True, count)


def test_get_and_delete_ignore_the_header(alice: APIClient, act: Any) -> None:
    for method in ("get", "get", "delete", "delete"):
        answer, _ = act(method=method, HTTP_IDEMPOTENCY_KEY="\x00")
        assert not replayed(answer)
        assert answer.status_code == 201
    assert ChargePoint.objects.count() == 4
    assert not KeptAnswer.objects.exists()


def test_an_answer_without_a_body_is_kept(alice: APIClient, act: Any) -> None:
    act(Response(status=204))
    answer, count = act(Response(status=204))
    assert (answer.status_code, answer.content, replayed(answer), count) == (204, b"", True, 1)


def test_an_answer_that_streams_is_not_kept_but_counts(alice: APIClient, act: Any) -> None:
    for count in (1, 2):
        answer, counted = act(StreamingHttpResponse([b"a,b"], content_type="text/csv"))
        assert (b"".join(answer), replayed(answer), counted) == (b"a,b", False, count)
    assert not KeptAnswer.objects.exists()


# --- not the same -----------------------------------------------------------------------------------------------------


def test_another_body_is_no_repeat(alice: APIClient, refusal: Any) -> None:
    alice.post(TOKENS, {"id_token": "CARD"}, **KEY)
    again = alice.post(TOKENS, {"id_token": "OTHER"}, **KEY)
    refusal(again, 422, "idempotency_key_reused", "Idempotency-Key")
    assert not replayed(again)
    assert IdToken.objects.count() == 1
    assert replayed(alice.post(TOKENS, {"id_token": "CARD"}, **KEY))


def test_another_query_string_is_no_repeat(act: Any, refusal: Any) -> None:
    assert act(where="/act/")[0].status_code == 201
    refusal(act(where="/act/?x=1")[0], 422, "invalid", "x")  # what is wrong by itself is never kept
    assert replayed(act(where="/act/")[0])


def test_a_key_belongs_to_its_caller(alice: APIClient, refusal: Any) -> None:
    alice.post(TOKENS, {"id_token": "CARD"}, **KEY)
    dora = client_of("dora", "read", "write")
    refusal(dora.post(TOKENS, {"id_token": "CARD"}, **KEY), 422, "invalid", "id_token")
    person = User.objects.create_user("eve", password="x", role="operator")
    browser = APIClient()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert not replayed(browser.post(TOKENS, {"id_token": "CARD"}, **KEY))


def test_a_key_belongs_to_its_path_and_method(act: Any) -> None:
    places = [("/act/", "post"), ("/other/", "post"), ("/act/", "put")]
    answers = [act(where=where, method=method) for where, method in places]
    assert [(replayed(answer), count) for answer, count in answers] == [(False, 1), (False, 2), (False, 3)]


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", "\x00", "\x7f"])
def test_a_key_that_is_not_sane_is_refused(alice: APIClient, refusal: Any, key: str) -> None:
    answer = alice.post(TOKENS, {"id_token": "CARD"}, HTTP_IDEMPOTENCY_KEY=key)
    refusal(answer, 422, "invalid", "Idempotency-Key")
    assert not IdToken.objects.exists()


@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a b~"])
def test_any_other_will_do(alice: APIClient, key: str) -> None:
    answers = [alice.post(TOKENS, {"id_token": "CARD"}, HTTP_IDEMPOTENCY_KEY=key) for _ in range(2)]
    assert [replayed(answer) for answer in answers] == [False, True]


def test_a_repeat_needs_the_scope_too(alice: APIClient, bob: APIClient, refusal: Any) -> None:
    alice.post(TOKENS, {"id_token": "CARD"}, **KEY)
    refusal(bob.post(TOKENS, {"id_token": "CARD"}, **KEY), 403, "forbidden")
    refusal(APIClient().post(TOKENS, {"id_token": "CARD"}, **KEY), 401, "unauthenticated")


def test_a_body_too_large_for_the_comparison_is_413(alice: APIClient, refusal: Any) -> None:
    body = b'{"id_token": "' + b"x" * 3 * 1024 * 1024 + b'"}'
    refusal(alice.generic("POST", TOKENS, body, "application/json", **KEY), 413, "too_large")


# --- refusals and failures --------------------------------------------------------------------------------------------


def test_a_final_refusal_is_kept_with_the_request_id_of_its_repeat(alice: APIClient, refusal: Any) -> None:
    first = refusal(alice.post(TOKENS, {"id_token": ""}, **KEY), 422, "invalid", "id_token")
    answer = alice.post(TOKENS, {"id_token": ""}, **KEY, HTTP_X_REQUEST_ID="second")
    assert refusal(answer, 422, "invalid", "id_token") == first
    assert (replayed(answer), answer.json()["request_id"]) == (True, "second")
    alice.post(TOKENS, {"id_token": "CARD"})
    refusal(alice.post(TOKENS, {"id_token": "CARD"}, HTTP_IDEMPOTENCY_KEY="b"), 422, "invalid", "id_token")
    IdToken.objects.all().delete()
    answer = alice.post(TOKENS, {"id_token": "CARD"}, HTTP_IDEMPOTENCY_KEY="b")
    refusal(answer, 422, "invalid", "id_token")
    assert replayed(answer)


def test_a_refusal_leaves_nothing_of_the_work(act: Any, refusal: Any) -> None:
    error = ApiError(409, "full", "it is full")
    for repeat in (False, True):
        answer, count = act(error)
        refusal(answer, 409, "full")
        assert (replayed(answer), count) == (repeat, 0)


@pytest.mark.parametrize(
    "ends",
    [
        ApiError(503, "offline", "it is offline"),
        ApiError(504, "late", "it is late"),
        Response({"error": {}}, status=502),
        PermissionDenied(),
        Throttled(3),
        ApiError(401, "unauthenticated", "who?"),
        RuntimeError("nobody expected this"),
    ],
    ids=["503", "504", "502 returned", "403", "429", "401", "500"],
)
def test_what_is_not_final_is_rolled_back_and_can_be_tried_again(act: Any, ends: Any) -> None:
    status = getattr(ends, "status_code", 500)
    for _ in range(2):
        answer, count = act(ends)
        assert (answer.status_code, replayed(answer), count) == (status, False, 0)
    assert not KeptAnswer.objects.exists()
    answer, count = act()
    assert (answer.status_code, count) == (201, 1)


@pytest.mark.django_db(transaction=True)
def test_a_crash_between_leaves_neither_work_nor_answer(act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = once._keep

    def crash(*args: Any) -> None:
        kept(*args)
        raise SystemExit("the power is gone")

    monkeypatch.setattr(once, "_keep", crash)
    with pytest.raises(SystemExit):
        act()
    assert (ChargePoint.objects.count(), KeptAnswer.objects.count()) == (0, 0)
    monkeypatch.undo()
    answer, count = act()
    assert (replayed(answer), count) == (False, 1)
    answer, count = act()
    assert (replayed(answer), count) == (True, 1)


# --- at the same time -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_done_and_the_others_are_repeats(alice: APIClient) -> None:
    authorization = alice._credentials if alice._credentials else alice.defaults
    barrier = threading.Barrier(6)

    def post(_: int) -> tuple[int, bool, Any]:
        try:
            barrier.wait(60)
            answer = APIClient(**authorization).post(TOKENS, {"id_token": "CARD"}, **KEY)
            return answer.status_code, replayed(answer), answer.json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(6)))
    assert {status for status, _, _ in answers} == {201}
    assert sorted(again for _, again, _ in answers) == [False] + [True] * 5
    assert all(body == answers[0][2] for _, _, body in answers)
    assert IdToken.objects.count() == 1


def act_once(defaults: Any) -> int:
    """Ask for the act from another thread; the status of its answer."""
    try:
        return int(APIClient(**defaults).post("/act/", {}, **KEY).status_code)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_a_second_waits_for_the_first_and_does_the_work_if_that_fails(act: Any, alice: APIClient) -> None:
    begun, may_end = threading.Event(), threading.Event()
    Act.ends = Response({"n": 1}, status=201)

    def hold() -> None:
        if not begun.is_set():
            begun.set()
            assert may_end.wait(60)
            raise ApiError(503, "offline", "it is offline")

    Act.begins = hold

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(act_once, alice.defaults)
        assert begun.wait(60)
        second = pool.submit(act_once, alice.defaults)
        may_end.set()
        assert (first.result(60), second.result(60)) == (503, 201)
    assert ChargePoint.objects.count() == 1


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_second_does_not_wait_for_ever(
    act: Any, alice: APIClient, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "LOCK_SECONDS", 1)
    begun, may_end = threading.Event(), threading.Event()
    Act.ends = Response({"n": 1}, status=201)

    def hold() -> None:
        begun.set()
        assert may_end.wait(60)

    Act.begins = hold

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(act_once, alice.defaults)
        assert begun.wait(60)
        try:
            refusal(alice.post("/act/", {}, **KEY), 409, "idempotency_key_in_use")
        finally:
            may_end.set()
        assert first.result(60) == 201
    assert replayed(alice.post("/act/", {}, **KEY))
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


# --- how long, how safe -----------------------------------------------------------------------------------------------


def test_after_a_day_a_key_is_new(act: Any) -> None:
    act()
    day = timedelta(hours=24)
    KeptAnswer.objects.update(created_at=timezone.now() - day + timedelta(minutes=1))
    assert replayed(act()[0])
    KeptAnswer.objects.update(created_at=timezone.now() - day - timedelta(minutes=1))
    answer, count = act()
    assert (replayed(answer), count) == (False, 2)
    assert replayed(act()[0])


def test_old_answers_are_pruned(act: Any) -> None:
    act()
    now = timezone.now()
    name = "answers kept for repeats"
    assert prune(get_config(), now=now + timedelta(hours=23))[name] == 0
    assert prune(get_config(), now=now + timedelta(hours=25))[name] == 1
    assert not KeptAnswer.objects.exists()


def test_what_is_shown_once_is_not_kept_in_the_clear(alice: APIClient) -> None:
    charge_point()
    where = f"{API}/charge-points/CP16/password/"
    first = alice.put(where, {"password": "open sesame 123456"}, **KEY)
    assert first.status_code < 300, first.content
    row = KeptAnswer.objects.get()
    assert "sesame" not in repr(vars(row))
    assert first.content.decode() == "" or first.content.decode()[2:20] not in row.sealed
    assert replayed(alice.put(where, {"password": "open sesame 123456"}, **KEY))


def test_under_another_secret_key_a_repeat_is_refused_rather_than_done_again(act: Any, refusal: Any) -> None:
    act()
    with override_settings(SECRET_KEY="y" * 50):
        answer, count = act()
    refusal(answer, 422, "idempotency_key_reused", "Idempotency-Key")
    assert count == 1


def test_the_header_is_documented_where_it_counts_and_nowhere_else() -> None:
    document: Any = the_document()
    for operations in document["paths"].values():
        for method, operation in operations.items():
            named = [parameter["name"] for parameter in operation["parameters"]]
            assert named.count("Idempotency-Key") == (method in {"post", "put", "patch"}), operation[
                "operationId"
            ]


# --- answers that move on ---------------------------------------------------------------------------------------------


def test_a_view_may_answer_a_repeat_with_the_thing_as_it_is_now(act: Any) -> None:
    response = Response({"n": 1}, status=202)
    response.replay_as = {"command": "c1"}  # type: ignore[attr-defined]
    assert act(response)[0].json() == {"n": 1}
    answer, count = act(response)
    assert (answer.json(), answer.status_code, replayed(answer), count) == (
        {"now": {"command": "c1"}},
        200,
        True,
        1,
    )


def test_a_command_is_sent_once(alice: APIClient) -> None:
    online(charge_point())
    where = f"{API}/charge-points/CP16/commands/reset/"
    first, again = (alice.post(where, {"type": "Soft"}, **KEY) for _ in range(2))
    assert Command.objects.count() == 1
    assert first.json()["id"] == again.json()["id"]
    assert replayed(again)


def test_a_command_to_a_charge_point_that_is_offline_can_be_tried_again(
    alice: APIClient, refusal: Any
) -> None:
    charger = charge_point()
    where = f"{API}/charge-points/CP16/commands/reset/"
    refusal(alice.post(where, {"type": "Soft"}, **KEY), 503, "offline")
    online(charger)
    answer = alice.post(where, {"type": "Soft"}, **KEY)
    assert (answer.status_code, replayed(answer)) == (202, False)
