"""What tests of happenings tell, and a memory that hears it as the sink does."""

from datetime import timedelta
from typing import Any

from alerts.conditions import HAPPENINGS
from alerts.conditions.params import checked
from alerts.finding import Fact, Found
from csms.core.events.catalogue import EVENT_TYPES
from csms.core.ids import uuid7
from tests.alerts.conditions.cast import NOON


def fact(type: str, /, **payload: Any) -> Fact:
    """What was told of CP16, whose clock is right."""
    assert type in EVENT_TYPES
    return Fact(uuid7(), type, NOON, payload, "CP16", 16, "Bay 3", timedelta(0))


def status(word: str, number: int = 1, **payload: Any) -> Fact:
    return fact("cp.status", **({"connector_id": number, "status": word, "error_code": "NoError"} | payload))


class Memory:
    """Last words, as the sink keeps them: they are all that a restart leaves."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def hear(self, told: Fact, slug: str, **params: Any) -> Found | None:
        """Let a happening hear a fact; what it finds."""
        happening = HAPPENINGS[slug]
        if told.type not in happening.types:
            return None
        word = happening.word(told)
        before = self.words.get(word.subject) if word is not None else None
        found = happening.edge(told, before, checked(happening.params, params))
        if word is not None:
            assert len(word.subject) <= 200
            assert len(word.word) <= 100
            self.words[word.subject] = word.word
        return found

    def edges(self, slug: str, *facts: Fact, **params: Any) -> list[bool]:
        """Hear one after another; which of them are edges."""
        return [self.hear(told, slug, **params) is not None for told in facts]


def over(slug: str, told: Fact, **params: Any) -> str | None:
    """Whose alert ends by a fact."""
    happening = HAPPENINGS[slug]
    return happening.over(told, checked(happening.params, params)) if told.type in happening.types else None


def started(**payload: Any) -> Fact:
    facts = {"transaction_id": "7", "connector_id": 2, "started_at": NOON.isoformat()}
    return fact("tx.started", **(facts | payload))
