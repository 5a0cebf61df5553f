"""`make bench-alerts`: what a look of the alerts' clock costs over a large network, where most is wrong at once.

The first look finds everything that the rules that are shipped look for in the network of tests.bench.reads_data; the
looks after it find nothing new. Exit status 1 when a look fails, or one after the first changes anything.
"""

import argparse
import json
import signal
import sys
from statistics import median
from typing import Any

from tests.bench.fleet import BenchFailure
from tests.bench.reads import QUICK, Plan
from tests.bench.reads_data import Size, fill
from tests.bench.stage import Stage

LOOKS = 6
Look = dict[str, Any]


def looks(stage: Stage, size: Size) -> list[Look]:
    """Return the figures of some looks, one after the other, in a new network."""
    with stage.alone({}) as given:
        fill(given["DATABASE_URL"], size)
        said = stage.inside("tests.bench.alerts_inside", LOOKS, given)
    return [json.loads(line) for line in said.splitlines() if line.startswith('{"seconds"')]


def report(size: Size, found: list[Look]) -> str:
    """Return the figures in words."""
    first, *idle = found

    def of_idle(name: str) -> float:
        return median(look[name] for look in idle)

    return (
        f"{size.charge_points:,} charge points, {size.transactions:,} transactions\n"
        f"the first look: {first['changed']:,} changes in {first['seconds']:.2f} s, {first['cpu']:.2f} s of its own "
        f"processor; {first['open']:,} alerts are open\n"
        f"a look that finds nothing new: {1000 * of_idle('seconds'):.0f} ms, {1000 * of_idle('cpu'):.0f} ms of its own "
        f"processor, {of_idle('statements'):.0f} statements (median of {len(idle)})"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alerts", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only see that it runs; the figures mean nothing"
    )
    size = QUICK.size if parser.parse_args().quick else Plan().size
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with Stage() as stage:
            print(stage.in_words(), flush=True)
            found = looks(stage, size)
            print(report(size, found), flush=True)
    except BenchFailure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return int(any(look["changed"] for look in found[1:]))


if __name__ == "__main__":
    sys.exit(main())
