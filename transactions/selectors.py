"""What is read of transactions and their readings: by the API, and by whoever else shows them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, TextField, UUIDField, Value, When
from django.db.models.functions import Cast, Coalesce, Upper

from chargers.models import ChargePoint
from csms.core.id_tokens import canonical_token
from csms.core.ids import uuid7_floor
from transactions.models import IdToken, MeterValue, Transaction, UnknownToken
from transactions.sql import ReadFirst

METER_VALUES_WINDOW = timedelta(days=31)
ALL = Q()
FRESH = timedelta(minutes=15)  # an older power or state of charge says nothing about now


def transactions() -> QuerySet[Transaction]:
    """Return the transactions with their charge points."""
    return Transaction.objects.select_related("charge_point")


def open_transactions(charge_point_id: int) -> QuerySet[Transaction]:
    """Return the transactions of a charge point whose end has not been reported."""
    return Transaction.objects.filter(charge_point_id=charge_point_id, status=Transaction.Status.ACTIVE)


LIVE = ("live_register_wh", "live_read_at", "live_power_w", "live_soc_percent")
LISTED = ("live_register_wh", "live_power_w", "live_soc_percent")  # what tables show of them


def with_live_figures(
    transactions: QuerySet[Transaction],
    *,
    now: datetime,
    figures: Sequence[str] = LIVE,
    thousands: bool = False,
) -> QuerySet[Transaction]:
    """Put the newest figures beside the active transactions, for `energy_so_far()` and the like.

    `live_register_wh` is the register as last read and `live_read_at` when that was, however long ago;
    `live_power_w` and `live_soc_percent` are no older than FRESH, and were not told late. All are None for
    transactions that have ended, and where no reading had the figure. For `thousands` the register is sought where it
    most likely is before it is sought everywhere: dearer to plan, and half as dear for each.
    """
    bound = ReadFirst(Value(uuid7_floor(now - FRESH), output_field=UUIDField()), output_field=UUIDField())
    lately = Q(pk__gte=bound)

    def newest(figure: str, *order: str, where: Q = ALL) -> Subquery:
        readings = MeterValue.objects.filter(
            where, transaction=OuterRef("pk"), **{f"{figure}__isnull": False}
        )
        return Subquery(readings.order_by(*order, "-pk").values(figure)[:1])

    def register(figure: str) -> Subquery | Coalesce:
        everywhere = newest(figure)
        return Coalesce(newest(figure, where=lately), everywhere) if thousands else everywhere

    # The bound on the id keeps the search short where no reading has the figure. What was measured while the charge
    # point was offline may be told only now, and says nothing about now; of the rest its own time says what is newest.
    fresh = lately & Q(offline=False)
    found: dict[str, Callable[[], Subquery | Coalesce]] = {
        "live_register_wh": partial(register, "energy_wh"),
        "live_read_at": partial(register, "sampled_at"),
        "live_power_w": partial(newest, "power_w", "-sampled_at", where=fresh),
        "live_soc_percent": partial(newest, "soc_percent", "-sampled_at", where=fresh),
    }
    active = Transaction.Status.ACTIVE
    return transactions.annotate(**{name: Case(When(status=active, then=found[name]())) for name in figures})


def add_live_figures(transaction: Transaction, *, now: datetime) -> None:
    """Put the same beside one transaction that was read already. One query, none for one that has ended."""
    figures: Mapping[str, Any] | None = None
    if transaction.status == Transaction.Status.ACTIVE:
        row = with_live_figures(Transaction.objects.filter(pk=transaction.pk), now=now)
        figures = row.values(*LIVE).first()
    for name, value in (figures or dict.fromkeys(LIVE)).items():
        setattr(transaction, name, value)


def energy_so_far(transaction: Transaction) -> int | None:
    """Return the energy delivered in Wh: final once it has ended, else by the newest reading; None if unknown.

    Of an active transaction it needs `with_live_figures()` or `add_live_figures()`.
    """
    if transaction.status == Transaction.Status.ENDED:
        return transaction.energy_wh
    register, start = getattr(transaction, "live_register_wh", None), transaction.meter_start_wh
    return None if register is None or start is None else max(register - start, 0)


def of_token(transactions: QuerySet[Transaction], id_token: str) -> QuerySet[Transaction]:
    """Keep the transactions of a token, in whatever form it is written."""
    return transactions.filter(token_key=canonical_token(id_token))


def of_registered(transactions: QuerySet[Transaction], token: IdToken) -> QuerySet[Transaction]:
    """Keep the transactions of a registered token; of one type also those whose type nobody told."""
    rows = transactions.filter(token_key=token.canonical)
    return rows.filter(token_type__in=("", token.type)) if token.type else rows


def odd(transactions: QuerySet[Transaction], word: str | None = None) -> QuerySet[Transaction]:
    """Keep the transactions that have this word of ANOMALIES, or any at all."""
    some = transactions.exclude(anomalies=[])
    if word is None:
        return some
    # Words are made of letters and underscores, so that one in quotes is found in the text of the list, exactly.
    return some.alias(words=Cast("anomalies", TextField())).filter(words__contains=f'"{word}"')


def matching(transactions: QuerySet[Transaction], text: str) -> QuerySet[Transaction]:
    """Keep the transactions whose id begins with the text, or whose charge point or token has it, in any case."""
    return transactions.filter(
        Q(transaction_id__istartswith=text)
        | Q(charge_point__cp_id__icontains=text)
        | Q(id_token__icontains=text)
    )


def transaction_readings(transaction: Transaction) -> QuerySet[MeterValue]:
    """Return the readings of a transaction."""
    return MeterValue.objects.filter(transaction=transaction).select_related("charge_point")


def charge_point_readings(
    charge_point: ChargePoint, *, since: datetime, until: datetime
) -> QuerySet[MeterValue]:
    """Return the readings that a charge point sent from `since` until before `until`, by our clock."""
    return MeterValue.objects.filter(
        charge_point=charge_point, pk__gte=uuid7_floor(since), pk__lt=uuid7_floor(until)
    ).select_related("charge_point")


def received(
    readings: QuerySet[MeterValue], since: datetime | None, until: datetime | None
) -> QuerySet[MeterValue]:
    """Keep the readings that were received from `since` until before `until`; None = without bound."""
    bounds = {"pk__gte": since, "pk__lt": until}
    return readings.filter(
        **{name: uuid7_floor(bound) for name, bound in bounds.items() if bound is not None}
    )


def by_wire_id(charge_point_id: int, name: str) -> QuerySet[Transaction]:
    """Return the transactions of a charge point under their id on the wire, whatever its case; the latest first."""
    rows = Transaction.objects.alias(wire_id=Upper("transaction_id"))
    return rows.filter(charge_point_id=charge_point_id, wire_id=Upper(Value(name))).order_by(
        "-wire_generation"
    )


OURS = Q(number__isnull=False)
"""The condition for transactions of OCPP 1.6, whose ids are ours; a station of 2.x may call its own the same."""
NUMBERED = Q(number=None, last_seq__isnull=False)
"""The condition for transactions of OCPP 2.x, whose charge point can be asked whether they run."""


def of_transaction(charge_point_id: int, name: str) -> Q:
    """Return the condition for readings of a transaction of the charge point, by its id or by that on the wire.

    The latter also finds those that came with it, though no transaction of that id was known.
    """
    same = Transaction.objects.filter(charge_point_id=charge_point_id, transaction_id=name)
    where = Q(transaction_id__in=same.values("pk")) | Q(claimed_transaction_id=name)
    try:
        return where | Q(
            transaction_id=UUID(name)
        )  # a charge point of 2.x may have chosen one for the wire, too
    except ValueError:
        return where


def id_tokens() -> QuerySet[IdToken]:
    """Return the id tokens."""
    return IdToken.objects.all()


def tokens_matching(tokens: QuerySet[IdToken], text: str) -> QuerySet[IdToken]:
    """Keep the tokens that have the text in themselves, their label or their parent, in any case."""
    return tokens.filter(Q(id_token__icontains=text) | Q(label__icontains=text) | Q(parent__icontains=text))


def id_tokens_by_beginning(text: str, *, most: int) -> list[IdToken]:
    """Return the token that is meant by a text, then those that begin so and go on in letters and digits of ASCII.

    Case does not matter. Two queries that an index serves.
    """
    canonical = canonical_token(text)
    rows = IdToken.objects.order_by("canonical")
    exact = list(rows.filter(canonical=canonical))
    # A range, not LIKE alone: the index has the order of the database's language.
    within = Q(canonical__gte=canonical, canonical__lt=f"{canonical}{'Z' * 8}")
    near = rows.filter(within, canonical__startswith=canonical)
    return (exact + [row for row in near[: most + 1] if row not in exact])[:most]


def unknown_tokens() -> QuerySet[UnknownToken]:
    """Return the tokens that were used and that nobody registered, with the charge points where they were last seen."""
    return UnknownToken.objects.select_related("charge_point")
