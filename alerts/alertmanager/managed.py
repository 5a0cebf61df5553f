"""The channels as the configuration of Alertmanager. What a channel is, its own room knows: here it is told."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings

from alerts.external.files import HEAD
from alerts.external.services import version_at_least
from alerts.external.texts import plain, without_templates, yaml_text
from alerts.transports.webhook import NEVER, OPEN
from csms.core.config import get_config
from csms.core.refusals import BadField

NOBODY = "nobody"
"""The receiver that tells nobody: what no channel is there for."""
PORTS = {"starttls": 587, "tls": 465, "none": 25}
VALUE_MAX = 2000
NAME_MAX = 100


@dataclass(frozen=True, slots=True)
class ManagedChannel:
    """One channel: the kind says which words `config` and `secrets` have, by the names of the room of channels."""

    kind: str
    name: str
    config: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    default: bool = False
    """Whether alerts go there that name no channel of ours in their label `channel`."""


CHANNELS: list[Callable[[], Sequence[ManagedChannel]]] = []
"""Who tells the channels; empty while nobody does, and then nothing is written."""


@dataclass(frozen=True, slots=True)
class Written:
    """A configuration: its text, the secrets it names by file, and the channels it leaves out with the reason."""

    text: str
    secrets: dict[str, str]
    left_out: dict[str, str]


class _Unable(Exception):
    """Why a channel cannot be written; for people."""


class _Writer:
    """Writes the channels of one configuration."""

    def __init__(self, secrets_folder: Path, version: str) -> None:
        self.folder = secrets_folder
        self.version = version
        self.secrets: dict[str, str] = {}

    def file(self, channel: ManagedChannel, name: str) -> str:
        """Return the path of the file of a secret. Its name changes with the secret, so a change is seen."""
        value = plain(name, str(channel.secrets[name]), most=VALUE_MAX)
        key = hmac.new(settings.SECRET_KEY.encode(), f"{name}\x00{value}".encode(), sha256).hexdigest()[:32]
        self.secrets[key] = value
        return str(self.folder / key)

    def since(self, major: int, minor: int, what: str) -> None:
        """Raise _Unable when Alertmanager is too old."""
        if not version_at_least(self.version, major, minor):
            raise _Unable(
                f"Alertmanager {self.version or '(unknown)'} is too old for {what}: {major}.{minor} does."
            )

    def email(self, channel: ManagedChannel) -> dict[str, Any]:
        config = channel.config
        security = config.get("security", "starttls")
        port = config.get("port") or PORTS[security]
        if security == "tls" and port != PORTS["tls"]:
            raise _Unable(f"Alertmanager speaks TLS from the beginning at port {PORTS['tls']} only.")
        host = _text(config, "host")
        written = {
            "to": ", ".join(_plain("recipients", one) for one in config["recipients"]),
            "from": _text(config, "sender"),
            "smarthost": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "require_tls": security == "starttls",
            "send_resolved": True,
        }
        if config.get("username"):
            written["auth_username"] = _text(config, "username")
            written["auth_password_file"] = self.file(channel, "password")
        return {"email_configs": [written]}

    def slack(self, channel: ManagedChannel) -> dict[str, Any]:
        return {"slack_configs": [{"api_url_file": self.file(channel, "url"), "send_resolved": True}]}

    def webhook(self, channel: ManagedChannel) -> dict[str, Any]:
        allowed = channel.config.get("alertmanager", NEVER)
        if allowed == NEVER:
            raise _Unable("Alertmanager cannot sign what it posts, as this channel does.")
        written: dict[str, Any] = {"send_resolved": True, "max_alerts": 100}
        if allowed == OPEN and not version_at_least(self.version, 0, 26):
            written["url"] = _text(channel.secrets, "url")
        else:
            self.since(0, 26, "a webhook whose URL is secret")
            written["url_file"] = self.file(channel, "url")
        return {"webhook_configs": [written]}

    def telegram(self, channel: ManagedChannel) -> dict[str, Any]:
        self.since(0, 26, "Telegram's token in a file")
        chat = str(channel.config["chat_id"])
        if chat.startswith("@"):
            raise _Unable("Alertmanager takes the number of a chat, not its name.")
        return {
            "telegram_configs": [{"bot_token_file": self.file(channel, "bot_token"), "chat_id": int(chat)}]
        }

    def pushover(self, channel: ManagedChannel) -> dict[str, Any]:
        self.since(0, 26, "Pushover's keys in files")
        user_key, token = self.file(channel, "user_key"), self.file(channel, "app_token")
        return {"pushover_configs": [{"user_key_file": user_key, "token_file": token}]}

    def teams(self, channel: ManagedChannel) -> dict[str, Any]:
        self.since(0, 28, "workflows of Microsoft Teams")
        return {"msteamsv2_configs": [{"webhook_url_file": self.file(channel, "url"), "send_resolved": True}]}


KINDS: dict[str, Callable[[_Writer, ManagedChannel], dict[str, Any]]] = {
    "email": _Writer.email,
    "slack": _Writer.slack,
    "webhook": _Writer.webhook,
    "telegram": _Writer.telegram,
    "pushover": _Writer.pushover,
    "teams": _Writer.teams,
}
"""Kind -> how it is written. Its words are those that its function looks for in `config` and `secrets`."""


def written(channels: Sequence[ManagedChannel], *, secrets_folder: Path, version: str) -> Written:
    """Return the whole configuration for an Alertmanager of this version (such as 0.25.0; "" for unknown).

    A channel that cannot be written, since it lacks something or would have its secret in the open, is left out.
    """
    writer = _Writer(secrets_folder, version)
    receivers: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    default = NOBODY
    for channel in sorted(channels, key=lambda channel: channel.name):
        before = dict(writer.secrets)
        try:
            name = _name(channel, receivers)
            receivers[name] = KINDS[channel.kind](writer, channel)
            default = name if channel.default else default
        except (_Unable, BadField, KeyError, TypeError, ValueError) as error:
            writer.secrets = before
            left_out[channel.name] = _why(channel, error)
    now = get_config()
    config = {
        "route": {
            "receiver": default,
            "group_by": ["alertname", "severity"],
            "group_wait": f"{now.alertmanager_group_wait}s",
            "group_interval": f"{now.alertmanager_group_interval}s",
            "repeat_interval": "4h",
            "routes": [
                *({"receiver": name, "matchers": [f'channel="{_escaped(name)}"']} for name in receivers),
                # Those that always fire, so that it is noticed when alerts do not arrive.
                {"receiver": NOBODY, "matchers": ['severity="none"']},
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                # Two alerts that lack a label have it equal.
                "target_matchers": ['severity=~"warning|info"', 'cp_id=~".+"'],
                "equal": ["alertname", "cp_id"],
            }
        ],
        "receivers": [
            {"name": NOBODY},
            *({"name": name, **receiver} for name, receiver in receivers.items()),
        ],
    }
    return Written(HEAD + yaml_text(config), writer.secrets, left_out)


def _name(channel: ManagedChannel, receivers: Mapping[str, Any]) -> str:
    name = without_templates("name", plain("name", channel.name, most=NAME_MAX, needed=True))
    if name == NOBODY or name in receivers:
        raise _Unable("Another receiver has this name.")
    return name


def _text(config: Mapping[str, Any], name: str) -> str:
    return _plain(name, config[name])


def _plain(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(name)
    return without_templates(name, plain(name, value, most=VALUE_MAX, needed=True))


def _escaped(name: str) -> str:
    """Return a name as it stands between the quotes of a matcher."""
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _why(channel: ManagedChannel, error: Exception) -> str:
    match error:
        case BadField():
            return f"{error.field}: {error}"
        case _Unable():
            return str(error)
        case KeyError() if channel.kind not in KINDS:
            return f"There is no kind {channel.kind!r} in Alertmanager."
        case KeyError():
            return f"It lacks {error.args[0]}."
        case _:
            return "A value of it is of the wrong kind."
