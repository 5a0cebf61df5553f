"""What may stand in a text that is written into another program's file: no control character, no template."""

import re
import unicodedata

import yaml

from csms.core.refusals import BadField

# Ten times as fast, where libyaml is there.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of characters, and other ends of lines

# What a text of a rule may hold of Go's templates: a value of the alert, said well; no query, no loop, no function.
_FIELD = r"\$(?:value|labels\.[A-Za-z_][A-Za-z0-9_]{0,63})"
_SAID = r"(?:\s*\|\s*(?:humanize|humanize1024|humanizeDuration|humanizePercentage|humanizeTimestamp))?"
PLACEHOLDER = re.compile(r"\{\{-?\s*" + _FIELD + _SAID + r"\s*-?\}\}")


def plain(field: str, text: str, *, most: int, lines: bool = False, needed: bool = False) -> str:
    """Return a text without spaces around it. Raises BadField for one that is too long or has control characters."""
    text = text.replace("\r\n", "\n").strip() if lines else text.strip()
    if needed and not text:
        raise BadField(field, "It must not be empty.")
    if len(text) > most:
        raise BadField(field, f"At most {most} characters.")
    for character in text:
        if unicodedata.category(character) in FORBIDDEN and not (lines and character in "\n\t"):
            raise BadField(field, f"It has a control character (U+{ord(character):04X}).")
    return text


def without_templates(field: str, text: str) -> str:
    """Return a text that the other program will not take for a template. Raises BadField."""
    if "{{" in text or "}}" in text:
        raise BadField(field, "It may not hold {{ or }}, which would begin a template.")
    return text


def with_placeholders(field: str, text: str) -> str:
    """Return a text whose templates only name the value and the labels of an alert. Raises BadField for any other."""
    rest = PLACEHOLDER.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise BadField(
            field,
            "Of templates only {{ $value }} and {{ $labels.NAME }} are taken, each also with | humanize, "
            "| humanizeDuration, | humanizePercentage, | humanizeTimestamp or | humanize1024.",
        )
    return text


def yaml_text(data: object) -> str:
    """Return data as YAML that reads back as the same. Raises ValueError when it would not."""
    text = yaml.dump(data, Dumper=_DUMPER, allow_unicode=True, sort_keys=False, width=1_000_000)
    if yaml.load(text, _LOADER) != data:  # noqa: S506 (both are the safe ones)
        raise ValueError("it cannot be written as YAML")
    return text
