"""What a charge point was answered before it reconnected: it may repeat a call of which it lost our answer."""

from uuid import UUID

from django.db.models.functions import Length

from chargers.models import Frame
from chargers.protocol.repeats import BY_CONTENT

ANSWERED_FRAMES = 64  # as many calls and answers as a session remembers
ANSWERED_LOOK_BACK = 512  # frames; a chatty charge point's whole log is not read for a handshake
ANSWERED_TEXT_MAX = 65_536  # characters; the calls of a batch of handshakes are in memory together


def answered_calls(charge_point_id: int) -> list[tuple[str, str, str, str]]:
    """Return the newest answered calls of transactions, oldest first, from the frame log.

    A charge point that lost our answer repeats its call after it has reconnected; the log holds what was answered,
    and was written in the same transaction as the fact. Other calls, refusals and huge frames are passed over.
    """
    newest = Frame.objects.filter(charge_point_id=charge_point_id).order_by("-id")
    rows = list(
        Frame.objects.alias(length=Length("text"))
        .filter(
            pk__in=newest.values("pk")[:ANSWERED_LOOK_BACK],
            kind__in=(2, 3),
            action__in=BY_CONTENT,
            length__lte=ANSWERED_TEXT_MAX,
        )
        .order_by("-id")
        .values_list("connection_id", "direction", "kind", "message_id", "action", "text")[:ANSWERED_FRAMES]
    )
    calls: dict[tuple[UUID, str], tuple[str, str]] = {}
    answered: list[tuple[str, str, str, str]] = []
    for connection_id, direction, kind, message_id, action, text in reversed(rows):
        if direction == Frame.Direction.IN and kind == 2:
            calls[connection_id, message_id] = (action, text)
        elif direction == Frame.Direction.OUT and kind == 3:
            call = calls.pop((connection_id, message_id), None)
            if call is not None:
                answered.append((message_id, call[0], call[1], text))
    return answered
