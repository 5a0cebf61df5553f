"""Who registers, changes, blocks or deletes an id token is noted; what was used is not deleted by mistake."""

from datetime import UTC, datetime

import pytest

from csms.core.audit.models import AuditEntry
from csms.core.audit.selectors import done_to
from csms.core.refusals import NotNow
from tests.console.cast import make_charge_point
from tests.console.fleet import make_transaction
from transactions.models import IdToken
from transactions.token_import import import_id_tokens
from transactions.tokens import (
    add_id_token,
    block_id_token,
    delete_id_token,
    unblock_id_token,
    update_id_token,
    was_used,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def test_each_act_is_noted_with_who_why_from_and_to() -> None:
    token = add_id_token("CARD", now=NOW, by="alice", label="Eve")
    update_id_token(token, now=NOW, by="alice", label="Eve's", expires_at=NOW)
    block_id_token(token, now=NOW, by="alice", reason="lost")
    assert not block_id_token(token, now=NOW, by="alice"), "it is so already"
    unblock_id_token(token, now=NOW, by="token billing", reason="found")
    delete_id_token(token, now=NOW, by="alice")
    told = [(e.action, e.by, e.reason) for e in done_to("id_token", "CARD").order_by("id")]
    assert told == [
        ("id_token.added", "alice", ""),
        ("id_token.changed", "alice", ""),
        ("id_token.blocked", "alice", "lost"),
        ("id_token.unblocked", "token billing", "found"),
        ("id_token.deleted", "alice", ""),
    ]
    changed = done_to("id_token", "CARD").get(action="id_token.changed").details
    assert changed == {
        "from": {"label": "Eve", "expires_at": None},
        "to": {"label": "Eve's", "expires_at": NOW.isoformat()},
    }


def test_what_nobody_did_is_noted_of_nobody() -> None:
    block_id_token(add_id_token("CARD", now=NOW), now=NOW)
    assert not AuditEntry.objects.exists()


def test_one_that_was_used_stays_where_only_unused_ones_may_go() -> None:
    token, other = add_id_token("CARD", now=NOW), add_id_token("OTHER", now=NOW)
    make_transaction(make_charge_point(), 1, id_token="card", token_key=token.canonical)
    assert was_used(token)
    with pytest.raises(NotNow, match="block it instead"):
        delete_id_token(token, now=NOW, by="alice", only_unused=True)
    delete_id_token(other, now=NOW, by="alice", only_unused=True)
    assert list(IdToken.objects.all()) == [token]


def test_a_file_is_noted_once_and_says_what_it_changes() -> None:
    add_id_token("CARD", now=NOW, label="Eve")
    lines = ["id_token,label\n", "CARD,Eve's\n", "NEW,Dan\n"]
    looked = import_id_tokens(lines, upsert=True, dry_run=True, now=NOW, by="alice")
    assert [change.told for change in looked.changes] == [[("label", "Eve", "Eve's")]]
    assert [row.id_token for row in looked.additions] == ["NEW"]
    assert not AuditEntry.objects.exists()
    import_id_tokens(lines, upsert=True, now=NOW, by="alice")
    import_id_tokens(lines, upsert=True, now=NOW, by="alice")
    [entry] = AuditEntry.objects.all()
    assert (entry.action, entry.by, entry.details) == (
        "id_tokens.imported",
        "alice",
        {"added": 1, "changed": 1},
    )
