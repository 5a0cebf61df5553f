"""Slack, by an incoming webhook of a workspace."""

from datetime import datetime
from typing import Any

from alerts.transports.base import Field, Message, Values, fits
from alerts.transports.carrying import asset, plugins, tell
from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import Bounds
from csms.core.refusals import BadField

TEXT_MAX = 3500
URL = r"https://hooks\.slack\.com/services/([A-Z0-9]{1,20})/([A-Z0-9]{1,20})/([A-Za-z0-9]{1,40})"
FIELDS = (Field("url", "The incoming webhook: https://hooks.slack.com/services/T…/B…/….", secret=True),)


def check(values: dict[str, Any], bounds: Bounds) -> None:
    """Raise BadField for what is no incoming webhook."""
    if not fits(URL, values["url"]):
        raise BadField("url", "It is no https://hooks.slack.com/services/T…/B…/….")


def send(values: Values, message: Message, bounds: Bounds, now: datetime) -> Attempt:
    """Post a message. Slack's own signs are escaped by apprise, and its markup is off."""
    first, second, third = values["url"].split("/")[-3:]
    service = plugins().slack.NotifySlack(
        token_a=first,
        token_b=second,
        token_c=third,
        include_image=False,
        include_footer=False,
        asset=asset(),
    )
    return tell(service, message, bounds, title=message.title, body=message.text(TEXT_MAX), format="text")
