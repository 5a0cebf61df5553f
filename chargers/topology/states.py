"""What stations of OCPP 2.x say of the states of connectors, EVSEs and themselves, by whichever message they say it.

StatusNotification and NotifyEvent of AvailabilityState mean the same (S2-40): what both tell is told once, and the
newest by the station's clock counts.
"""

from datetime import datetime

from django.db.models import Q

from chargers.availability.selectors import operative
from chargers.availability.services import follow_evse
from chargers.handling import INT32_MAX
from chargers.models import Connector
from chargers.reports import record_status
from chargers.topology.models import Evse
from chargers.topology.places import MOST
from chargers.topology.services import Known, meet
from csms.core.events.services import record
from csms.core.live import announce

WORD_MAX = 64


def note_state(
    charge_point_id: int,
    cp_id: str,
    evse: int,
    connector: int,
    word: str,
    *,
    said_at: datetime | None,
    now: datetime,
) -> bool:
    """Store the state of a connector, of a whole EVSE (`connector` 0) or of the station (`evse` 0).

    Return whether it is news, and the state that counts now. `said_at` is by the charge point's clock, None if it
    cannot be believed. Idempotent for what was told at the same moment. Of a place that is one too many only the frame
    is kept.
    """
    if evse and not connector:
        return _note_evse(charge_point_id, cp_id, evse, word, said_at, now)
    where = meet(charge_point_id, evse, connector, known_from=Known.STATUS)
    known = Connector.objects.filter(charge_point_id=charge_point_id, number=where.number).first()
    if known is None and 0 < where.number < INT32_MAX:
        return False
    before = None if known is None else (known.reported, known.status_at)
    if said_at is not None and before == (word[:WORD_MAX], said_at):
        return False
    return record_status(
        charge_point_id,
        cp_id,
        where.number,
        status=word,
        error_code="",
        # What is wrong there is told by events of its components, and stays until they tell that it is not.
        info="" if known is None else known.info,
        vendor_error_code="" if known is None else known.vendor_error_code,
        status_at=said_at,
        now=now,
        place=where,
    )


def _note_evse(
    charge_point_id: int, cp_id: str, evse: int, word: str, said_at: datetime | None, now: datetime
) -> bool:
    if evse > MOST:
        return False  # the frame log keeps the nonsense
    believed = now if said_at is None else min(said_at, now)
    meet(charge_point_id, evse, known_from=Known.STATUS)
    row = Evse.objects.filter(charge_point_id=charge_point_id, number=evse).first()
    if row is None:
        return False
    if (row.status, row.status_at) == (word[:WORD_MAX], believed):
        return False
    newer = Evse.objects.filter(Q(status_at=None) | Q(status_at__lte=believed), pk=row.pk)
    known = {} if operative(word) is None else {"operative": operative(word)}
    current = newer.update(status=word[:WORD_MAX], status_at=believed, **known) == 1
    # Without a connector: readers of version 1.6 must not take it for that of the first one.
    record(
        "cp.status",
        cp_id,
        {
            "evse_id": evse,
            "evse_connector_id": 0,
            "status": word,
            "charger_reported_at": said_at,
            "current": current,
        },
        occurred_at=now,
    )
    if current:
        announce("fleet", f"charge-point:{charge_point_id}")
        follow_evse(charge_point_id, evse, word, now=now)
    return current
