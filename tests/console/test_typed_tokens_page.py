"""What OCPP 2.x knows of id tokens, in the console: types, places, languages, messages, and codes that nobody sees."""

import pytest
from django.test import Client
from django.utils import timezone

from console.views import token as view
from csms.core.audit.models import AuditEntry
from csms.core.backend.answers import TokenVerdict
from tests.console.cast import HOSTILE, make_charge_point
from tests.console.fleet import make_transaction
from tests.console.test_tokens_page import LIST, text, upload, words
from transactions.models import IdToken, Transaction


def test_a_token_is_added_with_a_type_and_places_and_changed(alice: Client) -> None:
    values = {
        "id_token": "DE-8AA-123456789",
        "type": "eMAID",
        "evses": "CP-1 CP-2/1  3",
        "language": "de",
        "personal_message": HOSTILE,
    }
    alice.post(f"{LIST}/add", values)
    token = IdToken.objects.get()
    assert (token.type, token.evses, token.canonical) == ("eMAID", ["CP-1", "CP-2/1", 3], "DE8AA123456789")
    page = text(alice, f"{LIST}/{token.pk}")
    assert "Type eMAID" in words(page)
    assert "Where CP-1 CP-2/1 3" in words(page)
    assert 'value="CP-1 CP-2/1 3"' in page
    assert "<script>document" not in page
    assert "eMAID" in words(text(alice, LIST))
    alice.post(f"{LIST}/{token.pk}/change", {"evses": "", "language": "fr"})
    token.refresh_from_db()
    assert (token.evses, token.language, token.personal_message) == ([], "fr", "")
    assert "Where everywhere" in words(text(alice, f"{LIST}/{token.pk}"))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"id_token": "X", "evses": "CP-1/0"}, "An EVSE has a number from 1 to 999"),
        ({"id_token": "X", "language": "deutsch"}, "A language is written as de or de-CH"),
        ({"id_token": "X", "type": "eMAID"}, "is no eMAID"),
        ({"id_token": "12", "type": "KeyCode"}, "A key code has at least 4 characters"),
        ({"id_token": "X", "type": "Card"}, "Select a valid choice"),
    ],
)
def test_why_one_is_refused_stands_at_its_field(alice: Client, values: dict[str, str], why: str) -> None:
    answer = alice.post(f"{LIST}/add", values)
    assert answer.status_code == 422
    assert why in words(answer.content.decode())
    assert not IdToken.objects.exists()


def test_nobody_sees_a_key_code(alice: Client) -> None:
    alice.post(f"{LIST}/add", {"id_token": "481516", "type": "KeyCode", "label": "Bob"}, follow=True)
    token = IdToken.objects.get()
    again = alice.post(f"{LIST}/add", {"id_token": "481516", "type": "KeyCode"})
    assert f"{token.id_token} is known already" in words(again.content.decode())
    for page in (LIST, f"{LIST}/{token.pk}", f"{LIST}?export=csv"):
        answer = alice.get(page)
        content = b"".join(answer) if answer.streaming else answer.content
        assert b"481516" not in content
    assert token.id_token not in text(alice, f"{LIST}?q=481516")
    assert "481516" not in str(list(AuditEntry.objects.values_list()))


def test_a_file_with_key_codes_is_chosen_again_and_in_no_page(alice: Client) -> None:
    content = "id_token,type\r\n481516,KeyCode\r\n"
    page = alice.post(f"{LIST}/import/look", upload(content)).content.decode()
    assert "481516" not in page
    assert "has key codes, which are secrets" in words(page)
    alice.post(f"{LIST}/import/take", upload(content))
    assert IdToken.objects.get().type == "KeyCode"


def test_a_token_shows_the_transactions_of_its_type(alice: Client) -> None:
    charge_point, now = make_charge_point(), timezone.now()
    card = IdToken.objects.create(id_token="SAME", type="ISO14443", label="a card", created_at=now)
    central = IdToken.objects.create(id_token="SAME", type="Central", label="an app", created_at=now)
    make_transaction(charge_point, 4711, id_token="SAME", token_key="SAME", token_type="ISO14443")
    make_transaction(charge_point, 4712, id_token="SAME", token_key="SAME", token_type="Central")
    assert "4711" in text(alice, f"{LIST}/{card.pk}")
    assert "4711" not in text(alice, f"{LIST}/{central.pk}")
    row = Transaction.objects.get(transaction_id="4712")
    page = text(alice, f"/inspect/transactions/{row.pk}")
    assert "an app" in page
    assert "a card" not in page


def test_a_token_says_what_would_be_said_of_it_now_and_by_which_rule(bob: Client) -> None:
    now = timezone.now()
    asked = {
        "Accepted It is registered, and nothing speaks against it.": {},
        "Blocked It is blocked here.": {"blocked": True},
        "Expired It was registered until a time that was over.": {"expires_at": now},
        "Already charging It had as many transactions at a time as it may have.": {"max_active": 1},
    }
    for said, values in asked.items():
        token = IdToken.objects.create(id_token=f"T{len(said)}", created_at=now, **values)
        if "max_active" in values:
            make_transaction(make_charge_point(), 9, id_token=token.id_token, authorization="Accepted")
        assert f"If it is shown now {said}" in words(text(bob, f"{LIST}/{token.pk}"))


def test_where_a_backend_decides_a_token_says_so_and_what_it_said(
    bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = IdToken.objects.create(id_token="CARD", created_at=timezone.now(), blocked=True)
    said: list[TokenVerdict | None] = [None, TokenVerdict("NoCredit", source="cache")]
    monkeypatch.setattr(view, "remembered", lambda id_token, type: (True, said.pop(0)))
    assert "counts only while it does not answer" in words(text(bob, f"{LIST}/{token.pk}"))
    assert "No credit The backend decides; it said so shortly before." in words(
        text(bob, f"{LIST}/{token.pk}")
    )
