"""`python -m tests.conformance` writes docs/conformance.md and console/conformance.json; `--check` finds old ones."""

import sys

from tests.conformance.report import DATA, DOCUMENT, VERSIONS, Gap, data, document, last_outcomes


def main(arguments: list[str]) -> int:
    try:
        outcomes = last_outcomes()
        wanted = {DOCUMENT: document(*VERSIONS[0], outcomes, *VERSIONS[1:]), DATA: data(outcomes)}
    except Gap as gap:
        print(f"conformance: rows and tests do not fit:\n{gap}", file=sys.stderr)
        return 1
    old = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" not in arguments:
        for path in old:
            path.write_text(wanted[path])
    elif old:
        names = " and ".join(path.name for path in old)
        print(f"conformance: {names}: out of date, run `make conformance`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
