"""A relay in hand: what happens is numbered and told step by step, and time passes when a test says so."""

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from chargers.models import ChargePoint
from csms.core.backend.reader import begin_reading
from csms.core.events import numbering
from csms.core.events.relay import Hub, Pump
from tests.support.house import now
from transactions import services
from transactions.backend.models import SessionReport
from transactions.backend.sink import SessionsSink
from transactions.models import Transaction

State = SessionReport.State


class Teller:
    def __init__(self) -> None:
        begin_reading()
        self.pump = self._new()

    def _new(self) -> Pump:
        pump = Pump(SessionsSink(), Hub(), "teller")
        assert pump.hold()
        return pump

    @property
    def sink(self) -> SessionsSink:
        assert isinstance(self.pump.sink, SessionsSink)
        return self.pump.sink

    def step(self) -> bool:
        numbering.number_events(now=timezone.now())
        self.pump.hub.move(numbering.head())
        return self.pump.step()

    def until(self, check: Callable[[], Any], timeout: float = 60) -> Any:
        deadline = time.monotonic() + timeout
        while not (value := check()):
            assert time.monotonic() < deadline, reports()
            if not self.step():
                time.sleep(0.01)
        return value

    def settle(self) -> None:
        """Until nothing is under way and nothing is due."""
        while self.step():
            pass

    def dies(self) -> None:
        """The process is killed: nothing that is under way is noted. Another takes over."""
        sink = self.sink
        for task in sink._under_way:
            task.cancel()
        if sink._loop is not None:
            sink._loop.run_until_complete(_nothing())
            sink._loop.close()
        sink._under_way.clear()
        from csms.core.events.models import Reader

        Reader.objects.filter(pk=sink.name).update(holder="", held_until=None)  # its lease ran out
        self.pump = self._new()

    def close(self) -> None:
        self.sink.close()
        self.pump.release()


async def _nothing() -> None:
    pass


def time_passes() -> None:
    """What waits is due."""
    SessionReport.objects.filter(state=State.PENDING).update(next_at=timezone.now())


def reports(**which: Any) -> list[SessionReport]:
    return list(SessionReport.objects.filter(**which).order_by("pk"))


def begin(charge_point: ChargePoint, tag: str = "B-TAG", meter: int = 100, **more: Any) -> Transaction:
    facts = {
        "connector_number": 1,
        "reservation_id": None,
        "claimed_at": (at := now()),
        "claimed_time": at.isoformat(),
        "raw": "{}",
        "now": at,
    }
    with transaction.atomic():
        return services.start_transaction(
            charge_point_id=charge_point.pk,
            cp_id=charge_point.cp_id,
            id_token=tag,
            meter_start_wh=meter,
            **(facts | more),
        ).transaction


def end(charge_point: ChargePoint, claimed_id: str, meter: int = 5100, **more: Any) -> Transaction:
    facts = {
        "id_token": "",
        "claimed_at": (at := now()),
        "claimed_time": at.isoformat(),
        "reason": "Local",
        "raw": "{}",
        "now": at,
    }
    with transaction.atomic():
        return services.stop_transaction(
            charge_point_id=charge_point.pk,
            cp_id=charge_point.cp_id,
            claimed_id=claimed_id,
            meter_stop_wh=meter,
            **(facts | more),
        ).transaction
