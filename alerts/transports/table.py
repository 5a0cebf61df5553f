"""The kinds of channels. Who adds one writes its file, and its line here."""

from alerts.transports import email, pushover, slack, teams, telegram, webhook
from alerts.transports.base import Transport

# fmt: off
TRANSPORTS: dict[str, Transport] = {transport.kind: transport for transport in (
    Transport("email", "E-mail", email.FIELDS, email.check, email.send, place=("host",)),
    Transport("slack", "Slack", slack.FIELDS, slack.check, slack.send),
    Transport("pushover", "Pushover", pushover.FIELDS, pushover.check, pushover.send),
    Transport("webhook", "Webhook", webhook.FIELDS, webhook.check, webhook.send, webhook.shown_url),
    Transport("telegram", "Telegram", telegram.FIELDS, telegram.check, telegram.send),
    Transport("teams", "Microsoft Teams", teams.FIELDS, teams.check, teams.send),
)}
# fmt: on
