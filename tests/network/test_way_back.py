"""An order of slots that is given up is set back, also where that has to wait for the next connection."""

import pytest

from chargers.commands import ledger
from chargers.models import ChargePoint
from chargers.network import tasks
from chargers.network.models import ProfileChange
from chargers.protocol.versions import Version
from tests.api.cast import NOON, online
from tests.network.cast import answers, hears, neighbours, says, station, with_slots
from tests.network.test_changes import begins, now, priorities, signs_in

pytestmark = pytest.mark.django_db
State = ProfileChange.State
V201 = Version.V201


@pytest.fixture(autouse=True)
def _neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    neighbours(monkeypatch)


def gone(row: ChargePoint) -> None:
    ChargePoint.objects.filter(pk=row.pk).update(connection_id=None)


def failed_while_gone(row: ChargePoint) -> ProfileChange:
    """It may have taken the new order of slots: its line broke before it could say."""
    change = begins(row)
    answers(row, "Accepted")
    sent = hears(row)
    gone(row)
    ledger.settle_timeout(sent.command_id, now=NOON)
    assert now(change).state == State.FAILED
    return change


def test_who_is_gone_is_set_back_when_it_connects_again_until_it_answers():
    row = with_slots(station())
    change = failed_while_gone(row)
    assert now(change).problem.endswith("; its order of slots is set back when it connects again")
    assert (tasks.go_on(), priorities(row)) == (0, ["2,1"])
    online(row, V201)
    assert (tasks.go_on(), tasks.go_on()) == (1, 0), "once on each connection"
    assert priorities(row) == ["2,1", "1"]
    sent = hears(row)
    gone(row)
    ledger.settle_timeout(sent.command_id, now=NOON)
    online(row, V201)
    ChargePoint.objects.filter(pk=row.pk).update(registration="rejected")
    assert tasks.go_on() == 0, "who is rejected is told nothing"
    ChargePoint.objects.filter(pk=row.pk).update(registration="accepted")
    assert tasks.go_on() == 1, "nobody knows whether it heard that"
    answers(row, "Accepted")
    assert now(change).problem.endswith("; its order of slots was set back"), "it is no longer to come"
    gone(row)
    online(row, V201)
    assert (tasks.go_on(), priorities(row)) == (0, ["2,1", "1", "1"])
    assert begins(row).state == State.WRITING


def test_what_is_owed_is_dropped_where_it_is_not_wanted_or_not_taken():
    used, changed, refused = (with_slots(station(f"CS-{n}")) for n in range(3))
    changes = [failed_while_gone(row) for row in (used, changed, refused)]
    signs_in(used, 2)
    assert now(changes[0]).state == State.DONE, "it uses the new slot: it must not be taken from it"
    says(changed, "OCPPCommCtrlr/NetworkConfigurationPriority", "3,1")
    for row in (used, changed, refused):
        online(row, V201)
    assert tasks.go_on() == 1
    answers(refused, "Rejected")
    assert [priorities(row) for row in (used, changed, refused)] == [["2,1"], ["2,1"], ["2,1", "1"]]
    assert now(changes[1]).problem.endswith("; its order of slots was changed by others")
    assert now(changes[2]).problem.endswith("; its order of slots could not be set back")
    assert not any("when it connects again" in now(change).problem for change in changes)
    assert not ProfileChange.objects.filter(set_back_due=True).exists()
