"""Each kind of channel as Alertmanager's configuration has it, also those of newer ones than the lanes have."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.alertmanager.checking import problem
from alerts.alertmanager.managed import KINDS, ManagedChannel, Written, written

FOLDER = Path("/secrets")
MAIL: dict[str, Any] = {"host": "mail", "sender": "a@b.c", "recipients": ["d@e.f", "g@h.i"]}


def as_written(*channels: ManagedChannel, version: str = "0.28.1") -> tuple[dict[str, Any], Written]:
    made = written(channels, secrets_folder=FOLDER, version=version)
    assert problem(made.text) == ""
    return {receiver.pop("name"): receiver for receiver in yaml.safe_load(made.text)["receivers"]}, made


def path_of(made: Written, secret: str) -> str:
    [name] = [name for name, value in made.secrets.items() if value == secret]
    return str(FOLDER / name)


@pytest.mark.parametrize(
    ("security", "port", "smarthost", "require_tls"),
    [("starttls", 0, "mail:587", True), ("tls", 0, "mail:465", False), ("none", 2525, "mail:2525", False)],
)
def test_email(security: str, port: int, smarthost: str, require_tls: bool) -> None:
    channel = ManagedChannel("email", "a", MAIL | {"security": security, "port": port})
    [config] = as_written(channel)[0]["a"]["email_configs"]
    assert config == {
        "to": "d@e.f, g@h.i", "from": "a@b.c", "smarthost": smarthost, "require_tls": require_tls,
        "send_resolved": True,
    }  # fmt: skip


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    receivers, _ = as_written(ManagedChannel("email", "a", MAIL | {"host": "fd00::1"}))
    assert receivers["a"]["email_configs"][0]["smarthost"] == "[fd00::1]:587"


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (
            ManagedChannel("telegram", "a", {"chat_id": "-10012"}, {"bot_token": "1:x"}),
            {"telegram_configs": [{"bot_token_file": "1:x", "chat_id": -10012}]},
        ),
        (
            ManagedChannel("pushover", "a", {}, {"user_key": "u", "app_token": "t"}),
            {"pushover_configs": [{"user_key_file": "u", "token_file": "t"}]},
        ),
        (
            ManagedChannel("teams", "a", {}, {"url": "https://x"}),
            {"msteamsv2_configs": [{"webhook_url_file": "https://x", "send_resolved": True}]},
        ),
        (
            ManagedChannel("webhook", "a", {"alertmanager": "unsigned"}, {"url": "https://x"}),
            {"webhook_configs": [{"send_resolved": True, "max_alerts": 100, "url_file": "https://x"}]},
        ),
    ],
)
def test_kinds_whose_secrets_newer_alertmanagers_read_from_files(
    channel: ManagedChannel, expected: dict[str, Any]
) -> None:
    receivers, made = as_written(channel)
    assert set(made.secrets.values()) == set(channel.secrets.values())

    def with_files(part: Any) -> Any:
        if isinstance(part, dict):
            return {
                name: path_of(made, value) if name.endswith("_file") else with_files(value)
                for name, value in part.items()
            }
        return [with_files(one) for one in part] if isinstance(part, list) else part

    assert receivers["a"] == with_files(expected)
    for secret in channel.secrets.values():
        assert f" {secret}\n" not in made.text
    assert as_written(channel, version="0.25.0")[1].left_out.keys() == {"a"}
    assert as_written(channel, version="")[1].left_out.keys() == {"a"}


def test_a_chat_without_a_number_is_left_out() -> None:
    _, made = as_written(ManagedChannel("telegram", "a", {"chat_id": "@us"}, {"bot_token": "1:x"}))
    assert made.left_out == {"a": "Alertmanager takes the number of a chat, not its name."}
    assert made.secrets == {}


def test_alerts_without_a_channel_go_to_the_default_else_to_nobody() -> None:
    one, two = ManagedChannel("email", "one", MAIL), ManagedChannel("email", "two", MAIL, default=True)
    for channels, receiver in (((one,), "nobody"), ((one, two), "two"), ((), "nobody")):
        route = yaml.safe_load(as_written(*channels)[1].text)["route"]
        assert route["receiver"] == receiver
        *named, last = route["routes"]
        assert [child["receiver"] for child in named] == [channel.name for channel in channels]
        # Prometheus's watchdog always fires: people hear of it only where it names a channel.
        assert last == {"receiver": "nobody", "matchers": ['severity="none"']}


def test_a_critical_alert_quiets_the_lesser_ones_of_its_charge_point_and_no_others() -> None:
    # In Alertmanager a label that both lack is equal: the ones quieted must have it.
    assert yaml.safe_load(as_written()[1].text)["inhibit_rules"] == [
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity=~"warning|info"', 'cp_id=~".+"'],
            "equal": ["alertname", "cp_id"],
        }
    ]


def test_of_a_webhook_only_the_words_that_channels_have_are_written() -> None:
    config = {"alertmanager": "open", "url": "https://other", "username": "me"}
    secrets = {"url": "https://x", "signing_secret": "whsec_x", "token": "t", "password": "p"}
    receivers, made = as_written(ManagedChannel("webhook", "a", config, secrets), version="0.25.0")
    [written_one] = receivers["a"]["webhook_configs"]
    assert written_one == {"send_resolved": True, "max_alerts": 100, "url": "https://x"}
    assert made.secrets == {}
    loud = made.text.replace("url: https://x", "url: https://x\n    http_config: {proxy_url: http://y}")
    assert "http_config" in problem(loud)


def test_the_same_secret_has_the_same_file_and_another_one_another() -> None:
    one = ManagedChannel("slack", "a", {}, {"url": "x"})
    other = ManagedChannel("slack", "a", {}, {"url": "y"})
    first, again, third = (as_written(channel)[1] for channel in (one, one, other))
    assert first == again
    assert first.text != third.text
    assert first.secrets.keys().isdisjoint(third.secrets)


def test_a_channel_does_not_show_its_secrets() -> None:
    assert "p4ss" not in repr(ManagedChannel("email", "a", {}, {"password": "p4ss"}))


def test_every_kind_is_tested() -> None:
    assert set(KINDS) == {"email", "slack", "webhook", "telegram", "pushover", "teams"}
