"""The API's door: bob sees the queue and what is installed, the administrator decides, alice may not."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.certificates import signing
from chargers.certificates.models import SigningRequest
from chargers.models import ChargePoint, Command
from csms.core.access.models import User
from tests.api.cast import API, certificate, charge_point, client_of, online, security_event
from tests.api.conftest import alice, bob, charlie, refusal
from tests.certificates.cast import DAY, NOW, csr, pem, root
from tests.support.house import settings_are

__all__ = ["alice", "bob", "charlie", "refusal"]
pytestmark = pytest.mark.django_db
REQUESTS = f"{API}/certificate-requests/"
Refusal = Callable[..., dict[str, Any]]


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point())


@pytest.fixture
def ada() -> APIClient:
    """An administrator."""
    client = APIClient()
    client.force_authenticate(User.objects.create_user("ada", role="administrator"))
    return client


def asked(cp: ChargePoint, request: Any = None) -> SigningRequest:
    signing.receive_request(cp.pk, pem(request or csr(cp.cp_id)), now=NOW)
    return SigningRequest.objects.order_by("-pk")[0]


def test_the_queue_is_listed_filtered_and_shown(bob: APIClient, cp16: ChargePoint, refusal: Refusal) -> None:
    row = asked(cp16, csr("CP17"))
    other = asked(online(charge_point("CP18")))
    signing.reject_request(other, by="ada", reason="unknown", now=NOW)

    def ids(query: str) -> list[str]:
        return [one["id"] for one in bob.get(f"{REQUESTS}?{query}").json()["results"]]

    assert ids("") == [str(other.pk), str(row.pk)]
    assert ids("open=true") == ids("status=pending") == ids("cp_id=cp16") == [str(row.pk)]
    assert ids("open=false") == ids("status=rejected") == [str(other.pk)]
    assert ids("use=charge_point") == ids("")
    assert ids("use=v2g") == []
    signing.receive_request(cp16.pk, pem(csr("CP16")), use="v2g", now=NOW)
    [for_cars] = bob.get(f"{REQUESTS}?use=v2g").json()["results"]
    assert (for_cars["use"], for_cars["status"]) == ("v2g", "pending")
    refusal(bob.get(f"{REQUESTS}?cp_id=NOBODY"), 404, "unknown_charge_point")
    shown = bob.get(f"{REQUESTS}{row.pk}/").json()
    assert (shown["cp_id"], shown["status"], shown["subject"]) == ("CP16", "pending", "CN=CP17")
    assert "'CP17'" in shown["problems"][0]
    assert shown["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")


@pytest.mark.parametrize(
    ("step", "body"),
    [("approve", {}), ("reject", {"reason": "no"}), ("chain", {"certificate_chain": "x"})],
)
def test_only_administrators_decide(
    alice: APIClient,
    bob: APIClient,
    charlie: APIClient,
    cp16: ChargePoint,
    refusal: Refusal,
    step: str,
    body: dict[str, str],
) -> None:
    row = asked(cp16)
    for client in (alice, bob):
        said = refusal(client.post(f"{REQUESTS}{row.pk}/{step}/", body), 403, "forbidden")
        assert "'admin'" in said["detail"]
    refusal(charlie.post(f"{REQUESTS}{row.pk}/{step}/", body), 401, "unauthenticated")
    assert signing.fresh(row).status == "pending"
    assert not Command.objects.exists()


def test_an_administrator_approves_and_the_own_ca_signs(
    ada: APIClient, cp16: ChargePoint, refusal: Refusal, tmp_path: Path
) -> None:
    ca = root()
    (tmp_path / "ca.pem").write_text(ca.pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    paths = {"CSMS_CA_CERTIFICATE": str(tmp_path / "ca.pem"), "CSMS_CA_KEY": str(tmp_path / "ca.key")}
    row = asked(cp16)
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", **paths):
        body = ada.post(f"{REQUESTS}{row.pk}/approve/", {}).json()
    assert (body["status"], body["decided_by"], body["authority"]) == ("signed", "ada", "own")
    assert body["certificate_chain"].startswith("-----BEGIN CERTIFICATE-----")
    assert body["command_id"] == str(Command.objects.get().pk)
    refusal(ada.post(f"{REQUESTS}{row.pk}/approve/", {}), 409, "not_pending")
    refusal(ada.post(f"{REQUESTS}{row.pk}/reject/", {"reason": "late"}), 409, "not_pending")


def test_a_ca_that_fails_is_told_in_the_answer(ada: APIClient, cp16: ChargePoint, tmp_path: Path) -> None:
    row = asked(cp16)
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", CSMS_CA_CERTIFICATE=str(tmp_path / "none.pem")):
        answer = ada.post(f"{REQUESTS}{row.pk}/approve/", {})
    assert answer.status_code == 200
    assert answer.json()["status"] == "approved"
    assert "none.pem cannot be read" in answer.json()["signing_error"]


def test_a_doubtful_request_needs_a_second_word(ada: APIClient, cp16: ChargePoint, refusal: Refusal) -> None:
    row = asked(cp16, csr("CP17"))
    refusal(ada.post(f"{REQUESTS}{row.pk}/approve/", {}), 409, "doubtful")
    answer = ada.post(f"{REQUESTS}{row.pk}/approve/", {"despite_problems": True})
    assert answer.json()["status"] == "approved"


def test_a_rejection_has_a_reason(ada: APIClient, cp16: ChargePoint, refusal: Refusal) -> None:
    row = asked(cp16)
    refusal(ada.post(f"{REQUESTS}{row.pk}/reject/", {}), 422, "invalid", "reason")
    body = ada.post(f"{REQUESTS}{row.pk}/reject/", {"reason": "it was stolen"}).json()
    assert (body["status"], body["reason"], body["decided_by"]) == ("rejected", "it was stolen", "ada")


def test_a_chain_is_uploaded_by_hand(ada: APIClient, cp16: ChargePoint, refusal: Refusal) -> None:
    request = csr("CP16")
    row = asked(cp16, request)
    url = f"{REQUESTS}{row.pk}/chain/"
    ca = root()
    for wrong, why in (
        ("nonsense", "no certificate"),
        (pem(ca.sign(csr("CP16"))), "another key"),
        (pem(ca.sign(request, end=NOW - DAY / 2)), "expired"),
        (ca.pem, "comes first"),
        (pem(ca.sign(request)) + ca.key_pem.decode(), "private key"),
    ):
        said = refusal(ada.post(url, {"certificate_chain": wrong}), 422, "invalid", "certificate_chain")
        assert why in said["detail"]
    body = ada.post(url, {"certificate_chain": pem(ca.sign(request), ca.certificate)}).json()
    assert (body["status"], body["authority"], body["decided_by"]) == ("signed", "manual", "ada")
    refusal(ada.post(url, {"certificate_chain": pem(ca.sign(request))}), 409, "not_pending")


def test_unknown_requests_are_404(ada: APIClient, refusal: Refusal) -> None:
    nowhere = f"{REQUESTS}00000000-0000-7000-8000-000000000000/"
    refusal(ada.get(nowhere), 404, "unknown_certificate_request")
    refusal(ada.post(f"{nowhere}approve/", {}), 404, "unknown_certificate_request")


def test_what_ends_before_a_time_is_listed(bob: APIClient, cp16: ChargePoint, refusal: Refusal) -> None:
    soon = certificate(cp16, not_after=NOW + 5 * DAY)
    certificate(cp16, not_after=NOW + 500 * DAY, use="charge_point")
    certificate(cp16)  # of unknown end
    gone = certificate(cp16, not_after=NOW, removed_at=NOW)
    elsewhere = certificate(charge_point("CP17"), not_after=NOW + 6 * DAY)
    before = (NOW + 30 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")

    def ids(path: str, **query: str) -> list[str]:
        return [one["id"] for one in bob.get(f"{API}/{path}", query).json()["results"]]

    assert ids("certificates/", expires_before=before) == [str(elsewhere.pk), str(soon.pk)]
    assert ids("certificates/", expires_before=before, cp_id="cp16") == [str(soon.pk)]
    assert ids("charge-points/CP16/certificates/", expires_before=before) == [str(soon.pk)]
    assert ids("charge-points/CP16/certificates/", removed="true") == [str(gone.pk)]
    assert len(ids("charge-points/CP16/certificates/")) == 3
    assert len(ids("certificates/", use="charge_point")) == 1
    refusal(bob.get(f"{API}/certificates/?cp_id=NOBODY"), 404, "unknown_charge_point")


def test_a_token_of_an_administrator_decides_too(cp16: ChargePoint) -> None:
    row = asked(cp16)
    answer = client_of("ops", "admin").post(f"{REQUESTS}{row.pk}/reject/", {"reason": "no"})
    assert answer.json()["decided_by"] == "token ops"


def test_security_events_are_listed_by_what_is_critical(
    bob: APIClient, charlie: APIClient, cp16: ChargePoint, refusal: Refusal
) -> None:
    tamper = security_event(cp16)
    odd = security_event(cp16, type="<b>Vendor</b>", info="<script>x</script>", critical=False)
    other = security_event(charge_point("CP17"), type="ResetOrReboot")

    def listed(path: str = "security-events/", **query: str) -> list[str]:
        return [one["id"] for one in bob.get(f"{API}/{path}", query).json()["results"]]

    assert listed() == [str(other.pk), str(odd.pk), str(tamper.pk)]
    assert listed(critical="true") == [str(other.pk), str(tamper.pk)]
    assert listed(critical="false") == [str(odd.pk)]
    assert listed(type="resetorreboot") == [str(other.pk)]
    assert listed(cp_id="cp16", critical="true") == [str(tamper.pk)]
    assert listed("charge-points/CP16/security-events/") == [str(odd.pk), str(tamper.pk)]
    assert listed(since=(NOW + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")) == []
    rows = {one["id"]: one for one in bob.get(f"{API}/security-events/").json()["results"]}
    assert rows[str(tamper.pk)]["meaning"]
    assert (rows[str(odd.pk)]["meaning"], rows[str(odd.pk)]["type"]) == ("", "<b>Vendor</b>")
    refusal(bob.get(f"{API}/security-events/?cp_id=NOBODY"), 404, "unknown_charge_point")
    refusal(charlie.get(f"{API}/security-events/"), 401, "unauthenticated")
