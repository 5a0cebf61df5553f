"""What people do with silences, and how the clock moves recurring ones on."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from alerts.silences import matching, windows
from alerts.silences.models import COMMENT_MAX, Silence
from alerts.silences.windows import LONGEST, Windows
from csms.core.audit.services import note
from csms.core.counting import FactCounter
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow
from csms.core.time_zones import find_zone

log = logging.getLogger(__name__)

TOPIC = "silences"
SILENCES_MAX = 500  # that are not over
NOT_MOVED = FactCounter(
    "csms_silences_not_moved_total", "Looks at a silence whose next window could not be found."
)


def create_silence(
    *,
    matchers: Any,
    starts_at: datetime,
    ends_at: datetime,
    comment: str,
    recurrence: str = "",
    zone: str = "UTC",
    by: str,
    now: datetime,
) -> Silence:
    """Keep people from being told of alerts that match, from one time to another, or again and again.

    Raises BadField, and NotNow with `too_many`. Not idempotent: two of the same are two.
    """
    kept = matching.checked(matchers)
    if not comment.strip() or len(comment) > COMMENT_MAX or not comment.isprintable():
        raise BadField("comment", f"It says why, in at most {COMMENT_MAX} printable characters.")
    if not starts_at < ends_at <= starts_at + LONGEST:
        raise BadField("ends_at", f"It is behind starts_at, by at most {LONGEST.days} days.")
    try:
        find_zone(zone)
    except ValueError as error:
        raise BadField("zone", str(error)) from error
    recurrence = windows.checked(recurrence) if recurrence else ""
    found = Windows(starts_at, ends_at - starts_at, recurrence, zone)
    window, over_at = found.after(now), found.last()
    if window is None or over_at is None:
        field = "recurrence" if recurrence else "ends_at"
        raise BadField(field, "It would be over already.")
    if (begin := next(found.all())[0]) != starts_at:
        raise BadField(
            "starts_at",
            "The first window is none of the recurrence; the next one by it would begin at "
            f"{begin.astimezone(find_zone(zone)):%Y-%m-%d %H:%M}.",
        )
    with transaction.atomic():
        if Silence.objects.filter(over_at__gt=now).count() >= SILENCES_MAX:
            raise NotNow("too_many", f"there are {SILENCES_MAX} silences already, which is the most")
        silence = Silence.objects.create(
            matchers=kept,
            starts_at=starts_at,
            ends_at=ends_at,
            recurrence=recurrence,
            zone=zone,
            comment=comment,
            by=by,
            created_at=now,
            window_from=window[0],
            window_to=window[1],
            over_at=over_at,
        )
        note(
            "silence.created",
            by=by,
            subject_type="silence",
            subject=silence.pk,
            now=now,
            reason=comment,
            matchers=kept,
        )
        announce(TOPIC)
    return silence


def expire_silence(silence_id: UUID, *, by: str, now: datetime) -> None:
    """End a silence at once. Idempotent: of one that is over nothing changes."""
    with transaction.atomic():
        ended = Silence.objects.filter(pk=silence_id, over_at__gt=now).update(over_at=now, expired_by=by)
        if ended:
            note("silence.expired", by=by, subject_type="silence", subject=silence_id, now=now)
            announce(TOPIC)


def move_on(*, now: datetime) -> None:
    """Let each silence whose window is over know its next one. One query, if there is none. Idempotent.

    One that cannot be asked, as when its zone has left the system's data, stays as it is, and keeps no other waiting.
    """
    for silence in Silence.objects.filter(over_at__gt=now, window_to__lte=now, window_to__lt=F("over_at")):
        try:
            found = Windows(silence.starts_at, silence.lasts, silence.recurrence, silence.zone).after(now)
        except Exception:
            log.exception("silences.not_moved_on", extra={"silence": str(silence.pk)})
            NOT_MOVED.add()
            continue
        if found is not None:
            Silence.objects.filter(pk=silence.pk).update(window_from=found[0], window_to=found[1])
            announce(TOPIC)
