"""People register, approve, reject, retire and secure charge points from the command line."""

from datetime import UTC, datetime

import pytest

from chargers.handshake import matches
from chargers.models import ChargePoint, Registration
from tests.commands.conftest import refusal, type_command

pytestmark = pytest.mark.django_db


def cp(cp_id: str = "CP16") -> ChargePoint:
    return ChargePoint.objects.get(cp_id=cp_id)


def test_a_charge_point_is_registered_before_it_connects():
    said = type_command("add_charge_point", "CP16", "--name", "Station street, left")
    assert said.err == "CP16 is registered without a password and is accepted."
    assert (cp().registration, cp().name, cp().password_hash) == (
        Registration.ACCEPTED,
        "Station street, left",
        "",
    )


def test_a_charge_point_may_be_registered_to_wait():
    assert "waits for approval" in type_command("add_charge_point", "CP16", "--pending").err
    assert cp().registration == Registration.PENDING


def test_a_generated_password_is_printed_once_and_kept_only_as_a_hash():
    password = type_command("add_charge_point", "CP16", "--generate-password").out
    assert len(password) == 40
    assert matches(password.encode(), cp().password_hash)
    assert password not in cp().password_hash


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["CP:16"], "colon"),
        (["x" * 49], "48"),
        ([""], "no charge point"),
        (["CP16", "--password", "short"], "16 to 64 bytes"),
        (["CP16", "--password", "p" * 65], "16 to 64 bytes"),
        (["CP16", "--password", ""], "empty"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_its_reason(words, why):
    assert why in refusal("add_charge_point", *words)
    assert not ChargePoint.objects.exists()


def test_an_identity_is_registered_once_whatever_its_case():
    type_command("add_charge_point", "CP16")
    assert "known already" in refusal("add_charge_point", "cp16")
    assert ChargePoint.objects.count() == 1


def test_a_waiting_charge_point_is_approved_and_rejected():
    type_command("add_charge_point", "CP16", "--pending")
    assert type_command("approve_charge_point", "CP16").out == "CP16 is accepted."
    assert cp().registration == Registration.ACCEPTED
    assert type_command("approve_charge_point", "cp16").out == "CP16 is accepted already."
    assert "rejected" in type_command("reject_charge_point", "CP16").out
    assert cp().registration == Registration.REJECTED


@pytest.mark.parametrize(
    "command",
    ["approve_charge_point", "reject_charge_point", "retire_charge_point", "set_charge_point_password"],
)
def test_an_unknown_charge_point_is_said_to_be_unknown(command):
    assert "NOBODY is not known" in refusal(command, "NOBODY")


def test_a_charge_point_is_retired_only_when_somebody_agrees(monkeypatch):
    type_command("add_charge_point", "CP16")
    for answer in ("", "n", "no"):
        monkeypatch.setattr("builtins.input", lambda _question, answer=answer: answer)
        assert "was not retired" in refusal("retire_charge_point", "CP16")
        assert cp().retired_at is None
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    type_command("retire_charge_point", "CP16")
    assert cp().retired_at is not None


def test_a_retired_charge_point_stays_retired():
    type_command("add_charge_point", "CP16")
    type_command("retire_charge_point", "CP16", "--yes")
    retired_at = cp().retired_at
    assert "retired already" in type_command("retire_charge_point", "CP16", "--yes").out
    assert cp().retired_at == retired_at
    assert "retired" in refusal("approve_charge_point", "CP16")


def test_a_password_is_set_generated_and_removed(monkeypatch):
    type_command("add_charge_point", "CP16")
    type_command("set_charge_point_password", "CP16", "--password", "correct horse battery")
    assert matches(b"correct horse battery", cp().password_hash)
    assert not matches(b"correct horse batterie", cp().password_hash)

    generated = type_command("set_charge_point_password", "CP16", "--generate").out
    assert matches(bytes.fromhex(generated), cp().password_hash)  # T-024: as bytes or as hex digits

    monkeypatch.setattr(
        "chargers.management.commands.set_charge_point_password.getpass", lambda _: "asked for, long enough"
    )
    type_command("set_charge_point_password", "CP16")
    assert matches(b"asked for, long enough", cp().password_hash)

    type_command("set_charge_point_password", "CP16", "--remove")
    assert cp().password_hash == ""


@pytest.mark.parametrize(("password", "why"), [("short", "16 to 64 bytes"), ("", "--remove")])
def test_a_bad_password_leaves_the_old_one(password, why):
    type_command("add_charge_point", "CP16", "--password", "the old one, long enough")
    assert why in refusal("set_charge_point_password", "CP16", "--password", password)
    assert matches(b"the old one, long enough", cp().password_hash)


def test_the_demo_is_prepared_once_and_again(settings, tmp_path):
    type_command("prepare_demo", "--count", "3")
    before = {c.cp_id: c.password_hash for c in ChargePoint.objects.all()}
    assert len(before) == 3
    assert all(before.values())
    ChargePoint.objects.filter(cp_id=min(before)).update(registration=Registration.REJECTED)
    type_command("prepare_demo", "--count", "3")
    assert {c.cp_id: c.password_hash for c in ChargePoint.objects.all()} == before
    assert set(ChargePoint.objects.values_list("registration", flat=True)) == {Registration.ACCEPTED}
    assert "1 to" in refusal("prepare_demo", "--count", "0")


def test_history_is_listed_and_cannot_be_deleted_in_the_admin(admin_client):
    type_command("add_charge_point", "CP16", "--password", "correct horse battery")
    page = admin_client.get("/admin/chargers/chargepoint/")
    assert page.status_code == 200
    assert "CP16" in page.content.decode()
    detail = admin_client.get(f"/admin/chargers/chargepoint/{cp().pk}/change/")
    assert detail.status_code == 200
    assert cp().password_hash not in detail.content.decode()
    assert (
        admin_client.post(f"/admin/chargers/chargepoint/{cp().pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
    assert cp().created_at < datetime.now(UTC)
