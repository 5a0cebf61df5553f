"""Every error of the API has one envelope, and every answer its request id."""

from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from chargers import selectors
from chargers.models import ChargePoint
from csms.core.api_data import refuse_repeated_names
from tests.api.cast import API, charge_point

LIST = f"{API}/charge-points/"


@pytest.mark.parametrize(
    "body",
    [b"{", b"{'a': 1}", b"\xff", b'{"cp_id": NaN}', b'{"cp_id": "\\ud800"}', b"[" * 100_000],
    ids=["cut", "quotes", "bytes", "NaN", "surrogate", "nested"],
)
def test_what_is_no_json_is_400(alice: APIClient, refusal: Any, body: bytes) -> None:
    refusal(alice.post(LIST, body, content_type="application/json"), 400, "malformed")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"cp_id": "CP16", "cp_id": "CP17"}', "'cp_id'"),
        ('{"cp_id": "CP16", "cp\\u005fid": "CP16"}', "'cp_id'"),
        ('{"cp_id": "CP16", "site": [{"a": 1, "b": 2, "a": null}]}', "'a'"),
    ],
)
def test_a_name_that_is_there_twice_is_400_and_named(
    alice: APIClient, refusal: Any, body: str, name: str
) -> None:
    said = refusal(alice.post(LIST, body, content_type="application/json"), 400, "malformed")
    assert name in said["detail"]
    assert not ChargePoint.objects.exists()


def test_the_same_name_in_two_objects_is_no_repetition() -> None:
    refuse_repeated_names(b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}')


def test_nests_that_only_one_reader_bears_are_400(alice: APIClient, refusal: Any) -> None:
    body = b'{"a":' * 1020 + b"1" + b"}" * 1020
    refusal(alice.post(LIST, body, content_type="application/json"), 400, "malformed")


def test_an_empty_body_has_no_fields(alice: APIClient, refusal: Any) -> None:
    refusal(alice.post(LIST, b"", content_type="application/json"), 422, "invalid", "cp_id")
    refusal(alice.post(LIST), 422, "invalid", "cp_id")


def test_the_charset_of_json_is_utf8_whatever_the_header_says(alice: APIClient) -> None:
    body = '{"cp_id": "Föhr"}'.encode()
    made = alice.post(LIST, body, content_type="application/json; charset=nonsense")
    assert made.json()["cp_id"] == "Föhr"


def test_a_body_too_large_is_413(alice: APIClient, refusal: Any) -> None:
    body = b'{"cp_id": "' + b"x" * 1024 * 1024 + b'"}'
    refusal(alice.post(LIST, body, content_type="application/json"), 413, "too_large")


def test_another_media_type_is_415(alice: APIClient, refusal: Any) -> None:
    refusal(alice.post(LIST, "cp_id=CP16", content_type="text/plain"), 415, "unsupported_media_type")
    form = "application/x-www-form-urlencoded"
    refusal(alice.post(LIST, "cp_id=CP16", content_type=form), 415, "unsupported_media_type")


def test_another_method_is_405_and_says_which_there_are(alice: APIClient, refusal: Any) -> None:
    answer = alice.delete(LIST)
    refusal(answer, 405, "method_not_allowed")
    assert "GET, POST" in answer["Allow"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("charge-points/", "GET, POST, HEAD"),
        ("charge-points/CP16/", "GET, PATCH, HEAD"),
        ("charge-points/CP16/password/", "POST, PUT, DELETE"),
        ("charge-points/CP16/commands/reset/", "POST"),
        ("schema/", "GET, HEAD"),
    ],
)
def test_options_is_refused_and_allow_does_not_promise_it(
    alice: APIClient, refusal: Any, path: str, methods: str
) -> None:
    answer = alice.options(f"{API}/{path}")
    refusal(answer, 405, "method_not_allowed")
    assert answer["Allow"] == methods


def test_the_page_of_the_schema_refuses_options_too(charlie: APIClient) -> None:
    answer = charlie.options(f"{API}/docs")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


def test_where_there_is_nothing_no_method_is_allowed(alice: APIClient) -> None:
    assert "Allow" not in alice.options(f"{API}/nothing/")


def test_who_accepts_no_json_is_told_406(alice: APIClient, refusal: Any) -> None:
    refusal(alice.get(LIST, HTTP_ACCEPT="text/html"), 406, "not_acceptable")


def test_a_path_without_its_slash_says_so(alice: APIClient, refusal: Any) -> None:
    for answer in (alice.get(LIST[:-1]), alice.post(LIST[:-1], {"cp_id": "CP16"})):
        assert "end with a slash" in refusal(answer, 404, "not_found")["detail"]


def test_what_nobody_expected_is_500_without_its_reason(
    alice: APIClient, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(selectors, "charge_points", broken)
    alice.raise_request_exception = False
    with override_settings(DEBUG=False):
        answer = alice.get(LIST)
    refusal(answer, 500, "internal_error")
    assert b"secret" not in answer.content


@pytest.mark.parametrize("given", ["abc-123", "a/b+c=d:e@f.g_h", "x" * 128])
def test_a_sane_request_id_comes_back(bob: APIClient, given: str) -> None:
    assert bob.get(LIST, HTTP_X_REQUEST_ID=given)["X-Request-ID"] == given
    assert bob.get(f"{LIST}NOBODY/", HTTP_X_REQUEST_ID=given).json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\nb", "<script>", "é"])
def test_another_one_is_replaced(bob: APIClient, given: str) -> None:
    answer = bob.get(LIST, HTTP_X_REQUEST_ID=given)
    assert answer["X-Request-ID"] != given
    assert len(answer["X-Request-ID"]) == 36


def test_head_is_answered_like_get(bob: APIClient) -> None:
    charge_point()
    assert bob.head(LIST).status_code == 200
    assert bob.head(f"{LIST}?x=1").status_code == 422
