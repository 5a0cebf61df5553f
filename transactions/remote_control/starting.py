"""Remote starts of models with manners: begun for each car (quirk C6), or not too soon after an end (quirk C7)."""

import logging
from datetime import timedelta
from typing import Any

from django.db.models import Max, Q
from django.db.models.functions import Coalesce

from chargers.commands.ordering import SYSTEM, CommandRefused, Draft, bad_param
from chargers.commands.sending import send_command
from chargers.following import StatusReported
from chargers.models import ChargePoint, Command, ConnectorStatus
from chargers.traits.selectors import traits_of, traits_of_all
from csms.core.ids import uuid7_floor
from transactions.charging_profiles.catalogue import prepare_start
from transactions.models import Transaction
from transactions.selectors import open_transactions

log = logging.getLogger(__name__)


def prepare(draft: Draft) -> dict[str, Any]:
    """Check a remote start. Raises CommandRefused while the model still needs its rest after the last transaction."""
    pause = timedelta(seconds=traits_of(draft.charge_point).restart_pause)
    if pause:
        # By our clock, since that of the charge point may be off.
        over = Transaction.objects.annotate(over_at=Coalesce("stop_received_at", "stopped_at"))
        ended = over.filter(
            charge_point=draft.charge_point, over_at__gt=draft.now - pause, over_at__lte=draft.now
        )
        if draft.params.connector_id is not None:
            ended = ended.filter(connector_number=draft.params.connector_id)
        last = ended.aggregate(last=Max("over_at"))["last"]
        if last is not None:
            left = (last + pause - draft.now).total_seconds()
            raise bad_param(
                "connector_id",
                f"this model needs {pause.total_seconds():.0f} s after a transaction before the next start; "
                f"try again in {left:.0f} s",
            )
    return prepare_start(draft)


STILL_EXPECTED = timedelta(minutes=15)


def follow_status(reported: StatusReported) -> None:
    """Start for a car that was plugged in, where the model starts nothing by itself and has a token for it."""
    number = reported.connector_number
    if not reported.current or number == 0 or reported.status != ConnectorStatus.PREPARING:
        return
    token = traits_of_all([reported.charge_point_id])[reported.charge_point_id].autostart_token
    if not token or open_transactions(reported.charge_point_id).filter(connector_number=number).exists():
        return
    charge_point = ChargePoint.objects.get(pk=reported.charge_point_id)
    expected = Command.objects.filter(
        Q(status__in=Command.OPEN) | Q(status=Command.Status.ACCEPTED, effect_at=None),
        pk__gte=uuid7_floor(reported.now - STILL_EXPECTED),
        charge_point=charge_point,
        type="remote-start",
        params__connector_id=number,
    )
    if expected.exists():
        return  # the same plug, told again
    try:
        send_command(
            charge_point,
            "remote-start",
            {"id_token": token, "connector_id": number},
            author=SYSTEM,
            reason="a car was plugged in, and this model starts only when told to",
            now=reported.now,
        )
    except CommandRefused as refusal:
        log.warning(
            "remote_start.not_begun",
            extra={"cp_id": reported.cp_id, "connector": number, "reason": refusal.detail},
        )
