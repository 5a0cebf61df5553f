"""Whether a text is an expression of PromQL that an alert can be made of, found out in this process.

The parser goes down into an expression by recursion, and one that is nested too deeply would end the whole process; so
what is nested or chained too far is refused before it is parsed.
"""

import re

import promql_parser as promql

from alerts.external.texts import plain
from alerts.prometheus.models import EXPRESSION_MAX
from csms.core.refusals import BadField

DEPTH_MAX = 40  # brackets within brackets
OPERATORS_MAX = 200

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`', re.S)
_OPERATOR = re.compile(r"[-+*/%^<>=!@]|\b(?:and|or|unless|atan2|offset)\b", re.I)
_NO_ALERT = {
    "StringLiteral": "a text",
    "MatrixSelector": "a range of values, such as up[5m]: put a function around it",
    "SubqueryExpr": "a range of values, such as up[5m:1m]: put a function around it",
}


def check_expression(text: str, field: str = "expression") -> str:
    """Return the expression. Raises BadField, with the words of the parser where it has some."""
    text = plain(field, text, most=EXPRESSION_MAX, lines=True, needed=True)
    _bounded(text, field)
    try:
        found = promql.parse(text)
    except ValueError as error:
        raise BadField(field, f"It is no PromQL: {error}.") from None
    while isinstance(found, promql.ParenExpr):
        found = found.expr
    if (what := _NO_ALERT.get(type(found).__name__)) is not None:
        raise BadField(field, f"An alert is made of series or a number, and this is {what}.")
    return text


def _bounded(text: str, field: str) -> None:
    bare = _QUOTED.sub('""', text)
    depth = deepest = 0
    for character in bare:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEPTH_MAX:
        raise BadField(field, f"It is nested more than {DEPTH_MAX} brackets deep.")
    if len(_OPERATOR.findall(bare)) > OPERATORS_MAX:
        raise BadField(field, f"It has more than {OPERATORS_MAX} operators.")
