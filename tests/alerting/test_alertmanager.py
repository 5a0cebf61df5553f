"""A real Alertmanager: its alerts and silences are shown and made, and it runs on the channels written here."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from rest_framework.test import APIClient

from alerts.alertmanager import delivery, managed, services
from alerts.alertmanager.managed import ManagedChannel
from alerts.alertmanager.selectors import Matcher
from alerts.external import keeping
from alerts.external.client import Address, Unset
from csms.core.api_data import moment
from csms.core.audit.models import AuditEntry
from tests.alerting.cast import API, a_pass, now, server_that, until, with_words
from tests.lanes.prometheus import QUIET, Alertmanager

pytestmark = pytest.mark.django_db
SILENCES = f"{API}/alertmanager/silences/"
HOUR = timedelta(hours=1)


@pytest.fixture
def set_up(alertmanager: Alertmanager, settings: Callable[..., None]) -> Alertmanager:
    """The Alertmanager, named by the settings, on a configuration that tells nobody and is nobody's."""
    settings(ALERTMANAGER_URL=alertmanager.url, ALERTMANAGER_CONFIG_FILE=alertmanager.config)
    return alertmanager


@pytest.fixture
def channels(set_up: Alertmanager, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ManagedChannel]]:
    """The channels that are told; a test fills them. The configuration is absent at first."""
    told: list[ManagedChannel] = []
    monkeypatch.setattr(managed, "CHANNELS", [lambda: told])
    monkeypatch.setattr(delivery, "CHANNELS", [lambda: told])
    set_up.config.unlink(missing_ok=True)
    yield told
    set_up.config.write_text(QUIET)
    keeping.reload(Address(set_up.url, "", 5))


def fire(alertmanager: Alertmanager, name: str, **labels: str) -> None:
    """Tell it of an alert, as Prometheus does."""
    connection = http.client.HTTPConnection("127.0.0.1", alertmanager.port, timeout=10)
    body = json.dumps([{"labels": {"alertname": name, "severity": "warning", **labels}}])
    connection.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


def shown(client: APIClient, name: str) -> dict[str, Any] | None:
    rows = client.get(f"{API}/alertmanager/alerts/").json()["results"]
    return next((row for row in rows if row["name"] == name), None)


def a_silence(**values: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "site", "operator": "=", "value": "North"}],
        "ends_at": moment(now() + HOUR),
        "comment": "the transformer is replaced",
    } | values


# --- alerts and silences ----------------------------------------------------------------------------------------------


def test_a_silence_holds_and_ends(root: APIClient, alice: APIClient, set_up: Alertmanager) -> None:
    fire(set_up, "Dark", site="North")
    alert = until(lambda: shown(root, "Dark"), "the alert is there")
    assert (alert["state"], alert["severity"], alert["labels"]["site"]) == ("active", "warning", "North")
    made = alice.post(SILENCES, a_silence())
    assert made.status_code == 201, made.content
    silence = made.json()
    assert made["Location"] == f"{SILENCES}{silence['id']}/"
    assert (silence["state"], silence["created_by"]) == ("active", "token alice")
    assert alice.get(made["Location"]).json() == silence
    assert alice.get(SILENCES).json()["results"] == [silence]
    alert = until(lambda: (row := shown(root, "Dark")) and row["silenced_by"] and row, "it is silenced")
    assert (alert["state"], alert["silenced_by"]) == ("suppressed", [silence["id"]])
    for _ in range(2):  # of one that is over nothing changes
        ended = alice.delete(made["Location"])
        assert (ended.status_code, ended.json()["state"]) == (200, "expired")
    assert alice.get(SILENCES).json()["results"] == []
    assert [row["id"] for row in alice.get(f"{SILENCES}?expired=true").json()["results"]] == [silence["id"]]
    until(lambda: (row := shown(root, "Dark")) and row["state"] == "active", "it is silenced no longer")
    acts = AuditEntry.objects.filter(subject=silence["id"]).order_by("pk").values_list("action", "by")
    assert list(acts) == [
        ("alertmanager_silence.created", "token alice"),
        ("alertmanager_silence.expired", "token alice"),
    ]


def test_the_same_silence_is_made_once(alice: APIClient, set_up: Alertmanager) -> None:
    asked = a_silence(matchers=[{"name": "a", "operator": "!~", "value": "x.*"}, {"name": "b", "value": "1"}])
    keyed = [alice.post(SILENCES, asked, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    first = alice.post(SILENCES, asked).json()
    assert [answer.json() for answer in keyed] == [first, first]
    assert keyed[1]["Idempotency-Replayed"] == "true"
    assert first["matchers"] == [
        {"name": "a", "operator": "!~", "value": "x.*"},
        {"name": "b", "operator": "=", "value": "1"},
    ]
    assert AuditEntry.objects.filter(subject=first["id"]).count() == 1
    alice.delete(f"{SILENCES}{first['id']}/")
    again = alice.post(SILENCES, asked, headers={"Idempotency-Key": "one"}).json()
    assert (again["id"], again["state"]) == (first["id"], "expired")  # a repeat does not undo its end
    assert alice.post(SILENCES, asked).json()["id"] != first["id"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"name": "a", "value": "b"}] * 17}, "matchers"),
        ({"matchers": [{"name": "a-b", "value": "c"}]}, "matchers"),
        ({"matchers": [{"name": "a", "value": ""}]}, "matchers"),
        ({"matchers": [{"name": "a", "operator": "!=", "value": "b"}]}, "matchers"),
        ({"matchers": [{"name": "a", "value": "x\ny"}]}, "matchers"),
        ({"matchers": [{"name": "a", "value": "x" * 501}]}, "matchers.0.value"),
        ({"matchers": [{"name": "a", "operator": "~", "value": "b"}]}, "matchers.0.operator"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2090-01-01T00:00:00Z"}, "ends_at"),
        ({"comment": "  "}, "comment"),
        ({"comment": "x" * 1001}, "comment"),
        ({"comment": "a\u0085b"}, "comment"),
        ({"created_by": "the king"}, "created_by"),
    ],
)
def test_what_is_no_silence_is_refused_before_anybody_is_asked(
    alice: APIClient, refusal: Callable[..., Any], values: dict[str, Any], field: str
) -> None:
    refusal(alice.post(SILENCES, a_silence(**values)), 422, "invalid", field)


def test_a_regular_expression_that_alertmanager_refuses_is_told_in_its_words(
    alice: APIClient, set_up: Alertmanager, refusal: Callable[..., Any]
) -> None:
    asked = a_silence(matchers=[{"name": "a", "operator": "=~", "value": "("}])
    said = refusal(alice.post(SILENCES, asked), 409, "alertmanager_refused")
    assert "missing closing )" in said["detail"]
    everything = a_silence(matchers=[{"name": "a", "operator": "=~", "value": ".*"}])
    refusal(alice.post(SILENCES, everything), 409, "alertmanager_refused")


def test_a_silence_that_nobody_knows_is_404(
    alice: APIClient, set_up: Alertmanager, refusal: Callable[..., Any]
) -> None:
    for act in (alice.get, alice.delete):
        refusal(act(f"{SILENCES}{uuid4()}/"), 404, "unknown_silence")


def test_who_may_only_look_makes_no_silence(
    bob: APIClient, alice: APIClient, refusal: Callable[..., Any]
) -> None:
    refusal(bob.post(SILENCES, a_silence()), 403, "forbidden")
    refusal(bob.delete(f"{SILENCES}{uuid4()}/"), 403, "forbidden")
    refusal(alice.post(f"{API}/alertmanager/bring/"), 403, "forbidden")


def test_unset_says_what_it_would_do(
    alice: APIClient, refusal: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = alice.get(f"{API}/alertmanager/").json()
    assert (told["server"]["state"], told["channels"]["standing"]) == ("unset", "unset")
    assert "ALERTMANAGER_URL" in told["server"]["why"]
    assert alice.get(SILENCES).json()["results"] == []
    refusal(alice.post(SILENCES, a_silence()), 409, "alertmanager_unset")
    with pytest.raises(Unset):
        services.expire_silence(uuid4(), by="alice", now=now())


def test_unreachable_says_since_when_and_makes_nothing(
    alice: APIClient, settings: Callable[..., None], refusal: Callable[..., Any]
) -> None:
    with server_that(with_words(200, b"{}")) as url:
        pass  # it is gone again
    settings(ALERTMANAGER_URL=url)
    asked = {"headers": {"Idempotency-Key": "two"}}
    refusal(alice.post(SILENCES, a_silence(), **asked), 503, "alertmanager_unreachable")
    told = alice.get(SILENCES).json()["server"]
    assert (told["state"], told["url"]) == ("unreachable", url)
    assert told["since"] == alice.get(f"{API}/alertmanager/").json()["server"]["since"]


# --- channels ---------------------------------------------------------------------------------------------------------


EMAIL = ManagedChannel(
    "email",
    "desk",
    {
        "to": "desk@example.org",
        "from": "csms@example.org",
        "smarthost": "mail.example.org:587",
        "username": "csms",
    },
    {"password": "p4ss"},
)
SLACK = ManagedChannel(
    "slack", 'night "shift" \\', {"channel": "#night"}, {"url": "https://hooks.example.org/T/B/x"}
)


def loaded_receivers(alertmanager: Alertmanager) -> list[str]:
    status = keeping_status(alertmanager)
    return [receiver["name"] for receiver in yaml.safe_load(status["config"]["original"])["receivers"]]


def keeping_status(alertmanager: Alertmanager) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", alertmanager.port, timeout=10)
    connection.request("GET", "/api/v2/status")
    return json.load(connection.getresponse())


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
    folder = set_up.config.parent / "secrets"
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
    set_up: Alertmanager, channels: list[ManagedChannel]
) -> None:
    got: list[tuple[str, str]] = []
    arrived = threading.Lock()

    def receive(handler: BaseHTTPRequestHandler) -> None:
        with arrived:
            got.append((handler.path, handler.headers.get("Authorization", "")))
        with_words(200, b"")(handler)

    with server_that(receive) as url:
        channels += [
            ManagedChannel("webhook", "named", {"url": f"{url}/named"}, {"token": "t0ken"}),
            ManagedChannel("webhook", "default", {"url": f"{url}/default"}, default=True),
        ]
        a_pass()
        text = set_up.config.read_text().replace("group_wait: 30s", "group_wait: 50ms")
        set_up.config.write_text(text)
        keeping.reload(keeping.set_address("alertmanager"))
        fire(set_up, "Named", channel="named")
        fire(set_up, "Other")
        until(lambda: len(got) >= 2, "both are told")
    assert {("/named", "Bearer t0ken"), ("/default", "")} <= set(got)


def test_a_channel_that_this_alertmanager_cannot_keep_secret_is_left_out_and_named(
    root: APIClient, set_up: Alertmanager, channels: list[ManagedChannel]
) -> None:
    channels += [
        EMAIL,
        ManagedChannel("telegram", "chat", {"chat_id": "-100"}, {"token": "1:a"}),
        ManagedChannel("teams", "team", {}, {"url": "https://example.org/x"}),
        ManagedChannel("fax", "fax", {}),
        ManagedChannel("slack", "no url", {}),
        ManagedChannel("email", "{{ template }}", EMAIL.config, EMAIL.secrets),
        ManagedChannel(
            "email", "to a template", {**EMAIL.config, "to": "{{ .ExternalURL }}@x"}, EMAIL.secrets
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
    assert left_out["fax"] == "There is no kind 'fax' in Alertmanager."
    assert left_out["no url"] == "It lacks url."
    assert "{{" in left_out["to a template"]
    assert len(list((set_up.config.parent / "secrets").iterdir())) == 1


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
        ManagedChannel("email", name, {**EMAIL.config, "from": f"{name.split()[0]} <a@b.c>"}, EMAIL.secrets)
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
        ManagedChannel("webhook", "bad", {"url": "no url at all"}),
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


@pytest.mark.parametrize("with_amtool", [True, False])
def test_a_bad_configuration_never_reaches_the_file(
    set_up: Alertmanager, channels: list[ManagedChannel], monkeypatch: pytest.MonkeyPatch, with_amtool: bool
) -> None:
    if not with_amtool:
        monkeypatch.setenv("PATH", "/nowhere")
    channels.append(EMAIL)
    a_pass()
    before = set_up.config.read_text()
    channels.append(ManagedChannel("webhook", "bad", {"url": "no url at all"}))
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
        later = now() + timedelta(seconds=20)
        delivery.deliver(reachable=_looked(later), now=later)
        assert delivery.delivery()[0].standing == "in_step"
    finally:
        another.remove()


def _looked(at: datetime) -> bool:
    from alerts.external.services import look

    return look("alertmanager", now=at)


def test_while_nobody_tells_channels_nothing_is_written(set_up: Alertmanager) -> None:
    before = set_up.config.read_text()
    assert a_pass() == []
    assert set_up.config.read_text() == before
    assert delivery.delivery()[0].standing == "nothing"


def test_matchers_are_said_as_they_are_meant() -> None:
    good, *_ = services.checked_silence(
        matchers=[Matcher("a", "!=", "")], starts_at=None, ends_at=now() + HOUR, comment="c", now=now()
    )
    assert good == [Matcher("a", "!=", "")]
