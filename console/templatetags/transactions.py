"""How the console writes what belongs to transactions: money, oddities, evidence, steps that people took."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from console import transaction_words
from transactions.stuck.models import Correction
from transactions.tariffs.models import Cost
from transactions.tariffs.pricing import in_currency

register = template.Library()


@register.filter
def money(cost: Cost) -> str:
    """Write what a transaction costs, tax included, exactly."""
    return f"{in_currency(cost.total, cost.currency):f}\u00a0{cost.currency}"


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
