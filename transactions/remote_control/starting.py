"""Remote starts of models with manners: begun for each car (quirk C6), or not too soon after an end (quirk C7)."""

import logging
from datetime import timedelta
from typing import Any

from django.db.models import Max, Q
from django.db.models.functions import Coalesce

from chargers.commands.ordering import SYSTEM, CommandRefused, Draft, bad_param
from chargers.commands.sending import send_command
from chargers.commands.tokens201 import TOKEN_MAX
from chargers.following import StatusReported
from chargers.models import ChargePoint, Command, ConnectorStatus
from chargers.reporting.services import next_number
from chargers.topology.places import has_evses
from chargers.topology.services import placed
from chargers.traits.selectors import traits_of, traits_of_all
from csms.core.id_tokens import canonical_token, likely_type
from csms.core.ids import uuid7_floor
from transactions.charging_profiles.catalogue import prepare_start
from transactions.models import IdToken, Transaction
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
    return placed(draft) | prepare_start(draft) | _in_words_of_2x(draft)


def _in_words_of_2x(draft: Draft) -> dict[str, Any]:
    """Return what only OCPP 2.x says of a start: its number, the type of the token and its group."""
    if not has_evses(draft.charge_point.protocol):
        return {}
    if draft.exact is not None:
        named = ("remote_start_id", "parent")
        return {name: draft.fixed[name] for name in named if name in draft.fixed}
    params = draft.params
    canonical = canonical_token(params.id_token, params.token_type or "")
    known = IdToken.objects.filter(canonical=canonical)
    if params.token_type is not None:
        known = known.filter(type__in=(params.token_type, ""))
    token = known.order_by("-type").first()
    values: dict[str, Any] = {"remote_start_id": _free_number(draft.charge_point.pk)}
    values["token_type"] = (
        params.token_type or (token.type if token is not None else "") or likely_type(params.id_token)
    )
    if token is not None and 0 < len(token.parent) <= TOKEN_MAX:
        values["parent"] = token.parent
    return values


def _free_number(charge_point_id: int) -> int:
    """Return a number that this charge point was never told to start by. Not idempotent.

    Numbers of exact payloads are their authors' own, so one of the series may have been used.
    """
    told = Command.objects.filter(charge_point_id=charge_point_id, type="remote-start", exact__isnull=False)
    while True:
        number = next_number(charge_point_id, "remote_start")
        if not told.filter(params__remote_start_id=number).exists():
            return number


STILL_EXPECTED = timedelta(minutes=15)
OCCUPIED = "Occupied"  # in 2.x; there a transaction may begin with the cable, and waits for a token


def _goes_on(reported: StatusReported) -> bool:
    """Return whether a transaction goes on there that needs no token any more."""
    running = open_transactions(reported.charge_point_id)
    if reported.place is None:
        return running.filter(connector_number=reported.connector_number).exists()
    return running.filter(evse_number=reported.place.evse).exclude(id_token="").exists()


def follow_status(reported: StatusReported) -> None:
    """Start for a car that was plugged in, where the model starts nothing by itself and has a token for it."""
    number, place = reported.connector_number, reported.place
    plugged_in = ConnectorStatus.PREPARING if place is None else OCCUPIED
    if not reported.current or number == 0 or reported.status != plugged_in:
        return
    token = traits_of_all([reported.charge_point_id])[reported.charge_point_id].autostart_token
    if not token or _goes_on(reported):
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
