"""Following live: what a tail on a page asks the socket for, and the words in which it shows rows."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from console import words
from console.words import Word


def follows(request: HttpRequest) -> bool:
    """Return whether the address asks for what comes, and not for what came."""
    return request.GET.get("live") == "1"


def tail(query: str, kind: str, **params: Any) -> dict[str, str]:
    """Return what a tail's attributes say: the query, what is given of its parameters, what the kind of a row is."""
    given = {name: value for name, value in params.items() if value not in (None, "", [])}
    return {"query": query, "params": json.dumps(given), "kind": kind}


def labels(family: Mapping[Any, Word]) -> str:
    """Return the labels of terms, as a tail's `data-words` has them."""
    return json.dumps({str(term): str(word.label) for term, word in family.items()}, ensure_ascii=False)


def tones(family: Mapping[Any, Word]) -> str:
    """Return the tones of terms, as a tail's `data-tones` has them."""
    return json.dumps({str(term): word.tone for term, word in family.items()})


def frame_words() -> dict[str, str]:
    """Return how a tail of frames says verdicts and kinds."""
    return {
        "verdicts": labels(words.VERDICT),
        "tones": tones(words.VERDICT),
        "kinds": labels(words.FRAME_KIND),
    }
