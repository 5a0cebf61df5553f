"""The cast of callbacks: a backend with a secret, and commands that it ordered."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.db import transaction
from django.utils import timezone

from chargers.callbacks import services
from chargers.callbacks.delivery import Claim, claim_next
from chargers.callbacks.models import Callback
from chargers.callbacks.services import follow_command, order_callback
from chargers.following import CommandSettled
from chargers.models import Command
from csms.core.access.models import ApiToken
from csms.core.access.services import (
    create_api_token,
    signing_secret_text,
)
from csms.core.outbound.signing import read_secret
from tests.api.cast import NOON, charge_point, command
from tests.support.house import settings_are

State = Callback.State
DEADLINE = 30  # seconds; nothing here waits for it


@pytest.fixture(autouse=True)
def _receivers_are_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(services, "ring", lambda: None)  # the tests say when
    with settings_are(
        CSMS_OUTBOUND_ALLOW_HTTP="true",
        CSMS_OUTBOUND_NETWORKS="127.0.0.0/8",
        CSMS_OUTBOUND_DEADLINE=str(DEADLINE),
    ):
        yield


def backend(name: str = "backend") -> ApiToken:
    return create_api_token(name, scopes=["read", "command"], now=NOON)[0]


def settle(ordered: Command, outcome: str = "accepted") -> None:
    """Give the command its outcome, as the ledger does."""
    now = timezone.now()
    with transaction.atomic():
        Command.objects.filter(pk=ordered.pk).update(status=outcome, answered_at=now)
        cp = ordered.charge_point
        follow_command(
            CommandSettled(cp.pk, cp.cp_id, ordered.pk, ordered.type, outcome, "Accepted", "", now)
        )


def ordered(
    url: str, token: ApiToken | None = None, *, settled: bool = True, cp_id: str = "CP16"
) -> Callback:
    """A callback of a command that has its outcome, or has not."""
    from chargers.models import ChargePoint

    charger = ChargePoint.objects.filter(cp_id=cp_id).first() or charge_point(cp_id)
    token = token or ApiToken.objects.filter(name="backend").first() or backend()
    row = order_callback(command(charger), url, token=token, now=NOON)
    if settled:
        settle(row.command)
    return Callback.objects.get(pk=row.pk)


def claimed(now: datetime | None = None) -> Claim:
    claim = claim_next(now=now or timezone.now())
    assert claim is not None
    return claim


def fresh(callback: Callback) -> Callback:
    return Callback.objects.get(pk=callback.pk)


def secrets(token: ApiToken) -> list[bytes]:
    return [read_secret(signing_secret_text(ApiToken.objects.get(pk=token.pk)))]
