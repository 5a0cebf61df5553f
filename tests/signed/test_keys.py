"""Signed readings are read with the key that belongs to them, listed as they came, and taken along as a file."""

import base64
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargers.configuration.models import ConfigurationKey
from csms.core.config import get_config
from csms.pruning import prune
from tests.api.cast import API, NOON
from tests.transactions.cast import Wireless201
from transactions.models import Transaction
from transactions.signed import api
from transactions.signed.models import SignedReading
from transactions.signed.selectors import key_of, signed_readings

pytestmark = pytest.mark.django_db
OCMF = 'OCMF|{"FV":"1.0","RD":[{"RV":1.0}]}|{"SD":"3046<&>"}'


@pytest.fixture
def cs201() -> Wireless201:
    return Wireless201()


def session(cs201: Wireless201, name: str = "Tx/1") -> Transaction:
    return Transaction.objects.create(charge_point=cs201.row, transaction_id=name, started_at=NOON)


def reading(cs201: Wireless201, transaction: Transaction | None, **values: Any) -> SignedReading:
    told = {"evse_number": 1, "sampled_at": NOON, "data": "x"} | values
    return SignedReading.objects.create(charge_point=cs201.row, transaction=transaction, **told)


def keys(transaction: Transaction) -> list[tuple[str, str]]:
    return [key_of(row) for row in signed_readings(transaction).order_by("pk")]


def test_a_key_is_that_of_the_value_or_the_last_of_its_meter_or_of_the_settings(cs201: Wireless201):
    first, second = session(cs201), session(cs201, "Tx-2")
    reading(cs201, first)
    reading(cs201, first, evse_number=2, public_key="of another meter")
    assert keys(first)[0] == ("of another meter", "later"), "its transaction has but one meter"
    own = {"charge_point": cs201.row, "value": "of the station", "name": "x"}
    ConfigurationKey.objects.create(folded="fiscalmetering/publickey", **own)
    reading(cs201, second)
    assert keys(second) == [("of the station", "charge_point")]
    own["value"] = "of the EVSE"
    ConfigurationKey.objects.create(folded="fiscalmetering@1/publickey", **own)
    assert keys(second) == [("of the EVSE", "charge_point")]
    reading(cs201, second, public_key="told")
    reading(cs201, second)
    reading(cs201, second, evse_number=None)
    assert keys(second) == [
        ("told", "later"),
        ("told", "value"),
        ("told", "earlier"),
        ("of the station", "charge_point"),
    ]
    other = Wireless201("CS202")
    third = session(other)
    reading(other, third)
    assert keys(third) == [("", "")], "nobody else's key is taken for its own"


def test_signed_readings_go_with_the_readings_that_they_sign(cs201: Wireless201):
    reading(cs201, session(cs201))
    days = get_config().retain_meter_values_days
    assert prune(get_config(), now=timezone.now() + timedelta(days=days - 1))["signed readings"] == 0
    assert prune(get_config(), now=timezone.now() + timedelta(days=days + 1))["signed readings"] == 1
    assert not SignedReading.objects.exists()


def test_the_api_lists_them_as_they_came(cs201: Wireless201, bob: APIClient):
    transaction = session(cs201)
    odd = ' T0NNRg==\r\n"ü" '
    row = reading(
        cs201, transaction, data=odd, public_key=" k ", context="Transaction.End", encoding_method="OCMF"
    )
    reading(cs201, transaction)
    reading(cs201, session(cs201, "Tx-2"))
    address = f"{API}/transactions/{transaction.pk}/signed-readings/"
    answer = bob.get(address, {"count": "true"}).json()
    assert answer["count"] == 2
    first, second = answer["results"]
    assert first == {
        "id": str(row.pk),
        "evse_id": 1,
        "sampled_at": first["sampled_at"],
        "context": "Transaction.End",
        "measurand": "",
        "signed_meter_data": odd,
        "signing_method": "",
        "encoding_method": "OCMF",
        "public_key": " k ",
        "public_key_from": "value",
        "meter_value": None,
    }
    assert (second["context"], second["public_key_from"]) == ("Sample.Periodic", "earlier")
    assert bob.get(address, {"format": "csv"}).status_code == 200
    assert bob.get(f"{API}/transactions/{row.pk}/signed-readings/").status_code == 404


def test_the_file_has_texts_as_transparency_software_reads_them(
    cs201: Wireless201, bob: APIClient, monkeypatch: pytest.MonkeyPatch
):
    transaction = session(cs201)
    wrapped = base64.b64encode(OCMF.encode()).decode()
    key = base64.b64encode(b"oca:base16:asn1:3059301306").decode()
    cases = [
        (
            {"data": wrapped, "encoding_method": "OCMF v1.0", "public_key": key},
            ("OCMF", "plain", OCMF),
            ("hex", "3059301306"),
        ),
        ({"data": OCMF, "public_key": "oca:base64:asn1:MFkw"}, ("", "plain", OCMF), ("base64", "MFkw")),
        ({"data": "AAEC/w==", "encoding_method": "EDL"}, ("EDL", "base64", "AAEC/w=="), ("base64", "MFkw")),
        (
            {"data": "odd\x01", "encoding_method": '"<own>', "public_key": "plain key"},
            ('"<own>', "base64", base64.b64encode(b"odd\x01").decode()),
            ("plain", "plain key"),
        ),
    ]  # fmt: skip
    for values, _, _ in cases:
        reading(cs201, transaction, context="Transaction.Begin", **values)
    address = f"{API}/transactions/{transaction.pk}/signed-readings/file/"
    answer = bob.get(address)
    assert (answer.status_code, answer["X-Export-Complete"]) == (200, "true")
    assert answer["Content-Type"].startswith("application/xml")
    assert "attachment" in answer["Content-Disposition"]
    found = list(ElementTree.fromstring(answer.content))  # noqa: S314 - ours
    assert len(found) == len(cases)
    for element, (_, data, told_key) in zip(found, cases, strict=True):
        assert element.attrib == {"transactionId": "Tx/1", "context": "Transaction.Begin"}
        signed, public = element
        assert (signed.get("format"), signed.get("encoding"), signed.text) == data
        assert (public.get("encoding"), public.text) == told_key
    monkeypatch.setattr(api, "FILE_MAX", 3)
    cut = bob.get(address, headers={"accept": "application/xml"})
    assert cut["X-Export-Complete"] == "false"
    assert cut.content.count(b"<signedData") == 3
    assert (
        bob.get(f"{API}/transactions/{cs201.holder.connection_id}/signed-readings/file/").status_code == 404
    )
