"""Ask the backend, if there is one, about the id token of a message, before it waits for the writer."""

from collections.abc import Coroutine
from typing import Any

from chargers.handling import Ask, Question
from csms.core.backend.answers import TokenVerdict
from csms.core.backend.asking import get_backend
from csms.core.id_tokens import canonical_token
from transactions.token_forms import meant_token


def ask_about(field: str) -> Ask:
    """Return what asks about the token in this field of a message."""

    def ask(question: Question) -> TokenVerdict | Coroutine[Any, Any, TokenVerdict | None] | None:
        return ask_about_token(question, question.payload[field])

    return ask


def ask_about_token(
    question: Question, id_token: str
) -> TokenVerdict | Coroutine[Any, Any, TokenVerdict | None] | None:
    """Return the verdict on a token if it is remembered, else a coroutine that asks; None without a backend."""
    backend = get_backend()
    if backend is None:
        return None
    driver = meant_token(id_token, question.holder.traits.token_rule)
    known_as = canonical_token(driver)
    return backend.remembered(known_as) or backend.authorize(
        token=driver,
        cp_id=question.holder.cp_id,
        message=question.message,
        known_as=known_as,
        trace=question.trace.replace("-", ""),
    )


def remembered(driver: str) -> tuple[bool, TokenVerdict | None]:
    """Return whether a backend decides about tokens, and what it said of this one lately; asks nobody."""
    backend = get_backend()
    return backend is not None, backend.remembered(canonical_token(driver)) if backend else None
