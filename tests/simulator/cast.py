"""A fleet that runs while a test looks on."""

import asyncio
from contextlib import asynccontextmanager

from chargers.simulator import FleetOptions, run_fleet


def options(system, scenario="idle", **given):
    given = {
        "count": 1,
        "speed": 600.0,
        "backoff_base": 0.05,
        "status_every": 0,
        "say": [].append,
    } | given
    return FleetOptions(scenario=scenario, url=system.url, **given)


@asynccontextmanager
async def fleet(system, scenario="idle", **given):
    """A fleet that runs beside the test and is brought home at its end; yields the task of its report."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_fleet(options(system, scenario, **given), stop))
    try:
        yield task, stop
    finally:
        stop.set()
        report = await task
        assert report.tally.crashes == []


@asynccontextmanager
async def charging(system, **given):
    """A one-charger fleet with a transaction running at connector 1, started from afar."""
    async with fleet(system, **given) as (task, stop):
        await system.until(lambda: "Available" in system.statuses(1))
        answer = await system.ask("RemoteStartTransaction", {"idTag": "ALICE", "connectorId": 1})
        assert answer[2] == {"status": "Accepted"}
        await system.until(lambda: system.payloads("MeterValues"))
        yield task, stop
