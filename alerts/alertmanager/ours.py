"""Our own channels, as Alertmanager's configuration takes them."""

import structlog

from alerts.alertmanager.managed import ManagedChannel
from alerts.channels.models import Channel
from alerts.channels.selectors import channels
from csms.core.sealing import unseal

log = structlog.get_logger(__name__)


def our_channels() -> list[ManagedChannel]:
    """Return those that are enabled. One whose secrets were sealed under another key has none, and is left out."""
    return [
        ManagedChannel(channel.kind, channel.name, channel.config, _secrets(channel), channel.is_default)
        for channel in channels().filter(enabled=True).order_by("name")
    ]


def _secrets(channel: Channel) -> dict[str, str]:
    try:
        return {name: value for name, value in unseal(channel.sealed).items() if value}
    except ValueError:
        log.error("alertmanager.channel_unreadable", channel=channel.name)
        return {}
