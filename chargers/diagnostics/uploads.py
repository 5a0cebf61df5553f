"""One-time upload URLs: given out with an order, used once, and the file that came through one.

Whoever has the URL may upload, so it has 32 random bytes, is kept as a hash only, and ends by its use, by the clock or
with the refusal of its order. An upload that breaks off leaves it usable: charge points try again. Of two that run at
once the one that began later wins, since the earlier may hang on a line that is long dead.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from chargers.commands.effects import note_effect
from chargers.diagnostics import store
from chargers.diagnostics.models import LogJob, StoredFile, Upload
from chargers.models import ChargePoint, Command
from chargers.services import Refusal, note_act
from csms.core.config import get_config
from csms.core.events.services import record
from csms.core.live import announce
from csms.core.writer import after_commit

PREFIX = "/u/"
TOKEN_LENGTH = 43  # 32 bytes as URL-safe base64
URL_MAX = 200  # characters; old charge points cut off longer ones (quirk C8)
ATTEMPTS_MAX = 20
NAME_MAX = 100


class NoAddress(Exception):
    """Nobody knows under which address charge points reach this server; the text says what to set."""


class Refused(Exception):
    """An upload that is not taken: status and reason for programs, the text for people."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to upload to a URL."""

    upload_id: int
    number: int
    cp_id: str


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def open_upload(job: LogJob, charge_point: ChargePoint, *, now: datetime, url: str, token: str) -> Upload:
    """Let one file of this charge point in by `url`, which `new_url` made."""
    assert len(url) <= URL_MAX
    return Upload.objects.create(
        token_hash=_hash(token),
        charge_point=charge_point,
        job=job,
        created_at=now,
        expires_at=_end(now),
    )


def new_url() -> tuple[str, str]:
    """Return a new upload URL and the token in it. Raises NoAddress.

    It ends with a slash: for charge points that take it as a folder and add a file name, with or without one.
    """
    base = get_config().effective_public_url
    if not base:
        raise NoAddress(
            "the address under which charge points reach this server is not known; set CSMS_PUBLIC_URL, or give "
            "a location"
        )
    token = secrets.token_urlsafe(32)
    return f"{base}{PREFIX}{token}/", token


OPEN_MAX = 20


def issue_upload(
    charge_point: ChargePoint, *, by: str, now: datetime, reason: str = ""
) -> tuple[Upload, str]:
    """Issue an upload URL by hand, for whoever brings a file of this charge point; return it with its URL.

    The URL is known only now: kept is its hash. Raises NoAddress, and Refusal while too many are open.
    """
    if open_uploads(charge_point, now=now).count() >= OPEN_MAX:
        raise Refusal(
            f"{OPEN_MAX} upload URLs are open for {charge_point} already; revoke some", field="upload"
        )
    url, token = new_url()
    with transaction.atomic():
        upload = Upload.objects.create(
            token_hash=_hash(token),
            charge_point=charge_point,
            by=by[:150],
            created_at=now,
            expires_at=_end(now),
        )
        ends = upload.expires_at.isoformat()
        note_act("upload.issued", charge_point, by=by, now=now, reason=reason, expires_at=ends)
        announce(f"charge-point:{charge_point.pk}")
    return upload, url


def open_uploads(charge_point: ChargePoint, *, now: datetime) -> QuerySet[Upload]:
    """Return the URLs of a charge point to which something may still be uploaded."""
    return Upload.objects.filter(
        charge_point=charge_point, used_at=None, revoked_at=None, expires_at__gt=now, attempt__lt=ATTEMPTS_MAX
    )


def revoke_upload(upload: Upload, *, by: str, now: datetime) -> bool:
    """Close a URL; return whether it was open. An upload that runs to it is refused at its end."""
    with transaction.atomic():
        revoked = Upload.objects.filter(pk=upload.pk, used_at=None, revoked_at=None).update(revoked_at=now)
        if revoked:
            note_act("upload.revoked", upload.charge_point, by=by, now=now)
            announce(f"charge-point:{upload.charge_point_id}")
    return revoked == 1


def renew_uploads(job: LogJob, *, now: datetime) -> None:
    """Count the time of a job's URLs from now: the charge point has just been told, its order may have waited long."""
    Upload.objects.filter(job=job, used_at=None, revoked_at=None).update(expires_at=_end(now))


def _end(now: datetime) -> datetime:
    return now + timedelta(seconds=get_config().upload_ttl)


def revoke_uploads(job: LogJob, *, now: datetime) -> None:
    """End the URLs of a job that will not come to anything."""
    Upload.objects.filter(job=job, used_at=None, revoked_at=None).update(revoked_at=now)


def begin_attempt(token: str, *, now: datetime) -> Attempt:
    """Begin to upload. Raises Refused: 404 for what was never given out, 410 for what is over."""
    upload = Upload.objects.select_related("charge_point").filter(token_hash=_hash(token)).first()
    if upload is None:
        raise Refused(404, "unknown", "There is no such upload.")
    with transaction.atomic():  # so that no other attempt gets the same number
        begun = Upload.objects.filter(
            pk=upload.pk, used_at=None, revoked_at=None, expires_at__gt=now, attempt__lt=ATTEMPTS_MAX
        ).update(attempt=F("attempt") + 1)
        upload.refresh_from_db()
    if not begun:
        raise _over(upload, now)
    return Attempt(upload.pk, upload.attempt, upload.charge_point.cp_id)


def _over(upload: Upload, now: datetime) -> Refused:
    if upload.used_at is not None:
        return Refused(410, "used", "A file was uploaded here already.")
    if upload.revoked_at is not None:
        return Refused(410, "revoked", "The order was taken back.")
    if upload.expires_at <= now:
        return Refused(410, "expired", "The time to upload here is over.")
    return Refused(410, "exhausted", f"It was tried {ATTEMPTS_MAX} times.")


def take_file(
    attempt: Attempt,
    *,
    content: str,
    size: int,
    sha256: str,
    name: str,
    content_type: str,
    peer: str,
    now: datetime,
) -> StoredFile:
    """Make a content that is whole the file of its upload, and close the URL.

    Raises Refused 409 when a later attempt has begun meanwhile, 410 when the URL was closed; the content stays
    nobody's then.
    """
    with transaction.atomic():
        # The one place that decides: whoever changes the row has uploaded.
        taken = Upload.objects.filter(
            pk=attempt.upload_id, attempt=attempt.number, used_at=None, revoked_at=None
        ).update(used_at=now)
        upload = Upload.objects.select_related("charge_point").get(pk=attempt.upload_id)
        if not taken:
            if upload.used_at is None and upload.revoked_at is None:
                raise Refused(409, "overtaken", "A later upload to this URL has begun.")
            raise _over(upload, now)
        job = LogJob.objects.filter(pk=upload.job_id).first() if upload.job_id else None
        file = StoredFile.objects.create(
            charge_point=upload.charge_point,
            job=job,
            name=label(name) or label(job.file_name if job else "") or "upload",
            content=content,
            content_type=re.sub(r"[^!-~ ]", "", content_type)[:100],
            size=size,
            sha256=sha256,
            peer=peer[:64],
            received_at=now,
        )
        Upload.objects.filter(pk=upload.pk).update(file_id=file.pk)
        record("file.received", attempt.cp_id, facts(file), occurred_at=now)
        announce(f"charge-point:{upload.charge_point_id}")
        command = Command.objects.filter(pk=job.command_id).first() if job else None
        if command is not None:
            note_effect(command, f"The file {file.name} came.", kind="file", subject=file.pk, now=now)
    return file


def facts(file: StoredFile) -> dict[str, str | int | None]:
    """Return what events say of a file."""
    return {
        "file_id": str(file.pk),
        "job_id": str(file.job_id) if file.job_id else None,
        "name": file.name,
        "size": file.size,
        "sha256": file.sha256,
    }


def label(name: str) -> str:
    """Return a file name that a charge point gave as a label for people: one line, no path, no tricks; "" if none.

    Letters of any script stay; what steers terminals, browsers, shells or file systems goes.
    """
    last = re.split(r"[/\\]", name)[-1]
    safe = "".join(c if c.isprintable() and c not in "<>:\"|?*;%&$`'" else "_" for c in last)
    return safe.strip(" ._")[-NAME_MAX:].lstrip(" ._")


# --- the end of files -------------------------------------------------------------------------------------------------


def delete_file(file_id: UUID, *, by: str, now: datetime) -> bool:
    """Delete a file and its content; return whether there was one. An event tells who did."""
    with transaction.atomic():
        file = StoredFile.objects.select_related("charge_point").filter(pk=file_id).first()
        if file is None or not StoredFile.objects.filter(pk=file_id).delete()[0]:
            return False
        record("file.deleted", file.charge_point.cp_id, facts(file) | {"by": by}, occurred_at=now)
        note_act("file.deleted", file.charge_point, by=by, now=now, file=file.name)
        announce(f"charge-point:{file.charge_point_id}")
        after_commit(lambda: store.delete(file.content))
    return True


STRAY_AFTER = 24 * 3600.0  # seconds; longer than any upload may last


def sweep_store() -> int:
    """Remove contents that no row names, which a killed process left; return how many. Idempotent."""
    swept = 0
    old = store.untouched(STRAY_AFTER)
    while paths := {path.name: path for path in islice(old, 500)}:
        named = StoredFile.objects.filter(content__in=paths).values_list("content", flat=True)
        for name in paths.keys() - set(named):
            paths[name].unlink(missing_ok=True)
            swept += 1
    return swept


def remove_files(old: QuerySet[StoredFile]) -> int:
    """Remove files that are kept no longer, rows before contents; return how many."""
    removed = 0
    while rows := dict(old.values_list("pk", "content")[:500]):
        removed += StoredFile.objects.filter(pk__in=rows).delete()[0]
        for content in rows.values():
            store.delete(content)
    return removed
