"""Ask the backend, if there is one, about the id token of a message, before it waits for the writer."""

from collections.abc import Coroutine
from typing import Any

from chargers.handling import Ask, Question
from csms.core.backend.answers import TokenVerdict
from csms.core.backend.asking import get_backend
from csms.core.id_tokens import NO_AUTHORIZATION, canonical_token
from transactions.token_forms import meant_token


def ask_about(field: str) -> Ask:
    """Return what asks about the token in this field of a message."""

    def ask(question: Question) -> TokenVerdict | Coroutine[Any, Any, TokenVerdict | None] | None:
        return ask_about_token(question, question.payload[field])

    return ask


def ask_about_token(
    question: Question, id_token: str, *, type: str = "", evse_id: int | None = None
) -> TokenVerdict | Coroutine[Any, Any, TokenVerdict | None] | None:
    """Return the verdict on a token if it is remembered, else a coroutine that asks; None without a backend.

    `type` is OCPP 2.x's word for its kind. Nobody is asked about who is not to be authorized at all (S2-11).
    """
    backend = get_backend()
    if backend is None or type == NO_AUTHORIZATION:
        return None
    driver = meant_token(id_token, question.holder.traits.token_rule)
    known_as = _remembered_as(driver, type)
    return backend.remembered(known_as) or backend.authorize(
        token=driver,
        cp_id=question.holder.cp_id,
        message=question.message,
        known_as=known_as,
        trace=question.trace.replace("-", ""),
        token_type=type,
        evse_id=evse_id,
    )


def remembered(driver: str, type: str = "") -> tuple[bool, TokenVerdict | None]:
    """Return whether a backend decides about tokens, and what it said of this one lately; asks nobody."""
    backend = get_backend()
    return backend is not None, backend.remembered(_remembered_as(driver, type)) if backend else None


def _remembered_as(driver: str, type: str) -> str:
    # S2-20: tokens of one text and two types are two. No token has a control character in it.
    return canonical_token(driver, type) + (f"\x1f{type}" if type else "")
