"""No event goes before everybody has it who is to have it; and who is not to have it keeps nobody waiting."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from csms.core.config import get_config
from csms.core.events.models import Event, Reader
from csms.core.events.sinks import Sink
from csms.core.ids import UUID, uuid7_floor
from csms.pruning import prune

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=15), NOW - timedelta(days=13)
PLACES = "places of sinks that are gone"


def sink(name: str, *, starts_at_end: bool = False) -> Sink:
    made = Sink()
    made.name, made.starts_at_end = name, starts_at_end
    return made


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> list[Sink]:
    """The sinks that are wanted: none, to begin with."""
    sinks: list[Sink] = []
    monkeypatch.setattr(
        "csms.core.events.retention.wanted_sinks", lambda: {each.name: each for each in sinks}
    )
    return sinks


@pytest.fixture(autouse=True)
def events(wanted: list[Sink]) -> None:
    """Five old events and one young, numbered from 1 to 6."""
    for n in range(1, 7):
        make(OLD if n < 6 else YOUNG, n)


def make(at: datetime, place: int | None, n: int = 0) -> None:
    pk = UUID(int=uuid7_floor(at).int + (place or 0) + n)
    Event.objects.create(id=pk, type="t", occurred_at=at, recorded_at=at, payload="{}", position=place)


def kept() -> list[int | None]:
    return sorted(Event.objects.values_list("position", flat=True), key=lambda place: place or 0)


def names() -> set[str]:
    return set(Reader.objects.values_list("pk", flat=True))


def reader(name: str, position: int, moved_at: datetime | None = NOW, held_until: datetime | None = None):
    Reader.objects.create(name=name, position=position, moved_at=moved_at, held_until=held_until)


def test_where_nobody_is_to_have_them_old_events_go():
    assert prune(get_config(), now=NOW)["events"] == 5
    assert kept() == [6]


def test_what_a_sink_has_not_taken_stays_and_goes_once_it_has(wanted: list[Sink], caplog):
    wanted += [sink("kafka:0"), sink("amqp")]
    reader("kafka:0", 2)
    reader("amqp", 6)
    assert prune(get_config(), now=NOW, dry_run=True)["events"] == 2
    assert prune(get_config(), now=NOW)["events"] == 2
    assert kept() == [3, 4, 5, 6]
    told = next(record for record in caplog.records if record.message == "prune.held_back")
    assert (told.kept, told.rows, told.by) == ("events", 3, "kafka:0")
    Reader.objects.filter(pk="kafka:0").update(position=6)
    assert prune(get_config(), now=NOW)["events"] == 3
    assert kept() == [6]


def test_a_sink_that_has_not_begun_holds_what_it_will_begin_with(wanted: list[Sink]):
    wanted += [sink("new", starts_at_end=True)]
    assert prune(get_config(), now=NOW, dry_run=True)["events"] == 5
    wanted += [sink("kafka:0")]
    assert prune(get_config(), now=NOW)["events"] == 0
    assert kept() == [1, 2, 3, 4, 5, 6]


def test_what_a_sink_has_passed_and_will_read_again_stays(wanted: list[Sink], caplog):
    class Again(Sink):
        def needs(self) -> int | None:
            return needed[0]

    needed: list[int | None] = [3]
    again = Again()
    again.name, again.starts_at_end = "again", True
    wanted += [sink("amqp"), again]
    reader("amqp", 4)
    reader("again", 6)
    assert prune(get_config(), now=NOW)["events"] == 2
    assert kept() == [3, 4, 5, 6]
    told = next(record for record in caplog.records if record.message == "prune.held_back")
    assert told.by == "again"
    needed[0] = None
    assert prune(get_config(), now=NOW)["events"] == 2
    assert kept() == [5, 6]
    needed[0] = 5
    Reader.objects.all().delete()
    wanted.remove(wanted[0])
    assert prune(get_config(), now=NOW)["events"] == 0, "it has no place, and needs one all the same"


def test_a_sink_that_nobody_wants_any_more_holds_nothing(wanted: list[Sink]):
    wanted += [sink("amqp")]
    reader("amqp", 5)
    reader("paused", 1)
    assert prune(get_config(), now=NOW)["events"] == 5


def test_events_without_a_place_stay():
    make(OLD, None, 50)
    assert prune(get_config(), now=NOW)["events"] == 5
    assert kept() == [None, 6]


def test_events_that_are_kept_for_ever_stay():
    config = get_config().model_copy(update={"retain_events_days": 0})
    assert prune(config, now=NOW)["events"] == 0


def test_the_place_of_a_sink_that_is_long_gone_goes_with_the_events_behind_it(wanted: list[Sink]):
    wanted += [sink("here")]
    reader("here", 5, OLD)
    reader("numbering", 6, OLD)
    reader("gone", 2, OLD)
    reader("never moved", 0, None)
    reader("gone lately", 2, YOUNG)
    reader("still at work", 2, OLD, held_until=NOW)
    assert prune(get_config(), now=NOW)[PLACES] == 2
    assert names() == {"here", "numbering", "gone lately", "still at work"}


def test_the_place_of_a_sink_that_has_all_that_is_kept_stays(wanted: list[Sink]):
    wanted += [sink("slow")]
    reader("slow", 0)
    reader("gone", 3, OLD)
    prune(get_config(), now=NOW)
    assert names() == {"slow", "gone"}, "else it would be told of three events again, were it wanted again"


def test_a_source_of_sinks_that_fails_lets_no_event_go(monkeypatch: pytest.MonkeyPatch, caplog):
    def broken() -> Iterable[Sink]:
        raise ValueError("no such setting")

    monkeypatch.setattr("csms.core.events.retention.wanted_sinks", broken)
    assert prune(get_config(), now=NOW)["events"] == 0
    assert kept() == [1, 2, 3, 4, 5, 6]
    assert "prune.failed" in caplog.text
