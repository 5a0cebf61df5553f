"""Human words for what becomes of events that leave the house: how a sink, a webhook and a delivery stand."""

from console.words import Word
from csms.core.webhooks.models import Delivery

SINK: dict[str, Word] = {
    "delivering": Word("Delivering", "ok", "It takes events as they come."),
    "behind": Word(
        "Behind", "wait", "It takes events, and has yet to take some that are older than a minute."
    ),
    "failing": Word("Failing", "bad", "It takes no events now; they are kept, and tried again."),
    "new": Word("Not begun", "wait", "It is wanted, and no relay has begun to serve it."),
    "paused": Word("Paused", "wait", "Nothing is posted to it until it is resumed."),
    "off": Word("Off", "idle", "It was switched off."),
    "gone": Word("Not configured", "idle", "It is wanted no more; its place is kept for a while."),
}

WEBHOOK: dict[str, Word] = {
    "working": Word("Delivering", "ok", "What is due is posted to it."),
    "failing": Word("Failing", "bad", "Its last attempts have failed; they go on."),
    "paused": Word("Paused", "wait", "Nothing is posted to it until it is resumed."),
    "disabled": Word(
        "Off", "idle", "It was switched off: nothing is posted to it, and nothing is kept for it."
    ),
}

DELIVERY: dict[str, Word] = {
    Delivery.State.WAITING: Word(
        "Waiting", "wait", "For its next attempt, or behind another of its charge point."
    ),
    Delivery.State.DELIVERED: Word("Delivered", "ok", "It was answered with a status from 200 to 299."),
    Delivery.State.DEAD: Word("Dead", "bad", "It was given up; it can be replayed."),
    Delivery.State.SKIPPED: Word("Skipped", "idle", "Somebody decided that it is not to be delivered."),
}

FAMILIES = {"sink": SINK, "webhook": WEBHOOK, "delivery": DELIVERY}
