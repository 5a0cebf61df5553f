"""The work of each sink is done by one relay at a time, goes on where it was left, and says what is in its way."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from csms.core.events import relay
from csms.core.events.envelope import Envelope
from csms.core.events.models import Event, Reader
from csms.core.events.relay import BACKOFF, LEASE, RENEW, Hub, Pump, begin
from csms.core.events.sinks import Keep, NotOurs, SinkAway
from tests.events.relay_cast import NOON, House, Listener, row, turn

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    return House()


# --- who does the work ------------------------------------------------------------------------------------------------


def test_one_relay_does_the_work_and_another_waits(house: House):
    first, second = house.pump("one"), house.pump("two")
    assert first.hold()
    assert not second.hold()
    assert (row().holder, row().held_until) == ("one", NOON + LEASE)


def test_a_lease_is_renewed_when_it_is_time_to_and_not_before(house: House, django_assert_num_queries):
    pump = house.pump("one")
    assert pump.hold()
    house.clock.move(RENEW - timedelta(seconds=1))
    with django_assert_num_queries(0):
        assert pump.hold()
    house.clock.move(timedelta(seconds=1))
    assert pump.hold()
    assert row().held_until == house.clock.now + LEASE


def test_another_takes_over_when_the_lease_has_run_out(house: House):
    lost, heir = house.pump("lost"), house.pump("heir")
    house.happen(5)
    lost.hold()
    lost.step()
    house.clock.move(LEASE - timedelta(seconds=1))
    assert not heir.hold()
    house.clock.move(timedelta(seconds=1))
    assert heir.hold()
    assert heir.position == 5
    house.happen(2)
    heir.step()
    assert heir.sink.taken == [6, 7]


def test_who_comes_back_too_late_does_no_more_work_and_notes_nothing(house: House):
    late, heir = house.pump("late"), house.pump("heir")
    house.happen(3)
    late.hold()

    def sleep(events: Sequence[Envelope], keep: Keep) -> None:
        house.clock.move(LEASE)
        assert heir.hold()
        heir.step()
        house.happen(4)

    late.sink.instead = sleep
    with pytest.raises(NotOurs):
        late.step()
    assert (row().holder, row().position) == ("heir", 3)
    with pytest.raises(NotOurs):
        late.keep()
    heir.step()
    assert row().position == 7
    assert heir.sink.taken == [1, 2, 3, 4, 5, 6, 7]


def test_who_waits_hears_at_the_next_look_that_the_work_is_anothers(house: House):
    waiting, heir = house.pump("waiting"), house.pump("heir")
    house.happen(1)
    waiting.hold()

    def wait(events: Sequence[Envelope], keep: Keep) -> None:
        keep()
        house.clock.move(LEASE)
        assert heir.hold()
        keep()
        raise AssertionError("it goes on with what is not its own")

    waiting.sink.instead = wait
    with pytest.raises(NotOurs):
        waiting.step()
    assert row().position == 0


def test_a_lease_that_ran_out_unnoticed_is_still_its_holders(house: House):
    pump = house.pump("one")
    house.happen(1)
    pump.hold()
    house.clock.move(LEASE * 3)
    assert pump.hold()
    pump.step()
    assert row().position == 1


def test_a_position_that_another_has_moved_is_not_moved_back(house: House):
    pump = house.pump("one")
    house.happen(5)
    pump.hold()
    Reader.objects.filter(pk="listener").update(position=4)  # whatever moved it
    with pytest.raises(NotOurs):
        pump.step()
    assert row().position == 4
    house.clock.move(LEASE)
    assert pump.hold()
    pump.step()
    assert pump.sink.taken == [1, 2, 3, 4, 5, 5]


def test_who_ends_lets_another_begin_at_once(house: House):
    first, second = house.pump("one"), house.pump("two")
    house.happen(3)
    first.hold()
    first.step()
    first.release()
    assert (row().holder, row().held_until) == ("", None)
    assert second.hold()
    assert second.position == 3


def test_who_has_lost_the_work_releases_nothing_of_the_others(house: House):
    late, heir = house.pump("late"), house.pump("heir")
    late.hold()
    house.clock.move(LEASE)
    heir.hold()
    late.release()
    assert row().holder == "heir"


def test_at_the_end_a_sink_is_told_and_its_lease_is_renewed_once_more(house: House):
    pump = house.pump("one")
    pump.hold()
    house.clock.move(RENEW)
    house.hub.stop()
    with pytest.raises(NotOurs):
        pump.keep()
    assert row().held_until == house.clock.now + LEASE
    pump.ending.set()
    with pytest.raises(NotOurs):
        pump.keep()


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1)], ids=["ahead", "behind"])
@pytest.mark.postgres_only
def test_machines_whose_clocks_differ_do_not_take_each_others_work(off: timedelta, monkeypatch):
    begin(Listener())
    right, wrong = Pump(Listener(), Hub(), "right"), Pump(Listener(), Hub(), "wrong")
    time = timezone.now

    def holds_by_its_clock() -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(timezone, "now", lambda: time() + off)
            patch.setattr(wrong, "clock", timezone.now)
            return wrong.hold()

    assert right.hold()
    assert not holds_by_its_clock()
    right.release()
    assert holds_by_its_clock()
    assert not right.hold()
    Reader.objects.update(held_until=time() - timedelta(minutes=1))
    assert right.hold()


def test_a_clock_that_is_set_back_delays_no_renewal(house: House):
    pump = house.pump("one")
    pump.hold()
    house.clock.move(timedelta(hours=-1))
    assert pump.hold()
    assert row().held_until == house.clock.now + LEASE


def test_the_place_of_a_sink_that_has_gone_does_not_come_back(house: House):
    first, standby = house.pump("one"), house.pump("two")
    first.hold()
    assert not standby.hold()
    Reader.objects.filter(pk="listener").delete()
    assert not standby.hold()
    house.clock.move(LEASE)
    assert not first.hold()
    assert not first.hold()
    assert not Reader.objects.filter(pk="listener").exists()


# --- where it begins and how far it has come --------------------------------------------------------------------------


def test_a_new_sink_begins_with_the_oldest_event_that_is_kept(house: House):
    house.happen(5)
    Event.objects.filter(position__lte=2).delete()
    pump = house.pump("one")
    pump.hold()
    pump.step()
    assert pump.sink.taken == [3, 4, 5]


def test_a_new_sink_may_begin_with_what_happens_from_now_on(house: House):
    house.happen(5)
    pump = house.pump("one", starts_at_end=True)
    house.happen(1)
    pump.hold()
    pump.step()
    assert pump.sink.taken == [6]


def test_no_more_than_a_batch_is_given_at_once(house: House):
    pump = house.pump("one", batch=2)
    house.happen(5)
    pump.hold()
    assert [pump.step() for _ in range(4)] == [True, True, True, False]
    assert pump.sink.taken == [1, 2, 3, 4, 5]


def test_a_sink_of_one_bucket_comes_past_the_events_of_the_others(house: House):
    house.happen(4, "CP16")
    mine = Event.objects.values_list("bucket", flat=True)[0]
    pumps = [house.pump("one", bucket=bucket, name=f"listener:{bucket}") for bucket in range(4)]
    for pump in pumps:
        pump.hold()
        pump.step()
        pump.release()
    assert [len(pump.sink.taken) for pump in pumps] == [4 if bucket == mine else 0 for bucket in range(4)]
    assert {reader.position for reader in Reader.objects.filter(pk__startswith="listener")} == {4}


def test_a_sink_of_some_types_is_given_no_others_and_comes_past_them(house: House):
    pump = house.pump("one", types=("tx.started", "tx.stopped"))
    house.happen(2)
    house.happen(1, type="tx.started")
    house.happen(2)
    house.happen(1, type="tx.stopped")
    house.happen(1)
    pump.hold()
    with CaptureQueriesContext(connection) as queries:
        pump.step()
    assert pump.sink.taken == [3, 6]
    assert row().position == 7
    [asked] = [each["sql"] for each in queries if '"payload"' in each["sql"]]
    assert "tx.started" in asked  # the database leaves the others out, with their payloads
    pump.sink.types = ()
    house.happen(1)
    pump.step()
    assert pump.sink.taken == [3, 6, 8]


def test_what_is_rare_is_looked_for_in_stretches_that_end_within_a_lease(house: House, monkeypatch):
    monkeypatch.setattr(relay, "REACH", 4)
    pump = house.pump("one", types=("tx.started",))
    house.happen(10)
    house.happen(1, type="tx.started")
    pump.hold()
    assert [pump.step() for _ in range(4)] == [True, True, True, False]
    assert pump.sink.taken == [11]
    assert row().position == 11


def test_what_was_taken_of_a_batch_is_noted_and_only_the_rest_comes_again(house: House):
    pump = house.pump("one")
    house.happen(5)
    pump.hold()

    def stumble(events: Sequence[Envelope], keep: Keep) -> None:
        raise SinkAway("half way", done=events[2].position)

    pump.sink.instead = stumble
    with pytest.raises(SinkAway):
        pump.step()
    assert row().position == 3
    pump.sink.instead = None
    pump.step()
    assert pump.sink.taken == [4, 5]


def test_a_batch_of_which_nothing_was_taken_comes_again_whole(house: House):
    pump = house.pump("one")
    house.happen(3)
    pump.hold()

    def refuse(events: Sequence[Envelope], keep: Keep) -> None:
        raise SinkAway("not today")

    pump.sink.instead = refuse
    with pytest.raises(SinkAway):
        pump.step()
    assert row().position == 0
    pump.sink.instead = None
    pump.step()
    assert pump.sink.taken == [1, 2, 3]


# --- what is in its way -----------------------------------------------------------------------------------------------


def refusing(text: str, wait: float | None = None) -> Callable[[Sequence[Envelope], Keep], None]:
    def refuse(events: Sequence[Envelope], keep: Keep) -> None:
        raise SinkAway(text, wait=wait)

    return refuse


def test_a_sink_that_fails_is_left_alone_ever_longer_until_it_works(house: House, monkeypatch):
    pump = house.pump("one")
    house.happen(1)
    pump.sink.instead = refusing("the disk is full")
    waits = [turn(pump, monkeypatch) for _ in range(len(BACKOFF) + 2)]
    assert waits == [*BACKOFF, BACKOFF[-1], BACKOFF[-1]]
    assert (row().error, row().failing_since) == ("the disk is full", NOON)
    pump.sink.instead = None
    assert turn(pump, monkeypatch) is None
    assert (row().error, row().failing_since, row().position) == ("", None, 1)
    house.happen(1)
    pump.sink.instead = refusing("again")
    assert turn(pump, monkeypatch) == BACKOFF[0]


def test_a_sink_may_say_how_long_to_leave_it_alone(house: House, monkeypatch):
    pump = house.pump("one")
    house.happen(1)
    pump.sink.instead = refusing("soon", wait=0.5)
    assert [turn(pump, monkeypatch) for _ in range(3)] == [0.5, 0.5, 0.5]


def test_what_is_in_the_way_is_told_as_it_is_now_and_since_it_began(house: House, monkeypatch):
    pump = house.pump("one")
    house.happen(1)
    pump.sink.instead = refusing("no answer", wait=1)
    turn(pump, monkeypatch)
    house.clock.move(RENEW)
    pump.sink.instead = refusing("no permission", wait=1)
    turn(pump, monkeypatch)
    assert (row().error, row().failing_since) == ("no permission", NOON)


def test_the_next_relay_tells_since_when_it_fails_and_that_it_works_again(house: House, monkeypatch):
    first, second, third = house.pump("one"), house.pump("two"), house.pump("three")
    house.happen(1)
    first.sink.instead = second.sink.instead = refusing("the disk is full")
    turn(first, monkeypatch)
    first.release()
    house.clock.move(timedelta(hours=1))
    turn(second, monkeypatch)
    assert row().failing_since == NOON
    second.release()
    turn(third, monkeypatch)
    assert (row().error, row().failing_since) == ("", None)


def test_a_sink_that_breaks_fails_like_one_that_is_away(house: House, monkeypatch):
    pump = house.pump("one")
    house.happen(1)

    def break_down(events: Sequence[Envelope], keep: Keep) -> None:
        raise ZeroDivisionError("by nothing")

    pump.sink.instead = break_down
    assert turn(pump, monkeypatch) == BACKOFF[0]
    assert row().error == "It broke: ZeroDivisionError('by nothing')"
    assert row().position == 0


def test_what_is_anothers_is_no_failure(house: House, monkeypatch):
    first, second = house.pump("one"), house.pump("two")
    house.happen(1)
    first.hold()
    assert turn(second, monkeypatch) == relay.IDLE
    assert (row().error, row().failing_since) == ("", None)
