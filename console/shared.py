"""What many open pages ask at the same moment is read once for all of them."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """A read of which one is on at a time in this process; who asks meanwhile shares the next one.

    Nobody is given what was read before they asked: a page asks because something has just changed, and nothing would
    make it ask again. So nothing is kept for a while, and a hundred pages cost two reads.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._begun = self._done = 0  # reads, by number
        self._value: T | None = None

    def read(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or the work of somebody else did that began after this was called."""
        due = self._begun + 1
        with self._turn:
            if self._done >= due:
                assert self._value is not None
                return self._value
            self._begun += 1
            number = self._begun
            value = work()
            self._value, self._done = value, number
            return value
