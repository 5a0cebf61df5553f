"""What arrives at Slack, Pushover, Telegram, Teams and a webhook: the message, and no markup of a stranger."""

import json
import logging
from urllib.parse import parse_qs

import pytest

from alerts.transports import carrying
from alerts.transports.base import masked, one_line
from csms.core.outbound.signing import read_secret, verify
from csms.core.outbound.targets import Bounds
from tests.channels.cast import (
    BY_APPRISE,
    BY_HTTP,
    CONFIGS,
    HOSTILE,
    LINK,
    NOON,
    OPEN,
    SIGNING,
    SLACK,
    TEAMS,
    message,
    send,
    tags,
    the_world_is,
    to,
)
from tests.support.receiver import Message as Posted
from tests.support.receiver import dripping, raw, receiving, reset, silent, status

HASTY = Bounds(allow_http=True, networks=OPEN.networks, deadline=0.5)
TITLE = "[CRITICAL] Charge point offline: Depot North (CP16)"


def arrived(monkeypatch: pytest.MonkeyPatch, kind: str, **said: object) -> tuple[Posted, str]:
    """Send a message; return what arrived, and where it was meant for."""
    body = b"ok" if kind == "slack" else b""
    with receiving(status(200, body)) as receiver, the_world_is(receiver, monkeypatch) as world:
        made = send(kind, message(**said), **to(receiver, kind))
    assert made.succeeded, made
    [posted] = receiver.messages
    return posted, (world.wanted or [""])[0]


def test_slack_gets_text_without_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    posted, wanted = arrived(monkeypatch, "slack")
    assert wanted == SLACK
    assert posted.headers["content-type"].startswith("application/json")
    said = posted.json
    assert said["mrkdwn"] is False
    [part] = said["attachments"]
    assert part["title"] == TITLE
    assert part["text"] == f"CP16 is offline.\nWhere: Depot North (CP16)\n{LINK}"


def test_pushover_gets_text_with_a_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    posted, wanted = arrived(monkeypatch, "pushover")
    assert wanted == "https://api.pushover.net/1/messages.json"
    assert posted.headers["content-type"] == "application/x-www-form-urlencoded"
    said = {name: values[0] for name, values in parse_qs(posted.body.decode()).items()}
    assert said["user"] == CONFIGS["pushover"]["user_key"]
    assert said["token"] == CONFIGS["pushover"]["app_token"]
    assert (said["title"], said["priority"]) == (TITLE, "1")
    assert said["message"].startswith("CP16 is offline.\nWhere: ")
    assert said["message"].endswith(LINK)
    assert "html" not in said
    posted, _ = arrived(monkeypatch, "pushover", severity="warning")
    assert parse_qs(posted.body.decode())["priority"] == ["0"]


def test_telegram_gets_html_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    posted, wanted = arrived(monkeypatch, "telegram")
    assert wanted == f"https://api.telegram.org/bot{CONFIGS['telegram']['bot_token']}/sendMessage"
    said = posted.json
    assert said["chat_id"] == -100200300
    assert said["parse_mode"] == "HTML"
    lines = said["text"].replace("\r\n", "\n").split("\n")
    assert lines[:2] == [f"<b>{TITLE}</b>", "CP16 is offline."]
    assert lines[-1] == LINK


def test_teams_gets_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    posted, wanted = arrived(monkeypatch, "teams")
    assert wanted.split("?")[0] == TEAMS.split("?")[0]
    assert "sig=KODuebWbDGYFr0z0eu-secret9" in wanted
    [card] = posted.json["attachments"]
    title, body = card["content"]["body"]
    assert title["text"] == r"\[CRITICAL\] Charge point offline: Depot North \(CP16\)"
    lines = ["CP16 is offline.", r"Where: Depot North \(CP16\)", f"[{LINK}]({LINK})"]
    assert body["text"] == "\n\n".join(lines)
    assert "entities" not in card["content"]["msteams"]


def test_a_webhook_gets_signed_json(monkeypatch: pytest.MonkeyPatch) -> None:
    posted, _ = arrived(monkeypatch, "webhook")
    secrets = [read_secret(SIGNING)]
    assert (
        verify(posted.headers, posted.body, secrets, now=NOON) == "msg_0190a1b2000070008000" + "0000000000aa"
    )
    assert posted.json == {
        "type": "alert.fired",
        "timestamp": "2026-03-04T12:00:00.000Z",
        "data": {"alerts": [{"cp_id": "CP16"}]},
    }


# --- words of a stranger ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BY_APPRISE)
def test_words_of_a_charge_point_are_words(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    posted, wanted = arrived(monkeypatch, kind, title=f"[INFO] {HOSTILE}", lines=(HOSTILE,))
    assert "evil" not in wanted
    if kind == "pushover":  # plain text: nothing in it is markup
        fields = parse_qs(posted.body.decode())
        assert "html" not in fields
        assert HOSTILE in fields["message"][0]
        return
    said = posted.json
    if kind == "slack":
        [part] = said["attachments"]
        for text in (part["title"], part["text"]):
            assert "<" not in text  # neither a mention nor a link under another name
            assert "&lt;!channel&gt;" in text
    elif kind == "telegram":
        assert tags(said["text"]) == ["b", "b"]  # those round the title
        assert said["text"].startswith("<b>[INFO] &lt;script&gt;")
        assert "&lt;!channel&gt; &lt;@U012&gt;" in said["text"]
    else:
        content = said["attachments"][0]["content"]
        assert "entities" not in content["msteams"]  # nobody is mentioned
        for block in content["body"]:
            assert r"\[click\]\(http" in block["text"]
            assert r"\*x\* \_y\_ \`z\`" in block["text"]
            assert "<at>" not in block["text"]


@pytest.mark.parametrize("kind", BY_APPRISE)
def test_no_message_is_longer_than_its_kind_takes(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    lines = tuple(f"alert number {number} " + "<" * 40 for number in range(500))
    posted, _ = arrived(monkeypatch, kind, lines=lines)  # one message, not many parts
    most = {"slack": 35_000, "telegram": 4096 * 4, "teams": 28_000, "pushover": 1024}[kind]
    text = parse_qs(posted.body.decode())["message"][0] if kind == "pushover" else json.dumps(posted.json)
    assert len(text) < most
    assert "more lines" in text
    assert LINK.split("?")[0].split("/")[-1] in text


def test_what_is_left_out_is_said() -> None:
    said = message(lines=("one", "two", "x" * 500, "four"), link=LINK)
    assert said.text(200) == f"one\ntwo\n… and 2 more lines\n{LINK}"
    assert message(lines=("one",), link="").text(100) == "one"


def test_a_line_shows_what_is_in_it() -> None:
    assert one_line("a\r\nBcc: b\tc\x00d\u202ee\u200b", 100) == "a Bcc: b c\ufffdd\ufffde\ufffd"
    assert one_line("x" * 20, 10) == "x" * 9 + "…"


def test_a_secret_shows_its_end_only_if_it_is_long() -> None:
    assert masked("abcdefghijklmnop") == "••••mnop"
    assert masked("short-one") == "••••"
    assert masked("") == ""


# --- receivers that are broken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BY_HTTP)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(500, b"oops"), "500"),
        (status(404), "404"),
        (status(302, Location="http://127.0.0.1:1/inside"), "302"),
        (reset, "connection failed"),
        (raw(b"nonsense\r\n\r\n"), "no HTTP"),
    ],
    ids=["500", "404", "redirect", "reset", "nonsense"],
)
def test_a_receiver_that_fails(monkeypatch: pytest.MonkeyPatch, kind: str, answer: object, said: str) -> None:
    with receiving(answer) as receiver, the_world_is(receiver, monkeypatch):  # type: ignore[arg-type]
        made = send(kind, **to(receiver, kind))
    assert not made.succeeded
    assert said in f"{made.status} {made.error}"
    assert receiver.connections == 1


@pytest.mark.parametrize("kind", BY_HTTP)
@pytest.mark.parametrize("answer", [silent, dripping(b"HTTP/1.1 200 OK\r\nX-Pad: ")], ids=["silent", "drip"])
def test_a_receiver_that_is_slow_costs_no_more_than_the_deadline(
    monkeypatch: pytest.MonkeyPatch, kind: str, answer: object
) -> None:
    with receiving(answer) as receiver, the_world_is(receiver, monkeypatch):  # type: ignore[arg-type]
        made = send(kind, bounds=HASTY, **to(receiver, kind))
        receiver.let_go.set()
    assert made.error == "It did not answer within 0.5 s."


def test_slack_that_answers_something_else_has_not_taken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(status(200, b"no_service")) as receiver, the_world_is(receiver, monkeypatch):
        made = send("slack")
    assert (made.succeeded, made.error) == (False, "It answered 200, but not as it should.")
    assert made.excerpt == "no_service"


def test_how_long_to_wait_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(status(429, Retry_After="120")) as receiver, the_world_is(receiver, monkeypatch):
        assert send("telegram").retry_after == 120


# --- the road ---------------------------------------------------------------------------------------------------------


def test_what_apprise_posts_goes_to_no_address_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        inside = f"https://127.0.0.1:{receiver.port}/"
        with carrying.travelling(Bounds()) as trip, pytest.raises(carrying.Carrier.RequestException):
            carrying.Carrier().post(inside)
        assert trip.made is not None
        assert "inside a network" in trip.made.error
        made = send("webhook", bounds=Bounds(), url=inside)
        assert "inside a network" in made.error
        assert receiver.connections == 0


@pytest.mark.parametrize("kind", BY_APPRISE)
def test_the_name_is_looked_at_when_it_is_sent(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    from csms.core.outbound import sending

    names: list[str] = []

    def addresses(host: str, port: int, **_: object) -> list[object]:
        names.append(host)
        return [(2, 1, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(sending.socket, "getaddrinfo", addresses)
    made = send(kind, bounds=Bounds(deadline=5))
    assert (made.permanent, made.status) == (True, None)
    assert "inside a network" in made.error
    assert len(names) == 1
    assert names[0].endswith(("slack.com", "pushover.net", "telegram.org", "azure.com"))


def test_apprise_posts_only_within_a_trip_once_and_by_post() -> None:
    carrier = carrying.Carrier()
    with pytest.raises(carrier.RequestException):
        carrier.post("https://tools.example.org/")
    with receiving() as receiver, carrying.travelling(OPEN):
        with pytest.raises(carrier.RequestException):
            carrier.request("GET", f"{receiver.origin}/")
        carrier.post(f"{receiver.origin}/")
        with pytest.raises(carrier.RequestException):
            carrier.post(f"{receiver.origin}/again")
    assert [one.path for one in receiver.messages] == ["/"]


@pytest.mark.parametrize("kind", BY_APPRISE)
def test_no_secret_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiving(status(500)) as receiver, the_world_is(receiver, monkeypatch):
        made = send(kind)
    for secret in CONFIGS[kind].values():
        assert str(secret)[-10:] not in caplog.text + repr(made)
    assert receiver.connections == 1


def test_a_plugin_that_breaks_is_an_outcome() -> None:
    class Broken:
        def notify(self, *args: object, **options: object) -> bool:
            raise TypeError("token=s3cret")

    made = carrying.tell(Broken(), message(), OPEN, body="x", format="text")
    assert (made.permanent, made.error) == (True, "It could not be written: TypeError.")

    class Idle:
        def notify(self, *args: object, **options: object) -> bool:
            return False

    assert carrying.tell(Idle(), message(), OPEN, body="x", format="text").error == "Nothing was sent."
