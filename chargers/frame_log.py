"""The frame log of one connection: every frame as it went over the wire, secrets masked."""

import logging
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import partial
from time import monotonic

import orjson

from chargers.frame_events import WANTED, record_frame
from chargers.handling import Holder
from chargers.models import FRAMES, Registration
from chargers.protocol.events import Event
from chargers.protocol.frames import MessageKind
from chargers.protocol.redaction import MASK, frame_without_echo, redact
from chargers.traits.ledger import LEDGER
from csms.core.ids import uuid7_text
from csms.core.writer import after_commit

log = logging.getLogger(__name__)

KEPT_OF_UNUSED = 4096
"""Characters kept of a frame that nothing is taken from: refused, repeated, late, or from a stranger."""


NOT_SENT = "not sent: the connection had ended"
"""What is noted at an answer that came too late for its connection; its verdict is `late`."""

COUNTED = {"deviant", "refused", "late", "ignored"}
"""Verdicts whose notes are deviations; a repeated message deviates from nothing."""


def log_deviation(cp_id: str, event: Event) -> None:
    """Say in the log what of a frame is not as the standard has it."""
    log.info(
        "ocpp.deviation",
        extra={
            "cp_id": cp_id,
            "action": event.action,
            "verdict": event.verdict,
            "notes": "; ".join(event.notes)[:500],
        },
    )


class FrameLog:
    """Writes frames in the writer's transaction, so that they are kept with what they brought, or not at all."""

    __slots__ = ("_holder",)

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    def came(
        self,
        kind: MessageKind | None,
        message_id: str | None,
        action: str | None,
        verdict: str,
        notes: tuple[str, ...],
        text: str,
        at: datetime,
        latency_us: int | None = None,
        frame_id: str = "",
        hidden: Collection[str] = (),
    ) -> None:
        """Keep a frame of the charge point; `kind` is None for one that could not be read.

        `hidden` are secret values that no name tells of.
        """
        holder = self._holder
        text, seen = frame_without_echo(hidden, redact(action, text)), notes
        if len(text) > KEPT_OF_UNUSED and (verdict not in ("ok", "deviant") or holder.is_stranger):
            notes = (*notes, f"cut from {len(text)} characters")
            text = text[:KEPT_OF_UNUSED]
        frame_id = frame_id or uuid7_text()
        if seen and verdict in COUNTED and holder.registration == Registration.ACCEPTED:
            count = (holder.charge_point_id, action or "", seen, verdict, frame_id, at)
            after_commit(partial(LEDGER.count, *count))
        FRAMES.add(
            frame_id,
            holder.charge_point_id,
            holder.connection_id,
            at,
            "in",
            None if kind is None else kind.value,
            message_id or "",
            action or "",
            verdict,
            "; ".join(notes),
            latency_us,
            text,
        )
        if WANTED.covers is not None:
            self._tell("in", kind, message_id, action, verdict, text, at)

    def left(
        self,
        kind: MessageKind,
        message_id: str | None,
        action: str | None,
        text: str,
        arrived: float | None,
        *,
        late: bool = False,
        hidden: Iterable[str] = (),
    ) -> None:
        """Keep a frame of ours; `arrived` is the monotonic time of the call that it answers.

        `late`: the socket is closed already, so that it is not sent; a call that is repeated is answered with it.
        `hidden` are secret values that no name tells of.
        """
        holder = self._holder
        text, at = redact(action, text), datetime.now(UTC)
        for secret in hidden:
            text = text.replace(orjson.dumps(secret).decode(), f'"{MASK}"')
        verdict = "late" if late else "ok" if kind is not MessageKind.CALLERROR else "refused"
        FRAMES.add(
            uuid7_text(),
            holder.charge_point_id,
            holder.connection_id,
            at,
            "out",
            kind.value,
            message_id or "",
            action or "",
            verdict,
            NOT_SENT if late else "",
            None if arrived is None else int((monotonic() - arrived) * 1_000_000),
            text,
        )
        if WANTED.covers is not None:
            self._tell("out", kind, message_id, action, verdict, text, at)

    def _tell(
        self,
        direction: str,
        kind: MessageKind | None,
        message_id: str | None,
        action: str | None,
        verdict: str,
        text: str,
        at: datetime,
    ) -> None:
        holder, covers = self._holder, WANTED.covers
        if covers is None or not covers(holder.cp_id):
            return
        record_frame(
            holder.cp_id,
            direction=direction,
            message_type=None if kind is None else kind.value,
            message_id=message_id or "",
            action=action or "",
            ocpp_version=holder.version.value,
            connection_id=str(holder.connection_id),
            verdict=verdict,
            message=text,
            at=at,
        )
