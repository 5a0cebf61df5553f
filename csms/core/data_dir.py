"""The data folder: made and proven writable before anything is served, and served by one; home of the secret key."""

import fcntl
import os
import secrets
import tempfile
from pathlib import Path

from csms.core.config_problems import ConfigError


def make_writable(folder: Path, setting: str) -> None:
    """Create a folder when it is absent and write to it; raises ConfigError naming the setting."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Written, not asked with os.access: a read-only mount or a full disk lies to that.
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as error:
        raise ConfigError(
            f"{setting}: {folder} is not writable ({error.strerror}); give a folder this user may write to"
        ) from error


class InUse(Exception):
    """Another server uses the database; the text says which, in one line."""


_held: list[int] = []  # descriptors of locks, open until this process ends


def hold_alone(database: Path) -> None:
    """Make this process the one server of a SQLite database until it ends, however it ends. Raises InUse.

    Commands that run beside the server do not ask; SQLite's own locks are enough for them.
    """
    path = database.with_name(database.name + ".lock")
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InUse(f"the lock file {path} cannot be opened ({error.strerror})") from error
    try:
        # Not inherited by programs that this one starts, so that none of them keeps the lock when it has died.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(lock, 20).decode(errors="replace").strip()
        os.close(lock)
        if not isinstance(error, BlockingIOError):
            raise InUse(f"the lock file {path} cannot be locked ({error.strerror})") from error
        raise InUse(
            f"{database} is served by another process ({holder or 'unknown'}); SQLite serves one: end that process, "
            "give another CSMS_DATA_DIR, or use PostgreSQL"
        ) from error
    os.truncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    _held.append(lock)


def kept_secret_key(folder: Path) -> str:
    """The secret key of this installation, generated once, readable for its owner only.

    Of two processes that start at once, one writes under the lock and both return what it wrote.
    """
    path = folder / "secret_key"
    try:
        # Read first: a key that is there needs no folder that can be written to.
        key = _read(path) or _generate(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(
            f"CSMS_SECRET_KEY: its file {path} cannot be used ({reason}); make it readable or set the key"
        ) from error
    if len(key) < 32:
        raise ConfigError(f"CSMS_SECRET_KEY: its file {path} holds less than 32 characters; remove the file")
    return key


def _generate(path: Path) -> str:
    make_writable(path.parent, "CSMS_DATA_DIR")
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        key = file.read().strip()
        if not key:
            key = secrets.token_urlsafe(48)
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return key


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):  # of the latter, make_writable tells
        return ""
