"""The part of the benchmark of alerts that runs in a process of the product: `python -m tests.bench.alerts_inside N`.

Prints a line of JSON for each of N looks of the clock: seconds, of them its processor's, statements, alerts that
changed, and alerts that are open then.
"""

import json
import sys
from time import perf_counter, process_time

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from alerts.models import Alert  # noqa: E402
from alerts.services import evaluate  # noqa: E402


class Counting:
    """Counts the statements of the connection while it wraps them."""

    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute, sql, params, many, context):  # type: ignore[no-untyped-def]  # as Django calls it
        self.statements += 1
        return execute(sql, params, many, context)


def main(looks: int) -> None:
    for _ in range(looks):
        counting = Counting()
        begun, used = perf_counter(), process_time()
        with connection.execute_wrapper(counting):
            changed = evaluate(now=timezone.now())
        figures = {"seconds": perf_counter() - begun, "cpu": process_time() - used}
        figures |= {"statements": counting.statements, "changed": changed}
        print(json.dumps(figures | {"open": Alert.objects.filter(resolved_at=None).count()}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
