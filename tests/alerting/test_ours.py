"""The channels that people make here are those that Alertmanager is given."""

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
