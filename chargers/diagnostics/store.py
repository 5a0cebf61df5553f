"""Where uploaded contents lie: a folder of our own, with names of our own, written piece by piece.

A content appears under its name only when it is whole and on the disk. Contents that no row names, left by a process
that was killed, are found among the `untouched` and swept.
"""

import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from asgiref.sync import sync_to_async

from csms.core.config import get_config
from csms.core.ids import uuid7

PIECE = 256 * 1024  # bytes
UNFINISHED = ".part"


def _path(content: str) -> Path:
    # Time-sorted names: their end is random, so that the folders fill evenly.
    return get_config().files_folder / content[-2:] / content


class Writing:
    """A content that is being written. Its methods block; call them from a thread, one after the other."""

    def __init__(self) -> None:
        self.content = uuid7().hex
        self.size = 0
        self._digest = hashlib.sha256()
        self._path = _path(self.content)
        self._file: BinaryIO | None = None

    @property
    def _part(self) -> Path:
        return self._path.with_suffix(UNFINISHED)

    @property
    def sha256(self) -> str:
        """Return the digest of what was written so far, in hex digits."""
        return self._digest.hexdigest()

    def write(self, piece: bytes) -> None:
        """Add a piece. Raises OSError when the disk is full."""
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._part.open("xb")
        self._file.write(piece)
        self._digest.update(piece)
        self.size += len(piece)

    def finish(self) -> None:
        """Make the content appear, whole and safe from a power failure. Something must have been written."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Leave nothing of it, finished or not."""
        if self._file is not None:
            with suppress(OSError):  # what is not yet on a full disk goes with the rest
                self._file.close()
        self._part.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)


def exists(content: str) -> bool:
    """Whether the content is there."""
    return _path(content).is_file()


async def read(content: str) -> AsyncIterator[bytes]:
    """Yield a content piece by piece."""
    file: BinaryIO = await sync_to_async(lambda: _path(content).open("rb"), thread_sensitive=False)()
    try:
        while piece := await sync_to_async(file.read, thread_sensitive=False)(PIECE):
            yield piece
    finally:
        file.close()


def read_here(content: str) -> Iterator[bytes]:
    """Yield a content piece by piece, in the thread of whoever asks: for a server without a loop."""
    with _path(content).open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def delete(content: str) -> None:
    """Remove a content; one that is gone already is no error."""
    _path(content).unlink(missing_ok=True)


def untouched(older_than: float) -> Iterator[Path]:
    """Yield what lies in the store and was not touched for so many seconds, whether it is finished or not."""
    before = time.time() - older_than
    folder = get_config().files_folder
    for path in folder.glob("??/*") if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < before:
                yield path
