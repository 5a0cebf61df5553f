"""A real Alertmanager runs on the channels that are written for it; nothing bad ever reaches it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml
from rest_framework.test import APIClient

from alerts.alertmanager import delivery
from alerts.alertmanager.managed import ManagedChannel
from alerts.external import keeping
from alerts.external.client import Address, ask
from alerts.external.files import secrets_folder
from alerts.external.models import KeptFile
from alerts.external.services import look
from csms.core.sealing import unseal
from tests.alerting.cast import API, a_pass, fire, now, server_that, until, with_words
from tests.lanes.prometheus import QUIET, Alertmanager

pytestmark = pytest.mark.django_db


EMAIL = ManagedChannel(
    "email",
    "desk",
    {
        "host": "mail.example.org",
        "port": 0,
        "security": "starttls",
        "username": "csms",
        "sender": "csms@example.org",
        "recipients": ["desk@example.org", "chief@example.org"],
    },
    {"password": "p4ss"},
)
OPEN = {"alertmanager": "open"}
SLACK = ManagedChannel("slack", 'night "shift" \\', {}, {"url": "https://hooks.example.org/T/B/x"})


def loaded_receivers(alertmanager: Alertmanager) -> list[str]:
    status = ask(Address(alertmanager.url, "", 5), "/api/v2/status")
    return [receiver["name"] for receiver in yaml.safe_load(status["config"]["original"])["receivers"]]


def test_channels_are_written_loaded_and_their_secrets_lie_in_files(
    root: APIClient, set_up: Alertmanager, channels: list[ManagedChannel]
) -> None:
    channels += [EMAIL, SLACK]
    assert a_pass() == ["alertmanager"]
    assert loaded_receivers(set_up) == ["nobody", EMAIL.name, SLACK.name]
    told = root.get(f"{API}/alertmanager/").json()
    assert (told["channels"]["standing"], told["left_out"]) == ("in_step", [])
    text = set_up.config.read_text()
    assert "p4ss" not in text
    assert "hooks.example.org" not in text
    assert set_up.config.stat().st_mode & 0o777 == 0o600
    folder = secrets_folder(set_up.config)
    assert folder.stat().st_mode & 0o777 == 0o700
    secrets = {file.read_text(): file for file in folder.iterdir()}
    assert set(secrets) == {"p4ss", "https://hooks.example.org/T/B/x"}
    assert {file.stat().st_mode & 0o777 for file in secrets.values()} == {0o600}
    assert str(secrets["p4ss"]) in text
    assert a_pass() == []
    # A secret that changes is another file, and the one before goes.
    channels[:] = [ManagedChannel("email", EMAIL.name, EMAIL.config, {"password": "n3w"})]
    assert a_pass() == ["alertmanager"]
    assert [file.read_text() for file in folder.iterdir()] == ["n3w"]
    channels.clear()
    a_pass()
    assert loaded_receivers(set_up) == ["nobody"]
    assert list(folder.iterdir()) == []


def test_an_alert_goes_to_the_channel_that_it_names_else_to_the_default(
    set_up: Alertmanager, channels: list[ManagedChannel], settings: Callable[..., None]
) -> None:
    got: list[str] = []
    arrived = threading.Lock()

    def receive(handler: BaseHTTPRequestHandler) -> None:
        with arrived:
            got.append(handler.path)
        with_words(200, b"")(handler)

    with server_that(receive) as url:
        channels += [
            ManagedChannel("webhook", "named", OPEN, {"url": f"{url}/named"}),
            ManagedChannel("webhook", "default", OPEN, {"url": f"{url}/default"}, default=True),
        ]
        settings(CSMS_ALERTMANAGER_GROUP_WAIT="1")
        a_pass()
        fire(set_up, "Named", channel="named")
        fire(set_up, "Other")
        until(lambda: len(got) >= 2, "both are told")
    assert {"/named", "/default"} <= set(got)


def test_a_channel_that_this_alertmanager_cannot_keep_secret_is_left_out_and_named(
    root: APIClient, set_up: Alertmanager, channels: list[ManagedChannel]
) -> None:
    channels += [
        EMAIL,
        ManagedChannel("telegram", "chat", {"chat_id": "-100"}, {"bot_token": "1:a"}),
        ManagedChannel(
            "webhook", "signed", {}, {"url": "https://example.org/x", "signing_secret": "whsec_x"}
        ),
        ManagedChannel("email", "tls", {**EMAIL.config, "security": "tls", "port": 466}, EMAIL.secrets),
        ManagedChannel("teams", "team", {}, {"url": "https://example.org/x"}),
        ManagedChannel("fax", "fax", {}),
        ManagedChannel("slack", "no url", {}),
        ManagedChannel("email", "{{ template }}", EMAIL.config, EMAIL.secrets),
        ManagedChannel(
            "email", "to a template", {**EMAIL.config, "recipients": ["{{ .ExternalURL }}@x"]}, {}
        ),
        ManagedChannel("email", "nobody", EMAIL.config, EMAIL.secrets),
        ManagedChannel("email", "x" * 101, EMAIL.config, EMAIL.secrets),
        ManagedChannel("email", "a\x00b", EMAIL.config, EMAIL.secrets),
        ManagedChannel("email", "nul", EMAIL.config, {"password": "a\x00b"}),
    ]
    a_pass()
    assert loaded_receivers(set_up) == ["nobody", "desk"]
    left_out = {row["name"]: row["why"] for row in root.get(f"{API}/alertmanager/").json()["left_out"]}
    assert set(left_out) == {channel.name for channel in channels} - {"desk"}
    assert left_out["chat"].startswith("Alertmanager 0.25.0 is too old for Telegram's token in a file")
    assert left_out["signed"] == "Alertmanager cannot sign what it posts, as this channel does."
    assert "465" in left_out["tls"]
    assert left_out["fax"] == "There is no kind 'fax' in Alertmanager."
    assert left_out["no url"] == "It lacks url."
    assert "{{" in left_out["to a template"]
    assert len(list(secrets_folder(set_up.config).iterdir())) == 1


@pytest.mark.parametrize(
    "name",
    [
        'a"]\nreceivers: []',
        "- x: {y",
        "a: b #c",
        "'",
        "*a &b !!c |",
        "null",
        "0x10",
        'x",b="',
        "ünï 🔌",
        "\\",
    ],
)
def test_names_stay_names_in_the_file_and_in_alertmanager(
    set_up: Alertmanager, channels: list[ManagedChannel], name: str
) -> None:
    channels.append(
        ManagedChannel("email", name, {**EMAIL.config, "sender": f"{name.split()[0]} <a@b.c>"}, EMAIL.secrets)
    )
    a_pass()
    expected = ["nobody"] if "\n" in name else ["nobody", name]
    assert loaded_receivers(set_up) == expected
    kept, left_out = delivery.delivery()
    assert (kept.standing, len(left_out)) == ("in_step", 2 - len(expected))


def test_what_alertmanager_refuses_is_set_back_with_its_secrets(
    set_up: Alertmanager, channels: list[ManagedChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    channels.append(EMAIL)
    a_pass()
    before = set_up.config.read_text()
    monkeypatch.setattr(delivery, "check_config", lambda text: "")
    channels[:] = [
        ManagedChannel("webhook", "bad", OPEN, {"url": "no url at all"}),
        ManagedChannel("email", EMAIL.name, EMAIL.config, {"password": "n3w"}),
    ]
    a_pass()
    kept, _ = delivery.delivery()
    assert kept.standing == "refused"
    assert kept.why.startswith("Alertmanager refused it, and the file is set back: ")
    assert set_up.config.read_text() == before
    assert loaded_receivers(set_up) == ["nobody", "desk"]
    named = yaml.safe_load(before)["receivers"][1]["email_configs"][0]["auth_password_file"]
    assert Path(named).read_text() == "p4ss"
    kept_text = KeptFile.objects.get().loaded_text  # it may hold a URL that is a secret to others
    assert "example.org" not in kept_text
    assert unseal(kept_text) == {"text": before}


@pytest.mark.parametrize("with_amtool", [True, False])
def test_a_bad_configuration_never_reaches_the_file(
    set_up: Alertmanager, channels: list[ManagedChannel], monkeypatch: pytest.MonkeyPatch, with_amtool: bool
) -> None:
    if not with_amtool:
        monkeypatch.setenv("PATH", "/nowhere")
    channels.append(EMAIL)
    a_pass()
    before = set_up.config.read_text()
    channels.append(ManagedChannel("webhook", "bad", OPEN, {"url": "no url at all"}))
    a_pass()
    kept, _ = delivery.delivery()
    assert kept.standing == "refused"
    assert set_up.config.read_text() == before


def test_a_kill_between_write_and_reload_is_mended(
    set_up: Alertmanager, channels: list[ManagedChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*args: Any) -> None:
        raise Killed

    channels.append(EMAIL)
    with monkeypatch.context() as dying:
        dying.setattr(keeping, "reload", die)
        with pytest.raises(Killed):
            a_pass()
    assert set_up.config.exists()
    assert loaded_receivers(set_up) == ["nobody"]
    assert a_pass() == ["alertmanager"]
    assert loaded_receivers(set_up) == ["nobody", "desk"]


def test_a_configuration_of_somebody_else_is_left_alone(
    root: APIClient, set_up: Alertmanager, channels: list[ManagedChannel]
) -> None:
    set_up.config.write_text(QUIET)
    channels.append(EMAIL)
    a_pass()
    assert set_up.config.read_text() == QUIET
    assert "somebody else's" in delivery.delivery()[0].why
    set_up.config.unlink()
    assert a_pass() == []
    root.post(f"{API}/alertmanager/bring/")
    a_pass()
    assert delivery.delivery()[0].standing == "in_step"


def test_alertmanager_starts_on_what_was_written_while_it_was_away(
    alertmanager_program: Path,
    settings: Callable[..., None],
    channels: list[ManagedChannel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    another = Alertmanager(alertmanager_program)
    another.config.unlink()  # it would not start without
    settings(ALERTMANAGER_URL=another.url, ALERTMANAGER_CONFIG_FILE=another.config)
    channels.append(EMAIL)
    try:
        assert a_pass() == ["alertmanager"]
        assert delivery.delivery()[0].standing == "waiting"
        another.start()
        assert loaded_receivers(another) == ["nobody", "desk"]
        later = now() + timedelta(seconds=40)  # not while it may still be asked: CSMS_ALERTING_SECONDS is 30
        delivery.deliver(reachable=look("alertmanager", now=later), now=later)
        assert delivery.delivery()[0].standing == "in_step"
    finally:
        another.remove()


def test_while_nobody_tells_channels_nothing_is_written(
    set_up: Alertmanager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "CHANNELS", [])
    before = set_up.config.read_text()
    assert a_pass() == []
    assert set_up.config.read_text() == before
    assert delivery.delivery()[0].standing == "nothing"
