"""What OCPP 2.x answers of an id token: the same function for every message that carries one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from chargers.configuration.models import ConfigurationKey
from chargers.handling import Call
from chargers.protocol.times import format_time
from csms.core.config import get_config
from transactions.authorization import Authorization, Where, authorize
from transactions.models import Transaction
from transactions.tariffs.speaking import prices_for_drivers
from transactions.token_forms import meant_token

GROUP_MAX = 36  # characters; 2.0.1, 2.24 IdTokenType
EVSES_MAX = 100
# Who can show a driver something (S2-62).
SHOWING = ("displaymessagectrlr/", "tariffcostctrlr/")
OF_SHOWING = Q(folded__startswith=SHOWING[0]) | Q(folded__startswith=SHOWING[1])


def verdict_info(
    call: Call,
    id_token: Mapping[str, Any],
    *,
    starting: bool = False,
    evse: int | None = None,
    continuing: Transaction | None = None,
) -> dict[str, Any]:
    """Judge the idToken of a message and return its idTokenInfo; see `verdict_on`."""
    return id_token_info(verdict_on(call, id_token, starting=starting, evse=evse, continuing=continuing))


def verdict_on(
    call: Call,
    id_token: Mapping[str, Any],
    *,
    starting: bool = False,
    evse: int | None = None,
    continuing: Transaction | None = None,
) -> Authorization:
    """Judge the idToken of a message. With `starting` its limit of transactions counts, too.

    `evse` is the number of the EVSE at which it is used, None where the message names none; `continuing` the
    transaction that it goes on with, which does not count towards the limit (S2-24). What somebody outside said of it
    is in the call. Nothing is stored: to ask is not to charge.
    """
    holder = call.holder
    verdict = authorize(
        meant_token(str(id_token.get("idToken", "")), holder.traits.token_rule),
        now=call.received_at,
        starting=starting,
        said=call.verdict,
        type=str(id_token.get("type", "")),
        where=Where(holder.charge_point_id, holder.cp_id, evse or None),
        continuing=continuing,
    )
    message = verdict.personal_message
    if not message and verdict.accepted:
        message = prices_for_drivers(holder.charge_point_id, holder.version, now=call.received_at)
    return replace(
        verdict,
        cached_until=_cached_until(verdict, call.received_at),
        personal_message=message if message and _shows_texts(holder.charge_point_id) else "",
    )


def _cached_until(verdict: Authorization, now: datetime) -> datetime | None:
    """Return until when a charge point may trust a verdict: its token's end, or sooner by the settings (S2-25)."""
    hours = get_config().token_cache_hours
    bounds = [now + timedelta(hours=hours)] if hours else []
    return min([*bounds, *([verdict.expires_at] if verdict.expires_at else [])], default=None)


def _shows_texts(charge_point_id: int) -> bool:
    """Return whether a charge point has said that it can show texts: one without a display may refuse to read them.

    One query, only to be asked where there is a text: it looks at all settings of the charge point.
    """
    rows = ConfigurationKey.objects.filter(OF_SHOWING, charge_point_id=charge_point_id, known=True)
    said = dict(rows.values_list("folded", "value"))

    def shows(controller: str) -> bool:
        there = (said.get(f"{controller}available") or "true").strip().casefold() != "false"
        return there and any(name.startswith(controller) for name in said)

    return any(map(shows, SHOWING))


def id_token_info(verdict: Authorization) -> dict[str, Any]:
    """Return a verdict in the words of 2.x. A group whose name is too long is left out: cut, it might be another's."""
    info: dict[str, Any] = {"status": verdict.status}
    if until := verdict.cached_until or verdict.expires_at:
        info["cacheExpiryDateTime"] = format_time(until)
    if group := group_id_token(verdict.parent):
        info["groupIdToken"] = group
    if verdict.accepted and verdict.evses:
        info["evseId"] = list(verdict.evses[:EVSES_MAX])
    if verdict.language:
        info["language1"] = verdict.language
    if verdict.personal_message:
        info["personalMessage"] = _message(verdict.personal_message, verdict.language)
    return info


def group_id_token(group: str) -> dict[str, str] | None:
    """Return a group in the words of 2.x, None for none: its name is ours, so it is Central (S2-23)."""
    return {"idToken": group, "type": "Central"} if 0 < len(group) <= GROUP_MAX else None


def _message(content: str, language: str) -> dict[str, str]:
    return {"format": "UTF8", "content": content} | ({"language": language} if language else {})
