"""Pushover: to the phones of a person or of a group."""

from datetime import datetime
from typing import Any

from alerts.transports.base import Field, Message, Values, fits
from alerts.transports.carrying import asset, plugins, tell
from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import Bounds
from csms.core.refusals import BadField

TEXT_MAX = 1000  # Pushover's bound is 1,024 characters
KEY = r"[A-Za-z0-9]{30}"
FIELDS = (
    Field("user_key", "The key of a user, or of a group: 30 letters and digits.", secret=True),
    Field("app_token", "The token of the application: 30 letters and digits.", secret=True),
)


def check(values: dict[str, Any], bounds: Bounds) -> None:
    """Raise BadField for what is no key or no token."""
    for name in ("user_key", "app_token"):
        if not fits(KEY, values[name]):
            raise BadField(name, "It has 30 letters and digits.")


def send(values: Values, message: Message, bounds: Bounds, now: datetime) -> Attempt:
    """Post a message: plain text, with a high priority if it is critical."""
    service = plugins().pushover.NotifyPushover(
        user_key=values["user_key"],
        token=values["app_token"],
        priority="high" if message.severity == "critical" else "normal",
        asset=asset(),
    )
    return tell(service, message, bounds, title=message.title, body=message.text(TEXT_MAX), format="text")
