"""What components of charge points of OCPP 2.x report to be wrong with them, as a lock that does not hold a cable."""

from collections.abc import Callable
from typing import Any

from alerts.conditions.words import at_connector, mark, said, where
from alerts.finding import Fact, Found, Happening, Params, Word
from alerts.models import TEXT_MAX

LOCK = "connectorplugretentionlock"
WRONG, WELL = "wrong", "well"


def device_problem(late: Callable[[Fact, str], bool]) -> Happening:
    """Return the happening; `late` says whether a fact was told long after the time in a field of it."""

    def edge(fact: Fact, before: str | None, params: Params) -> Found | None:
        if _state(fact) != WRONG or before == WRONG or late(fact, "charger_reported_at"):
            return None
        connector = _number(fact, "connector_id")
        evse, outlet = (_number(fact, name) for name in ("evse_id", "evse_connector_id"))
        named = connector or evse
        at = (
            at_connector(fact.cp_id, fact.name, connector, evse, outlet)
            if named
            else where(fact.cp_id, fact.name)
        )
        component = said(_text(fact, "component"))
        if component.casefold() == LOCK:
            text = f"{at} cannot lock its cable, or cannot let it go"
        else:
            text = f"{at} reports a problem of {component}"
        why = ", ".join(said(word) for name in ("tech_code", "tech_info") if (word := _text(fact, name)))
        text = f"{text}: {why}" if why else f"{text}."
        return Found(_subject(fact), fact.at, text[:TEXT_MAX], fact.charge_point_id, connector)

    def word(fact: Fact) -> Word | None:
        state = _state(fact)
        return None if state is None else Word(_subject(fact), state)

    def over(fact: Fact, params: Params) -> str | None:
        return _subject(fact) if _state(fact) == WELL else None

    title = "A component of a charge point has reported a problem"
    return Happening("device-problem", title, ("device.event",), edge, word=word, over=over)


def _number(fact: Fact, name: str) -> int | None:
    number = fact.payload.get(name)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _text(fact: Fact, name: str) -> str:
    value: Any = fact.payload.get(name)
    return value if isinstance(value, str) else ""


def _state(fact: Fact) -> str | None:
    problem = fact.payload.get("problem")
    return (WRONG if problem else WELL) if isinstance(problem, bool) else None


def _subject(fact: Fact) -> str:
    """Each variable of each component has problems of its own."""
    places = (fact.payload.get(name) for name in ("evse_id", "evse_connector_id"))
    place = ".".join(str(number) for number in places if isinstance(number, int))
    names = ("component", "component_instance", "variable", "variable_instance")
    what = "/".join(_text(fact, name).casefold() for name in names)
    return f"device:{fact.cp_id}/{mark(f'{place} {what}', 80)}"
