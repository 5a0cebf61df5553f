"""The cast of the pages of webhooks: adam administers, and one webhook is there."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.views import webhook_steps
from csms.core.events import numbering
from csms.core.events.models import Event
from csms.core.events.services import record
from csms.core.ids import uuid7
from csms.core.webhooks.models import Delivery, Endpoint
from csms.core.webhooks.services import create_endpoint
from tests.console.cast import person, signed_in

LIST, ADD = "/sys/webhooks", "/sys/webhooks/add"
URL = "https://backend.example/hook?token=hunter2hunter2"

State = Delivery.State
STEPS = sorted(webhook_steps.STEPS)
ASKING = sorted(slug for slug, step in webhook_steps.STEPS.items() if step.question)


@pytest.fixture
def adam(db: None) -> Client:
    return signed_in(person("adam", "administrator"))


@pytest.fixture
def endpoint(db: None) -> Endpoint:
    return a_webhook()


def a_webhook(name: str = "billing", **values: Any) -> Endpoint:
    filter = {"types": ["*"]} | values
    return create_endpoint(name=name, url=URL, filter=filter, by="adam", now=timezone.now())[0]


def a_delivery(endpoint: Endpoint, state: str = State.DEAD, *, event: bool = True, **values: Any) -> Delivery:
    event_id = record("cp.status", "CP16", {}, occurred_at=timezone.now()) if event else uuid7()
    while numbering.number_events(now=timezone.now()):
        pass
    position = Event.objects.filter(pk=event_id).values_list("position", flat=True).first() if event else 1
    values = {
        "event_id": event_id,
        "type": "cp.status",
        "cp_id": "CP16",
        "position": position,
        "created_at": timezone.now(),
        "state": state,
    } | values
    return Delivery.objects.create(endpoint=endpoint, **values)


def fresh(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.get(pk=endpoint.pk)


def address(endpoint: Endpoint, rest: str = "") -> str:
    return f"{LIST}/{endpoint.pk}{rest}"


def text(client: Client, path: str, status: int = 200, **more: Any) -> str:
    answer = client.get(path, **more)
    assert answer.status_code == status, path
    return answer.content.decode()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def secret_in(page: str) -> str:
    found = re.search(r'value="(whsec_[^"]+)"', page)
    assert found is not None
    return found[1]


def done(client: Client, endpoint: Endpoint, slug: str, **values: str) -> str:
    """Do something, the question answered, and return what is read on the page that follows."""
    answer = client.post(address(endpoint, f"/{slug}"), {"confirmed": "yes", **values}, follow=True)
    assert answer.status_code == 200
    return words(answer.content.decode())
