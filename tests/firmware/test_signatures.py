"""Signed firmware is looked at before it is offered: certificate, dates, base64, and the signature itself."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from chargers.firmware.signatures import Unsound, check
from tests.firmware.cast import SHA256, certificate, signature

NOW = datetime.now(UTC)


@pytest.mark.parametrize(("kind", "old"), [("ec", False), ("rsa", False), ("rsa", True)])
def test_a_signature_is_verified_over_the_digest(kind: str, old: bool) -> None:
    assert check(certificate(kind), signature(kind, old=old), SHA256, now=NOW) is True
    assert check(certificate(kind), signature(kind, old=old), SHA256.upper(), now=NOW) is True


def test_without_a_digest_nothing_is_claimed_to_be_verified() -> None:
    assert check(certificate(), signature(), "", now=NOW) is False


def test_lines_that_were_lost_on_the_way_are_no_obstacle() -> None:
    pressed = certificate().replace("\n", " ")
    assert check(pressed, signature()[:20] + "\n" + signature()[20:], "", now=NOW) is False


@pytest.mark.parametrize(
    ("text", "sign", "digest", "field"),
    [
        ("nonsense", signature(), SHA256, "signing_certificate"),
        (certificate()[:200], signature(), SHA256, "signing_certificate"),
        (certificate(days=(-9, -1)), signature(), SHA256, "signing_certificate"),
        (certificate(days=(1, 9)), signature(), SHA256, "signing_certificate"),
        (certificate(), "not base64!", SHA256, "signature"),
        (certificate(), "  ", SHA256, "signature"),
        (certificate(), signature(content=b"other"), SHA256, "signature"),
        (certificate("rsa"), signature("ec"), SHA256, "signature"),
        (certificate("ec"), signature("rsa"), SHA256, "signature"),
        (certificate(), signature(), "00" * 32, "signature"),
        (certificate(), signature(), "g" * 64, "firmware_sha256"),
        (certificate(), signature(), "00", "firmware_sha256"),
    ],
    ids=count(1),  # a signature is another at each run, and names of tests must not be
)
def test_what_is_unsound_is_named(text: str, sign: str, digest: str, field: str) -> None:
    with pytest.raises(Unsound) as fault:
        check(text, sign, digest, now=NOW)
    assert fault.value.field == field
    assert str(fault.value).endswith(".")


def test_a_certificate_counts_to_its_last_moment() -> None:
    text = certificate(days=(-1, 1))
    assert check(text, signature(), "", now=NOW + timedelta(hours=23)) is False
    with pytest.raises(Unsound):
        check(text, signature(), "", now=NOW + timedelta(hours=25))
