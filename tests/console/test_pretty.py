"""Frames are indented as Python's own library does it, whatever stands in them."""

import json

import pytest

from console.templatetags.console import pretty
from tests.console.cast import HOSTILE

PLAIN = [
    '[2,"19","BootNotification",{"a":[],"b":{},"c":[1,-2.5,0.1,null,true],"ä":"ß€😀"}]',
    "[18446744073709551616]",
    "[NaN, Infinity, -Infinity]",
    "[1e400, -1e400, 0.0, -0.0]",
    '["\\u0000 \\u2028 \\n"]',
    '{"a": 1, "a": 2}',
    json.dumps([HOSTILE]),
    "[" * 300 + "]" * 300,
    '"text"',
    "7",
]


@pytest.mark.parametrize("text", PLAIN)
def test_it_is_indented_as_ever(text: str) -> None:
    assert pretty(text) == json.dumps(json.loads(text), indent=2, ensure_ascii=False)


@pytest.mark.parametrize("text", ["", "[", "no JSON", '["\\ud800"]', "[" * 100_000])
def test_what_cannot_be_indented_stays_as_it_is(text: str) -> None:
    assert pretty(text) == text
