"""What events tell is whole: starts, updates and ends of transactions, boots, connections, commands, requests."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import orjson
import pytest
from django.apps import apps

from chargers.certificates import signing
from chargers.commands.ledger import settle_answer, settle_failure
from chargers.commands.ordering import SYSTEM, Author
from chargers.commands.sending import send_command
from chargers.models import Command, Connection, Process
from chargers.protocol.versions import Version
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.events.models import Event
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.webhooks.models import Endpoint
from csms.core.webhooks.services import pause_endpoint
from tests.transactions.cast import NOON, Wireless, at, token
from transactions.charging_profiles.models import InstalledProfile
from transactions.ending import infer_ends

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> Wireless:
    token()
    charger = Wireless()
    charger.row.connection_id, charger.row.protocol = uuid7(), Version.V16
    charger.row.save()
    return charger


def updates(charger: Wireless) -> list[tuple[str, str]]:
    return [(event["reason"], event.get("charging_state", "")) for event in charger.told("tx.updated")]


def status(charger: Wireless, word: str, received: float, connector: int = 1) -> None:
    report = {"connectorId": connector, "status": word, "errorCode": "NoError", "timestamp": at(received)}
    charger.say("StatusNotification", report, received)


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_start_tells_all_of_it(cp16: Wireless):
    number = cp16.start(time=at(-1), reservationId=77)["transactionId"]
    assert cp16.told("tx.started") == [
        {
            "transaction_id": str(number),
            "connector_id": 1,
            "id_token": "ALICE",
            "authorization": "Accepted",
            "meter_start_wh": 1000,
            "reservation_id": 77,
            "started_at": at(-1),
            "offline": False,
            "anomalies": ["reservation_not_held"],
            "charger_reported_at": at(-1),
        }
    ]


def test_an_end_tells_the_whole_session(cp16: Wireless):
    number = cp16.start()["transactionId"]
    cp16.stop(number, reason="Local", idTag="BOB")
    assert cp16.told("tx.stopped") == [
        {
            "transaction_id": str(number),
            "connector_id": 1,
            "id_token": "BOB",
            "started_by": "ALICE",
            "reservation_id": None,
            "started_at": at(0),
            "stopped_at": at(30),
            "meter_start_wh": 1000,
            "meter_stop_wh": 5000,
            "consumed_wh": 4000,
            "stop_reason": "Local",
            "orphan": False,
            "offline": False,
            "source": "reported",
            "evidence": "",
            "anomalies": [],
            "charger_reported_at": at(30),
            "claimed_transaction_id": None,
        }
    ]


def test_an_end_without_a_start_does_not_say_when_it_began(cp16: Wireless):
    cp16.stop(4711)
    (told,) = cp16.told("tx.stopped")
    assert (told["orphan"], told["started_at"], told["stopped_at"]) == (True, None, at(30))
    assert (told["connector_id"], told["meter_start_wh"]) == (None, None)


def test_the_state_of_charging_is_told_while_a_transaction_runs(cp16: Wireless):
    status(cp16, "Charging", 0)
    number = cp16.start(received=1)["transactionId"]
    for minute, word in enumerate(("Charging", "SuspendedEV", "Faulted", "SuspendedEVSE"), start=2):
        status(cp16, word, minute)
    status(cp16, "Charging", 7, connector=2)
    cp16.stop(number)
    status(cp16, "Charging", 31)
    states = ("Charging", "SuspendedEV", "SuspendedEVSE")
    assert updates(cp16) == [("charging_state", state) for state in states]
    told = cp16.told("tx.updated")[0]
    assert (told["transaction_id"], told["connector_id"], told["id_token"]) == (str(number), 1, "ALICE")
    assert (told["started_at"], told["meter_start_wh"]) == (at(1), 1000)
    assert (told["stopped_at"], told["consumed_wh"]) == (None, None)


def test_an_old_report_of_a_status_updates_nothing(cp16: Wireless):
    cp16.start()
    status(cp16, "Preparing", 5)
    report = {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "timestamp": at(3)}
    cp16.say("StatusNotification", report, 6)
    assert updates(cp16) == []


def test_that_an_end_was_seen_and_that_it_was_none_are_told_once_each(cp16: Wireless):
    cp16.start()
    status(cp16, "Finishing", 10)
    status(cp16, "Available", 11)
    status(cp16, "Charging", 12)
    assert updates(cp16) == [("end_seen", ""), ("end_not_seen", "Charging")]
    seen, not_seen = cp16.told("tx.updated")
    assert (seen["evidence"], seen["end_seen_at"]) == ("finishing", at(10))
    assert (not_seen["evidence"], not_seen["end_seen_at"]) == ("", None)
    assert (cp16.only.end_seen_at, cp16.only.end_evidence) == (None, "")


def test_a_meter_that_counts_on_undoes_an_end_and_that_is_told(cp16: Wireless):
    number = cp16.start()["transactionId"]
    cp16.meter(2000, number, received=5)
    status(cp16, "Available", 10)
    cp16.meter(2600, number, received=15)
    assert infer_ends(now=NOON + timedelta(minutes=60)) == 0
    assert updates(cp16) == [("end_seen", ""), ("end_not_seen", "")]
    assert infer_ends(now=NOON + timedelta(minutes=61)) == 0
    assert len(updates(cp16)) == 2


def test_a_start_on_a_busy_connector_updates_the_older_transaction(cp16: Wireless):
    first = cp16.start()["transactionId"]
    cp16.start(received=30)
    (told,) = cp16.told("tx.updated")
    assert (told["reason"], told["transaction_id"]) == ("superseded", str(first))
    assert (told["evidence"], told["anomalies"]) == ("next_start", ["superseded"])
    types = Event.objects.order_by("pk").values_list("type", flat=True)
    assert list(types) == ["tx.started", "tx.updated", "tx.started"]


def test_a_start_that_comes_after_its_end_brings_the_figures_of_the_whole(cp16: Wireless):
    cp16.stop(-1, idTag="ALICE")
    cp16.start(time=at(-10), received=31)
    (told,) = cp16.told("tx.updated")
    assert (told["reason"], told["consumed_wh"], told["meter_stop_wh"]) == ("start_after_stop", 4000, 5000)
    assert (told["started_at"], told["stopped_at"]) == (at(-10), at(30))
    assert "start_after_stop" in told["anomalies"]


def test_a_profile_of_a_transaction_updates_its_limits(cp16: Wireless):
    number = cp16.start()["transactionId"]
    schedule = {"unit": "A", "periods": [{"start_period": 0, "limit": "16.5"}]}
    profile = {"purpose": "TxProfile", "kind": "Relative", "schedule": schedule}
    params: dict[str, Any] = {"connector_id": 1, "charging_profile": profile}
    command = send_command(cp16.row, "set-charging-profile", params, author=SYSTEM, now=NOON)
    assert updates(cp16) == []
    settle_answer(command.pk, {"status": "Accepted"}, version=Version.V16, now=NOON)
    (told,) = cp16.told("tx.updated")
    row = InstalledProfile.objects.get()
    assert (told["reason"], told["transaction_id"]) == ("limits", str(number))
    assert (told["profile_id"], told["profile_status"]) == (row.profile_id, "installed")
    assert [event["status"] for event in cp16.told("charging_profile.installed")] == ["installed"]
    cp16.stop(number)
    assert cp16.told("charging_profile.ended")
    assert updates(cp16) == [("limits", "")], "its end says enough"


# --- charge points ----------------------------------------------------------------------------------------------------


def test_a_boot_tells_all_that_it_says(cp16: Wireless):
    said = {
        "chargePointVendor": "Acme", "chargePointModel": "One", "chargePointSerialNumber": "SN1",
        "firmwareVersion": "1.2", "iccid": "89", "imsi": "26", "meterType": "M", "meterSerialNumber": "MS1",
    }  # fmt: skip
    cp16.say("BootNotification", said)
    (told,) = cp16.told("cp.boot")
    assert told == {
        "vendor": "Acme", "model": "One", "serial_number": "SN1", "firmware_version": "1.2", "iccid": "89",
        "imsi": "26", "meter_type": "M", "meter_serial_number": "MS1", "status": "accepted",
    }  # fmt: skip


def test_the_end_of_a_command_tells_who_gave_it_and_why_it_failed(cp16: Wireless):
    command = send_command(cp16.row, "reset", {"type": "Soft"}, author=Author("alice"), now=NOON)
    Command.objects.filter(pk=command.pk).update(status="sent", sent_at=NOON, action="Reset")
    settle_failure(command.pk, code="InternalError", description="it is stuck", now=NOON)
    (told,) = cp16.told("cp.command")
    assert told == {
        "command_id": str(command.pk),
        "type": "reset",
        "status": "failed",
        "answer_status": "",
        "error_code": "InternalError",
        "error_description": "it is stuck",
        "action": "Reset",
        "by": "alice",
    }


def test_a_certificate_request_is_told_as_it_came(cp16: Wireless):
    signing.receive_request(cp16.row.pk, "no certificate request", now=NOON)
    (told,) = cp16.told("cp.csr_submitted")
    (judged,) = cp16.told("cert.request")
    assert told == {"request_id": judged["request_id"], "csr": "no certificate request", "status": "refused"}
    signing.receive_request(cp16.row.pk, "no certificate request", now=NOON)
    assert [orjson.loads(e.payload)["csr"] for e in Event.objects.filter(type="cp.csr_submitted")] == [
        "no certificate request"
    ] * 2


def test_a_pause_of_a_webhook_is_told_to_the_others():
    endpoint = Endpoint.objects.create(
        name="billing", url="u", sealed="s", origin="o", secret="s", created_at=NOON, types=["*"]
    )
    for _ in range(2):
        pause_endpoint(endpoint, by="", why="It was dead for 3 days.", now=NOON)
    (event,) = Event.objects.filter(type="webhook.paused")
    assert orjson.loads(event.payload) == {
        "endpoint_id": str(endpoint.pk),
        "name": "billing",
        "why": "It was dead for 3 days.",
        "by": "",
    }


def test_what_was_recorded_under_an_earlier_name_leaves_under_the_published_one():
    migration = import_module("csms.core.events.migrations.0005_published_names")
    for type in [*migration.PUBLISHED, "cp.boot"]:
        record(type, "CP16", {}, occurred_at=NOON)
    migration.rename(apps, None)
    types = list(Event.objects.order_by("pk").values_list("type", flat=True))
    assert types == ["cp.security_event", "cp.firmware_status", "cp.diagnostics_status", "cp.boot"]
    assert set(types) <= set(EVENT_TYPES)


def test_a_report_of_an_update_that_nobody_ordered_here_is_told_and_what_repeats_itself_is_not(
    cp16: Wireless,
):
    words = ("Downloading", "Downloading", "Installed", "Idle", "Downloading", "Downloading")
    for minute, word in enumerate(words):
        cp16.say("FirmwareStatusNotification", {"status": word}, minute)
    said = cp16.told("cp.firmware_status")
    assert [event["status"] for event in said] == ["Downloading", "Installed", "Downloading"]
    assert said[0] == {
        "job_id": None,
        "command_id": None,
        "state": None,
        "request_id": None,
        "status": "Downloading",
        "detail": "There is no job that it could be about.",
    }
    cp16.say("DiagnosticsStatusNotification", {"status": "Uploading"})
    assert [event["status"] for event in cp16.told("cp.diagnostics_status")] == ["Uploading"]


@pytest.mark.parametrize("action", ["FirmwareStatusNotification", "DiagnosticsStatusNotification"])
@pytest.mark.parametrize("anew", ["boot", "connection"])
def test_a_report_without_a_job_is_told_again_once_the_charge_point_has_begun_anew(
    cp16: Wireless, action: str, anew: str
):
    word = "Installed" if action.startswith("Firmware") else "Uploaded"
    cp16.say(action, {"status": word}, 0)
    cp16.say(action, {"status": word}, 1)
    if anew == "boot":
        cp16.say("BootNotification", {"chargePointVendor": "A", "chargePointModel": "B"}, 2)
    else:
        process = Process.objects.create(host="here", pid=1, started_at=NOON, seen_at=NOON)
        later = NOON + timedelta(minutes=2)
        Connection.objects.create(charge_point=cp16.row, process=process, peer="", opened_at=later)
    for minute in (3, 4):
        cp16.say(action, {"status": word}, minute)
    told = cp16.told("cp.firmware_status") + cp16.told("cp.diagnostics_status")
    assert [event["status"] for event in told] == [word, word]
    cp16.say(action, {"status": "Idle"}, 5)
    assert len(cp16.told("cp.firmware_status") + cp16.told("cp.diagnostics_status")) == 2


def test_a_report_after_the_end_of_its_job_names_the_job_and_does_not_change_it(cp16: Wireless):
    params = {"location": "https://acme.example/fw.bin"}
    command = send_command(cp16.row, "update-firmware", params, author=SYSTEM, now=NOON)
    Command.objects.filter(pk=command.pk).update(status="sent", sent_at=NOON, action="UpdateFirmware")
    settle_answer(command.pk, {}, version=Version.V16, now=NOON)
    for minute, word in enumerate(("Downloading", "Installed", "Downloading")):
        cp16.say("FirmwareStatusNotification", {"status": word}, minute)
    *_, ended, after = cp16.told("cp.firmware_status")
    assert (ended["state"], ended["status"]) == ("succeeded", "Installed")
    assert (after["job_id"], after["state"]) == (ended["job_id"], "succeeded")
    assert (after["status"], after["detail"]) == ("Downloading", "The job had ended.")
