"""How the console writes what belongs to transactions: money, oddities, evidence, steps that people took."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from console import transaction_words
from console.templatetags.console import CHIPS_KEPT, anomaly_count, anomaly_words, chip, chip_html
from console.words import say
from transactions.authorization import Authorization
from transactions.models import Transaction
from transactions.stuck.models import Correction
from transactions.tariffs.models import Cost, LiveCost
from transactions.tariffs.pricing import in_currency
from transactions.verdict_rules import Rule

ID_SHOWN = 16  # characters of an id in a column; more are cut in the middle

register = template.Library()


@register.filter
def money(cost: Cost | LiveCost) -> str:
    """Write what a transaction costs, or what its driver was told of that, tax included, exactly."""
    total = in_currency(cost.total or Decimal(0), cost.currency)
    return f"{total:f}\u00a0{cost.currency}"


@register.filter
def short_id(transaction_id: str) -> SafeString:
    """Write the id of a transaction for a column: of a long one, as 2.x has them, its two ends; all of it behind."""
    if len(transaction_id) <= ID_SHOWN:
        return format_html("{}", transaction_id)
    ends = f"{transaction_id[:8]}…{transaction_id[-4:]}"
    return format_html('<span class="nowrap" title="{}">{}</span>', transaction_id, ends)


@register.filter
def verdict_rule(judged: Transaction | Authorization) -> str:
    """Say what decided about a token."""
    rule = judged.authorization_rule if isinstance(judged, Transaction) else judged.rule
    return say(Rule(rule).label) if rule in Rule.values else ""


@register.simple_tag
def transaction_chips(transaction: Transaction) -> SafeString:
    """Write how a transaction stands; of those in a list most stand alike, so each kind is written once."""
    active = transaction.status == Transaction.Status.ACTIVE
    offline = active and not transaction.charge_point.connection_id
    words = transaction.status, transaction.authorization, offline, transaction.orphan
    return _transaction_chips(*words, tuple(transaction.anomalies), get_language())


@lru_cache(CHIPS_KEPT)
def _transaction_chips(
    status: str,
    authorization: str,
    offline: bool,
    orphan: bool,
    anomalies: Sequence[str],
    _language: str | None,
) -> SafeString:
    chips = [chip(status, "transaction")]
    if offline:
        why = _("Its charge point is offline: the figures are those from before.")
        chips.append(chip_html(_("Offline"), "bad", why))
    if authorization not in ("", "Accepted"):
        chips.append(chip(authorization, "authorization"))
    if orphan:
        chips.append(chip_html(_("Orphan"), "bad", _("Known only from its end.")))
    if anomalies:
        odd = list(anomalies)
        chips.append(chip_html(anomaly_count(odd), "wait", anomaly_words(odd)))
    return format_html('<div class="chips">{}</div>', SafeString("".join(chips)))


@register.filter
def anomaly_title(word: str) -> object:
    """Name an oddity."""
    return transaction_words.anomaly_title(word)


@register.filter
def sentence(evidence: Any) -> SafeString:
    """Write a piece of evidence: of a case, or as it was kept with a correction."""
    if isinstance(evidence, dict):
        return transaction_words.evidence_text(str(evidence.get("word", "")), evidence)
    return transaction_words.evidence_text(evidence.word, evidence.values)


@register.filter
def step_done(correction: Correction) -> object:
    """Say what a person did."""
    return transaction_words.DONE.get(correction.step, correction.step)
