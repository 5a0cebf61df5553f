"""From which event on the backend is told of sessions: from the first that happens once it is configured."""

from django.utils import timezone

from csms.core.config import get_config
from csms.core.events.models import Reader
from csms.core.events.numbering import head

SESSIONS = "backend.sessions"
"""The name of the reader of the outbox that tells the backend of sessions."""


def begin_reading() -> None:
    """Note where the telling begins, before the first message is handled: no session must fall between.

    What lies further back is not told: a backend that is connected today did not miss it, nor does it know its tokens.
    """
    if get_config().backend_base_url:
        Reader.objects.bulk_create(
            [Reader(name=SESSIONS, position=head(), moved_at=timezone.now())], ignore_conflicts=True
        )
