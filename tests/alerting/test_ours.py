"""The channels that people make here are those that Alertmanager is given."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from alerts.alertmanager.delivery import managed_channels
from alerts.alertmanager.managed import written
from alerts.channels.models import Channel
from alerts.channels.services import create_channel
from tests.channels.cast import CONFIGS, NOON

pytestmark = pytest.mark.django_db


def channel(kind: str, *, enabled: bool = True) -> Channel:
    made, _ = create_channel(
        kind=kind, name=f"our {kind}", config=CONFIGS[kind], enabled=enabled, by="alice", now=NOON
    )
    return made


def test_each_kind_that_alertmanager_can_tell_is_written_with_its_secret_in_a_file(tmp_path: Path) -> None:
    for kind in CONFIGS:
        channel(kind)
    told = managed_channels()
    assert told is not None
    made = written(told, secrets_folder=tmp_path, version="0.28.0")
    receivers = {one["name"]: one for one in yaml.safe_load(made.text)["receivers"]}
    assert set(receivers) == {"nobody", *(f"our {kind}" for kind in CONFIGS if kind != "webhook")}
    assert made.left_out == {"our webhook": "Alertmanager cannot sign what it posts, as this channel does."}
    assert yaml.safe_load(made.text)["route"]["receiver"] == "our email"  # the first one is the default
    assert CONFIGS["slack"]["url"] in made.secrets.values()
    assert CONFIGS["slack"]["url"] not in made.text
    assert receivers["our email"]["email_configs"][0]["to"] == "oncall@example.org"


def test_one_that_is_disabled_is_not_written_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    channel("email")
    channel("slack", enabled=False)
    Channel.objects.filter(name="our email").update(kind="teams", sealed="sealed under another key")
    told = managed_channels()
    assert told is not None
    assert [one.name for one in told] == ["our email"]
    made = written(told, secrets_folder=tmp_path, version="0.28.0")
    assert made.left_out == {"our email": "It lacks url."}


@pytest.mark.parametrize(
    ("allowed", "version", "receiver", "secrets", "why"),
    [
        ("never", "0.28.0", None, set(), "Alertmanager cannot sign what it posts, as this channel does."),
        (
            "unsigned",
            "0.25.0",
            None,
            set(),
            "Alertmanager 0.25.0 is too old for a webhook whose URL is secret: 0.26 does.",
        ),
        ("unsigned", "0.26.0", "url_file", {CONFIGS["webhook"]["url"]}, ""),
        ("open", "0.25.0", "url", set(), ""),
        ("open", "0.26.0", "url_file", {CONFIGS["webhook"]["url"]}, ""),
    ],
)
def test_a_webhook_is_alertmanagers_only_where_its_channel_allows_what_alertmanager_cannot(
    tmp_path: Path, allowed: str, version: str, receiver: str | None, secrets: set[str], why: str
) -> None:
    create_channel(
        kind="webhook",
        name="tools",
        config={**CONFIGS["webhook"], "alertmanager": allowed},
        by="alice",
        now=NOON,
    )
    made = written(managed_channels() or (), secrets_folder=tmp_path, version=version)
    assert made.left_out == ({"tools": why} if why else {})
    assert set(made.secrets.values()) == secrets
    receivers = yaml.safe_load(made.text)["receivers"]
    assert [set(one) for one in receivers[1:]] == ([{"name", "webhook_configs"}] if receiver else [])
    for one in receivers[1:]:
        [config] = one["webhook_configs"]
        assert set(config) == {receiver, "send_resolved", "max_alerts"}
        if receiver == "url":
            assert config["url"] == CONFIGS["webhook"]["url"]


def test_how_long_alertmanager_waits_is_as_the_settings_say(
    tmp_path: Path, settings: Callable[..., None]
) -> None:
    settings(CSMS_ALERTMANAGER_GROUP_WAIT="7", CSMS_ALERTMANAGER_GROUP_INTERVAL="90")
    route = yaml.safe_load(written([], secrets_folder=tmp_path, version="").text)["route"]
    assert (route["group_wait"], route["group_interval"]) == ("7s", "90s")
