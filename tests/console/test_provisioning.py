"""A charge point that is being set up says so on its page, and may be accepted at once."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import ChargePoint
from chargers.provisioning import services
from chargers.provisioning.models import ProvisioningRun
from chargers.provisioning.steps import REFUSED, STEPS
from chargers.reporting.models import Report
from console.health import ORDINARY_BOOTS
from console.provisioning import steps_of
from tests.console.cast import make_charge_point
from tests.provisioning.cast import Station, wishes

__all__ = ["wishes"]

pytestmark = pytest.mark.django_db
YES = {"confirmed": "yes"}
PAGE = "/inspect/charge-points/CS201"


def fragment(client: Client, name: str) -> str:
    return client.get(PAGE, headers={"Live": name}).content.decode()


def test_its_page_tells_each_step_and_lets_operators_accept_it(
    alice: Client, bob: Client, wishes: list[str]
) -> None:
    station = Station()
    assert "data-provisioning" not in fragment(alice, "head")
    station.boots()
    station.answers("Rejected")
    head = fragment(alice, "head")
    assert 'data-provisioning="running"' in head
    for told in (
        "Read its device model: Refused",
        "get-base-report Rejected",
        "Set what is desired: Nothing to do",
        "Give it a password: under way",
        "Restart it, where a change needs that: to come",
    ):
        assert told in head, told
    assert "Accept now" in head
    assert "Accept now" not in fragment(bob, "head"), "bob only looks"

    assert bob.post(f"{PAGE}/accept").status_code == 403
    assert "is not set up yet as the maker left it. Accept it now?" in head
    asked = alice.post(f"{PAGE}/accept").content.decode()
    assert "Accept CS201 now" in asked
    assert ProvisioningRun.objects.get().state == "running", "without script the question is a page"
    answer = alice.post(f"{PAGE}/accept", YES, follow=True)
    assert "is accepted with its next boot" in answer.content.decode()
    assert ProvisioningRun.objects.get().state == "skipped"
    assert "is not being set up any more" in alice.post(f"{PAGE}/accept", follow=True).content.decode()
    assert "data-provisioning" not in fragment(alice, "head")


def test_a_step_calls_commands_as_the_console_does() -> None:
    kept = {"step": next(iter(STEPS)), "outcome": REFUSED, "why": "1 of 1: get-base-report Rejected"}
    assert steps_of(ProvisioningRun(steps=[kept]))[0]["why"] == "1 of 1: Report the device model Rejected"


def test_one_that_was_accepted_although_says_why(alice: Client, wishes: list[str]) -> None:
    station = Station()
    station.boots()
    services.go_on(now=station.now + timedelta(hours=1))
    head = fragment(alice, "head")
    assert 'data-provisioning="failed"' not in head
    assert "Read its device model: it took too long" in head
    assert "Accept now" not in head


@pytest.mark.parametrize("reason", ["Watchdog", "PowerUp"])
def test_health_tells_why_it_booted_in_its_own_words(bob: Client, reason: str) -> None:
    make_charge_point("CS201")
    ChargePoint.objects.update(booted_at=timezone.now(), boot_reason=reason)
    health = fragment(bob, "health")
    assert f"in its own words: {reason}" in health
    assert (reason in ORDINARY_BOOTS) == (reason == "PowerUp")


def test_one_that_serves_is_set_up_again_at_its_next_boot(
    alice: Client, bob: Client, wishes: list[str]
) -> None:
    station = Station(provisioning="after")
    station.boots()
    Report.objects.create(charge_point=station.row, kind="device_model", request_id=1)
    assert f'action="{PAGE}/provision"' in alice.get(f"{PAGE}/configuration").content.decode()
    url = f"{PAGE}/provision"
    assert bob.post(url).status_code == 403
    assert "Set up CS201 again" in alice.post(url).content.decode()
    assert "data-provisioning" not in fragment(alice, "head"), "without script the question is a page"
    assert "is set up again at its next boot" in alice.post(url, YES, follow=True).content.decode()
    head = fragment(alice, "head")
    assert 'data-provisioning="due"' in head
    assert "Take it back" in head
    assert "Take it back" not in fragment(bob, "head")
    assert "is not set up at its next boot" in alice.post(f"{PAGE}/accept", follow=True).content.decode()
    assert "data-provisioning" not in fragment(alice, "head")
    ChargePoint.objects.update(protocol="ocpp1.6")
    assert "lets it be set up first" in alice.post(url, YES, follow=True).content.decode()


def test_one_that_came_with_an_ended_certificate_says_why_it_waits(alice: Client) -> None:
    make_charge_point("CS201")
    assert "data-certificate" not in fragment(alice, "head")
    ChargePoint.objects.update(certificate_ended=True)
    assert 'data-certificate="ended"' in fragment(alice, "head")
