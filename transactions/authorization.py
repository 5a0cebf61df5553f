"""Whether an id token may charge."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Value
from django.db.models.functions import Upper

from csms.core.config import get_config
from transactions.models import IdToken, Transaction

Verdict = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]


@dataclass(frozen=True, slots=True)
class Authorization:
    """Our verdict on a token; `parent` and `expires_at` go to the charge point with it."""

    status: Verdict
    parent: str = ""
    expires_at: datetime | None = None

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


def find_id_token(id_token: str) -> IdToken | None:
    """Return the token; tokens are compared without regard to case (1.6: CiString20Type)."""
    # Folded by the database on both sides: SQLite folds ASCII only, and Python more than either.
    return IdToken.objects.alias(folded=Upper("id_token")).filter(folded=Upper(Value(id_token))).first()


def authorize(id_token: str, *, now: datetime, starting: bool = False) -> Authorization:
    """Judge a token. With `starting` the limit of transactions at a time counts too (S16-03: only meaningful there).

    An unknown token is refused unless the settings accept every token.
    """
    token = find_id_token(id_token)
    if token is None:
        welcome = get_config().unknown_id_tags == "accept" and id_token.strip() != ""
        return Authorization("Accepted" if welcome else "Invalid")
    if token.blocked:
        status: Verdict = "Blocked"
    elif token.expires_at is not None and token.expires_at <= now:
        status = "Expired"
    elif starting and token.max_active is not None and _active(id_token) >= token.max_active:
        status = "ConcurrentTx"
    else:
        status = "Accepted"
    return Authorization(status, token.parent, token.expires_at)


def _active(id_token: str) -> int:
    return (
        Transaction.objects.alias(folded=Upper("id_token"))
        .filter(
            folded=Upper(Value(id_token)),
            status=Transaction.Status.ACTIVE,
            superseded=False,  # its end was lost, most likely; that must not lock its driver out
            authorization="Accepted",
        )
        .count()
    )
