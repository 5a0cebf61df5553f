"""The forms of firmware and diagnostics: dates, certificates, refusals at their fields."""

from django.test import Client

from chargers.models import Command
from tests.console.cast import make_charge_point
from tests.console.fleet import make_online
from tests.firmware.cast import signed

CP16 = "/inspect/charge-points/CP16"


def test_alice_updates_firmware_with_a_certificate_pasted_into_the_form(alice: Client) -> None:
    make_online(make_charge_point())
    page = alice.get(f"{CP16}/commands").content.decode()
    assert '<textarea name="signing_certificate"' in page
    alice.post(
        f"{CP16}/commands/signed-update-firmware",
        signed() | {"retrieve_date": "2099-01-01T03:00:00", "confirmed": "yes"},
    )
    row = Command.objects.get()
    assert row.params["retrieve_date"].startswith("2099-01-01T03:00:00")
    assert row.params["signing_certificate"].count("\n") > 3


def test_a_wrong_signature_is_shown_at_its_field(alice: Client) -> None:
    make_online(make_charge_point())
    answer = alice.post(
        f"{CP16}/commands/signed-update-firmware", signed(firmware_sha256="00" * 32) | {"confirmed": "yes"}
    )
    assert answer.status_code == 422
    assert "It is not the signature of this certificate over this firmware." in answer.content.decode()
    assert not Command.objects.exists()


def test_alice_gets_diagnostics_with_an_empty_form(alice: Client) -> None:
    make_online(make_charge_point())
    alice.post(f"{CP16}/commands/get-diagnostics", {})
    assert Command.objects.get().params == {"location": "***"}
