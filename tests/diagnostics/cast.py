"""What uploads: over a plain HTTP client, against the running house."""

import asyncio
import contextlib
import http.client
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from chargers.diagnostics import store
from chargers.diagnostics.models import Log, LogJob, LogReport, StoredFile
from chargers.models import ChargePoint
from csms.core.ids import uuid7
from tests.support.house import House, known, now, settings_are


def base_url(house: House) -> str:
    return house.ocpp_url.replace("ws://", "http://").removesuffix("/ocpp")


@contextlib.contextmanager
def at_home(house: House, url: str = "") -> Iterator[None]:
    """Upload URLs lead to the running house, or to `url`."""
    with settings_are(CSMS_PUBLIC_URL=url or base_url(house)):
        yield


def send(url: str, body: Any, *, method: str = "PUT", **headers: str) -> tuple[int, str]:
    """Upload, and return status and text. A body that is an iterable goes in chunks, without a length."""
    parts = urlsplit(url)
    wire = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.request(
                method, parts.path, body, names, encode_chunked=not isinstance(body, bytes | str | None)
            )
        answer = wire.getresponse()
        return answer.status, answer.read().decode()
    finally:
        wire.close()


async def put(url: str, body: Any, **options: Any) -> tuple[int, str]:
    """Upload without holding up the loop."""
    return await asyncio.to_thread(lambda: send(url, body, **options))


_numbers = count(1)


def a_job(charge_point: ChargePoint | None = None, **values: Any) -> LogJob:
    """An upload that was ordered, by default of a charge point of its own."""
    values = {"command_id": uuid7(), "location": "", "log": Log.DIAGNOSTICS, "created_at": now()} | values
    return LogJob.objects.create(charge_point=charge_point or known(f"UP-{next(_numbers)}"), **values)


def a_file(job: LogJob, content: bytes = b"what happened", **values: Any) -> StoredFile:
    """A file that came, with its content in the store."""
    writing = store.Writing()
    writing.write(content)
    writing.finish()
    values = {"name": "diag.zip", "content_type": "application/zip", "received_at": now()} | values
    return StoredFile.objects.create(
        charge_point=job.charge_point,
        job=job,
        content=writing.content,
        size=writing.size,
        sha256=writing.sha256,
        **values,
    )


def a_report(job: LogJob, status: str = "Uploading") -> LogReport:
    """A status that was reported of a job."""
    return LogReport.objects.create(
        charge_point=job.charge_point, job=job, status=status, received_at=now(), last_at=now()
    )
