"""Keeps a file that another server reads in step with what is wanted: checked, replaced, loaded; or set back.

The rows are the truth. What is wanted is made from them anew at each pass and compared by its digest with the file and
with what the server has last loaded; so a process that dies between any two steps leaves nothing that the next pass
does not see. No transaction is open while a server is asked.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from alerts.external import files
from alerts.external.client import Address, Refused, Unreachable, reload
from alerts.external.models import WHY_MAX, KeptFile
from alerts.external.services import TITLES, note_unreachable, reach, set_address
from csms.core.live import announce
from csms.core.sealing import seal, unseal

log = logging.getLogger(__name__)

TRY_AGAIN = timedelta(minutes=5)
"""After this long what was refused is tried again: the reason may have been another file of that server."""

Standing = Literal["unset", "nothing", "waiting", "refused", "unseen", "in_step"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file shall be. `check` says what is wrong with its text, "" for nothing; so does `seen`, once loaded."""

    path: Path
    text: str
    check: Callable[[str], str]
    seen: Callable[[], str]
    mode: int = 0o644
    secrets: Mapping[str, str] = field(default_factory=dict)
    """In files of these names, in the folder `secrets_folder` beside it."""
    empty: bool = False
    """Whether nobody wants anything; then a file is only written where there was one."""

    @property
    def digest(self) -> str:
        return files.digest(self.text)

    @property
    def secrets_folder(self) -> Path:
        return files.secrets_folder(self.path)


@dataclass(frozen=True, slots=True)
class Kept:
    """How a file stands: `why` for people, `since` when it was loaded or refused."""

    standing: Standing
    why: str = ""
    since: datetime | None = None


def standing(name: str, wanted: Wanted | None) -> Kept:
    """Return how the file of a server stands, without asking anybody."""
    known = reach(name)
    if known.state == "unset":
        return Kept("unset", known.why)
    row = KeptFile.objects.filter(pk=name).first() or KeptFile(name=name)
    if wanted is None or (wanted.empty and not row.loaded_digest):
        return Kept("nothing", "There is nothing to bring to it.")
    if row.refused_digest == wanted.digest:
        return Kept("refused", row.refused_why, row.refused_at)
    if _is_loaded(row, wanted, known.url):
        return Kept("unseen" if row.unseen_why else "in_step", row.unseen_why, row.loaded_at)
    if known.state == "unreachable":
        return Kept("waiting", f"{TITLES[name]} is not reachable: {known.why}", known.since)
    return Kept("waiting", f"It is brought to {TITLES[name]} within seconds.")


def keep(name: str, wanted: Wanted, *, reachable: bool, now: datetime) -> bool:
    """Bring the file of a server in step, if it is not; return whether anything was done.

    Idempotent, and one process of a machine at a time; of files that cannot be written it is said that they cannot.
    """
    row, _ = KeptFile.objects.get_or_create(pk=name)
    address = set_address(name)
    if wanted.empty and not row.loaded_digest:
        return False
    try:
        if _is_loaded(row, wanted, address.url) and files.read(wanted.path) == wanted.text:
            return _look_again(row, wanted, reachable=reachable)
        if row.refused_digest == wanted.digest and row.refused_at and now < row.refused_at + TRY_AGAIN:
            return False
        if not reachable and files.read(wanted.path) == wanted.text:
            return False
        with files.held(wanted.path) as mine:
            return mine and _bring(row, wanted, address, reachable=reachable, now=now)
    except OSError as error:
        return _refuse(row, wanted, f"The file {error.filename} cannot be used: {error.strerror}.", now=now)


def try_again(name: str) -> None:
    """Let the next pass try what was refused."""
    KeptFile.objects.filter(pk=name).update(refused_digest="", refused_why="", refused_at=None)
    announce(name)


def _is_loaded(row: KeptFile, wanted: Wanted, url: str) -> bool:
    return row.loaded_digest == wanted.digest and row.url == url


def _bring(row: KeptFile, wanted: Wanted, address: Address, *, reachable: bool, now: datetime) -> bool:
    files.sweep(wanted.path)
    before = files.read(wanted.path)
    if before and not before.startswith(files.HEAD):
        return _refuse(
            row, wanted, f"{wanted.path} is somebody else's: it does not begin with our first line.", now=now
        )
    files.keep_secrets(wanted.secrets_folder, wanted.secrets)
    if problem := wanted.check(wanted.text):
        return _refuse(row, wanted, problem, now=now)
    if before != wanted.text:
        files.replace(wanted.path, wanted.text, mode=wanted.mode)
    log.info("alerting.file_written", extra={"server": row.pk, "file": str(wanted.path)})
    if not reachable:
        announce(row.pk)
        return True  # it reads the file when it starts; the pass that reaches it makes sure
    try:
        reload(address)
    except Unreachable as error:
        note_unreachable(row.pk, address, error, now=now)
        return True
    except Refused as refused:
        return _refuse(row, wanted, _set_back(row, wanted, before, address, str(refused)), now=now)
    row.url, row.loaded_digest, row.loaded_at = address.url, wanted.digest, now
    row.loaded_text = seal({"text": wanted.text})
    row.refused_digest, row.refused_why, row.refused_at = "", "", None
    row.unseen_why = _unseen(wanted)
    row.save()
    files.drop_secrets(wanted.secrets_folder, but=wanted.secrets)
    announce(row.pk)
    log.info("alerting.file_loaded", extra={"server": row.pk, "unseen": row.unseen_why})
    return True


def _set_back(row: KeptFile, wanted: Wanted, before: str | None, address: Address, said: str) -> str:
    """Let the file be what the server took last, and return what to say of it all."""
    # After a crash the file is already what was refused: then what was loaded is only known here.
    good = _loaded_text(row) or (before if before != wanted.text else None)
    if good:
        files.replace(wanted.path, good, mode=wanted.mode)
    else:
        files.remove(wanted.path)
    title = TITLES[row.pk]
    try:
        reload(address)
    except Refused:
        return f"{title} refuses its files even without this change: {said}"
    except Unreachable as error:
        return (
            f"{title} refused it ({said}), and the file is set back; since then it does not answer: {error}"
        )
    return f"{title} refused it, and the file is set back: {said}"


def _loaded_text(row: KeptFile) -> str:
    try:
        return str(unseal(row.loaded_text).get("text", ""))
    except ValueError:  # under another key
        return ""


def _look_again(row: KeptFile, wanted: Wanted, *, reachable: bool) -> bool:
    if not row.unseen_why or not reachable:
        return False
    with files.held(wanted.path) as mine:  # one process asks, however slow the answer
        why = _unseen(wanted) if mine else row.unseen_why
    if why == row.unseen_why:
        return False
    row.unseen_why = why
    row.save(update_fields=["unseen_why"])
    announce(row.pk)
    return True


def _unseen(wanted: Wanted) -> str:
    try:
        return wanted.seen()[:WHY_MAX]
    except (Unreachable, Refused) as error:
        return f"It could not be asked what it has loaded: {error}"[:WHY_MAX]


def _refuse(row: KeptFile, wanted: Wanted, why: str, *, now: datetime) -> bool:
    row.refused_digest, row.refused_why, row.refused_at = wanted.digest, why[:WHY_MAX], now
    row.save(update_fields=["refused_digest", "refused_why", "refused_at"])
    announce(row.pk)
    log.warning("alerting.file_refused", extra={"server": row.pk, "why": row.refused_why})
    return True
