"""The queue of certificate requests, step by step, with a charge point that is online and nobody at its end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from chargers.certificates import limits, signing
from chargers.certificates.checks import Unfit
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.certificates.pem import Unreadable
from chargers.certificates.signing import Refusal
from chargers.commands import ledger, sending
from chargers.commands.ordering import Author, CommandRefused
from chargers.configuration import selectors
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from csms.core.events.models import Event
from tests.api.cast import charge_point, online
from tests.certificates.cast import DAY, NOW, Ca, csr, ec_key, pem, root, rsa_key
from tests.support.house import settings_are

pytestmark = pytest.mark.django_db
Status = SigningRequest.Status
ALICE = "alice"


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point(serial_number="SN-1"))


@pytest.fixture
def own_ca(tmp_path: Path) -> Iterator[Ca]:
    ca = root()
    (tmp_path / "ca.pem").write_text(ca.pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    paths = {"CSMS_CA_CERTIFICATE": str(tmp_path / "ca.pem"), "CSMS_CA_KEY": str(tmp_path / "ca.key")}
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", **paths):
        yield ca


def comes(cp: ChargePoint, request: Any = None, now: Any = NOW) -> SigningRequest:
    """A request comes and is queued."""
    assert signing.receive_request(cp.pk, pem(request or csr(cp.cp_id)), now=now)
    return newest()


def newest() -> SigningRequest:
    return SigningRequest.objects.order_by("-pk")[0]


def approved(cp: ChargePoint, **values: Any) -> SigningRequest:
    return signing.approve_request(comes(cp), by=ALICE, now=NOW, **values)


def sent(request: SigningRequest) -> Command:
    """The command that brings the certificate, as if it had been sent."""
    Command.objects.filter(pk=request.command_id).update(status="sent", sent_at=NOW)
    return Command.objects.get(pk=request.command_id)


def answers(request: SigningRequest, status: str) -> SigningRequest:
    ledger.settle_answer(sent(request).pk, {"status": status}, version=Version.V16, now=NOW)
    return signing.fresh(request)


def told(type: str) -> list[dict[str, Any]]:
    return [json.loads(event.payload) for event in Event.objects.filter(type=type).order_by("pk")]


# --- a request comes --------------------------------------------------------------------------------------------------


def test_a_good_request_waits_for_a_person(cp16: ChargePoint) -> None:
    row = comes(cp16, csr("SN-1"))
    assert (row.status, row.problems) == (Status.PENDING, [])
    assert (row.subject, row.key) == ("CN=SN-1", "EC secp256r1")
    assert [event["status"] for event in told("cert.request")] == ["pending"]
    assert not Command.objects.exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not one certificate request"),
        ("<b>" * 30_000, "not one certificate request"),
        (pem(csr("CP16")).replace("M", "!", 1), "base64"),
        (pem(csr("CP16")) * 2, "not one certificate request"),
    ],
)
def test_what_cannot_be_signed_is_refused_at_once_and_kept(cp16: ChargePoint, text: str, why: str) -> None:
    assert not signing.receive_request(cp16.pk, text, now=NOW)
    row = newest()
    assert row.status == Status.REFUSED
    assert why in row.problems[0]
    assert row.csr == text[: signing.CSR_KEPT]
    assert row.closed_at == NOW


def test_a_stranger_in_the_subject_waits_and_is_shown(cp16: ChargePoint) -> None:
    with settings_are(CSMS_CERTIFICATE_ORGANIZATION="Acme", CSMS_CERTIFICATE_APPROVAL="automatic"):
        row = comes(cp16, csr("CP17", organization="Evil"))
    assert row.status == Status.PENDING
    assert len(row.problems) == 2


def test_nobody_gets_a_certificate_in_the_name_of_another_by_a_claimed_serial_number(
    cp16: ChargePoint, own_ca: Ca
) -> None:
    charge_point("VICTIM", serial_number="SN-9")
    for claimed in ("victim", "sn-9"):
        ChargePoint.objects.filter(pk=cp16.pk).update(serial_number=claimed)
        with settings_are(CSMS_CERTIFICATE_APPROVAL="automatic"):
            row = comes(cp16, csr(claimed))
            signing.work_queue(now=NOW)
        assert signing.fresh(row).status == Status.PENDING
        assert "VICTIM" in row.problems[0]


def test_a_repeated_request_is_one_and_a_newer_replaces_it(cp16: ChargePoint) -> None:
    request = csr("CP16")
    first = comes(cp16, request)
    assert comes(cp16, request).pk == first.pk
    second = comes(cp16)
    first = signing.fresh(first)
    assert (first.status, first.reason) == (Status.SUPERSEDED, "a newer request came")
    assert second.status == Status.PENDING
    assert SigningRequest.objects.count() == 2


def test_another_charge_points_requests_are_its_own(cp16: ChargePoint) -> None:
    first = comes(cp16)
    comes(charge_point("CP17"))
    assert signing.fresh(first).status == Status.PENDING


# --- the own CA -------------------------------------------------------------------------------------------------------


def test_an_approved_request_is_signed_sent_and_installed(cp16: ChargePoint, own_ca: Ca) -> None:
    row = approved(cp16)
    assert (row.status, row.decided_by, row.authority) == (Status.SIGNED, ALICE, "own")
    leaf = x509.load_pem_x509_certificate(row.chain.encode())
    leaf.verify_directly_issued_by(own_ca.certificate)
    row = answers(row, "Accepted")
    assert (row.status, row.closed_at) == (Status.INSTALLED, NOW)
    mine = InstalledCertificate.objects.get()
    assert (mine.use, mine.subject, mine.removed_at) == ("charge_point", "CN=CP16", None)
    assert mine.not_after == leaf.not_valid_after_utc
    steps = [event["status"] for event in told("cert.request")]
    assert steps == ["pending", "approved", "signed", "installed"]
    assert [event["use"] for event in told("cert.installed")] == ["charge_point"]


def test_by_setting_a_request_without_doubt_is_approved_by_itself(cp16: ChargePoint, own_ca: Ca) -> None:
    with settings_are(CSMS_CERTIFICATE_APPROVAL="automatic"):
        row = comes(cp16)
        assert (row.status, row.decided_by) == (Status.APPROVED, "system")
        assert not Command.objects.exists()  # the answer to the charge point goes first
        assert signing.work_queue(now=NOW) == 1
    assert signing.fresh(row).status == Status.SIGNED
    assert Command.objects.get().type == "certificate-signed"
    assert signing.work_queue(now=NOW) == 0


def test_a_doubtful_request_is_approved_only_knowingly(cp16: ChargePoint, own_ca: Ca) -> None:
    row = comes(cp16, csr("CP17"))
    with pytest.raises(Refusal, match="'CP17'"):
        signing.approve_request(row, by=ALICE, now=NOW)
    assert signing.fresh(row).status == Status.PENDING
    row = signing.approve_request(row, by=ALICE, now=NOW, despite_problems=True)
    assert row.status == Status.SIGNED


def test_a_decision_is_made_once(cp16: ChargePoint, own_ca: Ca) -> None:
    row = comes(cp16)
    stale = signing.fresh(row)
    signing.approve_request(row, by=ALICE, now=NOW)
    for again in (
        lambda: signing.approve_request(stale, by=ALICE, now=NOW),
        lambda: signing.reject_request(stale, by=ALICE, reason="no", now=NOW),
    ):
        with pytest.raises(Refusal, match="signed"):
            again()
    assert Command.objects.count() == 1


def test_a_rejected_request_is_not_signed(cp16: ChargePoint, own_ca: Ca) -> None:
    row = signing.reject_request(comes(cp16), by=ALICE, reason="who is this?", now=NOW)
    assert (row.status, row.reason, row.decided_by) == (Status.REJECTED, "who is this?", ALICE)
    assert signing.work_queue(now=NOW) == 0
    assert row.chain == ""
    with pytest.raises(Refusal):
        signing.approve_request(row, by=ALICE, now=NOW)


def test_a_ca_that_fails_is_told_and_asked_again(cp16: ChargePoint, own_ca: Ca, tmp_path: Path) -> None:
    (tmp_path / "ca.key").rename(tmp_path / "away.key")
    row = approved(cp16)
    assert row.status == Status.APPROVED
    assert "ca.key cannot be read" in row.signing_error
    [event] = told("cert.signing_failed")
    assert event == {"request_id": str(row.pk), "error": row.signing_error}
    assert signing.work_queue(now=NOW) == 0  # not at once
    assert signing.work_queue(now=NOW + timedelta(minutes=2)) == 0
    assert len(told("cert.signing_failed")) == 1  # the same is told once
    assert signing.fresh(row).signing_attempts == 2
    (tmp_path / "away.key").rename(tmp_path / "ca.key")
    assert signing.work_queue(now=NOW + timedelta(hours=1)) == 1
    row = signing.fresh(row)
    assert (row.status, row.signing_error) == (Status.SIGNED, "")


def test_a_request_approved_while_the_charge_point_is_away_is_sent_when_it_is_back(
    cp16: ChargePoint, own_ca: Ca
) -> None:
    row = comes(cp16)
    connection = cp16.connection_id
    ChargePoint.objects.update(connection_id=None)
    row = signing.approve_request(row, by=ALICE, now=NOW)
    assert (row.status, row.command_id) == (Status.SIGNED, None)
    assert signing.work_queue(now=NOW + DAY) == 0
    ChargePoint.objects.update(connection_id=connection)
    assert signing.work_queue(now=NOW + DAY) == 1
    assert signing.fresh(row).command_id is not None


def test_a_certificate_that_cannot_be_sent_now_waits_behind_the_others(cp16: ChargePoint, own_ca: Ca) -> None:
    row = comes(cp16)
    ChargePoint.objects.update(registration="pending")
    row = signing.approve_request(row, by=ALICE, now=NOW)
    assert (row.status, row.command_id) == (Status.SIGNED, None)
    assert row.next_attempt_at == NOW + signing.PATIENCE
    ChargePoint.objects.update(registration="accepted")
    assert signing.work_queue(now=NOW) == 0
    assert signing.work_queue(now=NOW + signing.PATIENCE) == 1


def test_a_certificate_that_ended_before_it_could_be_sent_is_not_sent(cp16: ChargePoint, own_ca: Ca) -> None:
    row = comes(cp16)
    connection = cp16.connection_id
    ChargePoint.objects.update(connection_id=None)
    row = signing.approve_request(row, by=ALICE, now=NOW)
    ChargePoint.objects.update(connection_id=connection)
    signing.work_queue(now=NOW + 366 * DAY)
    row = signing.fresh(row)
    assert row.status == Status.DECLINED
    assert "expired on" in row.reason
    assert not Command.objects.exists()


# --- what the charge point says to it ---------------------------------------------------------------------------------


def test_a_refused_certificate_leaves_the_old_one_and_is_not_repeated(cp16: ChargePoint, own_ca: Ca) -> None:
    answers(approved(cp16), "Accepted")
    old = InstalledCertificate.objects.get()
    row = answers(approved(cp16), "Rejected")
    assert (row.status, row.reason) == (Status.DECLINED, "the charge point refused the certificate")
    assert [one.pk for one in InstalledCertificate.objects.filter(removed_at=None)] == [old.pk]
    assert signing.work_queue(now=NOW + DAY) == 0
    row = answers(approved(cp16), "Accepted")  # after a new request
    assert row.status == Status.INSTALLED
    old.refresh_from_db()
    assert old.removal == "replaced"
    assert InstalledCertificate.objects.filter(removed_at=None).count() == 1


def test_a_word_that_nobody_knows_and_an_error_are_refusals(cp16: ChargePoint, own_ca: Ca) -> None:
    assert answers(approved(cp16), "Maybe").status == Status.DECLINED
    row = approved(cp16)
    ledger.settle_failure(sent(row).pk, code="NotSupported", description="no", now=NOW)
    row = signing.fresh(row)
    assert (row.status, row.reason) == (Status.DECLINED, "NotSupported: no")


def test_silence_is_no_refusal_until_the_third_time(cp16: ChargePoint, own_ca: Ca) -> None:
    row = approved(cp16)
    now = NOW
    for _ in range(2):
        ledger.settle_timeout(sent(row).pk, now=now)
        row = signing.fresh(row)
        assert (row.status, row.command_id) == (Status.SIGNED, None)
        assert signing.work_queue(now=now) == 0
        now += timedelta(minutes=2)
        assert signing.work_queue(now=now) == 1
        row = signing.fresh(row)
    ledger.settle_timeout(sent(row).pk, now=now)
    row = signing.fresh(row)
    assert row.status == Status.DECLINED
    assert "no answer" in row.reason


def test_a_lost_connection_costs_the_request_nothing(cp16: ChargePoint, own_ca: Ca) -> None:
    row = approved(cp16)
    ledger.fail_unsent(cp16.pk, now=NOW)
    row = signing.fresh(row)
    assert (row.status, row.command_id, row.sendings) == (Status.SIGNED, None, 0)


def test_a_superseded_certificate_that_was_taken_all_the_same_is_mirrored(
    cp16: ChargePoint, own_ca: Ca
) -> None:
    first = approved(cp16)
    comes(cp16)
    assert signing.fresh(first).status == Status.SUPERSEDED
    assert answers(first, "Accepted").status == Status.INSTALLED
    assert InstalledCertificate.objects.count() == 1


# --- a CA elsewhere ---------------------------------------------------------------------------------------------------


def test_a_chain_signed_elsewhere_is_checked_and_sent(cp16: ChargePoint) -> None:
    request = csr("CP16")
    row = comes(cp16, request)
    row = signing.approve_request(row, by=ALICE, now=NOW)
    assert row.status == Status.APPROVED  # waits for the upload
    sub = root().below()
    leaf = sub.sign(request)
    for wrong, kind in (
        ("nonsense", Unreadable),
        (pem(sub.certificate, leaf), Unfit),
        (pem(sub.sign(csr("CP16"))), Unfit),
        (pem(sub.sign(request, end=NOW - DAY / 2)), Unfit),
    ):
        with pytest.raises(kind):
            signing.upload_chain(row, wrong, by=ALICE, now=NOW)
    assert signing.fresh(row).status == Status.APPROVED
    row = signing.upload_chain(row, pem(leaf, sub.certificate), by="bea", now=NOW)
    assert (row.status, row.authority, row.decided_by) == (Status.SIGNED, "manual", "bea")
    command = Command.objects.get()
    assert command.params == {"certificate_chain": pem(leaf, sub.certificate).strip()}
    assert answers(row, "Accepted").status == Status.INSTALLED
    with pytest.raises(Refusal):
        signing.upload_chain(row, pem(leaf), by=ALICE, now=NOW)


def test_an_upload_is_an_approval(cp16: ChargePoint) -> None:
    request = csr("CP16")
    row = comes(cp16, request)
    row = signing.upload_chain(row, pem(root().sign(request)), by=ALICE, now=NOW)
    assert (row.status, row.decided_by) == (Status.SIGNED, ALICE)


def order(cp: ChargePoint, chain: str) -> Command:
    return sending.send_command(
        cp, "certificate-signed", {"certificate_chain": chain}, author=Author("bea"), now=NOW
    )


def test_the_command_itself_does_not_get_round_the_approval(cp16: ChargePoint) -> None:
    request = csr("CP16")
    row = comes(cp16, request)
    chain = pem(root().sign(request))
    with pytest.raises(CommandRefused, match="nobody has approved"):
        order(cp16, chain)
    signing.approve_request(row, by=ALICE, now=NOW)
    command = order(cp16, chain)
    row = signing.fresh(row)
    assert (row.status, row.command_id) == (Status.SIGNED, command.pk)
    with pytest.raises(CommandRefused, match="on its way"):
        order(cp16, chain)
    assert answers(row, "Accepted").status == Status.INSTALLED


def test_the_command_for_a_key_that_was_never_asked_for_is_mirrored_alone(cp16: ChargePoint) -> None:
    command = order(cp16, pem(root().sign(csr("CP16", ec_key()))))
    ledger.settle_answer(command.pk, {"status": "Accepted"}, version=Version.V16, now=NOW)
    assert InstalledCertificate.objects.get().use == "charge_point"


def test_the_command_brings_no_certificate_in_another_name(cp16: ChargePoint) -> None:
    with pytest.raises(CommandRefused, match=r"in the name 'CP17', and the charge point is 'CP16'"):
        order(cp16, pem(root().sign(csr("CP17", ec_key()))))
    assert not Command.objects.exists()


def test_the_length_that_the_charge_point_says_counts(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"CertificateSignedMaxChainSize": "500"}
    monkeypatch.setattr(selectors, "reported_value", lambda cp, key: said.get(key))
    with pytest.raises(CommandRefused, match="takes 500"):
        order(cp16, pem(root().sign(csr("CP16"))))
    said["CertificateSignedMaxChainSize"] = "99999999"
    assert limits.longest_chain(cp16.pk) == 10_000
    for nonsense in ("", "many", "0", "-1", "٣", "9" * 5000):
        said["CertificateSignedMaxChainSize"] = nonsense
        assert limits.longest_chain(cp16.pk) == 10_000


def test_a_chain_beyond_the_standards_length_is_refused(cp16: ChargePoint) -> None:
    key = rsa_key(3072)
    ca, chain = root(key=key), []
    for number in range(7):
        ca = ca.below(f"Sub CA {number}", key)
        chain.insert(0, ca.certificate)
    long = pem(ca.sign(csr("CP16", key)), *chain)
    assert len(long) > 10_000
    with pytest.raises(CommandRefused, match="takes 10000"):
        order(cp16, long)
