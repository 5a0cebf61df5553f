"""The first page: what fires and since when, each part of the house by its last proof, how the last day went."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Alert, Evaluation, Severity
from chargers.models import Process
from console.service_status import service_status
from console.views import delivery
from csms.core import reach
from csms.core.config import get_config
from csms.core.events.models import Reader
from csms.core.events.relay import LEASE
from tests.console.cast import HOSTILE, make_charge_point
from tests.console.fleet import make_busy_fleet, make_transaction
from transactions.figures import minutes

pytestmark = pytest.mark.django_db


@pytest.fixture
def bell() -> Iterator[None]:
    """A bell of which nothing has been heard yet, as in a process that has just begun."""
    kept, reach.BELL.proved_at = reach.BELL.proved_at, None
    yield
    reach.BELL.proved_at = kept


def fire(
    cp_id: str, severity: str, began_at: datetime, text: str = "It is out of order.", **more: object
) -> Alert:
    values = {"rule": "connector-faulted", "state": Alert.State.FIRING} | more
    charge_point = make_charge_point(cp_id)
    return Alert.objects.create(
        severity=severity, subject=cp_id, charge_point=charge_point, text=text, began_at=began_at, **values
    )


def tones(now: datetime) -> dict[str, str]:
    return {service.name: service.tone for service in service_status(now=now)}


def fragment(client: Client, name: str) -> str:
    return client.get("/", headers={"Live": name}).content.decode()


def test_the_worst_alerts_come_first_and_lead_to_their_charge_points(bob: Client) -> None:
    now = timezone.now()
    fire("LATE1", Severity.WARNING, now - timedelta(days=3))
    fire("OLD1", Severity.CRITICAL, now - timedelta(hours=2), text=HOSTILE)
    fire("NEW1", Severity.CRITICAL, now - timedelta(minutes=2))
    fire("SEEN1", Severity.CRITICAL, now, state=Alert.State.ACKNOWLEDGED)
    page = fragment(bob, "alerts")
    assert re.findall(r'href="/inspect/charge-points/(\w+)"', page) == ["OLD1", "NEW1", "LATE1"]
    assert "2 h 0 min" in page
    assert HOSTILE not in page
    assert "2 need somebody now" in fragment(bob, "figures")


def test_what_charges_at_charge_points_that_are_offline_is_told_apart(bob: Client) -> None:
    here, gone = make_charge_point(connection_id=uuid4()), make_charge_point("GONE1")
    make_transaction(here, 1)
    assert "offline" not in fragment(bob, "figures")
    for number in (2, 3):
        make_transaction(gone, number)
    make_transaction(gone, 4, superseded=True)
    make_transaction(gone, 5, status="ended")
    page = fragment(bob, "figures")
    assert '<span class="tile-value">3' in page
    assert "power not reported; 2 at offline charge points" in page


def test_each_part_of_the_house_is_proved_by_what_happened_and_not_by_what_is_set(bell: None) -> None:
    now = timezone.now()
    Evaluation.objects.update_or_create(pk=1, defaults={"at": now - timedelta(days=1)})
    found = tones(now)
    assert found["database"] == "ok"
    assert found["layer"] == "idle"
    assert found["worker"] == "bad"  # nobody holds the events that go out, and no task ran lately
    assert found["clock"] == "bad"  # nothing ran since yesterday
    assert "kafka" not in found  # is not in use

    Evaluation.objects.update(at=now - timedelta(seconds=20))
    Reader.objects.update_or_create(
        name="numbering", defaults={"held_until": now + LEASE - timedelta(seconds=3)}
    )
    Process.objects.create(host="here", pid=1, started_at=now, seen_at=now)
    reach.BELL.found()
    found = tones(now)
    assert (found["layer"], found["worker"], found["clock"], found["servers"]) == ("ok", "ok", "ok", "ok")

    Reader.objects.update(
        held_until=None
    )  # without a sink there is nothing to hold on to: the tasks prove it
    assert tones(now)["worker"] == "ok"

    later = tones(now + timedelta(minutes=5))
    assert (later["layer"], later["worker"], later["clock"], later["servers"]) == ("bad", "bad", "bad", "bad")


def test_a_sink_that_fails_is_red_and_says_why(bob: Client, to_kafka: None) -> None:
    now = timezone.now()
    Reader.objects.create(name="kafka:0", failing_since=now, error="It does not answer.", moved_at=now)
    page = fragment(bob, "services")
    assert 'data-service="kafka" data-tone="bad"' in page
    assert "It does not answer." in page


@pytest.fixture
def to_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """A house that sends its events to Kafka."""
    config = get_config().model_copy(update={"kafka_brokers": ("127.0.0.1:9",)})
    monkeypatch.setattr(delivery, "get_config", lambda: config)
    monkeypatch.setattr(delivery, "wanted_sinks", lambda: {"kafka:0": None})


def test_the_charts_tell_the_last_day_with_gaps_where_nothing_was_noted(bob: Client) -> None:
    now = timezone.now()
    make_charge_point(connection_id=uuid4())
    for ago in (3, 2):
        minutes.take_minute(now=now - timedelta(hours=ago))
    charts = bob.get("/figures.json").json()
    assert set(charts) == {"online", "power", "sessions", "messages"}
    online = charts["online"]["series"][0]
    assert [value for _, value in online["points"]] == [1.0, None, 1.0]
    assert charts["power"]["unit"] == "kW"


def test_the_charts_are_for_people_who_are_signed_in(client: Client, db: None) -> None:
    assert client.get("/figures.json").status_code == 302


def test_a_busy_and_an_empty_house_cost_the_same_questions(alice: Client, django_assert_num_queries) -> None:
    # Session and person, nine for the counts, four lists, seven for how the parts of the house do.
    with django_assert_num_queries(22):
        alice.get("/")
    make_busy_fleet(9)
    now = timezone.now()
    for number in range(30):
        fire(f"A{number}", Severity.WARNING, now)
    with django_assert_num_queries(22):
        alice.get("/")
    with django_assert_num_queries(3):
        alice.get("/figures.json")
