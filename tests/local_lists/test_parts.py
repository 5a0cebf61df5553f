"""Lists that take several messages: compared once, sent part by part, and whatever happens between is not lost."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from chargers.commands.ledger import claim_next, fail_unsent, settle_answer
from chargers.commands.ordering import Claimed
from chargers.configuration.models import ConfigurationKey
from chargers.models import ChargePoint, Command
from chargers.protocol.versions import Version
from csms.core.ids import uuid7
from tests.transactions.cast import NOON, Wireless, token
from transactions.local_lists.models import LocalList, LocalListPart
from transactions.local_lists.selectors import mirrored
from transactions.local_lists.services import set_policy, sync_local_lists
from transactions.models import IdToken
from transactions.tokens import add_id_token, block_id_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def cp16() -> Wireless:
    """Takes two tokens in a message, and is to have five."""
    charger = Wireless()
    ChargePoint.objects.filter(pk=charger.row.pk).update(connection_id=uuid7(), protocol=Version.V16)
    charger.row.refresh_from_db()
    ConfigurationKey.objects.create(
        charge_point=charger.row, name="SendLocalListMaxLength", folded="sendlocallistmaxlength", value="2"
    )
    for number in range(5):
        token(f"CARD{number}")
    set_policy(charger.row, policy="all", tokens=[], groups=[], now=NOON)
    assert sync_local_lists(now=NOON) == 1
    return charger


def sent(charger: Wireless) -> Claimed | None:
    assert charger.row.connection_id is not None
    return claim_next(charger.row.pk, connection_id=charger.row.connection_id, version=Version.V16, now=NOON)


def answer(charger: Wireless, status: str = "Accepted") -> tuple[str, list[str]]:
    """Take the next message and answer it; return its kind and its tokens."""
    claimed = sent(charger)
    assert claimed is not None
    with transaction.atomic():
        settle_answer(claimed.command_id, {"status": status}, version=Version.V16, now=NOON)
    entries = claimed.payload["localAuthorizationList"]
    return claimed.payload["updateType"], [entry["idTag"] for entry in entries]


def finish(charger: Wireless) -> None:
    """Answer all that comes, also by the clock."""
    for _ in range(2):
        while Command.objects.filter(status=Command.Status.QUEUED).exists():
            answer(charger)
        sync_local_lists(now=NOON)
    assert sent(charger) is None


def held(charger: Wireless) -> list[tuple[str, str]]:
    row = LocalList.objects.get(charge_point=charger.row)
    return sorted((entry.id_token, entry.status) for entry in mirrored(row))


def test_the_parts_are_made_once_and_the_last_one_ends_it(cp16: Wireless) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert answer(cp16) == ("Full", ["CARD0", "CARD1"])
        assert answer(cp16) == ("Differential", ["CARD2", "CARD3"])
        assert answer(cp16) == ("Differential", ["CARD4"])
    assert not [q for q in queries.captured_queries if 'SELECT "transactions_idtoken"' in q["sql"]]
    assert sent(cp16) is None
    assert sync_local_lists(now=NOON) == 0
    assert [name for name, _ in held(cp16)] == [f"CARD{n}" for n in range(5)]
    assert not LocalListPart.objects.exists()


def test_tokens_that_change_meanwhile_are_in_what_follows(cp16: Wireless) -> None:
    answer(cp16)
    block_id_token(IdToken.objects.get(id_token="CARD0"), now=NOON + timedelta(seconds=1))
    IdToken.objects.get(id_token="CARD4").delete()
    add_id_token("NEW", now=NOON)
    finish(cp16)
    assert held(cp16) == [
        ("CARD0", "Blocked"),
        ("CARD1", "Accepted"),
        ("CARD2", "Accepted"),
        ("CARD3", "Accepted"),
        ("NEW", "Accepted"),
    ]


def test_a_part_that_was_never_sent_is_made_again(cp16: Wireless) -> None:
    answer(cp16)
    fail_unsent(cp16.row.pk, now=NOON)
    assert sync_local_lists(now=NOON) == 1
    assert answer(cp16) == ("Differential", ["CARD2", "CARD3"])
    assert answer(cp16) == ("Differential", ["CARD4"])
    assert len(held(cp16)) == 5


def test_after_a_part_that_was_refused_the_whole_list_follows(cp16: Wireless) -> None:
    answer(cp16)
    answer(cp16, "Failed")
    assert [answer(cp16) for _ in range(3)] == [
        ("Full", ["CARD0", "CARD1"]),
        ("Differential", ["CARD2", "CARD3"]),
        ("Differential", ["CARD4"]),
    ]


def test_another_policy_makes_other_parts(cp16: Wireless) -> None:
    answer(cp16)
    set_policy(cp16.row, policy="chosen", tokens=["CARD0", "CARD4"], groups=[], now=NOON)
    finish(cp16)
    assert [name for name, _ in held(cp16)] == ["CARD0", "CARD4"]


def test_smaller_messages_than_planned_are_planned_anew(cp16: Wireless) -> None:
    answer(cp16)
    answered = sent(cp16)
    assert answered is not None
    ConfigurationKey.objects.update(value="1")
    settle_answer(answered.command_id, {"status": "Accepted"}, version=Version.V16, now=NOON)
    assert answer(cp16) == ("Differential", ["CARD4"])
    token("CARD5"), token("CARD6")
    sync_local_lists(now=NOON)
    assert [answer(cp16), answer(cp16)] == [("Differential", ["CARD5"]), ("Differential", ["CARD6"])]
