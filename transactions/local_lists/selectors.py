"""What is read of local lists: what is mirrored, what belongs on them, and what has yet to be sent."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from chargers.commands.sending import spoken_order
from chargers.configuration.meanings import meant_number, name_of
from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import fold
from chargers.models import ChargePoint
from chargers.protocol.schemas import request_schema
from chargers.protocol.versions import Version
from chargers.topology.models import Evse
from csms.core.id_tokens import KEY_CODE
from transactions.local_lists.entries import Delta, Entry, caseless, difference, likely_type
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import IdToken
from transactions.token_places import NOWHERE, allowed_evses

Policy = LocalList.Policy

# Entries in one message, where the charge point does not say. Small stations choke on more.
MESSAGE_DEFAULT = 100
TOKEN_MAX = {"ocpp1.6": 20}  # CiString20Type
TOKEN_MAX_ELSE = 36
UNTYPED = frozenset({"", "ocpp1.6"})  # protocols that tell neither the type of a token nor its EVSEs

# Why a token that belongs on a list is not on it.
LEFT_OUT = {
    "too_long": "It has more characters than the charge point's version of OCPP can say.",
    "unsaid": "The charge point's version of OCPP has no words for what it says.",
    "no_room": "The list is full; tokens that may charge go before others, and the older before the newer.",
    "unknown": "It was chosen and is not registered.",
    "secret": "It is a key code, which no charge point keeps.",
    "some_evses": "It may be used at some connectors only, and OCPP 1.6 cannot say so on a list.",
    "same_text": "Another token has the same text, and goes before it.",
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
    """Return how many entries one message may have, as it says; None if that is not known."""
    return meant_number(charge_point_id, "local_list_at_once") or None


def reported_bytes_max(charge_point_id: int) -> int | None:
    """Return how many bytes one message may have, as it says; None if that is not known."""
    return meant_number(charge_point_id, "local_list_bytes") or None


def list_max(charge_point_id: int) -> int | None:
    """Return how many entries the list holds in all, as it says; None if that is not known.

    1.6 has a key for it, 2.x the upper limit of the variable that counts the entries.
    """
    if most := meant_number(charge_point_id, "local_list_max"):
        return most
    name = name_of(charge_point_id, "local_list_entries")
    rows = ConfigurationKey.objects.filter(charge_point_id=charge_point_id, folded=fold(name))
    limit = rows.values_list("variable__max_limit", flat=True).first() if name else None
    return int(limit) if limit else None


def belonging(local_list: LocalList, *, now: datetime) -> Belonging:
    """Return what the policy puts on the list; which of too many is a choice that LEFT_OUT explains."""
    tokens = _chosen(local_list)
    most = TOKEN_MAX.get(local_list.charge_point.protocol, TOKEN_MAX_ELSE)
    left_out: list[LeftOut] = []
    every: dict[tuple[str, str], tuple[int, Entry]] = {}
    view = _View(local_list.charge_point, now)
    for token in sorted(tokens, key=view.rank):
        entry, why = view.entry(token)
        if entry is not None and len(entry.id_token) > most:
            why = "too_long"
        elif entry is not None and not view.can_say(entry):
            why = "unsaid"  # in the message it would keep all others from being sent
        elif entry is not None and every.setdefault(entry.key, (token.pk, entry))[1] is not entry:
            why = "same_text"
        if why:
            left_out.append(LeftOut(token.id_token, why))
    ordered = [entry for _, entry in sorted(every.values(), key=lambda found: found[0])]
    ordered.sort(key=lambda entry: entry.status != "Accepted")
    room = list_max(local_list.charge_point_id)
    if room is not None:
        left_out += [LeftOut(entry.id_token, "no_room") for entry in ordered[room:]]
        ordered = ordered[:room]
    if local_list.policy == Policy.CHOSEN:
        known = {caseless(token.id_token) for token in tokens}
        left_out += [LeftOut(text, "unknown") for text in local_list.tokens if caseless(text) not in known]
    return Belonging(ordered, left_out)


def _chosen(local_list: LocalList) -> list[IdToken]:
    """Return the tokens of the policy, the oldest first."""
    if local_list.policy == Policy.OFF:
        return []
    rows = IdToken.objects.order_by("pk").only(*SAID)
    tokens = {caseless(text) for text in local_list.tokens}
    groups = {caseless(text) for text in local_list.groups}
    return [
        token
        for token in rows
        if local_list.policy == Policy.ALL
        or caseless(token.id_token) in tokens
        or (token.parent and caseless(token.parent) in groups)
    ]


SAID = ("id_token", "type", "blocked", "parent", "expires_at", "evses")
"""What an entry is made of."""


class _View:
    """What the list of one charge point says of tokens."""

    def __init__(self, charge_point: ChargePoint, now: datetime) -> None:
        self.cp_id, self.now = charge_point.cp_id, now
        self.typed = charge_point.protocol not in UNTYPED
        # Those that were only met, as in transactions, are perhaps not all that there are.
        rows = Evse.objects.filter(charge_point=charge_point, known_from=Evse.Known.REPORT)
        self.numbers = list(rows.values_list("number", flat=True))
        self.order = spoken_order(charge_point, "send-local-list")
        self.schema = (
            request_schema(Version(charge_point.protocol), self.order.action)
            if self.order is not None
            else None
        )

    def can_say(self, entry: Entry) -> bool:
        """Whether a message with this entry keeps the schema of the charge point's version, as far as that is known."""
        if self.order is None or self.schema is None:
            return True
        params = {"update_type": "Full", "list_version": 1, "entries": [entry.as_json()]}
        return self.schema.is_valid(self.order.payload(params))

    def rank(self, token: IdToken) -> tuple[int, str]:
        """Return which of several tokens of one text goes before the others, as `find_id_token` has it."""
        return int((token.type == "") == self.typed), token.type

    def entry(self, token: IdToken) -> tuple[Entry | None, str]:
        """Return the entry of a token, or None and the word of LEFT_OUT for why there is none."""
        if token.type == KEY_CODE:
            return None, "secret"
        evses = allowed_evses(token.evses, self.cp_id, self.numbers)
        status = _status(token, evses, self.now)
        if evses and not self.typed:
            return None, "some_evses"
        kind = (token.type or likely_type(token.id_token)) if self.typed else ""
        allowed = evses or () if status == "Accepted" else ()
        return Entry(token.id_token, status, token.parent, token.expires_at, kind, allowed), ""


def _status(token: IdToken, evses: tuple[int, ...] | None, now: datetime) -> str:
    if token.blocked:
        return "Blocked"
    if token.expires_at is not None and token.expires_at <= now:
        return "Expired"
    return "NotAtThisLocation" if evses == NOWHERE else "Accepted"


def mirrored(local_list: LocalList) -> list[Entry]:
    """Return what the charge point accepted last, as entries."""
    rows = entries(local_list).order_by("pk")
    said = rows.values_list("id_token", "status", "parent", "expires_at", "type", "evses")
    return [Entry(*row)._replace(evses=tuple(row[-1])) for row in said]


def pending(local_list: LocalList, *, now: datetime) -> Pending:
    """Return what the next update of the list has to bring. While the policy is off there is none."""
    wanted = belonging(local_list, now=now)
    there = mirrored(local_list)
    delta = difference(there, wanted.entries)
    typed = local_list.charge_point.protocol not in UNTYPED
    # Of another version of OCPP: what it has made of that list nobody knows.
    foreign = any(bool(entry.type) != typed for entry in there)
    if local_list.policy == Policy.OFF:
        kind = ""
    elif local_list.full_needed or foreign or (local_list.version == 0 and delta):
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
