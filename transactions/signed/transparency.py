"""Signed readings as the XML file that transparency software reads (S.A.F.E.): who pays may check what was measured.

Nothing is checked here, and nothing of the data is changed: what is base64 of a text that such software reads is
written as that text, everything else as it came.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from transactions.signed.models import SignedReading
from transactions.signed.selectors import key_of

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\r")
_PLAIN = re.compile(r"OCMF\|", re.ASCII)
_KEY = re.compile(r"oca:(base16|base64):[^:]*:(.+)", re.ASCII | re.DOTALL)
_FORMATS = re.compile(r"OCMF|EDL40?|ALFEN|ISA|PCDF|SML", re.IGNORECASE)


def transparency_file(readings: Iterable[SignedReading], transaction_id: str) -> Iterator[str]:
    """Yield the parts of the file. The readings need `with_keys()`."""
    yield '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<values>\n'
    for reading in readings:
        data, encoding = _readable(reading.data)
        key, key_encoding = _key(key_of(reading)[0])
        context = reading.context or "Sample.Periodic"
        yield (
            f"  <value{_named('transactionId', transaction_id)}{_named('context', context)}>\n"
            f"    <signedData{_named('format', _format(reading))}{_named('encoding', encoding)}>"
            f"{_text(data)}</signedData>\n"
            f"    <publicKey{_named('encoding', key_encoding)}>{_text(key)}</publicKey>\n"
            "  </value>\n"
        )
    yield "</values>\n"


def _format(reading: SignedReading) -> str:
    """Return how such software calls the format; as the charge point calls it where that is unknown."""
    known = _FORMATS.search(reading.encoding_method)
    return known[0].upper() if known else reading.encoding_method


def _readable(data: str) -> tuple[str, str]:
    """Return signed data and how they are written: 2.0.1 has base64 of them, and some stations have the text itself."""
    decoded = _decoded(data)
    if decoded is not None and _PLAIN.match(decoded) and not _NOT_XML.search(decoded):
        return decoded, "plain"
    if _NOT_XML.search(data):
        return base64.b64encode(data.encode()).decode(), "base64"
    return data, "base64" if decoded is not None and not _PLAIN.match(data) else "plain"


def _key(key: str) -> tuple[str, str]:
    """Return a public key and how it is written; 2.0.1 has base64 of `oca:base16:asn1:` and the key in hex."""
    told = _KEY.fullmatch(key) or _KEY.fullmatch(_decoded(key) or "")
    if told is None:
        return key, "plain"
    return told[2], "hex" if told[1] == "base16" else "base64"


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return None


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _named(name: str, value: str) -> str:
    return f" {name}={quoteattr(_clean(value))}"


def _text(text: str) -> str:
    return escape(_clean(text))
