"""Every word for a token fits wherever one is kept; SQLite would take longer ones, PostgreSQL loses the whole row."""

from typing import get_args

import pytest

from csms.core.backend.answers import TokenStatus
from transactions.backend.models import SessionReport
from transactions.local_lists.models import LocalListEntry
from transactions.models import Transaction


@pytest.mark.parametrize(
    ("model", "name"),
    [(LocalListEntry, "status"), (SessionReport, "token_status"), (Transaction, "authorization")],
)
def test_the_longest_word_fits(model: type[Transaction], name: str) -> None:
    assert max(len(word) for word in get_args(TokenStatus)) <= (model._meta.get_field(name).max_length or 0)
