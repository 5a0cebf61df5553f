"""Human words for alerts: how they, their silences, channels and messages stand, and the servers beside the house."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alerts.incidents.models import Shared
from alerts.models import Alert, AlertEntry, Severity
from alerts.notifications.models import Notification
from console.words import Word

State, What = Alert.State, AlertEntry.What

SEVERITY: dict[str, Word] = {
    Severity.CRITICAL: Word("Critical", "bad", "Somebody is needed now: a driver cannot charge."),
    Severity.WARNING: Word("Warning", "wait", "Somebody should look today."),
    Severity.INFO: Word("Notice", "idle", "When there is time."),
}

STATE: dict[str, Word] = {
    State.FIRING: Word("Firing", "bad", "Nobody looks after it yet."),
    State.ACKNOWLEDGED: Word("Acknowledged", "wait", "It lasts, and somebody looks after it."),
    State.PENDING: Word("Pending", "idle", "It does not last for as long yet as its rule says."),
    State.RESOLVED: Word("Resolved", "ok", "It is over."),
}

ENTRY: dict[str, Word] = {
    What.BEGAN: Word("It began", "wait"),
    What.FIRED: Word("It had lasted long enough, and fired", "bad"),
    What.ACKNOWLEDGED: Word("Acknowledged", "busy"),
    What.AGAIN: Word("It was away for a moment, and came again", "wait"),
    What.ASSIGNED: Word("Assigned", "busy"),
    What.NOTED: Word("Noted", "idle"),
    What.JOINED: Word("It joined an incident", "idle"),
    What.TOLD: Word("Somebody was told", "idle"),
    What.ESCALATED: Word("Others were told, since nobody looked after it", "wait"),
    What.QUIET: Word("It turned quiet: nobody is told", "idle"),
    What.LOUD: Word("It is quiet no longer", "wait"),
    What.RESOLVED: Word("It was over", "ok"),
}

MESSAGE: dict[str, Word] = {
    Notification.State.PLANNED: Word("Planned", "wait", "It waits for its time, or for another attempt."),
    Notification.State.SENT: Word("Sent", "ok", "The receiver has taken it."),
    Notification.State.FAILED: Word("Failed", "bad", "It was given up."),
    Notification.State.SUPPRESSED: Word("Suppressed", "idle", "It was not to be told."),
}

SHARED: dict[str, Word] = {
    Shared.SITE: Word("Site"),
    Shared.MODEL: Word("Model"),
    Shared.FIRMWARE: Word("Firmware"),
    Shared.NETWORK: Word("Block of addresses"),
    Shared.PROCESS: Word("Server process"),
}

SILENCE: dict[str, Word] = {
    "active": Word("In force", "busy", "Nobody is told of alerts that match."),
    "waiting": Word("Waiting", "wait", "Its next window has yet to begin."),
    "pending": Word("Waiting", "wait", "Its next window has yet to begin."),
    "over": Word("Over", "idle", "It keeps nobody from being told any more."),
    "expired": Word("Over", "idle", "It keeps nobody from being told any more."),
}

CHANNEL: dict[str, Word] = {
    "working": Word("Working", "ok", "Nothing bad is known of it."),
    "failing": Word("Failing", "wait", "Its last attempt failed; it is tried again."),
    "broken": Word(
        "Broken",
        "bad",
        "Three attempts in a row failed, or it refused for good; the other channels are told.",
    ),
    "disabled": Word("Off", "idle", "It was switched off: nobody is told by it."),
}

STANDING: dict[str, Word] = {
    "unset": Word("Not set", "idle", "No address is set."),
    "nothing": Word("Nothing to bring", "idle", "There is nothing to bring to it."),
    "waiting": Word("On its way", "wait", "It gets it within seconds, or when it is reachable."),
    "refused": Word("Refused", "bad", "It did not take it, and the file is set back."),
    "unseen": Word("Not seen", "bad", "It was reloaded and has other things, so it reads another file."),
    "in_step": Word("In step", "ok", "It has loaded what is written here."),
}

HEALTH: dict[str, Word] = {
    "ok": Word("Evaluated", "ok", "Prometheus evaluates it."),
    "err": Word("Fails", "bad", "Prometheus cannot evaluate it."),
    "unknown": Word("Not evaluated", "wait", "Prometheus has not evaluated it yet."),
}

LABELS: dict[str, str | Promise] = {
    "host": _("Server"),
    "port": _("Port"),
    "security": _("Security"),
    "username": _("User"),
    "password": _("Password"),
    "sender": _("Sender"),
    "recipients": _("Recipients"),
    "url": _("URL"),
    "signing_secret": _("Signing secret"),
    "bot_token": _("Token of the bot"),
    "chat_id": _("Chat"),
    "user_key": _("Key of the user"),
    "app_token": _("Token of the application"),
    "alertmanager": _("Alertmanager may post there"),
}
"""What the values of a channel's configuration are called; who adds a kind adds its own."""

CHOICES: dict[str, str | Promise] = {
    "starttls": "STARTTLS",
    "tls": "TLS",
    "none": _("None"),
    "never": _("No"),
    "unsigned": _("Yes, without a signature"),
    "open": _("Yes, also an old one, which shows the URL"),
}
"""What one chooses from for some of them."""

REFUSED: dict[str, str] = {
    "not_firing": "It does not fire: it is over already, or has not lasted long enough yet.",
    "not_fired": "It has not fired yet.",
    "too_many": "It has as many notes already as an alert may have.",
}
"""Why a step was not taken, by the code of the refusal."""

FAMILIES = {
    "severity": SEVERITY,
    "state": STATE,
    "entry": ENTRY,
    "message": MESSAGE,
    "shared": SHARED,
    "silence": SILENCE,
    "channel": CHANNEL,
    "standing": STANDING,
    "health": HEALTH,
}
"""By what a template calls them."""
