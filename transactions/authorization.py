"""Whether an id token may charge."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from csms.core.backend.answers import TokenVerdict
from csms.core.config import get_config
from csms.core.id_tokens import canonical_token
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
    """Return the token, in whatever form it is written; see `csms.core.id_tokens`."""
    return IdToken.objects.filter(canonical=canonical_token(id_token)).first()


def authorize(
    id_token: str, *, now: datetime, starting: bool = False, said: TokenVerdict | None = None
) -> Authorization:
    """Judge a token. With `starting` the limit of transactions at a time counts too (S16-03: only meaningful there).

    `id_token` is the part that means the driver. An unknown one is refused unless the settings accept every token.
    `said` is what the backend decided: then only our limit of transactions still counts, and, should nobody have
    decided and everybody be accepted, that we have blocked it. Nothing is stored: to ask is not to charge.
    """
    token = find_id_token(id_token)
    if said is not None:
        return _as_said(said, token, now=now, starting=starting)
    if token is None:
        welcome = get_config().unknown_id_tags == "accept" and id_token.strip() != ""
        return Authorization("Accepted" if welcome else "Invalid")
    if token.blocked:
        status: Verdict = "Blocked"
    elif token.expires_at is not None and token.expires_at <= now:
        status = "Expired"
    elif starting and token.max_active is not None and _active(token) >= token.max_active:
        status = "ConcurrentTx"
    else:
        status = "Accepted"
    return Authorization(status, token.parent, token.expires_at)


def _as_said(said: TokenVerdict, token: IdToken | None, *, now: datetime, starting: bool) -> Authorization:
    status: Verdict = said.status
    if said.accepted and said.expires_at is not None and said.expires_at <= now:
        status = "Expired"
    elif token is not None and said.accepted:
        if said.source == "accept" and token.blocked:
            status = "Blocked"
        elif starting and token.max_active is not None and _active(token) >= token.max_active:
            status = "ConcurrentTx"
    return Authorization(status, said.parent, said.expires_at)


def _active(token: IdToken) -> int:
    """Count what runs for the token. What seems to be over, though its end was lost, must not lock its driver out."""
    return Transaction.objects.filter(
        token_key=token.canonical,
        status=Transaction.Status.ACTIVE,
        superseded=False,
        end_seen_at=None,
        authorization="Accepted",
    ).count()
