"""What a command was given stands in the ledger as people read it, not as programs keep it."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from chargers.commands.sending import catalogue
from chargers.models import Command
from console.given import given
from tests.console.cast import HOSTILE, NOW, make_charge_point
from tests.console.fleet import make_online, make_transaction

EXPIRES = "2026-03-04T12:30:00.967024Z"
CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "change-availability",
        {"connector_id": 0, "evse_id": 2, "type": "Inoperative", "evse": 2, "evse_connector": 0},
        "EVSE 2, Shall be Inoperative",
    ),
    (
        "change-availability",
        {"connector_id": 2, "type": "Inoperative", "evse": 2, "evse_connector": 1},
        "Connector 2, Shall be Inoperative",
    ),
    ("change-availability", {"connector_id": 0, "type": "Operative"}, "Connector 0, Shall be Operative"),
    (
        "reserve-now",
        {
            "evse_id": 1,
            "id_token": "04A1",
            "parent": "",
            "expires_at": EXPIRES,
            "evse": 1,
            "evse_connector": 0,
        }
        | {"reservation": 5, "reservation_id": 77},
        "EVSE 1, Id token 04A1, Until 2026-03-04 12:30:00 UTC, Number 77",
    ),
    ("cancel-reservation", {"reservation_id": 77}, "Reservation 77"),
    (
        "get-report",
        {"criteria": [], "variables": ["EVSE@1/AvailabilityState", "Connector@1.1"], "request_id": 3},
        "Components and variables EVSE@1/AvailabilityState, Connector@1.1",
    ),
    (
        "set-variables",
        {"values": [{"key": "TxCtrlr/EVConnectionTimeOut", "value": "60"}, {"key": "A/B", "value": "C"}]},
        "Values TxCtrlr/EVConnectionTimeOut = 60, A/B = C",
    ),
    (
        "cost-updated",
        {"transaction_id": "Tx-7", "total_cost": "0.73", "transaction": "01a204b7-3e5c", "currency": "EUR"},
        "Transaction Tx-7, Total 0.73, Currency EUR",
    ),
    (
        "send-local-list",
        {"update_type": "Full", "list_version": 4, "entries": [{"id_token": "A"}, {"id_token": "B"}]},
        "What Full, Version 4, Entries 2",
    ),
    (
        "set-charging-profile",
        {"connector_id": 1, "charging_profile": {"stack_level": 1}},
        'Connector 1, Charging profile {"stack_level": 1}',
    ),
    ("no-such-command", {"evse": "soon_at", "expires_at": "some day"}, "evse soon_at, expires at some day"),
]


@pytest.mark.parametrize(("type", "params", "said"), CASES)
def test_parameters_are_told_in_words(type: str, params: dict[str, Any], said: str) -> None:
    told = given(catalogue().get(type), params)
    assert ", ".join(f"{name} {strip_tags(value)}" for name, value in told) == said


def test_long_parameters_are_cut_where_many_commands_stand_and_times_are_not(bob: Client, db: None) -> None:
    charge_point = make_charge_point()
    for type, params in (
        ("data-transfer", {"vendor_id": HOSTILE, "data": "x" * 300}),
        ("reserve-now", {"evse_id": 1, "expires_at": EXPIRES}),
    ):
        Command.objects.create(
            charge_point=charge_point, type=type, params=params, by="alice", created_at=NOW, not_before=NOW,
            expires_at=NOW, status="accepted",
        )  # fmt: skip
    whole = bob.get("/inspect/charge-points/CP16/commands").content.decode()
    assert "x" * 300 in whole
    cut = bob.get("/sys/commands").content.decode()
    assert ("x" * 79 + "…" in cut, "x" * 80 in cut) == (True, False)
    for text in (whole, cut):
        assert '<strong><time datetime="2026-03-04T12:30:00.967+00:00" data-time="full">' in text
        assert HOSTILE not in text


def test_why_a_station_refused_stands_with_its_answer(bob: Client, db: None) -> None:
    Command.objects.create(
        charge_point=make_charge_point(), type="set-variables", params={}, by="alice", created_at=NOW, not_before=NOW,
        expires_at=NOW, status="accepted", answer_reason="NotFound", answer_info="Nope: UnknownComponent " + HOSTILE,
    )  # fmt: skip
    for address in ("/inspect/charge-points/CP16/commands", "/sys/commands"):
        text = bob.get(address).content.decode()
        assert "<bdi>NotFound</bdi>: <bdi>Nope: UnknownComponent &lt;script" in text
        assert HOSTILE not in text


def test_commands_are_called_in_the_language_of_the_reader(alice: Client, db: None) -> None:
    charge_point = make_charge_point()
    make_online(charge_point)
    german = {"Accept-Language": "de"}
    for address in (
        "/inspect/charge-points/CP16/commands",
        "/inspect/charge-points/CP16?",
        "/inspect/charge-points",
    ):
        page = alice.get(address, headers=german).content.decode()
        assert ("Laden starten" in page, "Start charging" in page) == (True, False), address
    page = alice.get("/inspect/charge-points/CP16/commands?q=laden+starten", headers=german).content.decode()
    assert page.count('<details class="order"') == 1, "it is found by either name"
    assert "Abgelehnt" in page
    assert ">Rejected<" not in page
    asked = alice.post(
        "/inspect/charge-points/CP16/commands/reset", {"type": "Hard"}, headers=german
    ).content.decode()
    assert "Reset it?" not in asked
    assert "Zurücksetzen?" in asked
    odd = make_transaction(charge_point, 7, anomalies=["events_missing"])
    page = alice.get(f"/inspect/transactions/{odd.pk}", headers=german).content.decode()
    assert ("Nummerierte Ereignisse" in page, "Numbered events" in page) == (True, False)


def test_a_parameter_that_nobody_gave_stands_empty_in_its_form(alice: Client, db: None) -> None:
    make_online(make_charge_point())
    page = alice.get("/inspect/charge-points/CP16/commands").content.decode()
    field = re.search(r'id="remote-start-charging_profile"[^>]*>([^<]*)</textarea>', page)
    assert field is not None
    assert field[1].strip() == ""
