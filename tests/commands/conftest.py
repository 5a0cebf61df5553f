"""Administrators type; these fixtures type for them."""

import io
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import CommandError, call_command


@dataclass
class Said:
    """What a command printed: results on `out`, remarks on `err`."""

    out: str
    err: str


def type_command(*words: str, **options: Any) -> Said:
    """Run a management command as it is typed."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err, **options)
    return Said(out.getvalue().strip(), err.getvalue().strip())


def refusal(*words: str) -> str:
    """The one line with which a command refuses."""
    with pytest.raises(CommandError) as refused:
        type_command(*words)
    text = str(refused.value)
    assert text, words
    assert "\n" not in text, words
    return text
