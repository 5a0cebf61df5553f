"""What a car's contract may be called, and what no contract is called."""

import json

import pytest

from tests.transactions.cast import Wireless, token

pytestmark = pytest.mark.django_db

PNC = "org.openchargealliance.iso15118pnc"


def asked(data: str) -> dict[str, str]:
    return Wireless().say("DataTransfer", {"vendorId": PNC, "messageId": "Authorize", "data": data})


@pytest.mark.parametrize("data", [{"idToken": "DE-1"}, {"idToken": {"idToken": "DE-1", "type": "eMAID"}}])
def test_a_contract_is_asked_for_like_any_token(data: object):
    token("DE-1")
    answer = asked(json.dumps(data))
    assert (answer["status"], json.loads(answer["data"])) == (
        "Accepted",
        {"idTokenInfo": {"status": "Accepted"}},
    )


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "[]",
        '"text"',
        "[" * 5000,
        '{"idToken": null}',
        '{"idToken": {}}',
        '{"idToken": {"idToken": {}}}',
        '{"idToken": ""}',
        '{"idToken": "\\u0000"}',
        '{"idToken": "\\ud800"}',
        json.dumps({"idToken": "X" * 37}),
    ],
)
def test_what_is_no_contract_is_rejected_and_breaks_nothing(data: str):
    assert asked(data) == {"status": "Rejected"}
