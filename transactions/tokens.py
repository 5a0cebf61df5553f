"""What registers, changes, blocks and unblocks id tokens; whether one may charge is `authorization`'s matter.

`by` names the account or API token whose act it is, for the audit; what the house does by itself has none.
"""

from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F

from csms.core.audit.services import note
from csms.core.id_tokens import canonical_token
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow
from transactions.authorization import find_id_token
from transactions.models import IdToken, Transaction, UnknownToken

ID_TOKEN_MAX = 255  # OCPP 2.1, IdTokenType; 2.0.1 has 36
ID_TAG_MAX = 20  # OCPP 1.6, 7.28 IdToken: CiString20Type
LABEL_MAX = 100
ACTIVE_MAX = 32_767  # what the column holds

# The fields of a token that people may set, for those who build forms and serializers.
EDITABLE: Final = ("label", "parent", "expires_at", "max_active", "blocked")


class TokenRefusal(BadField):
    """An id token that cannot be added or changed so; `field` says what was wrong, the text why, for people."""


def check_id_token(text: str, *, field: str = "id_token") -> str:
    """Return the token as given. Raises TokenRefusal unless it is 1 to 255 printable characters, blanks inside only."""
    if not 1 <= len(text) <= ID_TOKEN_MAX:
        raise TokenRefusal(field, f"an id token has 1 to {ID_TOKEN_MAX} characters; this one has {len(text)}")
    if not text.isprintable():
        raise TokenRefusal(field, f"an id token has printable characters only; {text!r} has others")
    if text != text.strip():
        raise TokenRefusal(field, f"an id token neither begins nor ends with a blank; {text!r} does")
    return text


def id_token_warnings(text: str) -> list[str]:
    """Return what people should know of a token that is valid and yet will not work everywhere."""
    if len(text) <= ID_TAG_MAX:
        return []
    return [f"{text!r} has {len(text)} characters; OCPP 1.6 charge points can send {ID_TAG_MAX} at most"]


def add_id_token(
    id_token: str,
    *,
    now: datetime,
    label: str = "",
    parent: str = "",
    expires_at: datetime | None = None,
    max_active: int | None = None,
    blocked: bool = False,
    by: str = "",
) -> IdToken:
    """Register a token. Raises TokenRefusal for a bad value, or when it is known already in any case of letters."""
    values = checked_values(
        label=label, parent=parent, expires_at=expires_at, max_active=max_active, blocked=blocked
    )
    token = IdToken(id_token=check_id_token(id_token), created_at=now, **values)
    known = find_id_token(id_token)
    try:
        if known is None:
            with transaction.atomic():
                token.save(force_insert=True)
                UnknownToken.objects.filter(canonical=token.canonical).delete()
                _note(token, "id_token.added", by=by, now=now, **_plain(values))
            return token
    except IntegrityError:  # somebody else was faster
        known = find_id_token(id_token)
    raise TokenRefusal("id_token", f"{known or id_token} is known already")


def update_id_token(token: IdToken, *, now: datetime, by: str = "", reason: str = "", **changes: Any) -> bool:
    """Set fields of EDITABLE and return whether that changed anything. Raises TokenRefusal for a bad value.

    Running transactions go on whatever changes (S16-02): a charge point asks again at its next start.
    """
    changed = {
        name: value for name, value in checked_values(**changes).items() if getattr(token, name) != value
    }
    if not changed:
        return False
    before = {name: getattr(token, name) for name in changed}
    for name, value in changed.items():
        setattr(token, name, value)
    token.updated_at = now
    act = "id_token.changed"
    if changed.keys() == {"blocked"}:
        act = "id_token.blocked" if token.blocked else "id_token.unblocked"
    with transaction.atomic():
        token.save(update_fields=[*changed, "updated_at"])
        told = {"from": _plain(before), "to": _plain(changed)}
        _note(token, act, by=by, now=now, reason=reason, **told)
    return True


def block_id_token(token: IdToken, *, now: datetime, by: str = "", reason: str = "") -> bool:
    """Refuse the token from now on; return whether it was not blocked before."""
    return update_id_token(token, now=now, by=by, reason=reason, blocked=True)


def unblock_id_token(token: IdToken, *, now: datetime, by: str = "", reason: str = "") -> bool:
    """Let the token charge again, as far as its other fields do; return whether it was blocked before."""
    return update_id_token(token, now=now, by=by, reason=reason, blocked=False)


def was_used(token: IdToken) -> bool:
    """Return whether any transaction is known of the token."""
    return Transaction.objects.filter(token_key=token.canonical).exists()


def delete_id_token(token: IdToken, *, now: datetime, by: str = "", only_unused: bool = False) -> None:
    """Forget the token; transactions keep its text, and running ones go on.

    Raises NotNow with `only_unused` for one that has transactions: who looks at those should find whose it was.
    """
    with transaction.atomic():
        if only_unused and was_used(token):
            raise NotNow("used", f"{token} has transactions; block it instead, so that they keep their name")
        _note(token, "id_token.deleted", by=by, now=now, label=token.label, parent=token.parent)
        token.delete()


def _note(token: IdToken, act: str, *, by: str, now: datetime, reason: str = "", **details: Any) -> None:
    if by:
        note(act, by=by, subject_type="id_token", subject=token.id_token, now=now, reason=reason, **details)
    announce("id-tokens")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON has them."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


# Whoever tries tokens at random must not fill the store; what is pruned makes room.
UNKNOWN_MAX = 10_000


def note_unknown_token(id_token: str, *, charge_point_id: int, now: datetime) -> None:
    """Remember a token that nobody registered and that was used to charge, so that an operator can admit it."""
    seen = UnknownToken.objects.filter(canonical=canonical_token(id_token[:ID_TOKEN_MAX]))
    if seen.update(count=F("count") + 1, last_at=now, charge_point_id=charge_point_id):
        return
    try:
        check_id_token(id_token)
    except TokenRefusal:
        return  # nobody could admit it; its transaction keeps it
    if UnknownToken.objects.count() < UNKNOWN_MAX:
        UnknownToken.objects.create(
            id_token=id_token, charge_point_id=charge_point_id, first_at=now, last_at=now
        )
        announce("id-tokens")


def checked_values(**values: Any) -> dict[str, Any]:
    """Return the values. Raises TokenRefusal for the first that no token may have, TypeError for an unknown field."""
    if unknown := set(values) - set(EDITABLE):
        raise TypeError(f"not editable: {', '.join(sorted(unknown))}")
    if len(values.get("label", "")) > LABEL_MAX:
        raise TokenRefusal(
            "label", f"a label has up to {LABEL_MAX} characters; this one has {len(values['label'])}"
        )
    if values.get("parent"):
        check_id_token(values["parent"], field="parent")
    expires_at = values.get("expires_at")
    if expires_at is not None and expires_at.tzinfo is None:
        raise TokenRefusal("expires_at", "the expiry needs a time zone, as in 2030-12-31T23:59:59Z")
    max_active = values.get("max_active")
    if max_active is not None and not 0 <= max_active <= ACTIVE_MAX:
        raise TokenRefusal(
            "max_active",
            f"transactions at a time are 0 to {ACTIVE_MAX}, or none for no limit; not {max_active}",
        )
    return values
