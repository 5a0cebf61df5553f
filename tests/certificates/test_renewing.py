"""Certificates of 2.x that end soon: the charge point is asked to ask for their successors, and not again and again."""

from datetime import timedelta
from pathlib import Path

import pytest

from chargers.certificates import signing
from chargers.certificates.models import InstalledCertificate
from chargers.certificates.renewing import (
    ASKED_EVERY,
    BEFORE_END,
    ENDED_ASKED_EVERY,
    ask_for_renewals,
    renew_ended,
)
from chargers.certificates.tasks import tell_of_expiry, work_signing_queue
from chargers.commands.ordering import CommandRefused
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from console.forms import command_form
from csms.routing import COMMANDS, ORDERS
from tests.api.cast import certificate, charge_point, client_of, online
from tests.certificates.cast import DAY, NOW, csr, pem, root
from tests.support.house import fresh, order, settings_are

pytestmark = pytest.mark.django_db


@pytest.fixture
def station() -> ChargePoint:
    row = online(charge_point("CS201"))
    ChargePoint.objects.filter(pk=row.pk).update(protocol=Version.V201)
    return fresh(row)


def ends(station: ChargePoint, use: str = "charge_point", days: float = 29) -> InstalledCertificate:
    return certificate(station, use=use, not_after=NOW + days * DAY)


def asked() -> list[str]:
    commands = Command.objects.filter(type="trigger-message").order_by("pk")
    return [command.params["requested_message"] for command in commands]


def test_each_use_is_asked_for_by_its_word(station: ChargePoint):
    ends(station)
    ends(station, "v2g", days=-1)
    ends(station, "central_system_root")
    ends(station, days=31)
    assert ask_for_renewals(now=NOW) == 2
    assert asked() == ["SignV2GCertificate", "SignChargingStationCertificate"], "the one that has ended first"
    assert Command.objects.order_by("-pk")[0].reason == f"its certificate ends on {NOW + 29 * DAY:%Y-%m-%d}"


def test_it_is_asked_once_a_week_while_its_certificate_is_the_old_one(station: ChargePoint):
    row = ends(station)
    assert ask_for_renewals(now=NOW) == 1
    assert ask_for_renewals(now=NOW + ASKED_EVERY - timedelta(seconds=1)) == 0
    assert ask_for_renewals(now=NOW + ASKED_EVERY) == 1
    InstalledCertificate.objects.filter(pk=row.pk).update(removed_at=NOW)
    assert ask_for_renewals(now=NOW + 2 * ASKED_EVERY) == 0


def test_while_its_request_is_open_it_is_not_asked(station: ChargePoint):
    ends(station)
    signing.receive_request(station.pk, pem(csr("CS201")), use="v2g", now=NOW)
    assert ask_for_renewals(now=NOW) == 1, "the open one is for another use"
    InstalledCertificate.objects.update(renewal_asked_at=None)
    signing.receive_request(station.pk, pem(csr("CS201")), now=NOW)
    assert ask_for_renewals(now=NOW) == 0


def test_while_nobody_can_sign_it_is_not_asked(station: ChargePoint, tmp_path: Path):
    ends(station)
    missing = str(tmp_path / "nothing.pem")
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", CSMS_CA_CERTIFICATE=missing, CSMS_CA_KEY=missing):
        assert ask_for_renewals(now=NOW) == 0
    assert ask_for_renewals(now=NOW) == 1


@pytest.mark.parametrize(
    "change",
    [{"protocol": "ocpp1.6"}, {"connection_id": None}, {"registration": "pending"}, {"retired_at": NOW}],
)
def test_who_cannot_be_asked_is_not(station: ChargePoint, change: dict[str, object]):
    ends(station)
    ChargePoint.objects.filter(pk=station.pk).update(**change)
    assert ask_for_renewals(now=NOW) == 0
    assert asked() == []


def test_the_clock_asks(station: ChargePoint):
    certificate(station, use="charge_point", not_after=NOW + BEFORE_END - DAY)
    tell_of_expiry()
    assert asked() == ["SignChargingStationCertificate"]


# --- those that have ended (T-036) ------------------------------------------------------------------------------------


@pytest.fixture
def ended(station: ChargePoint) -> ChargePoint:
    """It was let in with a certificate that had ended."""
    ChargePoint.objects.filter(pk=station.pk).update(certificate_ended=True)
    return fresh(station)


def test_who_came_with_one_that_has_ended_is_asked_once_an_hour(ended: ChargePoint):
    other = online(charge_point("CS202"))
    ChargePoint.objects.filter(pk=other.pk).update(protocol=Version.V201)
    assert [renew_ended(now=NOW), renew_ended(now=NOW)] == [1, 0]
    assert asked() == ["SignChargingStationCertificate"]
    assert renew_ended(now=NOW + ENDED_ASKED_EVERY) == 1
    Command.objects.update(status=Command.Status.FAILED)
    assert renew_ended(now=NOW + ENDED_ASKED_EVERY) == 1, "that it failed is no reason to wait"
    Command.objects.all().delete()
    signing.receive_request(ended.pk, pem(csr("CS201")), use="v2g", now=NOW)
    assert renew_ended(now=NOW) == 1, "the open one is for another use"
    Command.objects.all().delete()
    signing.receive_request(ended.pk, pem(csr("CS201")), now=NOW)
    assert renew_ended(now=NOW) == 0


@pytest.mark.parametrize(
    "change",
    [{"connection_id": None}, {"registration": "pending"}, {"retired_at": NOW}, {"protocol": "ocpp1.6"}],
)
def test_who_came_with_one_that_has_ended_and_cannot_be_asked_is_not(
    ended: ChargePoint, change: dict[str, object]
):
    ChargePoint.objects.filter(pk=ended.pk).update(**change)
    assert renew_ended(now=NOW) == 0
    assert asked() == []


def test_while_nobody_can_sign_what_has_ended_is_not_asked_for(ended: ChargePoint, tmp_path: Path):
    missing = str(tmp_path / "nothing.pem")
    with settings_are(CSMS_CERTIFICATE_AUTHORITY="own", CSMS_CA_CERTIFICATE=missing, CSMS_CA_KEY=missing):
        assert renew_ended(now=NOW) == 0
    work_signing_queue()
    assert asked() == ["SignChargingStationCertificate"], "the clock sees that somebody can"


def test_what_nobody_could_answer_is_not_offered(station: ChargePoint, tmp_path: Path):
    alice = client_of("alice", "read")
    missing = str(tmp_path / "nothing.pem")
    gone = {"CSMS_CERTIFICATE_AUTHORITY": "own", "CSMS_CA_CERTIFICATE": missing, "CSMS_CA_KEY": missing}

    def offered() -> list[set[str]]:
        form = command_form(COMMANDS["trigger-message"], order=ORDERS[Version.V201]["trigger-message"])
        listed = alice.get(f"/api/v1/charge-points/{station.cp_id}/commands/").json()["results"]
        [entry] = [one for one in listed if one["type"] == "trigger-message"]
        words = [word for word, _ in form.fields["requested_message"].choices]  # type: ignore[attr-defined]
        found = (words, entry["params"]["properties"]["requested_message"]["enum"])
        return [{word for word in words if word.startswith("Sign")} for words in found]

    assert [len(words) for words in offered()] == [3, 3]
    with settings_are(**gone):
        assert offered() == [set(), set()]
    for name in ("v2g.pem", "v2g.key"):
        (tmp_path / name).touch()
    v2g = {"CSMS_V2G_CA_CERTIFICATE": str(tmp_path / "v2g.pem"), "CSMS_V2G_CA_KEY": str(tmp_path / "v2g.key")}
    with settings_are(**gone, **v2g):
        assert offered() == [{"SignV2GCertificate"}] * 2


def test_a_stranger_is_brought_no_certificate(ended: ChargePoint):
    chain = pem(root().sign(csr("CS201")))
    ChargePoint.objects.filter(pk=ended.pk).update(registration="pending")
    with pytest.raises(CommandRefused, match="CS201 waits for approval"):
        order(fresh(ended), "certificate-signed", certificate_chain=chain)
    ChargePoint.objects.filter(pk=ended.pk).update(registration="accepted")
    assert order(fresh(ended), "certificate-signed", certificate_chain=chain).status == Command.Status.QUEUED
