"""Certificate requests that are made to hurt: they cost no more than others, and are told apart."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from chargers.certificates import signing
from chargers.certificates.models import SigningRequest
from chargers.models import ChargePoint
from tests.api.cast import charge_point, online
from tests.certificates.cast import NOW, csr, ec_key, pem
from tests.certificates.test_queue import comes, newest

pytestmark = pytest.mark.django_db
Status = SigningRequest.Status


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point(serial_number="SN-1"))


def test_a_request_with_thousands_of_names_costs_no_more_than_others(
    cp16: ChargePoint, django_assert_max_num_queries: Any
) -> None:
    names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, f"C{n}") for n in range(700)]
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    with django_assert_max_num_queries(25):
        row = comes(cp16, request.sign(ec_key(), hashes.SHA256()))
    assert row.status == Status.PENDING
    [problem] = row.problems
    assert "'C4' and 695 more, and the charge point is 'CP16', 'SN-1'" in problem


def test_odd_characters_in_a_name_are_a_doubt_and_no_error(cp16: ChargePoint) -> None:
    row = comes(cp16, csr("CP16\x00.evil.example"))
    assert row.status == Status.PENDING
    assert "'CP16\\x00.evil.example'" in row.problems[0]


def test_a_request_that_is_too_long_to_be_kept_is_refused(cp16: ChargePoint) -> None:
    padded = pem(csr("CP16")).replace("-----END", "\n" * signing.CSR_KEPT + "-----END")
    assert not signing.receive_request(cp16.pk, padded, now=NOW)
    assert newest().status == Status.REFUSED


def test_a_charge_point_that_asks_for_ever_does_not_fill_the_queue(cp16: ChargePoint) -> None:
    for _ in range(signing.REQUESTS_PER_HOUR):
        comes(cp16)
    assert not signing.receive_request(cp16.pk, pem(csr("CP16")), now=NOW)
    assert SigningRequest.objects.count() == signing.REQUESTS_PER_HOUR
    assert signing.receive_request(cp16.pk, pem(csr("CP16")), now=NOW + timedelta(hours=2))
