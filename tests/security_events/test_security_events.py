"""What is done with security events besides storing them: told, announced, shown harmlessly, forgotten in time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from chargers.security_events import services
from chargers.security_events.known import KNOWN, known_event
from chargers.security_events.models import SecurityEvent
from csms.core.access.models import User
from csms.core.config import get_config
from csms.core.events.models import Event
from csms.core.ids import uuid7_floor
from csms.pruning import prune
from tests.api.cast import charge_point, security_event

NOW = datetime.now(UTC)
HOSTILE = "<script>alert(1)</script>"


def test_the_list_knows_a_type_however_it_is_written() -> None:
    assert known_event(" tamperdetectionactivated ") == KNOWN["TamperDetectionActivated"]
    assert known_event("TamperDetection") is None
    assert all(known.meaning for known in KNOWN.values())


@pytest.mark.django_db
def test_an_event_leaves_the_house_and_pages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    announced: list[str] = []
    monkeypatch.setattr(services, "announce", lambda *topics: announced.extend(topics))
    cp16 = charge_point()
    critical = services.record_security_event(
        cp16.pk, "CP16", type=HOSTILE, info="x" * 5000, event_at=None, now=NOW
    )
    assert critical is False
    [event] = Event.objects.filter(type="cp.security_event")
    told: dict[str, Any] = json.loads(event.payload)
    assert (told["type"], told["info"], told["known"]) == (HOSTILE, "x" * 5000, False)
    assert told["charger_reported_at"] is None
    assert set(announced) == {"security-events", f"charge-point:{cp16.pk}"}


@pytest.mark.django_db
def test_hostile_text_is_text_in_the_admin(client: Client) -> None:
    security_event(charge_point(), type=HOSTILE, info=HOSTILE)
    client.force_login(User.objects.create_superuser("ada", password="x"))
    page = client.get("/admin/security_events/securityevent/").content.decode()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


@pytest.mark.django_db
def test_old_events_are_forgotten_after_their_time() -> None:
    cp16 = charge_point()
    kept = security_event(cp16)
    days = get_config().retain_security_events_days
    security_event(cp16, id=uuid7_floor(NOW - timedelta(days=days + 1)))
    assert prune(get_config(), now=NOW)["security events"] == 1
    assert list(SecurityEvent.objects.all()) == [kept]
