"""What is known of the certificates that a charge point has: installed by us, reported by it, deleted, ended."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from chargers.certificates import mirror
from chargers.certificates.models import InstalledCertificate
from chargers.certificates.pem import HashData, hash_data
from chargers.commands import ledger, sending
from chargers.commands.ordering import Author, CommandRefused
from chargers.configuration import selectors
from chargers.models import ChargePoint, Command, Connection
from chargers.protocol.versions import Version
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.pruning import prune
from tests.api.cast import charge_point, online
from tests.certificates.cast import DAY, NOW, Ca, certificate, csr, ec_key, name, pem, root, rsa_key

pytestmark = pytest.mark.django_db
WIRE = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")


@pytest.fixture
def cp16() -> ChargePoint:
    return online(charge_point())


def order(cp: ChargePoint, slug: str, now: Any = NOW, **params: Any) -> Command:
    return sending.send_command(cp, slug, params, author=Author("alice"), now=now)


def settle(command: Command, now: Any = NOW, **answer: Any) -> None:
    Command.objects.filter(pk=command.pk).update(sent_at=now)
    ledger.settle_answer(command.pk, answer, version=Version.V16, now=now)


def install(cp: ChargePoint, ca: Ca, use: str = "central_system_root", word: str = "Accepted") -> None:
    settle(order(cp, "install-certificate", certificate_type=use, certificate=ca.pem), status=word)


def wire(ca: Ca, algorithm: str = "SHA256") -> dict[str, str]:
    own = hash_data(ca.certificate, ca.certificate, algorithm)
    values = (own.algorithm, own.issuer_name_hash, own.issuer_key_hash, own.serial_number)
    return dict(zip(WIRE, values, strict=True))


def reports(cp: ChargePoint, *certificates: dict[str, str], use: str = "central_system_root") -> None:
    command = order(cp, "get-installed-certificate-ids", certificate_type=use)
    if certificates:
        settle(command, status="Accepted", certificateHashData=list(certificates))
    else:
        settle(command, status="NotFound")


def delete(cp: ChargePoint, ca: Ca, word: str = "Accepted", **more: Any) -> None:
    ours = ("hash_algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number")
    params = dict(zip(ours, wire(ca).values(), strict=True))
    settle(order(cp, "delete-certificate", **params, **more), status=word)


def there(cp: ChargePoint) -> list[InstalledCertificate]:
    return list(InstalledCertificate.objects.filter(charge_point=cp, removed_at=None).order_by("pk"))


def gone(cp: ChargePoint) -> list[str]:
    rows = InstalledCertificate.objects.filter(charge_point=cp, removed_at__isnull=False).order_by("pk")
    return [row.removal for row in rows]


def told(type: str) -> list[dict[str, Any]]:
    return [json.loads(event.payload) for event in Event.objects.filter(type=type).order_by("pk")]


# --- installing -------------------------------------------------------------------------------------------------------


def test_a_root_that_was_taken_is_there_with_its_name_and_its_end(cp16: ChargePoint) -> None:
    ca = root()
    install(cp16, ca)
    [row] = there(cp16)
    assert row.use == "central_system_root"
    assert row.hash_data == hash_data(ca.certificate, ca.certificate)
    assert (row.pem, row.subject) == (ca.pem.strip(), "O=Test,CN=Test Root")
    assert (row.not_after, row.installed_at) == (ca.certificate.not_valid_after_utc, NOW)
    install(cp16, ca)
    assert len(there(cp16)) == 1
    assert told("cert.installed")[0]["certificate_id"] == str(row.pk)


@pytest.mark.parametrize("word", ["Rejected", "Failed", "Perhaps"])
def test_a_root_that_was_not_taken_is_not_there(cp16: ChargePoint, word: str) -> None:
    install(cp16, root(), word=word)
    assert there(cp16) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "no certificate"),
        (root().pem * 2, "2 certificates"),
        (pem(root().sign(csr())), "not the certificate of a CA"),
        (root(start=NOW - 9 * DAY, end=NOW - DAY).pem, "expired on"),
        (root(start=NOW + DAY).pem, "not valid before"),
        (root().pem + root().key_pem.decode(), "private key"),
    ],
)
def test_what_is_no_root_is_not_sent(cp16: ChargePoint, text: str, why: str) -> None:
    with pytest.raises(CommandRefused, match=why) as refusal:
        order(cp16, "install-certificate", certificate=text)
    assert set(refusal.value.errors) == {"certificate"}
    assert not Command.objects.exists()


def test_the_standards_length_of_a_root_counts(cp16: ChargePoint) -> None:
    long = x509.Name([*name("x" * 64)] * 30)
    key = ec_key()
    text = pem(certificate(long, key.public_key(), long, key, ca=True))
    assert len(text) > 5500
    with pytest.raises(CommandRefused, match="at most 5500"):
        order(cp16, "install-certificate", certificate=text)


def test_a_store_that_is_full_is_not_sent_another(cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"CertificateStoreMaxLength": "2"}
    monkeypatch.setattr(selectors, "reported_value", lambda cp, key: said.get(key))
    first = root()
    install(cp16, first)
    install(cp16, root(), "manufacturer_root")
    with pytest.raises(CommandRefused, match="room for 2"):
        install(cp16, root())
    install(cp16, first)  # one that it has takes no room
    said["CertificateStoreMaxLength"] = "nonsense"
    install(cp16, root())


def test_a_charge_point_that_checks_roots_holds_one_and_its_fallback(
    cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        selectors, "reported_value", lambda cp, key: {"AdditionalRootCertificateCheck": "True"}.get(key)
    )
    install(cp16, root("old"))
    install(cp16, root("new"))
    with pytest.raises(CommandRefused, match="fallback"):
        install(cp16, root("newer"))
    install(cp16, root("firmware"), "manufacturer_root")


# --- reports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("key", [ec_key, rsa_key, lambda: ec_key(ec.SECP384R1())])
def test_what_we_installed_is_known_again_in_any_algorithm(
    cp16: ChargePoint, key: Any, algorithm: str
) -> None:
    ca = root(key=key())
    install(cp16, ca)
    told_by_it = wire(ca, algorithm)
    told_by_it["issuerNameHash"] = told_by_it["issuerNameHash"].upper()
    told_by_it["serialNumber"] = (
        "00" + told_by_it["serialNumber"][:-2] + told_by_it["serialNumber"][-2:].upper()
    )
    reports(cp16, told_by_it)
    [row] = there(cp16)
    assert row.pem
    assert row.reported_at == NOW
    # Kept as it was told, since a deletion repeats it.
    assert row.hash_algorithm == algorithm
    assert row.issuer_name_hash == told_by_it["issuerNameHash"]
    assert row.serial_number == told_by_it["serialNumber"]


def test_what_is_not_reported_is_gone_and_what_is_new_is_there(cp16: ChargePoint) -> None:
    install(cp16, root("ours"))
    install(cp16, root("firmware"), "manufacturer_root")
    stranger = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "7"}
    reports(cp16, stranger)
    kept = there(cp16)
    assert [(row.use, row.serial_number if not row.pem else "") for row in kept] == [
        ("manufacturer_root", ""),
        ("central_system_root", "7"),
    ]
    assert gone(cp16) == ["not reported"]
    assert [event["removal"] for event in told("cert.removed")] == ["not reported"]
    reports(cp16, stranger)
    assert len(there(cp16)) == 2


def test_a_report_is_the_effect_of_what_was_ordered_before(cp16: ChargePoint) -> None:
    ca, other = root(), root("other")
    install(cp16, ca)
    install(cp16, other)
    first = Command.objects.filter(type="install-certificate").order_by("pk")[0]
    assert first.effect == ""
    reports(cp16, wire(ca, "SHA384"), wire(other))
    first.refresh_from_db()
    assert first.effect == "The charge point lists it."
    assert Command.objects.order_by("-pk")[0].effect == "It has 2: 0 not known before, 0 gone."
    delete(cp16, other, force=True)
    deleting = Command.objects.get(type="delete-certificate")
    reports(cp16, wire(ca))
    deleting.refresh_from_db()
    assert deleting.effect == "The charge point no longer lists it."


def test_a_deletion_that_had_no_effect_shows_none(cp16: ChargePoint) -> None:
    ca = root()
    install(cp16, ca, "manufacturer_root")
    delete(cp16, ca)
    reports(cp16, wire(ca), use="manufacturer_root")
    assert Command.objects.get(type="delete-certificate").effect == ""


def test_a_list_of_another_kind_does_not_show_that_a_deletion_worked(cp16: ChargePoint) -> None:
    ca, other = root(), root("other")
    install(cp16, ca, "manufacturer_root")
    install(cp16, other)
    delete(cp16, ca)
    reports(cp16, wire(other))
    deleting = Command.objects.get(type="delete-certificate")
    assert deleting.effect == ""
    reports(cp16, use="manufacturer_root")
    deleting.refresh_from_db()
    assert deleting.effect == "The charge point no longer lists it."


def test_an_acceptance_without_a_list_says_nothing(cp16: ChargePoint) -> None:
    install(cp16, root())
    settle(order(cp16, "get-installed-certificate-ids"), status="Accepted")
    assert len(there(cp16)) == 1


def test_what_is_gone_is_forgotten_after_its_time(cp16: ChargePoint) -> None:
    install(cp16, root("kept"))
    install(cp16, root("gone"), "manufacturer_root")
    reports(cp16, use="manufacturer_root")
    later = NOW + timedelta(days=get_config().retain_security_events_days, minutes=1)
    removed = prune(get_config(), now=later)
    assert removed["removed certificates"] == 1
    assert [row.subject for row in InstalledCertificate.objects.all()] == ["O=Test,CN=kept"]


def test_not_found_means_that_there_is_none(cp16: ChargePoint) -> None:
    install(cp16, root())
    reports(cp16)
    assert there(cp16) == []
    assert Command.objects.order_by("-pk")[0].status == "accepted"


def test_one_charge_points_report_tells_what_anothers_certificate_is(cp16: ChargePoint) -> None:
    ca = root("Known to CP17")
    cp17 = charge_point("CP17")
    mirror.note_installed(cp17, "central_system_root", [ca.certificate], now=NOW)
    reports(cp16, wire(ca, "SHA512"))
    [row] = there(cp16)
    assert row.subject == "O=Test,CN=Known to CP17"
    assert row.installed_at is None
    assert len(there(cp17)) == 1


def test_an_absurd_report_does_no_harm(cp16: ChargePoint) -> None:
    install(cp16, root())
    reports(
        cp16,
        *(
            {
                "hashAlgorithm": "MD5" * 99,
                "issuerNameHash": "<b>" * 999,
                "issuerKeyHash": "x",
                "serialNumber": "z" * 999,
            },
        )
        * 3,
        {"hashAlgorithm": "SHA256"},
    )
    assert len(there(cp16)) == 2  # the same three times is one
    assert there(cp16)[0].issuer_name_hash.startswith("<b>")


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_a_deleted_certificate_is_gone_and_a_failure_keeps_it(cp16: ChargePoint) -> None:
    first, second = root("1"), root("2")
    install(cp16, first, "manufacturer_root")
    install(cp16, second, "manufacturer_root")
    delete(cp16, first, "Failed")
    assert len(there(cp16)) == 2
    delete(cp16, first)
    delete(cp16, second, "NotFound")
    assert gone(cp16) == ["deleted", "not found"]


def test_the_only_root_of_the_central_system_is_not_deleted_by_mistake(cp16: ChargePoint) -> None:
    ca = root()
    install(cp16, ca)
    with pytest.raises(CommandRefused, match="only root"):
        delete(cp16, ca)
    assert len(there(cp16)) == 1
    delete(cp16, ca, force=True)
    assert there(cp16) == []


def test_the_old_root_stays_until_the_charge_point_came_back_with_the_new(cp16: ChargePoint) -> None:
    old, new = root("old"), root("new")
    install(cp16, old)
    install(cp16, new)
    with pytest.raises(CommandRefused, match="has not connected again"):
        delete(cp16, old)
    Connection.objects.filter(pk=cp16.connection_id).update(opened_at=NOW + timedelta(minutes=1))
    delete(cp16, old)
    assert [row.subject for row in there(cp16)] == ["O=Test,CN=new"]


def test_hash_data_of_nobody_may_be_deleted(cp16: ChargePoint) -> None:
    delete(cp16, root(), "NotFound")
    assert there(cp16) == []


@pytest.mark.parametrize("field", ["issuer_name_hash", "issuer_key_hash", "serial_number"])
def test_hash_data_is_hex(cp16: ChargePoint, field: str) -> None:
    good = {"issuer_name_hash": "ab", "issuer_key_hash": "cd", "serial_number": "1"}
    with pytest.raises(CommandRefused) as refusal:
        order(cp16, "delete-certificate", **good | {field: "xyz"})
    assert set(refusal.value.errors) == {field}


# --- what ends --------------------------------------------------------------------------------------------------------


def test_an_end_is_told_thirty_seven_and_one_day_before_and_once(cp16: ChargePoint) -> None:
    install(cp16, root(end=NOW + 40 * DAY))
    days = []
    for day in range(50):
        for _ in range(2):
            mirror.tell_of_expiry(now=NOW + day * DAY)
        days.append((len(told("cert.expiring")), len(told("cert.expired"))))
    steps = [day for day in range(1, 50) if days[day] != days[day - 1]]
    assert steps == [10, 33, 39, 40]
    assert [event["days"] for event in told("cert.expiring")] == [30, 7, 1]
    [ended] = told("cert.expired")
    assert ended["subject"] == "O=Test,CN=Test Root"


def test_what_ends_soon_when_it_comes_is_told_by_its_nearest_step(cp16: ChargePoint) -> None:
    install(cp16, root(end=NOW + 5 * DAY))
    assert mirror.tell_of_expiry(now=NOW) == 1
    assert [event["days"] for event in told("cert.expiring")] == [7]
    assert mirror.tell_of_expiry(now=NOW + 9 * DAY) == 1
    assert len(told("cert.expired")) == 1


def test_the_end_of_what_is_gone_or_unknown_is_not_told(cp16: ChargePoint) -> None:
    install(cp16, root(end=NOW + 5 * DAY), "manufacturer_root")
    reports(cp16, use="manufacturer_root")
    mirror.reconcile(cp16, "central_system_root", [HashData("SHA256", "aa", "bb", "1")], now=NOW)
    assert mirror.tell_of_expiry(now=NOW + 9 * DAY) == 0


def test_the_clock_tells_and_signs() -> None:
    from chargers.certificates import tasks
    from csms.celery import app
    from csms.settings import CELERY_BEAT_SCHEDULE

    named = {entry["task"] for entry in CELERY_BEAT_SCHEDULE.values()}
    app.loader.import_default_modules()
    for task in (tasks.tell_of_expiry, tasks.work_signing_queue):
        assert task.name in named
        assert task.name in app.tasks
        assert task() == 0
