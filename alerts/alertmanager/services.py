"""What people do to the silences of Alertmanager. Each keyword `by` is who: Alertmanager and the audit keep it.

Alertmanager is asked while no transaction is open; what it did is noted afterwards.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.alertmanager.selectors import OPERATORS, ForeignSilence, Matcher, silence, silences
from alerts.external.client import Refused, Unreachable
from alerts.external.reading import as_told
from alerts.external.services import ask_server
from alerts.external.texts import plain
from csms.core.api_data import moment as written
from csms.core.audit.services import note
from csms.core.live import announce
from csms.core.refusals import BadField

SERVER, TITLE = "alertmanager", "Alertmanager"
MATCHERS_MAX = 16
VALUE_MAX = 500
COMMENT_MAX = 1000
LONGEST = timedelta(days=366)
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def checked_silence(
    *, matchers: Sequence[Matcher], starts_at: datetime | None, ends_at: datetime, comment: str, now: datetime
) -> tuple[list[Matcher], datetime, datetime, str]:
    """Return what a silence shall be; without a beginning it begins now. Raises BadField."""
    if not 0 < len(matchers) <= MATCHERS_MAX:
        raise BadField("matchers", f"1 to {MATCHERS_MAX}.")
    good = [_matcher(one) for one in matchers]
    if all(_lets_all_pass(one) for one in good):
        raise BadField(
            "matchers", "At least one must leave out an alert that lacks its label: this would silence all."
        )
    begins = max(starts_at or now, now)
    if ends_at <= begins:
        raise BadField("ends_at", "It is not after its beginning, and after now.")
    if ends_at - now > LONGEST:
        raise BadField("ends_at", f"It is more than {LONGEST.days} days from now.")
    return good, begins, ends_at, plain("comment", comment, most=COMMENT_MAX, lines=True, needed=True)


def create_silence(
    *,
    matchers: Sequence[Matcher],
    ends_at: datetime,
    comment: str,
    by: str,
    now: datetime,
    starts_at: datetime | None = None,
    first_asked_at: datetime | None = None,
) -> ForeignSilence:
    """Make a silence in Alertmanager. Raises BadField, Unset, Unreachable, and Refused for what it does not take.

    Idempotent: one that does the same until the same time, made by the same with the same comment, is returned instead;
    of a request that is repeated, and was `first_asked_at`, also one that was made since and has been ended.
    """
    good, begins, ends_at, comment = checked_silence(
        matchers=matchers, starts_at=starts_at, ends_at=ends_at, comment=comment, now=now
    )
    twin = _twin(good, starts_at and begins, ends_at, comment, by, since=first_asked_at, now=now)
    if twin is not None:
        return twin
    body = {
        "matchers": [_as_told(one) for one in good],
        "startsAt": written(begins),
        "endsAt": written(ends_at),
        "createdBy": by[:255],
        "comment": comment,
    }
    answer = ask_server(SERVER, "/api/v2/silences", method="POST", body=body, now=now, patiently=True)
    with as_told(TITLE):
        id = UUID(answer["silenceID"])
    words = [f"{one.name}{one.operator}{one.value}" for one in good]
    _note("created", id, by=by, now=now, reason=comment, matchers=words, ends_at=written(ends_at))
    made = silence(id, now=now, patiently=True)
    if made is None:
        raise Unreachable("It took the silence, and does not know it.")
    return made


def expire_silence(id: UUID, *, by: str, now: datetime) -> ForeignSilence | None:
    """End a silence now; return it, None for one that Alertmanager does not know. One that is over stays as it is.

    Raises Unset, Unreachable and Refused.
    """
    found = silence(id, now=now, patiently=True)
    if found is None or found.state == "expired":
        return found
    try:
        ask_server(SERVER, f"/api/v2/silence/{id}", method="DELETE", now=now, patiently=True)
    except Refused:
        after = silence(id, now=now, patiently=True)
        if after is None or after.state != "expired":  # unless somebody else was faster
            raise
    else:
        _note("expired", id, by=by, now=now, comment=found.comment)
    return silence(id, now=now, patiently=True)


def _twin(
    matchers: Sequence[Matcher],
    starts_at: datetime | None,
    ends_at: datetime,
    comment: str,
    by: str,
    *,
    since: datetime | None,
    now: datetime,
) -> ForeignSilence | None:
    for known in silences(now=now, expired=since is not None)[0]:
        if known.state == "expired":
            same_time = since is not None and known.starts_at >= since
        else:
            begun = starts_at is None or known.starts_at <= starts_at
            same_time = begun and written(known.ends_at) == written(ends_at)
        same = known.comment == comment and known.created_by == by[:255]
        if same and same_time and set(known.matchers) == set(matchers):
            return known
    return None


def _matcher(given: Matcher) -> Matcher:
    if not LABEL.fullmatch(given.name):
        raise BadField("matchers", f"{given.name[:70]!r} is no name of a label.")
    if given.operator not in OPERATORS:
        raise BadField("matchers", f"An operator is one of {' '.join(OPERATORS)}.")
    return Matcher(given.name, given.operator, plain("matchers", given.value, most=VALUE_MAX))


def _lets_all_pass(matcher: Matcher) -> bool:
    """Whether an alert without the label is silenced by it; Alertmanager refuses a silence of such matchers only."""
    if matcher.operator in ("=", "!="):
        return (matcher.value == "") == (matcher.operator == "=")
    return False  # of regular expressions Alertmanager itself finds out


def _as_told(matcher: Matcher) -> dict[str, Any]:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.operator.endswith("~"),
        "isEqual": not matcher.operator.startswith("!"),
    }


def _note(what: str, id: UUID, *, by: str, now: datetime, reason: str = "", **details: Any) -> None:
    note(
        f"alertmanager_silence.{what}",
        by=by,
        subject_type="alertmanager_silence",
        subject=id,
        now=now,
        reason=reason,
        **details,
    )
    announce(SERVER)
