"""Telegram, by a bot that talks to a person, a group or a channel."""

from datetime import datetime
from html import escape
from typing import Any

from alerts.transports.base import Field, Message, Values, fits
from alerts.transports.carrying import asset, plugins, tell
from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import Bounds
from csms.core.refusals import BadField

TEXT_MAX = 3000  # Telegram's bound is 4,096, after what is escaped
FIELDS = (
    Field("bot_token", "The token of the bot, as @BotFather tells it: 123456789:….", secret=True),
    Field("chat_id", "The chat: its number, which is negative for a group, or @name of a public channel."),
)


def check(values: dict[str, Any], bounds: Bounds) -> None:
    """Raise BadField for what is no token of a bot, or no chat."""
    if not fits(r"[0-9]{6,12}:[A-Za-z0-9_-]{20,50}", values["bot_token"]):
        raise BadField("bot_token", "It is no token of a bot: digits, a colon, letters and digits.")
    if not fits(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}", values["chat_id"]):
        raise BadField("chat_id", "It is neither the number of a chat nor @name.")


def send(values: Values, message: Message, bounds: Bounds, now: datetime) -> Attempt:
    """Post a message as HTML, in which all that is said is escaped."""
    service = plugins().telegram.NotifyTelegram(
        bot_token=values["bot_token"], targets=[values["chat_id"]], detect_owner=False, asset=asset()
    )
    # Not as plain text: apprise would let tags in it pass.
    text = escape(message.text(TEXT_MAX)).replace("\n", "<br>")
    return tell(service, message, bounds, body=f"<b>{escape(message.title)}</b><br>{text}", format="html")
