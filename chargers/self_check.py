"""What a server process says of itself with each sign of life, so that those who look at rows know of it.

What only the process can know is in it: whether its bell comes back, which endpoints of the backend it does not ask,
and how full its disk is. That it cannot store cannot be said so: then its lease runs out.
"""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from csms.core import reach
from csms.core.backend.asking import get_backend


class SelfCheck:
    """Of one process: remembers since when something is wrong."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def look(self, *, folder: Path, now: datetime) -> dict[str, Any]:
        """Return what is wrong by name, with since when (ISO 8601), and the free part of the folder's disk in percent.

        Names are `bell`, and `backend:ENDPOINT` for each endpoint whose circuit is open.
        """
        wrong = {f"backend:{endpoint}" for endpoint in _shut()}
        if reach.is_lost():
            wrong.add("bell")
        self._since = {name: self._since.get(name, now) for name in sorted(wrong)}
        said: dict[str, Any] = {"troubles": {name: at.isoformat() for name, at in self._since.items()}}
        try:
            disk = shutil.disk_usage(folder)
        except OSError:
            return said
        return said | {"disk_free_percent": round(100 * disk.free / disk.total, 1) if disk.total else None}


def _shut() -> list[str]:
    backend = get_backend()
    if backend is None:
        return []
    # Half open is not closed: the one request that tries it has yet to succeed.
    return [breaker.endpoint for breaker in backend.client.breakers.values() if breaker.state != "closed"]
