"""Signatures are those of Standard Webhooks, and whoever checks them takes nothing else."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.core.outbound.signing import (
    BadSignature,
    new_secret,
    read_secret,
    signature,
    signed_headers,
    verify,
)

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
BODY = b'{"type":"command.finished"}'
OLD, NEW = b"o" * 32, b"n" * 32


def test_a_signature_is_an_hmac_of_id_time_and_body() -> None:
    secret = read_secret("whsec_" + base64.b64encode(NEW).decode())
    headers = signed_headers("msg_1", BODY, [secret], now=NOON)
    digest = hmac.new(NEW, b"msg_1." + str(int(NOON.timestamp())).encode() + b"." + BODY, hashlib.sha256)
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1772625600",
        "webhook-signature": "v1," + base64.b64encode(digest.digest()).decode(),
    }


def test_the_signature_is_the_published_one() -> None:
    # The example of the scheme's own reference libraries.
    secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', secret)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_either_secret_is_enough() -> None:
    headers = signed_headers("msg_1", BODY, [NEW, OLD], now=NOON)
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert verify(headers, BODY, [OLD], now=NOON) == "msg_1"
    assert verify(headers, BODY, [NEW], now=NOON) == "msg_1"
    with pytest.raises(BadSignature):
        verify(headers, BODY, [b"x" * 32], now=NOON)


def test_names_of_headers_have_no_case() -> None:
    headers = {name.title(): value for name, value in signed_headers("m", BODY, [NEW], now=NOON).items()}
    assert verify(headers, BODY, [NEW], now=NOON) == "m"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", str(int(NOON.timestamp()) + 1)),
        ("webhook-timestamp", "noon"),
        ("webhook-timestamp", "9" * 30),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,ü"),
    ],
)
def test_whatever_was_changed_is_refused(name: str, value: str) -> None:
    headers = signed_headers("msg_1", BODY, [NEW], now=NOON) | {name: value}
    with pytest.raises(BadSignature):
        verify(headers, BODY, [NEW], now=NOON)


def test_another_body_a_missing_header_and_an_old_message_are_refused() -> None:
    headers = signed_headers("msg_1", BODY, [NEW], now=NOON)
    with pytest.raises(BadSignature):
        verify(headers, BODY + b" ", [NEW], now=NOON)
    with pytest.raises(BadSignature, match="webhook-id"):
        verify({k: v for k, v in headers.items() if k != "webhook-id"}, BODY, [NEW], now=NOON)
    for later in (timedelta(minutes=6), timedelta(minutes=-6)):
        with pytest.raises(BadSignature, match="time"):
            verify(headers, BODY, [NEW], now=NOON + later)


def test_nothing_is_signed_without_a_secret() -> None:
    with pytest.raises(ValueError):
        signed_headers("msg_1", BODY, [], now=NOON)
    with pytest.raises(ValueError):
        read_secret("whsec_no base64!")


def test_the_program_in_the_documentation_knows_ours_from_others() -> None:
    text = (Path(__file__).parents[2] / "docs/integration-webhooks.md").read_text()
    told: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], told)
    secret, older, now = new_secret(), new_secret(), datetime.now(UTC)
    headers = signed_headers("id", b"{}", [read_secret(secret), read_secret(older)], now=now)
    assert told["is_ours"](secret, headers, b"{}")
    assert told["is_ours"](older, headers, b"{}")
    assert not told["is_ours"](secret, headers, b"{ }")
    assert not told["is_ours"](new_secret(), headers, b"{}")
    late = signed_headers("id", b"{}", [read_secret(secret)], now=now - timedelta(minutes=10))
    assert not told["is_ours"](secret, late, b"{}")
