"""What registers, changes, blocks and unblocks id tokens; whether one may charge is `authorization`'s matter.

`by` names the account or API token whose act it is, for the audit; what the house does by itself has none.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F

from csms.core.audit.services import note
from csms.core.id_tokens import (
    EMAID,
    KEY_CODE,
    NO_AUTHORIZATION,
    TYPES,
    canonical_token,
    is_emaid,
    is_key_code_name,
    named_token,
)
from csms.core.live import announce
from csms.core.refusals import BadField, NotNow
from transactions.authorization import find_registered
from transactions.models import IdToken, Transaction, UnknownToken
from transactions.token_places import read_places

ID_TOKEN_MAX = 255  # OCPP 2.1, IdTokenType; 2.0.1 has 36
ID_TAG_MAX = 20  # OCPP 1.6, 7.28 IdToken: CiString20Type
TYPED_MAX = 36  # OCPP 2.0.1, 2.24 IdTokenType
KEY_CODE_MIN = 4
LABEL_MAX = 100
MESSAGE_MAX = 512  # OCPP 2.0.1, 2.31 MessageContentType
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,4})?", re.ASCII)  # RFC 5646, as far as 8 characters go
ACTIVE_MAX = 32_767  # what the column holds

# The fields of a token that people may set, for those who build forms and serializers.
EDITABLE: Final = (
    "label",
    "parent",
    "expires_at",
    "max_active",
    "blocked",
    "evses",
    "language",
    "personal_message",
)


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


def check_type(type: str, text: str) -> str:
    """Return the type of a token as OCPP 2.x spells it. Raises TokenRefusal unless it is one that `text` may have."""
    if not type:
        return ""
    known = {word.casefold(): word for word in TYPES}.get(type.casefold())
    if known is None:
        raise TokenRefusal("type", f"the type of a token is empty or one of {', '.join(TYPES)}; not {type!r}")
    if len(text) > TYPED_MAX:
        raise TokenRefusal(
            "id_token", f"a token of a type has at most {TYPED_MAX} characters; this one has {len(text)}"
        )
    if known == KEY_CODE and len(text) < KEY_CODE_MIN:
        raise TokenRefusal("id_token", f"a key code has at least {KEY_CODE_MIN} characters")
    if known == EMAID and not is_emaid(text):
        raise TokenRefusal("id_token", f"{text!r} is no eMAID, as DE-8AA-123456789-X is one")
    return known


def id_token_warnings(text: str, type: str = "") -> list[str]:
    """Return what people should know of a token that is valid and yet will not work everywhere."""
    if type == KEY_CODE:
        return ["OCPP 1.6 charge points cannot send a key code"]
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
    evses: Sequence[int | str] = (),
    language: str = "",
    personal_message: str = "",
    type: str = "",
    by: str = "",
) -> IdToken:
    """Register a token. Raises TokenRefusal for a bad value, or when it is known already in any case of letters.

    `type` is a word of OCPP 2.x, "" for one of any type. Of a key code only its digest is kept, which is its name from
    then on (S2-26): not even we can tell the code again.
    """
    values = checked_values(
        label=label,
        parent=parent,
        expires_at=expires_at,
        max_active=max_active,
        blocked=blocked,
        evses=evses,
        language=language,
        personal_message=personal_message,
    )
    kind = check_type(type, check_id_token(id_token))
    if kind == KEY_CODE and is_key_code_name(id_token):
        raise TokenRefusal("id_token", f"{id_token} is the name of a key code here, and no code")
    token = IdToken(id_token=named_token(id_token, kind), type=kind, created_at=now, **values)
    try:
        if not IdToken.objects.filter(canonical=canonical_token(id_token, kind), type=kind).exists():
            with transaction.atomic():
                token.save(force_insert=True)
                UnknownToken.objects.filter(canonical=token.canonical).delete()
                _note(token, "id_token.added", by=by, now=now, **_plain(values))
            return token
    except IntegrityError:  # somebody else was faster
        pass
    known = find_registered(token.id_token, kind)
    raise TokenRefusal("id_token", f"{known or token.id_token} is known already")


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


def note_unknown_token(id_token: str, *, charge_point_id: int, now: datetime, type: str = "") -> None:
    """Remember a token that nobody registered and that was used to charge, so that an operator can admit it.

    Of a key code nothing is remembered: it is a secret, and perhaps only a mistyped one (S2-26).
    """
    if type in (KEY_CODE, NO_AUTHORIZATION):
        return
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
    if "evses" in values:
        try:
            values["evses"] = read_places(values["evses"])
        except ValueError as problem:
            raise TokenRefusal("evses", str(problem)) from None
    if (language := values.get("language")) and not LANGUAGE.fullmatch(language):
        raise TokenRefusal("language", f"a language is written as de or de-CH; not {language!r}")
    if len(values.get("personal_message", "")) > MESSAGE_MAX:
        raise TokenRefusal("personal_message", f"a message has at most {MESSAGE_MAX} characters")
    if "\x00" in values.get("personal_message", ""):
        raise TokenRefusal("personal_message", "a message has no NUL in it")
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
