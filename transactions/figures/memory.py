"""What a process remembers of days that are over, so that nobody sums them up for each look.

Each value is kept under a key that tells of what it was made, read from the database at every look. A key whose days
were made anew is never asked for again, in whichever process, so nothing needs to be told to forget.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sized
from threading import Lock
from typing import Any, TypeVar

V = TypeVar("V", bound=Sized)

MOST = 150_000
"""Rows together, one for each charge point of each value: about 40 MB."""


class Memory:
    """Values by their keys, as many as have no more than `most` rows together; what was not asked for longest goes."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._rows = 0

    def find(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of a key, which is made if it is not remembered. Nobody may change it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                found: V = self._values[key]
                return found
        value = make()
        with self._lock:
            if key not in self._values:  # another thread may have made it meanwhile
                self._values[key] = value
                self._rows += len(value)
            while self._rows > self._most:
                self._rows -= len(self._values.popitem(last=False)[1])
        return value

    def forget(self) -> None:
        """Forget all of it; the rows of a test are taken back, and then their keys come again."""
        with self._lock:
            self._values.clear()
            self._rows = 0


memory = Memory()
