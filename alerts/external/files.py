"""Files that another program reads: replaced whole or not at all, whatever ends this process or this machine."""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

HEAD = "# Written by csms, which writes it anew whenever something changes: what is changed here by hand is lost.\n"
"""The first line of each file of ours. A file that does not begin with it belongs to somebody else."""
OUR_SECRET = re.compile(r"[0-9a-f]{32}|\.[0-9a-f]{32}\.[0-9a-f]{12}")
"""How secrets of ours are called, and drafts of them. Others in their folder belong to somebody else."""


def digest(text: str) -> str:
    """Return what tells one text from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def read(path: Path) -> str | None:
    """Return the text of a file; None when there is none. Raises OSError for one that may not be read."""
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None


def replace(path: Path, text: str, *, mode: int) -> None:
    """Let a file have this text; whoever reads it sees the one before or this one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8"
        ) as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask takes away
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def sweep(path: Path) -> None:
    """Remove drafts of a file that a process left which died; for whoever holds the file."""
    for draft in path.parent.glob(f".{path.name}.*"):
        if not draft.name.endswith(".lock"):
            draft.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises OSError."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def secrets_folder(path: Path) -> Path:
    """Return the folder of the secrets that a file names: called after it, so that it is nobody else's."""
    return path.with_name(f"{path.name}.secrets")


def keep_secrets(folder: Path, values: Mapping[str, str]) -> None:
    """Write the secrets, each in a file of its name that only its owner may read. Raises OSError."""
    if values:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    for name, value in values.items():
        if read(folder / name) != value or (folder / name).stat().st_mode & 0o777 != 0o600:
            replace(folder / name, value, mode=0o600)


def drop_secrets(folder: Path, *, but: Mapping[str, str]) -> None:
    """Remove our secrets that nobody names any more, and drafts that were left by a process that died."""
    if folder.is_dir():
        for file in folder.iterdir():
            if OUR_SECRET.fullmatch(file.name) and file.is_file() and file.name not in but:
                file.unlink(missing_ok=True)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a file as the only process of this machine that writes it; yields False when another one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
            return
        yield False
    finally:
        os.close(lock)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
