"""Few reads of one caller are worked on at once, the others in turn: who looks slows neither charge points nor others.

Threads of one process share one processor. Sixteen long lists at once made everybody wait for seconds, and each of them
came no sooner than in turn.
"""

import threading
from collections import Counter

from django.db import connections

AT_ONCE = 2  # reads of one caller, in a process

_busy: Counter[str] = Counter()
_changed = threading.Condition()


def take_turn(caller: str) -> None:
    """Wait until fewer than AT_ONCE reads of the caller are worked on. Each turn is to be ended."""
    with _changed:
        if _busy[caller] < AT_ONCE:
            _busy[caller] += 1
            return
    let_go_of_the_database()
    with _changed:
        _changed.wait_for(lambda: _busy[caller] < AT_ONCE)
        _busy[caller] += 1


def let_go_of_the_database() -> None:
    """Close the connection of this request's thread: a server has few, and many may wait for long."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def end_turn(caller: str) -> None:
    """Let the caller's next read begin."""
    with _changed:
        _busy[caller] -= 1
        if not _busy[caller]:
            del _busy[caller]
        _changed.notify_all()
