"""Note who did what, in the transaction in which it is done."""

import getpass
import os
from datetime import datetime
from typing import Any

from csms.core.audit.models import AuditEntry
from csms.core.live import announce

REASON_MAX = 500  # characters


def note(
    action: str,
    *,
    by: str,
    subject_type: str,
    subject: object,
    now: datetime,
    reason: str = "",
    **details: Any,
) -> AuditEntry:
    """Write one act down. `details` are plain values, never secrets; call it within the transaction of the act."""
    entry = AuditEntry.objects.create(
        at=now,
        by=by[:255],
        action=action,
        subject_type=subject_type,
        subject=str(subject)[:255],
        reason=reason[:REASON_MAX],
        details=details,
    )
    announce("audit", f"audit:{subject_type}:{entry.subject}")
    return entry


def at_the_keyboard() -> str:
    """Return the name for the audit of whoever runs a command of manage.py."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container, as a user without a name
        user = f"user {os.getuid()}"
    return f"{user} (manage.py)"
