"""The part of the benchmark of events that runs in a process of the product: `python -m tests.bench.events_inside N`.

Prints one line of JSON: microseconds of `record()` and of a row in PostgreSQL, and seconds of numbering and relaying.
"""

import json
import sys
import threading
from datetime import UTC, datetime
from time import monotonic, perf_counter, process_time, sleep

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from csms.core import writer  # noqa: E402
from csms.core.events import numbering  # noqa: E402
from csms.core.events.models import BUCKETS, EVENTS, Reader  # noqa: E402
from csms.core.events.relay import Relay  # noqa: E402
from csms.core.events.services import record  # noqa: E402

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CHARGE_POINTS = 2000
BATCH = 200  # rows of one transaction, as the writer makes them under load
SAMPLES = [
    {
        "value": f"{7 * n}.0",
        "context": "Sample.Periodic",
        "measurand": "Voltage",
        "phase": f"L{n % 3 + 1}-N",
        "unit": "V",
    }
    for n in range(10)
]
PAYLOAD = {
    "connector_id": 1,
    "transaction_id": "4711",
    "meter_values": [
        {"charger_reported_at": NOON, "energy_wh": "7.000", "offline": False, "samples": SAMPLES},
    ],
}


def collect(first: int, count: int) -> writer.Batch:
    """Record events as a handler does, whose rows wait for the end of the batch."""
    batch = writer._local.batch = writer.Batch()
    try:
        for number in range(first, first + count):
            record("cp.meter", f"BENCH{number % CHARGE_POINTS:05d}", PAYLOAD, occurred_at=NOON)
    finally:
        writer._local.batch = None
    return batch


def main(events: int) -> None:
    collect(0, 2000)  # fills the caches
    begun = process_time()
    batch = collect(0, min(events, 20_000))
    recording = (process_time() - begun) / len(batch.rows[EVENTS])
    writing, client = 0.0, 0.0
    for first in range(0, events, BATCH):
        rows = collect(first, BATCH).rows[EVENTS]
        begun, used = perf_counter(), process_time()
        with transaction.atomic():
            EVENTS.write(rows)
        writing += perf_counter() - begun
        client += process_time() - used
    begun = perf_counter()
    while numbering.number_events(now=timezone.now()):
        pass
    numbered = perf_counter() - begun

    relay = Relay()
    thread = threading.Thread(target=relay.run)
    begun = perf_counter()
    used = process_time()
    thread.start()
    deadline = monotonic() + 300
    # The topics are there, the producer is not: its making counts, as at the beginning of each shift.
    while not done(events):
        assert monotonic() < deadline, list(Reader.objects.values("name", "position", "error"))
        sleep(0.02)
    relayed, relay_cpu = perf_counter() - begun, process_time() - used
    relay.stop()
    thread.join()
    connection.close()
    print(
        json.dumps(
            {
                "events": events,
                "record_us": 1e6 * recording,
                "row_us": 1e6 * writing / events,
                "row_client_us": 1e6 * client / events,
                "numbering_us": 1e6 * numbered / events,
                "relay_seconds": relayed,
                "relay_cpu_us": 1e6 * relay_cpu / events,
            }
        )
    )


def done(events: int) -> bool:
    positions = Reader.objects.filter(pk__startswith="kafka:").values_list("position", flat=True)
    return len(positions) == BUCKETS and min(positions) >= events


if __name__ == "__main__":
    main(int(sys.argv[1]))
