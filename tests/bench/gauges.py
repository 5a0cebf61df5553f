"""Reads processor time and memory of other processes from /proc; Linux only."""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
# What the kernel keeps for an accepted socket: the socket, its file, its place in epoll.
SOCKET_SLABS = ("TCP ", "sock_inode_cache ", "filp ", "dentry ", "eventpoll_epi ", "eventpoll_pwq ")


def _stat(pid: int) -> list[str]:
    # The name may hold blanks and brackets; what follows its last bracket is plain.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """Processor seconds, user and system, that all threads of a process have used so far."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def parent(pid: int) -> int:
    return int(_stat(pid)[1])


def family_cpu_seconds(pid: int) -> float:
    """The same of a process and its children, those that have ended included."""
    fields = _stat(pid)
    total = sum(int(field) for field in fields[11:15]) / TICKS
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if parent(int(entry.name)) == pid:
                    total += cpu_seconds(int(entry.name))
            except OSError:
                continue  # it has ended in the meantime
    return total


def resident_kib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KIB


def socket_slab_bytes() -> int | None:
    """Kernel memory in the caches that sockets live in, of the whole machine; None where it may not be read."""
    try:
        lines = Path("/proc/slabinfo").read_text().splitlines()
    except OSError:
        return None
    used = [line.split() for line in lines if line.startswith(SOCKET_SLABS)]
    return sum(int(fields[1]) * int(fields[3]) for fields in used)


@dataclass(frozen=True)
class Reading:
    """Clock and processor times at one edge of a window; `database` is None where they cannot be seen."""

    at: float
    client: float
    server: float
    database: float | None

    @classmethod
    def take(cls, server: int, postmaster: int | None) -> "Reading":
        database = family_cpu_seconds(postmaster) if postmaster else None
        return cls(monotonic(), cpu_seconds(os.getpid()), cpu_seconds(server), database)


@dataclass(frozen=True)
class Window:
    """What happened between two readings. Microseconds are per message, shares are of one core."""

    messages: int
    begin: Reading
    end: Reading

    @property
    def seconds(self) -> float:
        return self.end.at - self.begin.at

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def server_us(self) -> float:
        return 1e6 * (self.end.server - self.begin.server) / max(self.messages, 1)

    @property
    def per_server_second(self) -> float:
        return 1e6 / self.server_us if self.server_us else 0.0

    @property
    def client_us(self) -> float:
        return 1e6 * (self.end.client - self.begin.client) / max(self.messages, 1)

    @property
    def database_us(self) -> float | None:
        if self.begin.database is None or self.end.database is None:
            return None
        return 1e6 * (self.end.database - self.begin.database) / max(self.messages, 1)

    @property
    def server_share(self) -> float:
        return (self.end.server - self.begin.server) / self.seconds

    @property
    def client_share(self) -> float:
        return (self.end.client - self.begin.client) / self.seconds
