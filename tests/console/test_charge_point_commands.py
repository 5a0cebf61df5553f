"""The commands of a charge point: all of the catalogue, searched, queued while it is offline, taken back."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargers.commands.ordering import Author
from chargers.commands.sending import send_command
from chargers.models import ChargePoint, Command, Registration
from console.orders import BLOCKS, block_of
from csms.routing import COMMANDS
from tests.console.cast import make_charge_point, make_connector, person, signed_in
from tests.console.fleet import make_online, make_transaction

PAGE = "/inspect/charge-points/CP16/commands"


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    charge_point = make_charge_point("CP16")
    make_online(charge_point)
    return charge_point


def test_every_command_of_the_catalogue_is_there_under_its_block(alice: Client, cp16: ChargePoint) -> None:
    text = alice.get(PAGE).content.decode()
    for slug, entry in COMMANDS.items():
        assert text.count(f'id="order-{slug}"') == 1
        assert block_of(entry) in BLOCKS
    assert text.index("group-transactions-charging-profiles") < text.index('id="order-set-charging-profile"')


def test_the_search_finds_by_our_words_and_by_the_standards(alice: Client, cp16: ChargePoint) -> None:
    text = alice.get(PAGE, {"q": "triggermessage"}).content.decode()
    assert 'id="order-trigger-message"' in text
    assert 'id="order-reset"' not in text
    assert "No command has these words" in alice.get(PAGE, {"q": "fly to the moon"}).content.decode()


def test_what_an_offline_charge_point_cannot_be_sent_now_may_wait_for_it(alice: Client) -> None:
    make_charge_point("CP16")
    text = alice.get(PAGE, {"q": "reset"}).content.decode()
    assert "It cannot be sent: CP16 is offline." in text
    assert "Queue: Reset" in text
    order = {"type": "Soft", "confirmed": "yes", "back": "commands"}
    assert alice.post(f"{PAGE}/reset", order | {"if_offline": "refuse"}).status_code == 422
    assert not Command.objects.exists()
    before = timezone.now()
    answer = alice.post(f"{PAGE}/reset", order | {"if_offline": "queue", "wait": "21600", "why": "it hangs"})
    assert answer.headers["Location"] == f"{PAGE}#commands"
    command = Command.objects.get()
    assert (command.may_wait, command.reason, command.status) == (True, "it hangs", "queued")
    assert timedelta(hours=6) <= command.expires_at - before <= timedelta(hours=6, minutes=1)
    assert "It waits for the charge point to come back." in alice.get(PAGE).content.decode()


def test_what_can_never_be_sent_says_why_and_has_no_form(alice: Client) -> None:
    make_charge_point("CP16", registration=Registration.REJECTED)
    text = alice.get(PAGE, {"q": "reset"}).content.decode()
    assert "CP16 was rejected" in text
    assert "<form" not in text.partition('id="order-reset"')[2].partition("</details>")[0]


def test_a_command_that_waits_is_taken_back_once(alice: Client, cp16: ChargePoint) -> None:
    command = send_command(
        cp16, "reset", {"type": "Soft"}, author=Author("alice"), now=timezone.now(), may_wait=True
    )
    cancel = f"{PAGE}/{command.pk}/cancel"
    assert cancel in alice.get(PAGE).content.decode()
    assert "It was taken back" in alice.post(cancel, {"back": "commands"}, follow=True).content.decode()
    command.refresh_from_db()
    assert (command.status, command.error_description) == ("cancelled", "alice took it back")
    assert cancel not in alice.get(PAGE).content.decode()
    Command.objects.filter(pk=command.pk).update(status="sent")
    assert "too late" in alice.post(cancel, follow=True).content.decode()


def test_bob_reads_what_there_is_and_orders_nothing(bob: Client, cp16: ChargePoint) -> None:
    command = send_command(cp16, "reset", {"type": "Soft"}, author=Author("alice"), now=timezone.now())
    text = bob.get(PAGE).content.decode()
    assert 'id="order-reset"' in text
    assert "does not include commands" in text
    assert f"{PAGE}/" not in text
    assert bob.post(f"{PAGE}/{command.pk}/cancel").status_code == 403
    assert bob.post(f"{PAGE}/reset", {"type": "Soft", "confirmed": "yes"}).status_code == 403


def test_the_ledger_is_filtered_and_read_page_by_page(alice: Client, cp16: ChargePoint) -> None:
    for number in range(60):
        kind = "reset" if number % 2 else "clear-cache"
        params = {"type": "Soft"} if number % 2 else {}
        send_command(cp16, kind, params, author=Author("alice"), now=timezone.now())
    text = alice.get(PAGE).content.decode()
    assert text.count("data-command=") == 50
    older = text.partition("?before=")[2].partition('"')[0]
    assert alice.get(PAGE, {"before": older}).content.decode().count("data-command=") == 10
    assert alice.get(PAGE, {"type": "reset"}).content.decode().count('data-command="reset"') == 30
    assert alice.get(PAGE, {"status": "rejected"}).content.decode().count("data-command=") == 0


def test_the_page_costs_as_much_with_many_commands_as_with_one(alice: Client, cp16: ChargePoint) -> None:
    send_command(cp16, "clear-cache", {}, author=Author("alice"), now=timezone.now())
    with CaptureQueriesContext(connection) as few:
        alice.get(PAGE)
    for _ in range(30):
        send_command(cp16, "clear-cache", {}, author=Author("alice"), now=timezone.now())
    with CaptureQueriesContext(connection) as many:
        alice.get(PAGE)
    assert len(few) == len(many) <= 8


def test_administrators_order_what_charge_points_trust(alice: Client, cp16: ChargePoint) -> None:
    root = signed_in(person("root", "administrator"))
    action = 'commands/install-certificate"'
    assert action in root.get(PAGE).content.decode()
    assert action not in alice.get(PAGE).content.decode()


def test_forms_of_a_station_of_201_offer_its_places_in_words(alice: Client) -> None:
    station = make_charge_point("CS201", protocol="ocpp2.0.1")
    for number, evse, connector in ((1, 1, 1), (2, 2, 1), (2001, 1, 2)):
        make_connector(station, number, evse_number=evse, evse_connector=connector)
    make_transaction(station, 7, connector_number=2001, evse_number=1)
    page = alice.get("/inspect/charge-points/CS201/commands").content.decode()

    def offered(field: str) -> list[tuple[str, str]]:
        options = page.partition(f'id="{field}-list">')[2].partition("</datalist>")[0]
        return re.findall(r'value="([^"]+)">([^<]*)<', options)

    assert offered("unlock-connector-connector_id") == [
        ("1", "EVSE 1, connector 1, Available"),
        ("2001", "EVSE 1, connector 2, Available"),
        ("2", "EVSE 2, connector 1, Available"),
    ]
    assert [value for value, _said in offered("remote-start-evse_id")] == ["1", "2"]
    ((_id, said),) = offered("remote-stop-transaction_id")
    assert said.startswith("EVSE 1, ")


def test_forms_of_a_station_of_201_do_not_say_which_version_they_are_for(alice: Client) -> None:
    make_charge_point("CS201", protocol="ocpp2.0.1")
    page = alice.get("/inspect/charge-points/CS201/commands").content.decode()
    assert "Empty = the charge point chooses." in page
    assert "OCPP 2.x only" not in page
    make_charge_point("CP16")
    page = alice.get("/inspect/charge-points/CP16/commands").content.decode()
    assert "Empty = the charge point chooses." not in page
    assert "OCPP 2.x only" not in page
