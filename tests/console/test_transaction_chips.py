"""How a transaction stands is said in the reader's language, and remembered for none that stands otherwise."""

from typing import Any

import pytest
from django.utils.translation import override

from chargers.models import ChargePoint
from console.templatetags.console import chip_html
from console.templatetags.transactions import short_id, transaction_chips
from tests.console.cast import HOSTILE
from transactions.models import Transaction


def chips(**facts: Any) -> str:
    charge_point = ChargePoint(connection_id=facts.pop("connection", 7))
    return transaction_chips(Transaction(charge_point=charge_point, **facts))


@pytest.mark.parametrize(
    ("facts", "said", "not_said"),
    [
        ({"status": "active"}, ["chip"], ["Offline", "Orphan"]),
        ({"status": "active", "connection": None}, ["Offline"], []),
        ({"status": "ended", "connection": None}, ["Ended"], ["Offline"]),
        ({"status": "ended", "orphan": True}, ["Orphan"], []),
        ({"status": "ended", "authorization": "Accepted"}, ["Ended"], ["Accepted"]),
        ({"status": "ended", "authorization": "Blocked"}, ["Blocked"], []),
        ({"status": "ended", "anomalies": ["meter_jumped", HOSTILE]}, ["2 oddities"], [HOSTILE]),
        ({"status": HOSTILE, "authorization": HOSTILE}, ["&lt;script&gt;"], [HOSTILE]),
    ],
)
def test_each_kind_has_its_chips(facts: dict[str, Any], said: list[str], not_said: list[str]) -> None:
    first = chips(**facts)
    assert chips(**facts) == first
    assert [word for word in said if word not in first] == []
    assert [word for word in not_said if word in first] == []


def test_each_reader_has_the_own_language() -> None:
    with override("de"):
        german = chips(status="ended", orphan=True)
    assert german != chips(status="ended", orphan=True)


def test_what_is_long_takes_two_lines_or_shows_its_ends() -> None:
    assert "chip-long" in chip_html("Accepted for the end of the transaction", "wait")
    assert "chip-long" not in chip_html("Waits for approval", "wait")
    assert short_id("1234567890123456") == "1234567890123456"
    uuid = "169268e2-6229-421b-838b-e432500cc50e"
    assert short_id(uuid) == f'<span class="nowrap" title="{uuid}">169268e2…c50e</span>'
    assert HOSTILE not in short_id(HOSTILE)
    assert HOSTILE[:8] not in short_id(HOSTILE)
