"""What an operator command is: an entry of the catalogue, and how each version of OCPP says it.

The rooms fill two tables of these, which meet in `csms.routing`: `COMMANDS` (slug -> CommandType, the same for all
versions) and `ORDERS` (version -> slug -> Order, the wire side). `chargers.commands.sending` gives
orders by both, `chargers.commands.ledger` notes what becomes of them.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, cast
from uuid import UUID

from annotated_types import MaxLen
from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.fields import FieldInfo

from chargers.models import ChargePoint, Command
from chargers.protocol.redaction import redact_text, without_echo
from csms.core.access.models import User


class CommandRefused(Exception):
    """A command that is not even queued: a code for programs, a sentence for people, errors by field."""

    def __init__(self, code: str, detail: str, errors: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = dict(errors or {})


def bad_param(name: str, text: str) -> CommandRefused:
    """Return the refusal of one parameter, for `prepare` to raise."""
    return CommandRefused("invalid", text, {name: [text]})


@dataclass(frozen=True, slots=True)
class Author:
    """Who orders something: a name for the ledger and, if it is a person, their account."""

    name: str
    user: User | None = None


SYSTEM = Author("system")


# --- the catalogue's side: the same for all versions ------------------------------------------------------------------


class Params(BaseModel):
    """What a command needs to know, in our words; the source of forms, API schemas and checks."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def _instant(value: object) -> object:
    """Read a text, also where a text counts for no other type; a time without a zone would be a guess."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError("it is no date and time with a time zone, as in 2030-12-31T23:59:59Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is beyond the calendar") from None


Instant = Annotated[datetime, BeforeValidator(_instant)]
"""A parameter that is a point in time: aware, UTC."""


LINES_FROM = 1001  # characters; a value of 2.x has up to 1,000 and no lines


def has_lines(field: FieldInfo) -> bool:
    """Whether a parameter is a text of several lines, as certificates in PEM form are: its bound says so."""
    return any(isinstance(rule, MaxLen) and rule.max_length >= LINES_FROM for rule in field.metadata)


@dataclass(frozen=True, slots=True)
class Draft:
    """A command that is about to be queued, its parameters checked."""

    command_id: UUID
    charge_point: ChargePoint
    params: Any
    """An instance of the entry's `params`."""
    author: Author
    now: datetime
    exact: dict[str, Any] | None = None
    """The payload as it will be sent, word for word, where it was ordered so; None for our own words."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """What an exact payload settles that we would otherwise choose, such as the id of a reservation: whatever
    `Order.said` returned beside the entry's own parameters, by its names."""


def as_given(draft: Draft) -> dict[str, Any]:
    """Return the parameters as they were given, in JSON types."""
    params: Params = draft.params
    return params.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command. `facts` is what `Order.read` made of the answer; empty without one."""

    command: Command
    status: str
    """A final one of Command.Status."""
    word: str
    """The charge point's own word in its answer, such as RebootRequired."""
    facts: dict[str, Any]
    now: datetime
    whole: bool = True
    """False if a part of the answer could not be read: what it does not list may be there all the same."""
    hidden: Collection[str] = field(default=(), repr=False)
    """Secret values of the command, which the charge point may repeat in its answer."""

    @property
    def accepted(self) -> bool:
        return self.status == Command.Status.ACCEPTED

    def said(self, text: str) -> str:
        """Return a text of the answer as it may be kept, without secrets."""
        return redact_text(cast(str, without_echo(self.hidden, text)))


def _nothing(outcome: Outcome) -> None:
    """Keep no state but the ledger's."""


def _no_end(params: Mapping[str, Any]) -> datetime | None:
    return None


def _nothing_hidden(charge_point_id: int, facts: Mapping[str, Any]) -> Collection[str]:
    return ()


def _no_secrets(params: Mapping[str, Any]) -> Collection[str]:
    return ()


@dataclass(frozen=True)
class CommandType:
    """One entry of the catalogue."""

    slug: str
    title: str
    params: type[Params]
    effect: str
    """What is seen when it has worked; for people."""
    observed: bool = True
    """Whether somebody looks for the effect; where nobody can, the answer is all there will be."""
    danger: str = ""
    """The question to ask before it is sent; empty for harmless ones."""
    while_pending: bool = False
    """Whether it may be sent before the charge point is approved (T-082)."""
    scope: str = "command"
    """What a person or a token needs to order it; one of `csms.core.access.models.SCOPES`."""
    withheld: Callable[[], Mapping[str, Collection[str]]] = dict
    """Return which words of which parameters are not offered now, since they would lead to nothing."""
    prepare: Callable[[Draft], dict[str, Any]] = as_given
    """Check a command against what is known of the charge point, and return the parameters to keep and to send.

    It runs in the transaction that queues the command, may write rows of its own (a job, a reservation) under
    `draft.command_id`, and raises CommandRefused, best through `bad_param`.
    """
    secrets: Callable[[Mapping[str, Any]], Collection[str]] = _no_secrets
    """Return which of the parameters that `prepare` returned are secret: the ledger masks them, and keeps what it
    must send sealed until then (T-028)."""
    hides: Callable[[int, Mapping[str, Any]], Collection[str]] = _nothing_hidden
    """Return, of what `Order.read` made of an answer, the values that nobody may see and no name tells of. Runs in
    the writer, with the charge point's id."""
    until: Callable[[Mapping[str, Any]], datetime | None] = _no_end
    """Return from the parameters that `prepare` returned after which moment it is not sent any more, however long it
    may wait; None for no such moment."""
    settled: Callable[[Outcome], None] = _nothing
    """Keep what the outcome tells. Called once, in the transaction that gives the command its final status."""


class ExactParams(Params):
    """An OCPP payload, word for word, that no entry of the catalogue can say."""

    action: str


EXACT = CommandType("exact", "OCPP payload", ExactParams, effect="Whatever the payload says.", observed=False)
"""The type of commands that only the ledger knows: it is in no catalogue, for it has no words of its own."""


def by_slug(*entries: CommandType) -> dict[str, CommandType]:
    """Return the entries as a table."""
    return {entry.slug: entry for entry in entries}


# --- the wire's side: one table for each version ----------------------------------------------------------------------


class BadParam(ValueError):
    """A parameter of a command that a version cannot say; `field` is its name."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Order:
    """How one version says a command: its action, its payload from our parameters, and which answers mean yes and no.

    `payload` raises BadParam for a parameter that the version cannot say.
    """

    action: str
    payload: Callable[[dict[str, Any]], dict[str, Any]]
    accepted: frozenset[str] = frozenset({"Accepted"})
    refused: frozenset[str] = frozenset({"Rejected"})
    """Any other word is none of the standard's, and the command has failed (T-064). An answer that has no status
    counts as the word "": an order whose answer never has one is `accepted=ANY_ANSWER`."""
    word: Callable[[dict[str, Any]], str] = lambda answer: str(answer.get("status", ""))
    """Return the word of an answer by which it is yes or no; of one that has a status for each of several things, the
    one that all of them share, "" if they differ."""
    read: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: {}
    """Return in our words what the answer tells beside its status."""
    asks_for: Callable[[dict[str, Any]], str] = lambda payload: ""
    """Return the action of the message that an accepted order makes the charge point send; "" for none."""
    brings: Callable[[dict[str, Any], dict[str, Any]], bool] | None = None
    """Return whether a message of that action, as it came, is the one that the payload asked for; None = any is."""
    opens: frozenset[str] = frozenset()
    """Actions of messages that an accepted order brings and that are let in before acceptance (T-081), though none of
    them alone is its effect, as the parts of a report."""
    fields: frozenset[str] | None = None
    """Which of the entry's parameters the version can say; None = all of them."""
    instead: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Of parameters that it cannot say: why not, and which one does the same; of others a sentence for all is said."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Of parameters that choose a word: which words the version has, the default first; of others all are."""
    said: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Return the entry's parameters for a payload that was ordered exactly, word for word, and is valid by the
    version's schema; beside them, by names that the entry has not, what `Draft.fixed` is to know. None, or BadParam
    of it, for what our words cannot say: that is sent all the same, and only the ledger knows it. CommandRefused of
    it, by places in the payload, is final."""
    places: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Where in the payload a parameter stands that is refused there, as in "requestId" or "log.remoteLocation"; an
    index is `*`. A parameter that has but another case needs none."""


def narrowed(order: Order, params: Params) -> Params:
    """Return parameters as an order can say them: where a word was not chosen, the version's own default stands.

    Raises CommandRefused for a parameter that the version has not, and for a word that it does not know.
    """
    ours: dict[str, str] = {}
    for name in type(params).model_fields:
        value = getattr(params, name)
        given = name in params.model_fields_set and value is not None
        if given and order.fields is not None and name not in order.fields:
            lacks = f"{order.action} of this OCPP version has nothing like {name}: leave it out"
            raise bad_param(name, order.instead.get(name, lacks))
        words = order.choices.get(name)
        if words is None or value is None or value in words:
            continue
        if given:
            raise bad_param(
                name, f"{order.action} of this OCPP version knows {', '.join(words)}, not {value!r}"
            )
        ours[name] = words[0]
    return params.model_copy(update=ours) if ours else params


ANY_ANSWER = frozenset({""})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A command that a connection has claimed and must send now."""

    command_id: UUID
    message_id: str
    action: str
    payload: dict[str, Any] = field(hash=False)
    asks_for: str = ""
    opens: frozenset[str] = frozenset()
    brings: Callable[[dict[str, Any]], bool] | None = field(default=None, repr=False, compare=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """Secret values in it, which no name tells of: the frame log and the ledger mask them wherever they stand."""
    hides: Callable[[dict[str, Any]], Collection[str]] = field(
        default=lambda answer: (), repr=False, compare=False
    )
    """Return the secret values in an answer to it, which no name tells of either."""
