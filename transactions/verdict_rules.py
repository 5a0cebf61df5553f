"""By which rule a token was accepted or refused."""

from django.db import models


class Rule(models.TextChoices):
    """What decided about a token, with a sentence for people."""

    NOBODY = "nobody", "Nobody was asked to show a token there."
    REGISTERED = "registered", "It is registered, and nothing speaks against it."
    BLOCKED = "blocked", "It is blocked here."
    EXPIRED = "expired", "It was registered until a time that was over."
    MASTER_GROUP = "master_group", "Its group may stop the transactions of others there, and start none."
    PLACE = "place", "It is registered for other places only."
    BUSY = "busy", "It had as many transactions at a time as it may have."
    UNREGISTERED = "unregistered", "Nobody has registered it."
    EVERYBODY = (
        "everybody",
        "Nobody has registered it; the settings accept such tokens (CSMS_UNKNOWN_ID_TAGS).",
    )
    EMPTY = "empty", "No token was told."
    GIVEN = "given", "A remote start of ours had named it to this charge point."
    BACKEND = "backend", "The backend decided."
    BACKEND_BEFORE = "backend_before", "The backend had decided shortly before, and that still counted."
    BACKEND_EXPIRED = "backend_expired", "The backend accepted it until a time that was over."
    FALLBACK_REFUSES = (
        "fallback_reject",
        "The backend did not answer, and the settings refuse then (BACKEND_AUTHORIZE_FALLBACK).",
    )
    FALLBACK_ACCEPTS = (
        "fallback_accept",
        "The backend did not answer, and the settings accept then (BACKEND_AUTHORIZE_FALLBACK).",
    )


SAID = {
    "backend": Rule.BACKEND,
    "cache": Rule.BACKEND_BEFORE,
    "reject": Rule.FALLBACK_REFUSES,
    "accept": Rule.FALLBACK_ACCEPTS,
}
"""By who said it outside."""
