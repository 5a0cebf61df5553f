"""Boots and heartbeats as all versions of OCPP answer them, and how the backend is asked about who boots."""

from collections.abc import Coroutine, Mapping
from typing import Any

from django.utils import timezone

from chargers import reports
from chargers.handling import Call, Question
from chargers.models import Registration
from chargers.protocol.times import format_time
from csms.core.backend.answers import RegistrationVerdict
from csms.core.backend.asking import get_backend
from csms.core.config import get_config

WORDS = {
    Registration.ACCEPTED: "Accepted",
    Registration.PENDING: "Pending",
    Registration.REJECTED: "Rejected",
}


def boot_answer(standing: str, said: RegistrationVerdict | None) -> dict[str, Any]:
    """Return the answer to a BootNotification; `said` is the backend's verdict.

    The interval is the heartbeat's once accepted, else the least wait before the next try (T-084).
    """
    refused = said is not None and said.status == "Rejected"
    return {
        "status": "Rejected" if refused else WORDS[Registration(standing)],
        "currentTime": format_time(timezone.now()),
        "interval": _interval(standing == Registration.ACCEPTED, said),
    }


def _interval(accepted: bool, said: RegistrationVerdict | None) -> int:
    config = get_config()
    if said is None or said.interval is None or accepted != (said.status == "Accepted"):
        return config.heartbeat_interval if accepted else config.boot_retry_interval
    if accepted and config.liveness_seconds:  # longer silence would end the connection
        return min(said.interval, config.liveness_seconds // 3)
    return said.interval


def ask_about_boot(
    question: Question, facts: Mapping[str, str]
) -> Coroutine[Any, Any, RegistrationVerdict | None] | None:
    """Ask the backend, if there is one, about a charge point that boots; `facts` by the names of BOOT_FIELDS."""
    backend = get_backend()
    if backend is None:
        return None
    asked = ("vendor", "model", "firmware_version", "serial_number")
    return backend.register(
        cp_id=question.holder.cp_id,
        facts={name: facts.get(name, "") for name in asked},
        at=question.received_at,
        message=question.message,
        trace=question.trace.replace("-", ""),
    )


def heartbeat(call: Call) -> dict[str, Any]:
    """1.6, 4.6; 2.0.1, G02: the station's clock. Any frame counts as life, so nothing is stored; it may be told."""
    if get_config().events_heartbeats:
        reports.record_heartbeat(call.holder.cp_id, str(call.holder.connection_id), now=call.received_at)
    return {"currentTime": format_time(timezone.now())}
