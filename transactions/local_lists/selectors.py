"""What is read of local lists: what is mirrored, what belongs on them, and what has yet to be sent."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from chargers.configuration.selectors import reported_number
from chargers.models import ChargePoint
from transactions.local_lists.entries import Delta, Entry, caseless, difference
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import IdToken

Policy = LocalList.Policy

# Entries in one message, where the charge point does not say. Small stations choke on more.
MESSAGE_DEFAULT = 100
TOKEN_MAX = {"ocpp1.6": 20}  # CiString20Type
TOKEN_MAX_ELSE = 36

# Why a token that belongs on a list is not on it.
LEFT_OUT = {
    "too_long": "It has more characters than the charge point's version of OCPP can say.",
    "no_room": "The list is full; tokens that may charge go before others, and the older before the newer.",
    "unknown": "It was chosen and is not registered.",
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A token that is not sent, and the word of LEFT_OUT for why."""

    id_token: str
    reason: str


@dataclass(frozen=True, slots=True)
class Belonging:
    """What belongs on a list, and what would if it could."""

    entries: list[Entry]
    left_out: list[LeftOut]


@dataclass(frozen=True, slots=True)
class Pending:
    """The next update of a list: `Full`, `Differential`, or "" when there is nothing to send."""

    kind: str
    delta: Delta
    belonging: Belonging


def local_list(charge_point: ChargePoint) -> LocalList:
    """Return the list of a charge point; one that nobody has asked for is not stored."""
    return LocalList.objects.filter(charge_point=charge_point).first() or LocalList(charge_point=charge_point)


def entries(local_list: LocalList) -> QuerySet[LocalListEntry]:
    """Return what the charge point accepted last."""
    return LocalListEntry.objects.filter(local_list_id=local_list.pk)


def entries_of_token(id_token: str) -> QuerySet[LocalListEntry]:
    """Return where a token stands on the lists that charge points accepted, with these charge points."""
    rows = LocalListEntry.objects.filter(key=caseless(id_token))
    return rows.select_related("local_list__charge_point").order_by("local_list__charge_point__cp_id")


def message_max(charge_point_id: int) -> int:
    """Return how many entries one of our messages has (S16-32)."""
    return reported_message_max(charge_point_id) or MESSAGE_DEFAULT


def reported_message_max(charge_point_id: int) -> int | None:
    """Return how many entries one message may have (SendLocalListMaxLength); None if that is not known."""
    return reported_number(charge_point_id, "SendLocalListMaxLength") or None


def list_max(charge_point_id: int) -> int | None:
    """Return how many entries the list holds in all (LocalAuthListMaxLength); None if that is not known."""
    return reported_number(charge_point_id, "LocalAuthListMaxLength") or None


def belonging(local_list: LocalList, *, now: datetime) -> Belonging:
    """Return what the policy puts on the list; which of too many is a choice that LEFT_OUT explains."""
    tokens = _chosen(local_list, now)
    most = TOKEN_MAX.get(local_list.charge_point.protocol, TOKEN_MAX_ELSE)
    left_out = [LeftOut(token.id_token, "too_long") for token in tokens if len(token.id_token) > most]
    every = {token.key: token for token in tokens if len(token.id_token) <= most}
    ordered = sorted(every.values(), key=lambda entry: entry.status != "Accepted")
    room = list_max(local_list.charge_point_id)
    if room is not None:
        left_out += [LeftOut(entry.id_token, "no_room") for entry in ordered[room:]]
        ordered = ordered[:room]
    if local_list.policy == Policy.CHOSEN:
        known = {token.key for token in tokens}
        left_out += [LeftOut(text, "unknown") for text in local_list.tokens if caseless(text) not in known]
    return Belonging(ordered, left_out)


def _chosen(local_list: LocalList, now: datetime) -> list[Entry]:
    """Return the tokens of the policy, the oldest first."""
    if local_list.policy == Policy.OFF:
        return []
    rows = IdToken.objects.order_by("pk").values_list("id_token", "blocked", "parent", "expires_at")
    tokens = {caseless(text) for text in local_list.tokens}
    groups = {caseless(text) for text in local_list.groups}
    return [
        Entry(id_token, _status(blocked, expires_at, now), parent, expires_at)
        for id_token, blocked, parent, expires_at in rows
        if local_list.policy == Policy.ALL
        or caseless(id_token) in tokens
        or (parent and caseless(parent) in groups)
    ]


def _status(blocked: bool, expires_at: datetime | None, now: datetime) -> str:
    if blocked:
        return "Blocked"
    return "Expired" if expires_at is not None and expires_at <= now else "Accepted"


def mirrored(local_list: LocalList) -> list[Entry]:
    """Return what the charge point accepted last, as entries."""
    rows = entries(local_list).order_by("pk").values_list("id_token", "status", "parent", "expires_at")
    return [Entry(*row) for row in rows]


def pending(local_list: LocalList, *, now: datetime) -> Pending:
    """Return what the next update of the list has to bring. While the policy is off there is none."""
    wanted = belonging(local_list, now=now)
    delta = difference(mirrored(local_list), wanted.entries)
    if local_list.policy == Policy.OFF:
        kind = ""
    elif local_list.full_needed or (local_list.version == 0 and delta):
        kind = "Full"
    else:
        kind = "Differential" if delta else ""
    return Pending(kind, delta, wanted)


def state_of_tokens(*, now: datetime) -> str:
    """Return a text that changes whenever any token does, also by the clock: one query for the whole fleet."""
    state = IdToken.objects.aggregate(
        n=Count("pk"), last=Max("pk"), at=Max("updated_at"), over=Count("pk", filter=Q(expires_at__lte=now))
    )
    return f"{state['n']}:{state['last']}:{state['at'] and state['at'].timestamp()}:{state['over']}"
