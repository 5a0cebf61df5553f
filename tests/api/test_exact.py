"""OCPP word for word through the API, as far as no charge point is needed: checks, meaning, secrets, ledger."""

from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from chargers.commands import exact, ledger, sending
from chargers.configuration.catalogue import ChangeConfiguration
from chargers.models import ChargePoint, Command
from chargers.protocol import schemas
from chargers.protocol.versions import Version
from chargers.reservations.models import Reservation
from csms.core.sealing import unseal
from tests.api.cast import API, NOON, charge_point, client_of, online
from tests.support.house import now

CP16 = f"{API}/charge-points/CP16/ocpp/"
RESERVE = {
    "connectorId": 1,
    "expiryDate": "2099-01-01T00:00:00.000Z",
    "idTag": "ALICE",
    "reservationId": 4242,
}


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return online(charge_point())


def send(client: APIClient, action: str, payload: object, query: str = "", **headers: str) -> Any:
    return client.post(f"{CP16}{action}/{query}", payload, format="json", headers=headers)


def claim(cp: ChargePoint, version: Version = Version.V16) -> Any:
    return ledger.claim_next(cp.pk, connection_id=cp.connection_id, version=version, now=now())


# --- what there is ----------------------------------------------------------------------------------------------------


def test_every_action_of_the_version_is_listed_with_its_schema_its_entries_and_its_scope(
    bob: APIClient, cp16: ChargePoint
) -> None:
    listed = bob.get(CP16).json()
    rows = {row["action"]: row for row in listed["results"]}
    assert listed["protocol"] == "ocpp1.6"
    assert set(rows) == schemas.for_charger(Version.V16)
    assert rows["ChangeConfiguration"]["types"] == ["change-configuration", "set-authorization-key"]
    assert (rows["Reset"]["scope"], rows["InstallCertificate"]["scope"]) == ("command", "admin")
    assert rows["Reset"]["payload"]["required"] == ["type"]


def test_the_actions_of_one_that_never_connected_are_unknown(bob: APIClient, refusal: Any) -> None:
    charge_point()
    refusal(bob.get(CP16), 409, "version_unknown")


def test_offline_it_is_the_version_of_the_last_connection(bob: APIClient) -> None:
    charge_point(protocol="ocpp2.0.1")
    assert "GetVariables" in {row["action"] for row in bob.get(CP16).json()["results"]}


# --- what is refused --------------------------------------------------------------------------------------------------


def test_an_action_that_no_version_has_is_404_and_one_of_another_version_409(
    alice: APIClient, cp16: ChargePoint, refusal: Any
) -> None:
    said = refusal(send(alice, "SelfDestruct", {}), 404, "unknown_action")
    assert "RemoteStartTransaction" in said["detail"]
    refusal(send(alice, "reset", {"type": "Soft"}), 404, "unknown_action")  # names are case-sensitive
    refusal(send(alice, "Heartbeat", {}), 404, "unknown_action")  # only charge points send it
    said = refusal(send(alice, "GetVariables", {}), 409, "not_supported")
    assert "OCPP 1.6" in said["detail"]
    assert not Command.objects.exists()


@pytest.mark.parametrize(
    ("action", "payload", "fields"),
    [
        ("Reset", {}, ["type"]),
        ("Reset", {"type": "soft"}, ["type"]),
        ("Reset", {"type": "Soft", "reason": "bob"}, ["reason"]),
        ("UnlockConnector", {"connectorId": "1"}, ["connectorId"]),
        ("UnlockConnector", {"connectorId": 1.0}, ["connectorId"]),
        ("UnlockConnector", {"connectorId": 2**70}, ["connectorId"]),
        ("ReserveNow", RESERVE | {"expiryDate": "2099-01-01T00:00:00"}, ["expiryDate"]),
        ("ReserveNow", {"connectorId": 1}, ["expiryDate", "idTag", "reservationId"]),
        ("DataTransfer", {"vendorId": "v", "data": "a\x00"}, ["data"]),
        (
            "SendLocalList",
            {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{"idTag": "A"}, {"x": 1}]},
            ["localAuthorizationList.1.idTag", "localAuthorizationList.1.x"],
        ),
        ("ClearCache", [], ["__all__"]),
        ("ClearCache", 7, ["__all__"]),
    ],
)
def test_a_payload_that_breaks_the_schema_is_refused_by_place(
    alice: APIClient, cp16: ChargePoint, refusal: Any, action: str, payload: Any, fields: list[str]
) -> None:
    refusal(send(alice, action, payload), 422, "invalid", *fields)
    assert not Command.objects.exists()


def test_many_complaints_are_cut_short(alice: APIClient, cp16: ChargePoint) -> None:
    payload = {f"x{number}": 1 for number in range(500)} | {"type": "y" * 100_000}
    answer = send(alice, "Reset", payload)
    assert answer.status_code == 422
    assert len(answer.content) < 10_000


def test_the_checks_of_our_words_hold_here_too(alice: APIClient, cp16: ChargePoint, refusal: Any) -> None:
    past = RESERVE | {"expiryDate": "2020-01-01T00:00:00.000Z"}
    refusal(send(alice, "ReserveNow", past), 422, "invalid", "expiryDate")
    assert not Reservation.objects.exists()
    ChargePoint.objects.update(booted_at=NOON)
    asked = {"requestedMessage": "BootNotification"}
    refusal(send(alice, "TriggerMessage", asked), 422, "invalid", "requestedMessage")


def test_who_may_not_command_may_not_here(
    bob: APIClient, charlie: APIClient, alice: APIClient, cp16: ChargePoint, refusal: Any
) -> None:
    refusal(send(charlie, "ClearCache", {}), 401, "unauthenticated")
    refusal(send(bob, "ClearCache", {}), 403, "forbidden")
    certificate = {"certificateType": "ManufacturerRootCertificate", "certificate": "x"}
    refusal(send(alice, "InstallCertificate", certificate), 403, "forbidden")
    ada = client_of("ada", "command", "admin")
    refusal(send(ada, "InstallCertificate", certificate), 422, "invalid", "certificate")


def test_a_password_needs_the_scope_for_it_whichever_door(cp16: ChargePoint, refusal: Any) -> None:
    carol = client_of("carol", "read", "command")
    secret = "0123456789abcdef0123456789abcdef"
    ours = f"{API}/charge-points/CP16/commands/"
    bulk = {"type": "set-authorization-key", "targets": {"cp_ids": ["CP16"]}}
    for answer in (
        send(carol, "ChangeConfiguration", {"key": "authorizationKEY", "value": secret}),
        carol.post(f"{ours}set-authorization-key/", {"key": secret}, format="json"),
        carol.post(f"{API}/bulk-jobs/", bulk, format="json"),
    ):
        refusal(answer, 403, "forbidden")
    change = {"key": "authorizationKEY", "value": secret}
    refusal(carol.post(f"{ours}change-configuration/", change, format="json"), 422, "invalid", "key")
    assert not Command.objects.exists()
    cp16.refresh_from_db()
    assert cp16.next_password_hash == ""
    other = {"key": "HeartbeatInterval", "value": "300"}
    assert send(carol, "ChangeConfiguration", other).status_code == 202


def test_what_no_entry_can_say_needs_what_all_of_them_need(
    cp16: ChargePoint, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol = client_of("carol", "command")
    monkeypatch.setattr(
        exact, "_in_our_words", lambda version, action, payload: ("exact", {"action": action})
    )
    change = {"key": "HeartbeatInterval", "value": "300"}
    refusal(send(carol, "ChangeConfiguration", change), 403, "forbidden")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?if_offline=maybe", "if_offline"),
        ("?expires_in=0", "expires_in"),
        ("?expires_in=604801", "expires_in"),
        ("?expires_in=soon", "expires_in"),
        (f"?reason={'x' * 1001}", "reason"),
        ("?dance=1", "dance"),
        ("?callback_url=nowhere", "callback_url"),
    ],
)
def test_options_are_checked(
    alice: APIClient, cp16: ChargePoint, refusal: Any, query: str, field: str
) -> None:
    refusal(send(alice, "ClearCache", {}, query), 422, "invalid", field)
    assert not Command.objects.exists()


# --- what it means ----------------------------------------------------------------------------------------------------


def test_it_is_a_command_like_any_other(alice: APIClient, cp16: ChargePoint) -> None:
    sent = send(alice, "Reset", {"type": "Hard"}, "?reason=it+hangs&expires_in=300")
    assert sent.status_code == 202, sent.json()
    body = sent.json()
    assert (body["type"], body["params"], body["exact"]) == ("reset", {"type": "Hard"}, {"type": "Hard"})
    assert (body["by"], body["reason"]) == ("token alice", "it hangs")
    row = Command.objects.get()
    assert (row.expires_at - row.created_at).total_seconds() == 300
    assert sent["Location"] == f"{API}/commands/{row.pk}/"


def test_ids_are_those_of_the_payload(alice: APIClient, cp16: ChargePoint) -> None:
    assert send(alice, "ReserveNow", RESERVE).json()["type"] == "reserve-now"
    assert Reservation.objects.get().number == 4242
    claimed = claim(cp16)
    assert (claimed.action, claimed.payload) == ("ReserveNow", RESERVE)


def test_the_payload_is_sent_value_for_value(alice: APIClient, cp16: ChargePoint) -> None:
    # Our own words would say it with other zeros, another zone and other keys.
    profile = {
        "chargingProfileId": 7,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "validTo": "2099-01-01T01:00:00+01:00",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "minChargingRate": 0.1,
            "startSchedule": "2098-01-01T01:00:00.5+01:00",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0, "numberPhases": 3}],
        },
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    assert send(alice, "SetChargingProfile", payload).status_code == 202
    assert orjson.dumps(claim(cp16).payload) == orjson.dumps(payload)


def test_what_our_words_cannot_say_is_sent_all_the_same_and_only_the_ledger_knows(
    alice: APIClient, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = dict(sending.orders()[Version.V16])
    del table["clear-cache"]  # as an action that no entry has
    for module in (sending, exact):
        monkeypatch.setattr(module, "orders", lambda: {Version.V16: table})
    body = send(alice, "ClearCache", {}).json()
    assert (body["type"], body["params"], body["exact"]) == ("exact", {"action": "ClearCache"}, {})
    claimed = claim(cp16)
    assert (claimed.action, claimed.payload) == ("ClearCache", {})
    assert not ledger.settle_answer(
        claimed.command_id, {"status": "Rejected"}, version=Version.V16, now=now()
    )
    assert Command.objects.get().status == "rejected"
    [listed] = alice.get(f"{API}/commands/ledger/?type=exact").json()["results"]
    assert listed["answer"] == {"status": "Rejected"}


def test_a_secret_waits_sealed_and_is_masked_everywhere(alice: APIClient, cp16: ChargePoint) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    sent = send(alice, "ChangeConfiguration", {"key": "AuthorizationKey", "value": secret})
    assert sent.status_code == 202, sent.json()
    assert secret not in sent.content.decode()
    row = Command.objects.get()
    assert unseal(row.sealed) == {
        "payload": {"key": "AuthorizationKey", "value": secret},
        "version": "ocpp1.6",
        "hidden": [secret],
    }
    claimed = claim(cp16)
    assert claimed.payload["value"] == secret
    row.refresh_from_db()
    assert row.sealed == ""
    assert secret not in str(Command.objects.values().get())
    assert row.exact == row.payload == {"key": "AuthorizationKey", "value": "***"}


def test_a_reconnect_with_another_version_does_not_get_it(alice: APIClient, cp16: ChargePoint) -> None:
    send(alice, "GetDiagnostics", {"location": "ftp://acme.example/in"})
    assert claim(cp16, Version.V201) is None
    row = Command.objects.get()
    assert (row.status, row.error_description) == ("failed", "OCPP 2.0.1 has no such command")


@pytest.mark.parametrize("action", ["ClearCache", "DataTransfer"])
def test_nor_if_the_other_version_has_the_same_words(
    alice: APIClient, cp16: ChargePoint, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    table = sending.orders()[Version.V16]
    monkeypatch.setattr(sending, "orders", lambda: {Version.V16: table, Version.V201: table})
    send(alice, action, {"ClearCache": {}, "DataTransfer": {"vendorId": "v"}}[action])
    assert claim(cp16, Version.V201) is None
    row = Command.objects.get()
    assert (row.status, row.sent_at, row.sealed) == ("failed", None, "")
    assert row.error_description == "it was ordered in the words of OCPP 1.6, and OCPP 2.0.1 is spoken now"


def test_our_door_takes_no_command_of_the_type_exact(
    alice: APIClient, cp16: ChargePoint, refusal: Any
) -> None:
    refusal(
        alice.post(f"{API}/charge-points/CP16/commands/exact/", {"action": "Reset"}), 404, "unknown_command"
    )
    assert "exact" not in {row["type"] for row in alice.get(f"{API}/commands/").json()["results"]}


def test_no_option_hides_a_field_of_a_command() -> None:
    from chargers.commands.sending_api import OPTIONS

    for entry in sending.catalogue().values():
        assert not set(OPTIONS) & set(entry.params.model_fields), entry.slug
    assert "reason" not in ChangeConfiguration.model_fields


def test_the_same_key_sends_it_once(alice: APIClient, cp16: ChargePoint, refusal: Any) -> None:
    key = {"Idempotency-Key": "one"}
    first = send(alice, "Reset", {"type": "Soft"}, **key)
    again = send(alice, "Reset", {"type": "Soft"}, **key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert Command.objects.count() == 1
    answer = send(alice, "Reset", {"type": "Hard"}, **key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    ledger.settle_timeout(claim(cp16).command_id, now=now())
    later = send(alice, "Reset", {"type": "Soft"}, **key)  # it answers with the command as it is now
    assert (later.status_code, later.json()["error"]["code"]) == (504, "charge_point_timeout")


def test_both_doors_open_without_the_last_slash(alice: APIClient, cp16: ChargePoint) -> None:
    for way in (f"{CP16}Reset", f"{API}/charge-points/CP16/commands/reset"):
        assert alice.post(way, {"type": "Soft"}).status_code == 202
    assert Command.objects.count() == 2
