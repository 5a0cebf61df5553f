"""What people do to charge points is noted by whichever door they come: the API, the console, /admin/ and manage.py."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from chargers import services
from chargers.configuration.services import desire_of_charge_point, desire_of_model
from chargers.models import ChargePoint, Connector, Registration
from chargers.traits.services import set_charge_point_traits, set_model_traits
from csms.core.audit.models import AuditEntry
from csms.core.audit.selectors import done_to
from tests.api.cast import API, NOON, client_of
from tests.console.cast import make_charge_point, make_connector, person, signed_in

pytestmark = pytest.mark.django_db
CP16 = f"{API}/charge-points/CP16"
PAGE = "/inspect/charge-points/CP16"


@pytest.fixture
def alice() -> APIClient:
    return client_of("alice", "read", "command", "write", "admin")


@pytest.fixture
def cp16() -> ChargePoint:
    cp16 = make_charge_point("CP16", registration=Registration.PENDING)
    make_connector(cp16, 1)
    return cp16


Act = Callable[[APIClient], Any]

# What is done by the API -> what is noted of it.
ACTS: dict[str, tuple[Act, dict[str, Any]]] = {
    "charge_point.approved": (
        lambda api: api.post(f"{CP16}/approve/"),
        {"registration": {"from": "pending", "to": "accepted"}},
    ),
    "charge_point.rejected": (
        lambda api: api.post(f"{CP16}/reject/"),
        {"registration": {"from": "pending", "to": "rejected"}},
    ),
    "charge_point.retired": (lambda api: api.post(f"{CP16}/retire/"), {}),
    "charge_point.described": (
        lambda api: api.patch(f"{CP16}/", {"site": "Harbour"}),
        {"site": {"from": "", "to": "Harbour"}},
    ),
    "security_profile.set": (
        lambda api: api.patch(f"{CP16}/", {"security_profile": 2}),
        {"security_profile": {"from": 0, "to": 2}},
    ),
    "connector.labelled": (
        lambda api: api.patch(f"{CP16}/connectors/1/", {"label": "left"}),
        {"connector": 1, "label": {"from": "", "to": "left"}},
    ),
    "evse.labelled": (
        lambda api: api.patch(f"{CP16}/evses/1/", {"label": "left"}),
        {"evse": 1, "label": {"from": "", "to": "left"}},
    ),
    "credential.set": (lambda api: api.put(f"{CP16}/password/", {"password": "sixteen-bytes-key"}), {}),
    "traits.set": (
        lambda api: api.put(f"{CP16}/traits/", {"traits": {"leniency": "strict"}}),
        {"traits": {"from": {}, "to": {"leniency": "strict"}}},
    ),
    "alias.added": (lambda api: api.post(f"{CP16}/aliases/", {"identity": "OTHER"}), {"identity": "OTHER"}),
    "desired_configuration.set": (
        lambda api: api.put(f"{CP16}/configuration/desired/", {"values": {"HeartbeatInterval": "60"}}),
        {"values": {"from": {}, "to": {"HeartbeatInterval": "60"}}},
    ),
    "local_list_policy.set": (
        lambda api: api.put(f"{CP16}/local-list/policy/", {"policy": "all"}),
        {"policy": {"from": "off", "to": "all"}},
    ),
}


@pytest.mark.parametrize("action", ACTS)
def test_what_a_program_does_by_the_api_is_noted_once(
    alice: APIClient, cp16: ChargePoint, action: str
) -> None:
    act, details = ACTS[action]
    answer = act(alice)
    assert answer.status_code < 300, answer.content
    [entry] = done_to("charge_point", "CP16")
    assert (entry.action, entry.by, entry.details) == (action, "token alice", details)
    if action not in ("credential.set", "alias.added"):
        act(alice)  # nothing changes, and nothing is noted
        assert AuditEntry.objects.count() == 1


def test_a_password_is_never_in_the_audit(alice: APIClient, cp16: ChargePoint) -> None:
    alice.put(f"{CP16}/password/", {"password": "sixteen-bytes-key"})
    assert "sixteen" not in str(AuditEntry.objects.values())


def test_who_may_not_leaves_no_note(cp16: ChargePoint) -> None:
    bob = client_of("bob", "read")
    for act, _details in ACTS.values():
        assert act(bob).status_code == 403
    assert not AuditEntry.objects.exists()


def test_what_a_person_does_in_the_console_is_noted(cp16: ChargePoint) -> None:
    adam = signed_in(person("adam", "administrator"))
    steps: list[tuple[str, dict[str, Any]]] = [
        ("registration", {"registration": "accepted"}),
        ("configuration/desired", {"values": "HeartbeatInterval=60"}),
        ("authorization-list/policy", {"policy": "all"}),
        ("traits/set", {"leniency": "strict", "note": "it is old"}),
        ("traits/set", {}),
    ]
    for path, body in steps:
        adam.post(f"{PAGE}/{path}", body)
    noted = done_to("charge_point", "CP16").order_by("pk").values_list("action", "by", "reason")
    assert list(noted) == [
        ("charge_point.approved", "adam", ""),
        ("desired_configuration.set", "adam", ""),
        ("local_list_policy.set", "adam", ""),
        ("traits.set", "adam", "it is old"),
        ("traits.removed", "adam", ""),
    ]
    page = Client()
    page.cookies = adam.cookies
    text = page.get(f"{PAGE}/audit").content.decode()
    for words in ("Approved it", "Set what is desired of it", "leniency=strict → –"):
        assert words in text


def test_what_manage_py_does_is_noted(cp16: ChargePoint) -> None:
    call_command("approve_charge_point", "CP16", verbosity=0)
    call_command("retire_charge_point", "CP16", "--yes", verbosity=0)
    by = done_to("charge_point", "CP16").order_by("pk").values_list("by", flat=True)
    assert list(by) == ["manage.py approve_charge_point", "manage.py retire_charge_point"]


def test_desired_values_of_a_model_are_noted_at_the_model(alice: APIClient) -> None:
    body = {"vendor": "Acme", "model": "One", "values": {"HeartbeatInterval": "60"}}
    assert alice.put(f"{API}/desired-configurations/", body).status_code == 200
    [entry] = AuditEntry.objects.all()
    assert (entry.subject_type, entry.subject, entry.by) == ("model", "Acme One", "token alice")


def changes() -> list[dict[str, Any]]:
    return list(AuditEntry.objects.order_by("pk").values_list("details", flat=True))


def test_a_change_is_from_what_was_stored_and_not_from_what_somebody_had_read(cp16: ChargePoint) -> None:
    """Bob has both pages open while alice changes what is there; then he sends his forms."""
    bobs, left = ChargePoint.objects.get(), Connector.objects.get()
    services.describe_charge_point(cp16, site="Harbour", now=NOON)
    services.set_security_profile(cp16, 2, now=NOON)
    services.set_registration(cp16, Registration.ACCEPTED, now=NOON)
    services.label_connector(Connector.objects.get(), "left", now=NOON)

    services.describe_charge_point(bobs, site="Station", name="", now=NOON, by="bob")
    services.set_security_profile(bobs, 1, now=NOON, by="bob")
    services.set_registration(bobs, Registration.REJECTED, now=NOON, by="bob")
    services.label_connector(left, "right", now=NOON, by="bob")
    assert changes() == [
        {"site": {"from": "Harbour", "to": "Station"}},
        {"security_profile": {"from": 2, "to": 1}},
        {"registration": {"from": "accepted", "to": "rejected"}},
        {"connector": 1, "label": {"from": "left", "to": "right"}},
    ]


def test_what_is_so_already_is_no_act_whatever_somebody_had_read(cp16: ChargePoint) -> None:
    bobs, left = ChargePoint.objects.get(), Connector.objects.get()
    services.describe_charge_point(cp16, site="Harbour", now=NOON)
    services.set_security_profile(cp16, 2, now=NOON)
    services.label_connector(Connector.objects.get(), "left", now=NOON)
    services.describe_charge_point(bobs, site="Harbour", now=NOON, by="bob")
    services.set_security_profile(bobs, 2, now=NOON, by="bob")
    services.label_connector(left, "left", now=NOON, by="bob")
    assert changes() == []


def test_a_password_does_not_bring_back_an_older_security_profile(cp16: ChargePoint) -> None:
    bobs = ChargePoint.objects.get()
    services.set_security_profile(cp16, 2, now=NOON)
    services.set_password(bobs, "sixteen-bytes-key", by="bob", now=NOON)
    cp16.refresh_from_db()
    assert cp16.security_profile == 2


def test_the_password_that_somebody_else_has_set_meanwhile_is_noted_as_removed(cp16: ChargePoint) -> None:
    bobs = ChargePoint.objects.get()
    services.set_password(cp16, "sixteen-bytes-key", by="", now=NOON)
    services.set_password(bobs, "", by="bob", now=NOON)
    assert AuditEntry.objects.get().action == "credential.removed"


def test_traits_are_noted_when_they_or_their_note_change(cp16: ChargePoint) -> None:
    for traits, note in (({}, ""), ({}, ""), ({"call_timeout": 5}, ""), ({"call_timeout": 5}, "slow")):
        set_charge_point_traits(cp16, traits, note=note, now=NOON, by="bob")
    assert [entry.reason for entry in AuditEntry.objects.order_by("pk")] == ["", "", "slow"]
    assert changes()[1:] == [
        {"traits": {"from": {}, "to": {"call_timeout": 5}}},
        {"traits": {"from": {"call_timeout": 5}, "to": {"call_timeout": 5}}},
    ]


def test_traits_of_a_model_are_noted_when_they_change() -> None:
    for seconds in (5, 5, 6):
        set_model_traits("Acme", traits={"call_timeout": seconds}, now=NOON, by="bob")
    assert changes() == [
        {"traits": {"from": {}, "to": {"call_timeout": 5}}},
        {"traits": {"from": {"call_timeout": 5}, "to": {"call_timeout": 6}}},
    ]


def test_what_the_house_does_by_itself_is_not_noted(cp16: ChargePoint) -> None:
    desire_of_model("Acme", "One", {"HeartbeatInterval": "60"}, by="", now=NOON)
    desire_of_charge_point(cp16, {"HeartbeatInterval": "60"}, by="", now=NOON)
    set_model_traits("Acme", traits={"call_timeout": 5}, now=NOON)
    set_charge_point_traits(cp16, {"call_timeout": 5}, now=NOON)
    assert changes() == []
