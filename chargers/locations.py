"""Where charge points load files from and to: URLs that they can be given, and those that are secrets."""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from chargers.commands.ordering import Draft, bad_param
from chargers.protocol.redaction import redact_text
from chargers.traits.selectors import traits_of

LOCATION_MAX = 2000  # characters; a sane bound where OCPP has none
SECURITY_LOCATION_MAX = 512  # of the messages of the security white paper
SCHEMES = ("https", "http", "ftps", "ftp", "sftp")


def location_fault(location: str, longest: int = 0) -> str:
    """Return why a charge point cannot be given this URL, "" if it can; `longest` is its own limit, 0 for none."""
    try:
        parts = urlsplit(location)
        _ = parts.port  # raises when the port is none
    except ValueError:
        return "It is no URL."
    if not re.fullmatch(r"[!-~]+", location) or parts.scheme not in SCHEMES or not parts.hostname:
        return f"It is no URL of the kind {', '.join(SCHEMES)}."
    if len(location) > LOCATION_MAX:
        return f"It has {len(location)} characters, and at most {LOCATION_MAX} will do."
    if longest and len(location) > longest:
        return f"It has {len(location)} characters, and this charge point takes {longest}."
    return ""


def check_location(draft: Draft, location: str) -> None:
    """Refuse a URL that the charge point cannot be given."""
    if fault := location_fault(location, longest=traits_of(draft.charge_point).upload_url_max):
        raise bad_param("location", fault)


def secret_location(params: Mapping[str, Any]) -> Collection[str]:
    """Return which of a command's parameters are secret: a URL that lets in whoever has it."""
    return () if redact_text(params["location"]) == params["location"] else ("location",)
