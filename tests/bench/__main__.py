"""`make bench`: measures, prints the table and the goals; exit status 1 when a message was lost or a run failed."""

import argparse
import gc
import signal
import sys
from time import monotonic

from tests.bench.fleet import BenchFailure
from tests.bench.measuring import QUICK, Plan, measure
from tests.bench.report import table
from tests.bench.stage import Stage


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only see that it runs; the figures mean nothing"
    )
    plan = QUICK if parser.parse_args().quick else Plan()
    if sys.platform != "linux":
        print("the benchmark reads /proc and uses epoll, so it needs Linux", file=sys.stderr)
        return 1
    begun = monotonic()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # end the servers as well
    gc.disable()  # the generator makes no cycles, and its pauses would count as latency

    def say(what: str) -> None:
        print(f"  {monotonic() - begun:4.0f} s  {what}", file=sys.stderr, flush=True)

    try:
        with Stage() as stage:
            print(stage.in_words(), flush=True)
            results = measure(stage, plan, say)
            print(f"\n{table(results, plan, stage.findings)}")
            print(f"\n{monotonic() - begun:.0f} seconds in all")
    except (BenchFailure, AssertionError) as failure:  # the latter of a server that did not start
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 1 if stage.findings.lost or stage.findings.doubled else 0


if __name__ == "__main__":
    sys.exit(main())
