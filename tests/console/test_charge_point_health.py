"""The overview of a charge point says what is wrong, what to do about it, and how well it does."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.models import ChargePoint, Command, Connector
from chargers.protocol import schemas
from chargers.protocol.versions import Version
from console.faults import HELP, VENDORS, vendor_words
from console.words import ERROR_CODES
from csms.routing import COMMANDS
from tests.console.cast import HOSTILE, make_charge_point, make_connector
from tests.console.fleet import make_busy_fleet, make_online

PAGE = "/inspect/charge-points/CP16"


def fragment(client: Client, name: str, page: str = PAGE) -> str:
    return client.get(page, headers={"Live": name}).content.decode()


def test_every_error_code_of_the_standard_is_explained_with_what_helps() -> None:
    schema = schemas.request_schema(Version.V16, "StatusNotification").document
    codes = set(schema["properties"]["errorCode"]["enum"]) - {"NoError"}
    assert codes == set(ERROR_CODES) == set(HELP)
    for code, explained in ERROR_CODES.items():
        assert explained.means, code
        assert explained.do, code
    for slugs in HELP.values():
        assert set(slugs) <= set(COMMANDS)


@pytest.mark.parametrize(
    ("code", "info", "means"),
    [
        ("E-STOP", "", "emergency stop"),
        ("0x11", "Emergency button pressed", "emergency stop"),
        ("RCD_TRIPPED", "", "leaks to earth"),
        ("F042", "contactor welded on L2", "welded"),
        ("InsulationFault", "", "insulation"),
        ("", "Door open", "opened"),
        ("OverTempPowerModule", "", "too hot"),
        ("PHASE_LOSS", "", "phase"),
        ("RectifierFault", "", "power module"),
        ("MeterCommTimeout", "", "meter"),
        ("CAN_TIMEOUT", "", "do not talk"),
        ("SIM not present", "", "link to the network"),
    ],
)
def test_common_words_of_vendors_are_understood(code: str, info: str, means: str) -> None:
    connector = Connector(vendor_error_code=code, info=info)
    found = vendor_words(connector)
    assert found is not None
    assert means in str(found.means)


@pytest.mark.parametrize("words", ["", "0x00", "OK", "charged", "no error"])
def test_other_words_of_vendors_are_not_guessed_at(words: str) -> None:
    connector = Connector(vendor_error_code=words)
    assert vendor_words(connector) is None


def test_each_vendor_word_says_what_it_means_and_what_to_do() -> None:
    for vendor in VENDORS:
        assert str(vendor.means).endswith(".")
        assert str(vendor.do).endswith(".")


@pytest.mark.django_db
def test_a_fault_stands_on_top_with_what_to_do_and_where_to_do_it(alice: Client) -> None:
    cp16 = make_charge_point()
    make_connector(cp16, 1, "Faulted", error_code="ConnectorLockFailure")
    make_connector(cp16, 2, "Charging", error_code="OtherError", vendor_error_code="RCD", info=HOSTILE)
    make_connector(cp16, 3)
    page = fragment(alice, "faults")
    assert page.count("data-fault=") == 2
    assert page.index('data-fault="1"') < page.index('data-fault="2"')
    assert "cannot be locked" in page
    assert "push the plug home" in page
    assert f"{PAGE}/commands?q=unlock-connector#order-unlock-connector" in page
    assert "leaks to earth" in page
    assert "warns, and goes on" in page
    assert HOSTILE not in page
    assert "data-fault" not in fragment(alice, "faults", f"/inspect/charge-points/{_healthy().cp_id}")


def _healthy() -> ChargePoint:
    other = make_charge_point("CP17")
    make_connector(other)
    return other


@pytest.mark.django_db
def test_health_shows_each_figure_with_what_is_usual_and_its_evidence(bob: Client) -> None:
    cp16 = make_charge_point(clock_skew_seconds=7200, clock_measured_at=timezone.now())
    online = make_online(cp16)
    opened = timezone.now() - timedelta(days=2)
    type(online).objects.update(opened_at=opened)
    Command.objects.create(
        charge_point=cp16,
        type="reset",
        status="accepted",
        by="alice",
        created_at=timezone.now(),
        sent_at=timezone.now() - timedelta(seconds=1),
        answered_at=timezone.now(),
        expires_at=timezone.now(),
    )
    cp16.booted_at = timezone.now()
    cp16.save()
    page = fragment(bob, "health")
    assert "100\u00a0%" in page
    assert "2 h 0 min ahead" in page
    assert "vital-bad" in page
    assert "1 of 1" in page
    assert "After a command of alice." in page
    assert page.count("usual:") >= 7
    for slug in ("connections", "commands", "deviations", "audit"):
        assert f'href="{PAGE}/{slug}"' in page


@pytest.mark.django_db
def test_of_one_that_never_connected_nothing_is_claimed(bob: Client) -> None:
    make_charge_point()
    page = fragment(bob, "health")
    assert page.count("unknown") >= 5
    assert "vital-bad" not in page


@pytest.mark.django_db
def test_the_overview_costs_the_same_with_much_and_with_little(alice: Client) -> None:
    cp16 = make_charge_point()
    make_online(cp16)
    make_connector(cp16)
    with CaptureQueriesContext(connection) as few:
        alice.get(PAGE)
    for number in range(2, 12):
        make_connector(cp16, number, "Faulted", error_code="OtherError")
    make_busy_fleet(3)
    with CaptureQueriesContext(connection) as many:
        alice.get(PAGE)
    assert len(many) == len(few) <= 26
