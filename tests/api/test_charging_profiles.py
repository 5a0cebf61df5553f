"""Charging profiles and composite schedules through the API."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargers.commands.ledger import settle_answer
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from tests.api.cast import API, NOON, charge_point, online
from tests.api.test_schema import check, document
from transactions.remote_control.models import UnexplainedCharging

__all__ = ["document"]

CP16 = f"{API}/charge-points/CP16/"
PROFILE: dict[str, Any] = {
    "purpose": "TxDefaultProfile",
    "kind": "Recurring",
    "recurrency": "Daily",
    "stack_level": 2,
    "valid_to": "2099-01-01T00:00:00Z",
    "schedule": {
        "unit": "A",
        "start": "2026-01-01T22:00:00+01:00",
        "min_rate": 6,
        "periods": [
            {"start_period": 0, "limit": 16.1},
            {"start_period": 60, "limit": "8", "number_phases": 1},
        ],
    },
}


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    return online(charge_point())


def order(alice: APIClient, slug: str, body: dict[str, Any], answer: dict[str, Any] | None = None) -> Command:
    sent = alice.post(f"{CP16}commands/{slug}/", body)
    assert sent.status_code == 202, sent.json()
    command = Command.objects.get(pk=sent.json()["id"])
    settle_answer(command.pk, answer or {"status": "Accepted"}, version=Version.V16, now=NOON)
    return command


def test_a_profile_is_shown_with_exact_figures_and_times_in_utc(
    alice: APIClient, bob: APIClient, cp16: ChargePoint, document: dict[str, Any]
) -> None:
    command = order(alice, "set-charging-profile", {"connector_id": 1, "charging_profile": PROFILE})
    answer = bob.get(f"{CP16}charging-profiles/").json()
    check(document, "InstalledProfilePage", answer)
    [shown] = answer["results"]
    for name in ("id", "created_at"):
        assert shown.pop(name)
    assert shown == {
        "profile_id": 1,
        "connector_id": 1,
        "purpose": "TxDefaultProfile",
        "kind": "Recurring",
        "recurrency": "Daily",
        "stack_level": 2,
        "valid_from": None,
        "valid_to": "2099-01-01T00:00:00.000Z",
        "schedule": {
            "unit": "A",
            "start": "2026-01-01T21:00:00.000Z",
            "duration": None,
            "min_rate": "6",
            "periods": [
                {"start_period": 0, "limit": "16.1", "number_phases": None},
                {"start_period": 60, "limit": "8", "number_phases": 1},
            ],
        },
        "transaction": None,
        "status": "installed",
        "note": "",
        "by": "token alice",
        "command": str(command.pk),
        "installed_at": "2026-03-04T12:00:00.000Z",
        "ended_at": None,
    }


def test_profiles_are_filtered(alice: APIClient, bob: APIClient, refusal: Any, cp16: ChargePoint) -> None:
    order(alice, "set-charging-profile", {"connector_id": 0, "charging_profile": PROFILE})
    order(
        alice,
        "set-charging-profile",
        {"connector_id": 1, "charging_profile": PROFILE},
        {"status": "Rejected"},
    )
    whole = PROFILE | {"purpose": "ChargePointMaxProfile"}
    order(alice, "set-charging-profile", {"connector_id": 0, "charging_profile": whole})
    cases = {
        "": [3, 2, 1],
        "?connector_id=0": [3, 1],
        "?purpose=TxDefaultProfile": [2, 1],
        "?status=refused": [2],
        "?held=true": [3, 1],
        "?held=false": [2],
        "?limit=1": [3],
    }
    lists = {query: bob.get(f"{CP16}charging-profiles/{query}").json()["results"] for query in cases}
    assert {query: [row["profile_id"] for row in rows] for query, rows in lists.items()} == cases
    refusal(bob.get(f"{CP16}charging-profiles/?status=lost"), 422, "invalid", "status")
    refusal(bob.get(f"{API}/charge-points/CP99/charging-profiles/"), 404, "unknown_charge_point")


def test_a_refusal_names_every_field_at_once(alice: APIClient, refusal: Any, cp16: ChargePoint) -> None:
    schedule = {"unit": "A", "periods": [{"start_period": 1, "limit": 6}]}
    wrong = {"purpose": "ChargePointMaxProfile", "kind": "Absolute", "schedule": schedule}
    answer = alice.post(
        f"{CP16}commands/set-charging-profile/", {"connector_id": 1, "charging_profile": wrong}
    )
    refusal(
        answer,
        422,
        "invalid",
        "connector_id",
        "charging_profile.schedule.start",
        "charging_profile.schedule.periods.0.start_period",
    )
    assert not Command.objects.exists()


def test_a_composite_schedule_is_shown_in_time_beside_what_was_expected(
    alice: APIClient, bob: APIClient, cp16: ChargePoint, document: dict[str, Any]
) -> None:
    relative = {
        "purpose": "TxDefaultProfile",
        "kind": "Relative",
        "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": 16}]},
    }
    order(alice, "set-charging-profile", {"connector_id": 0, "charging_profile": relative})
    command = order(
        alice,
        "get-composite-schedule",
        {"connector_id": 1, "duration": 600},
        {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": "2026-03-04T12:00:00Z",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 16},
                    {"startPeriod": 300, "limit": 9.5, "numberPhases": 3},
                ],
            },
        },
    )
    order(alice, "get-composite-schedule", {"connector_id": 0}, {"status": "Rejected"})
    answer = bob.get(f"{CP16}composite-schedules/").json()
    check(document, "CompositeSchedulePage", answer)
    rejected, shown = answer["results"]
    assert (rejected["answer"], rejected["schedule_start"], rejected["differs"]) == ("Rejected", None, None)
    assert (rejected["duration"], rejected["unit"], rejected["periods"]) == (None, "", [])
    assert shown["command"] == str(command.pk)
    assert shown["periods"] == [
        {
            "start_period": 0,
            "starts_at": "2026-03-04T12:00:00.000Z",
            "limit": "16",
            "number_phases": None,
        },
        {
            "start_period": 300,
            "starts_at": "2026-03-04T12:05:00.000Z",
            "limit": "9.5",
            "number_phases": 3,
        },
    ]
    assert [(period["starts_at"], period["limit"]) for period in shown["expected"]] == [
        ("2026-03-04T12:00:00.000Z", "16")
    ]
    assert shown["differs"] is True
    assert shown["difference"] == "After 300 s the charge point has 9.5, expected is 16."
    differing = bob.get(f"{CP16}composite-schedules/?differs=true").json()["results"]
    assert [row["id"] for row in differing] == [shown["id"]]
    assert bob.get(f"{CP16}composite-schedules/?connector_id=0").json()["results"] == [rejected]


def test_charging_without_a_transaction_is_listed(
    bob: APIClient, cp16: ChargePoint, document: dict[str, Any]
) -> None:
    UnexplainedCharging.objects.create(
        charge_point=cp16,
        connector_number=1,
        since=NOON,
        noticed_at=NOON + timedelta(minutes=2),
        register_first_wh=100,
        register_last_wh=350,
    )
    answer = bob.get(f"{CP16}unexplained-charging/?open=true").json()
    check(document, "UnexplainedChargingPage", answer)
    [shown] = answer["results"]
    assert (shown["connector_id"], shown["since"], shown["energy_wh"]) == (1, "2026-03-04T12:00:00.000Z", 250)
    assert (shown["ended_at"], shown["end"]) == (None, "")
    assert bob.get(f"{CP16}unexplained-charging/?open=false").json()["results"] == []


def test_charlie_sees_nothing(charlie: APIClient, cp16: ChargePoint) -> None:
    for name in ("charging-profiles", "composite-schedules", "unexplained-charging"):
        assert charlie.get(f"{CP16}{name}/").status_code == 401
