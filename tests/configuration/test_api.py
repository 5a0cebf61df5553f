"""Configurations at the API's door: what is set, what is desired, and how both came about."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from chargers.configuration.models import BootReport, ConfigurationChange, ConfigurationKey, DesiredValue
from chargers.models import ChargePoint, Command
from tests.api.cast import API, NOON, charge_point, online

CP16 = f"{API}/charge-points/CP16/"


def key(charger: ChargePoint, name: str, value: str | None, **values: object) -> ConfigurationKey:
    values = {"readonly": False, "reported_at": NOON} | values
    return ConfigurationKey.objects.create(
        charge_point=charger, name=name, folded=name.casefold(), value=value, **values
    )


def test_the_configuration_stands_beside_what_is_desired(alice: APIClient, bob: APIClient) -> None:
    cp16 = charge_point(vendor="Acme", model="One")
    for name, value, facts in (
        ("AllGood", "A, b", {}),
        ("Differs", "1", {}),
        ("Fixed", "1", {"readonly": True}),
        ("Later", "1", {"needs_reboot": True, "told_value": "2"}),
        ("Nobody", None, {"known": False, "readonly": None}),
        ("Quiet", None, {}),
        ("Refused", "1", {"refused_value": "2"}),
    ):
        key(cp16, name, value, **facts)
    wishes = {"allgood": "a,B", "Differs": "2", "Fixed": "2", "Later": "2", "Nobody": "2", "Refused": "2"}
    assert alice.put(f"{CP16}configuration/desired/", {"values": wishes}).status_code == 200
    of_model = {"vendor": "Acme", "model": "One", "values": {"Differs": "3", "Unread": "2"}}
    assert alice.put(f"{API}/desired-configurations/", of_model).json() == of_model

    body = bob.get(f"{CP16}configuration/").json()
    states = {entry["key"]: entry["drift"] for entry in body["keys"]}
    assert states == {
        "AllGood": "in_sync",
        "Differs": "differs",
        "Fixed": "readonly",
        "Later": "needs_reboot",
        "Nobody": "not_supported",
        "Quiet": "",
        "Refused": "rejected",
        "Unread": "unknown",
    }
    assert (body["drifted"], body["needs_reboot"], body["read_at"]) == (6, True, None)
    of = {entry["key"]: (entry["desired"], entry["desired_of"]) for entry in body["keys"]}
    assert (of["Differs"], of["Unread"], of["Quiet"]) == (("2", "charge_point"), ("2", "model"), (None, ""))


def test_what_is_desired_is_replaced_as_a_whole(alice: APIClient, bob: APIClient) -> None:
    charge_point()
    path = f"{CP16}configuration/desired/"
    alice.put(path, {"values": {"A": "1", "B": "2"}})
    assert alice.put(path, {"values": {"b": "3"}}).json() == {"values": {"b": "3"}}
    assert bob.get(path).json() == {"values": {"b": "3"}}
    assert DesiredValue.objects.get().by == "token alice"
    assert alice.put(path, {"values": {}}).json() == {"values": {}}


@pytest.mark.parametrize(
    "values",
    [
        {"AuthorizationKey": "0123456789abcdef"},
        {"WifiPassword": "x"},
        {"": "x"},
        {"x" * 51: "x"},
        {"A": "x" * 501},
        {"A": "1", "a": "2"},
        {"A": 1},
        {"A": None},
        {"A": ["x"]},
        "text",
        None,
    ],
)
def test_what_cannot_be_desired_is_refused_at_its_field(alice: APIClient, values: object) -> None:
    charge_point()
    for path, body in (
        (f"{CP16}configuration/desired/", {}),
        (f"{API}/desired-configurations/", {"vendor": "Acme", "model": "One"}),
    ):
        answer = alice.put(path, body | {"values": values})
        assert answer.status_code == 422, answer.json()
        assert any(name.startswith("values") for name in answer.json()["error"]["errors"])
    assert not DesiredValue.objects.exists()


def test_only_those_who_may_edit_say_what_is_desired(bob: APIClient, charlie: APIClient) -> None:
    charge_point()
    for path in (f"{CP16}configuration/desired/", f"{API}/desired-configurations/"):
        assert bob.put(path, {"values": {}}).status_code == 403
        assert charlie.put(path, {"values": {}}).status_code == 401
    assert bob.post(f"{CP16}configuration/refresh/").status_code == 403
    assert charlie.get(f"{CP16}configuration/").status_code == 401


def test_models_are_listed_with_what_is_desired_of_them(alice: APIClient, bob: APIClient) -> None:
    for model, values in (("One", {"A": "1", "B": "2"}), ("Two", {"A": "3"}), ("Three", {})):
        alice.put(f"{API}/desired-configurations/", {"vendor": "Acme", "model": model, "values": values})
    first = bob.get(f"{API}/desired-configurations/?limit=1").json()
    assert first["results"] == [{"vendor": "Acme", "model": "One", "values": {"A": "1", "B": "2"}}]
    rest = bob.get(f"{API}/desired-configurations/", {"cursor": first["next_cursor"]}).json()
    assert [row["model"] for row in rest["results"]] == ["Two"]


def test_a_refresh_is_a_command(alice: APIClient) -> None:
    cp16 = charge_point()
    refused = alice.post(f"{CP16}configuration/refresh/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "offline")
    online(cp16)
    sent = alice.post(f"{CP16}configuration/refresh/")
    assert sent.status_code == 202
    command = Command.objects.get()
    assert sent["Location"] == f"{API}/commands/{command.pk}/"
    assert (command.type, command.params, command.by) == ("get-configuration", {}, "token alice")


def test_changes_and_boots_are_listed_newest_first(bob: APIClient) -> None:
    cp16 = charge_point()
    for number in range(3):
        at = NOON + timedelta(minutes=number)
        ConfigurationChange.objects.create(
            charge_point=cp16, name="A", old_value=str(number), new_value=str(number + 1), at=at
        )
        BootReport.objects.create(
            charge_point=cp16, at=at, changes={"firmware_version": [str(number), str(number + 1)]}
        )
    changes = bob.get(f"{CP16}configuration/history/").json()["results"]
    assert [change["new_value"] for change in changes] == ["3", "2", "1"]
    boots = bob.get(f"{CP16}boots/").json()["results"]
    assert boots[0]["changes"] == {"firmware_version": ["2", "3"]}


def test_the_catalogue_of_a_charge_point_warns_of_what_it_seems_not_to_know(bob: APIClient) -> None:
    online(charge_point(lacking={"reset": {"profile": "it does not list the feature profile Core"}}))
    entries = {entry["type"]: entry for entry in bob.get(f"{CP16}commands/").json()["results"]}
    assert entries["reset"]["warning"] == "it does not list the feature profile Core"
    assert (entries["reset"]["refusal"], entries["clear-cache"]["warning"]) == (None, None)


def test_a_person_lowers_the_security_profile_of_one_that_was_exchanged(
    alice: APIClient, bob: APIClient
) -> None:
    charge_point(security_profile=2)
    assert bob.get(CP16).json()["security_profile"] == 2
    assert bob.patch(CP16, {"security_profile": 0}).status_code == 403
    assert alice.patch(CP16, {"security_profile": 9}).status_code == 422
    assert alice.patch(CP16, {"security_profile": 1}).json()["security_profile"] == 1


def test_no_secret_comes_back_from_the_api(alice: APIClient) -> None:
    online(charge_point())
    secret = "0123456789abcdef0123456789abcdef"
    for slug, body in (
        ("set-authorization-key", {"key": secret}),
        ("change-configuration", {"key": "WifiPassword", "value": secret}),
    ):
        sent = alice.post(f"{CP16}commands/{slug}/", body)
        assert sent.status_code == 202
        assert secret not in sent.content.decode()
        assert secret not in alice.get(sent["Location"]).content.decode()
