"""What a server process says of itself with each sign of life, so that those who look at rows know of it.

What only the process can know is in it: whether its bell comes back, which endpoints of the backend it does not ask,
and how full its disk is. That it cannot store cannot be said so: then its lease runs out.
"""

import shutil
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from csms.core import reach
from csms.core.backend.asking import get_backend


class SelfCheck:
    """Of one process: remembers since when something is wrong."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}
        self._disk: dict[str, float | None] = {}
        self._asking: threading.Thread | None = None

    def look(self, *, folder: Path, now: datetime) -> dict[str, Any]:
        """Return what is wrong by name, with since when (ISO 8601), and the free part of the folder's disk in percent.

        Names are `bell`, and `backend:ENDPOINT` for each endpoint whose circuit is open. It never waits for the disk:
        what is said of that is the figure of the last time that it answered.
        """
        wrong = {f"backend:{endpoint}" for endpoint in _shut()}
        if reach.is_lost():
            wrong.add("bell")
        self._since = {name: self._since.get(name, now) for name in sorted(wrong)}
        said: dict[str, Any] = {"troubles": {name: at.isoformat() for name, at in self._since.items()}}
        said |= self._disk
        self.ask_disk(folder)
        return said

    def ask_disk(self, folder: Path) -> None:
        """Let the disk be asked beside the loop, unless it has yet to answer."""
        if self._asking is None or not self._asking.is_alive():
            # Not of a pool, whose end would wait for a disk that hangs.
            self._asking = threading.Thread(target=self._ask, args=(folder,), name="disk", daemon=True)
            self._asking.start()

    def _ask(self, folder: Path) -> None:
        try:
            disk = shutil.disk_usage(folder)
        except OSError:
            self._disk = {}
            return
        self._disk = {"disk_free_percent": round(100 * disk.free / disk.total, 1) if disk.total else None}


def _shut() -> list[str]:
    backend = get_backend()
    if backend is None:
        return []
    # Half open is not closed: the one request that tries it has yet to succeed.
    return [breaker.endpoint for breaker in backend.client.breakers.values() if breaker.state != "closed"]
