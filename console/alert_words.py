"""Human words for what belongs to alerts: how silences, channels, messages and the servers beside the house stand."""

from console.words import Word

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
    "broken": Word("Broken", "bad", "Three attempts in a row have failed; the other channels are told."),
    "disabled": Word("Off", "idle", "It was switched off: nobody is told by it."),
}

MESSAGE: dict[str, Word] = {
    "planned": Word("Planned", "wait", "It waits for its time, or for another attempt."),
    "sent": Word("Sent", "ok", "The receiver took it."),
    "failed": Word("Failed", "bad", "It was given up."),
    "suppressed": Word("Suppressed", "idle", "It was not to be told."),
}

SEVERITY: dict[str, Word] = {
    "critical": Word("Critical", "bad", "Now: a driver cannot charge"),
    "warning": Word("Warning", "wait", "Today"),
    "info": Word("Info", "idle", "When there is time"),
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

ALERTING = {
    "silence": SILENCE,
    "channel": CHANNEL,
    "message": MESSAGE,
    "severity": SEVERITY,
    "standing": STANDING,
    "health": HEALTH,
}
"""By what a template calls them."""
