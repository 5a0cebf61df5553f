"""`python -m tests.conformance` writes docs/conformance.md; with `--check` it fails where that is out of date."""

import sys

from tests.conformance.report import DOCUMENT, Gap, document, last_outcomes


def main(arguments: list[str]) -> int:
    try:
        text = document("v16", "OCPP 1.6", last_outcomes())
    except Gap as gap:
        print(f"conformance: rows and tests do not fit:\n{gap}", file=sys.stderr)
        return 1
    if "--check" not in arguments:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        print(f"conformance: {DOCUMENT.name} is out of date: run `make conformance`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
