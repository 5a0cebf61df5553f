"""Commands, approvals and tokens from the console: with script, without, and by those who may not."""

from datetime import datetime
from enum import Enum
from typing import Literal

import pytest
from django.test import Client
from pydantic import Field

from chargers.commands.ordering import CommandRefused, CommandType, Params
from chargers.models import ChargePoint, Command, Registration
from console.forms import command_form
from csms.routing import COMMANDS
from tests.console.cast import NOW, make_charge_point, person, signed_in
from tests.console.fleet import make_online, make_transaction
from transactions.models import IdToken

HTMX = {"HX-Request": "true", "HX-Target": "order-reset"}


@pytest.fixture
def cp16(db: None) -> ChargePoint:
    charge_point = make_charge_point("CP16")
    make_online(charge_point)
    return charge_point


def command(charge_point: ChargePoint, slug: str) -> str:
    return f"/inspect/charge-points/{charge_point.cp_id}/commands/{slug}"


# --- sending ------------------------------------------------------------------------------------------------------


def test_alice_sends_a_command_without_script(alice: Client, cp16: ChargePoint) -> None:
    answer = alice.post(
        command(cp16, "remote-start"), {"id_token": "DRIVER1", "connector_id": "2"}, follow=True
    )
    assert answer.redirect_chain == [("/inspect/charge-points/CP16#commands", 302)]
    assert "Start charging: ordered" in answer.content.decode()
    row = Command.objects.get()
    assert (row.type, row.params, row.by) == (
        "remote-start",
        {"id_token": "DRIVER1", "connector_id": 2},
        "alice",
    )
    assert row.user is not None


def test_a_dangerous_command_is_sent_only_after_the_question(alice: Client, cp16: ChargePoint) -> None:
    question = alice.post(command(cp16, "reset"), {"type": "Hard"})
    assert "Reset it?" in question.content.decode()
    assert '<input type="hidden" name="type" value="Hard">' in question.content.decode()
    assert not Command.objects.exists()
    alice.post(command(cp16, "reset"), {"type": "Hard", "confirmed": "yes"})
    assert Command.objects.get().params == {"type": "Hard"}


def test_with_script_the_answer_is_the_form_again(alice: Client, cp16: ChargePoint) -> None:
    answer = alice.post(command(cp16, "reset"), {"type": "Soft", "confirmed": "yes"}, headers=HTMX)
    text = answer.content.decode()
    assert 'class="order-body"' in text
    assert "Ordered" in text
    assert "<html" not in text


def test_a_wrong_value_is_shown_at_its_field_and_sends_nothing(alice: Client, cp16: ChargePoint) -> None:
    answer = alice.post(command(cp16, "remote-start"), {"id_token": "", "connector_id": "0"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "This field is required." in text
    assert "greater than or equal to 1" in text
    assert not Command.objects.exists()


def test_a_refusal_of_the_room_is_shown_in_words(alice: Client, cp16: ChargePoint) -> None:
    answer = alice.post(command(cp16, "remote-stop"), {"transaction_id": "abc", "confirmed": "yes"})
    assert answer.status_code == 422
    assert "is no transaction id of OCPP 1.6" in answer.content.decode()


def test_an_offline_charge_point_is_sent_nothing_and_the_page_says_why(alice: Client, db: None) -> None:
    offline = make_charge_point("CP16")
    assert "It cannot be sent: CP16 is offline." in alice.get("/inspect/charge-points/CP16").content.decode()
    answer = alice.post(command(offline, "reset"), {"type": "Soft", "confirmed": "yes"})
    assert answer.status_code == 422
    assert not Command.objects.exists()


def test_bob_sees_no_forms_and_his_posts_are_refused(bob: Client, cp16: ChargePoint) -> None:
    make_transaction(cp16, 100)
    text = bob.get("/inspect/charge-points/CP16").content.decode()
    assert "/commands/" not in text
    assert "does not include commands" in text
    for slug in COMMANDS:
        answer = bob.post(command(cp16, slug), {"type": "Soft", "confirmed": "yes"})
        assert answer.status_code == 403
        assert "not command charge points" in answer.content.decode()
    assert not Command.objects.exists()


def test_nobody_commands_without_signing_in(client: Client, cp16: ChargePoint) -> None:
    answer = client.post(command(cp16, "reset"), {"type": "Soft", "confirmed": "yes"})
    assert answer.status_code == 302
    assert not Command.objects.exists()


def test_a_command_is_never_sent_by_a_link(alice: Client, cp16: ChargePoint) -> None:
    assert alice.get(command(cp16, "reset")).status_code == 405


def test_a_form_without_its_secret_is_refused_in_words(alice: Client, cp16: ChargePoint) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = alice.cookies
    answer = strict.post(command(cp16, "reset"), {"type": "Soft", "confirmed": "yes"})
    assert answer.status_code == 403
    assert "The form was refused" in answer.content.decode()


def test_a_command_that_does_not_exist_is_not_found(alice: Client, cp16: ChargePoint) -> None:
    assert alice.post(command(cp16, "explode"), {}).status_code == 404


def test_the_form_offers_the_transaction_that_runs(alice: Client, cp16: ChargePoint) -> None:
    make_transaction(cp16, 4711)
    text = alice.get("/inspect/charge-points/CP16").content.decode()
    assert 'name="transaction_id" value="4711"' in text


# --- forms from parameters ------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "Red"
    BLUE = "Blue"


class Everything(Params):
    """Of each type a field."""

    text: str = Field(max_length=5)
    choice: Literal["A", "B"] = "B"
    colour: Colour = Colour.RED
    maybe: Literal["X"] | None = None
    count: int = Field(3, ge=1, lt=10)
    ratio: float | None = Field(None, gt=0)
    flag: bool = False
    when: datetime | None = None
    many: list[int] = Field(default_factory=lambda: [1])


EVERYTHING = CommandType("everything", "Everything", Everything, effect="All.")


def test_a_new_entry_of_the_catalogue_has_a_form_at_once() -> None:
    form = command_form(
        EVERYTHING, {"text": "abc", "choice": "A", "colour": "Blue", "count": "9", "many": "[4, 5]"}
    )
    assert form.is_valid(), form.errors
    checked = Everything.model_validate(form.params)
    assert (checked.text, checked.choice, checked.colour, checked.count) == ("abc", "A", Colour.BLUE, 9)
    assert (checked.maybe, checked.ratio, checked.flag, checked.many) == (None, None, False, [4, 5])


def test_the_form_shows_the_defaults() -> None:
    html = command_form(EVERYTHING).as_p()
    assert '<option value="B" selected>' in html
    assert '<option value="Red" selected>' in html
    assert 'name="count" value="3"' in html
    assert 'maxlength="5"' in html


def test_the_form_knows_the_bounds() -> None:
    form = command_form(EVERYTHING, {"text": "abcdef", "choice": "C", "count": "10", "many": "nonsense"})
    assert not form.is_valid()
    assert set(form.errors) >= {"text", "choice", "count", "many"}


def test_errors_of_the_room_stand_at_their_fields() -> None:
    form = command_form(
        EVERYTHING, {"text": "abc", "choice": "A", "colour": "Blue", "count": "9", "many": "[]"}
    )
    assert form.is_valid()
    form.refuse(CommandRefused("invalid", "no", {"text": ["too odd"], "elsewhere": ["what"]}))
    assert form.errors["text"] == ["too odd"]
    assert form.non_field_errors() == ["what"]


def test_an_error_within_a_value_given_as_json_stands_at_its_field_and_says_where(
    alice: Client, cp16: ChargePoint
) -> None:
    schedule = '{"unit": "A", "periods": [{"start_period": 5, "limit": 6.5}]}'
    given = f'{{"purpose": "TxDefaultProfile", "kind": "Relative", "schedule": {schedule}}}'
    answer = alice.post(
        command(cp16, "set-charging-profile"), {"connector_id": "0", "charging_profile": given}
    )
    assert answer.status_code == 422
    assert "schedule.periods.0.start_period: the first period starts at 0" in answer.content.decode()
    given = given.replace("5, ", "0, ")
    alice.post(command(cp16, "set-charging-profile"), {"connector_id": "0", "charging_profile": given})
    sent = Command.objects.get().params["charging_profile"]
    assert sent["schedule"]["periods"] == [{"start_period": 0, "limit": "6.5"}]


# --- approval -------------------------------------------------------------------------------------------------------


def test_alice_approves_and_rejects(alice: Client, db: None) -> None:
    waiting = make_charge_point("NEW1", registration=Registration.PENDING)
    path = "/inspect/charge-points/NEW1/registration"
    assert 'data-waiting="NEW1"' in alice.get("/sys/authorizations").content.decode()
    answer = alice.post(path, {"registration": "accepted", "back": "authorizations"})
    assert answer["Location"] == "/sys/authorizations"
    waiting.refresh_from_db()
    assert waiting.registration == "accepted"
    assert "Reject it?" in alice.post(path, {"registration": "rejected"}).content.decode()
    waiting.refresh_from_db()
    assert waiting.registration == "accepted"
    answer = alice.post(path, {"registration": "rejected", "confirmed": "yes"})
    assert answer["Location"] == "/inspect/charge-points/NEW1"
    waiting.refresh_from_db()
    assert waiting.registration == "rejected"


@pytest.mark.parametrize("word", ["pending", "retired", "", "Accepted; DROP"])
def test_a_registration_that_is_none_is_refused(alice: Client, word: str) -> None:
    make_charge_point("NEW1", registration=Registration.PENDING)
    assert alice.post("/inspect/charge-points/NEW1/registration", {"registration": word}).status_code == 404


def test_bob_may_not_approve(bob: Client, db: None) -> None:
    waiting = make_charge_point("NEW1", registration=Registration.PENDING)
    assert (
        "<button"
        not in bob.get("/sys/authorizations")
        .content.decode()
        .partition("data-waiting")[2]
        .partition("</li>")[0]
    )
    assert (
        bob.post("/inspect/charge-points/NEW1/registration", {"registration": "accepted"}).status_code == 403
    )
    waiting.refresh_from_db()
    assert waiting.registration == "pending"


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_alice_adds_and_blocks_a_token(alice: Client) -> None:
    alice.post("/sys/tokens/add", {"id_token": "CARD1", "label": "Eve's card", "max_active": "2"})
    token = IdToken.objects.get()
    assert (token.label, token.max_active, token.blocked) == ("Eve's card", 2, False)
    alice.post(f"/sys/tokens/{token.pk}/block", {"blocked": "yes"})
    token.refresh_from_db()
    assert token.blocked
    alice.post(f"/sys/tokens/{token.pk}/block", {"blocked": "no"})
    token.refresh_from_db()
    assert not token.blocked


def test_a_token_is_added_once(alice: Client) -> None:
    alice.post("/sys/tokens/add", {"id_token": "CARD1"})
    answer = alice.post("/sys/tokens/add", {"id_token": "card1"})
    assert answer.status_code == 422
    assert "known already" in answer.content.decode()


def test_bob_may_not_touch_tokens(bob: Client, alice: Client) -> None:
    alice.post("/sys/tokens/add", {"id_token": "CARD1"})
    token = IdToken.objects.get()
    assert bob.post("/sys/tokens/add", {"id_token": "CARD2"}).status_code == 403
    assert bob.post(f"/sys/tokens/{token.pk}/block", {"blocked": "yes"}).status_code == 403
    assert f"/sys/tokens/{token.pk}/block" not in bob.get("/sys/tokens").content.decode()
    token.refresh_from_db()
    assert not token.blocked


def test_long_parameters_are_json_and_an_effect_that_nobody_can_see_is_not_awaited(
    alice: Client, cp16: ChargePoint
) -> None:
    profile = {"charging_profile": {"purpose": "TxProfile"}, "adapt": False}
    for slug, params in (("set-charging-profile", profile), ("reset", {"type": "Soft"})):
        Command.objects.create(
            charge_point=cp16,
            type=slug,
            params=params,
            status="accepted",
            answered_at=NOW,
            created_at=NOW,
            expires_at=NOW,
        )
    page = alice.get("/inspect/charge-points/CP16").content.decode()
    assert "{&quot;purpose&quot;: &quot;TxProfile&quot;}" in page
    assert "<strong>false</strong>" in page
    assert page.count("No effect was seen yet.") == 1


def test_what_a_charge_point_trusts_is_ordered_by_administrators_only(
    alice: Client, cp16: ChargePoint
) -> None:
    page = alice.get("/inspect/charge-points/CP16/commands").content.decode()
    assert page.count("Only administrators may order this. Ask one of them.") == 4
    assert command(cp16, "delete-certificate") not in page
    assert command(cp16, "reset") in page
    named = {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": "ab",
        "issuer_key_hash": "cd",
        "serial_number": "1",
    }
    for slug in ("install-certificate", "delete-certificate", "certificate-signed", "set-network-profile"):
        assert alice.post(command(cp16, slug), named | {"confirmed": "yes"}).status_code == 403
    assert not Command.objects.exists()

    ada = signed_in(person("ada", "administrator"))
    page = ada.get("/inspect/charge-points/CP16/commands").content.decode()
    assert command(cp16, "delete-certificate") in page
    asked = ada.post(command(cp16, "delete-certificate"), named | {"confirmed": "yes"})
    assert asked.status_code != 403


def test_an_exact_payload_stands_in_the_ledger_by_its_action(alice: Client, cp16: ChargePoint) -> None:
    Command.objects.create(
        charge_point=cp16,
        type="exact",
        params={"action": "GetVariables"},
        exact={},
        created_at=NOW,
        expires_at=NOW,
    )
    assert ">GetVariables</span>" in alice.get("/inspect/charge-points/CP16").content.decode()
