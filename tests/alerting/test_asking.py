"""How servers beside the house are asked: bounded in time and size, whatever answers at their address."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml
from rest_framework.test import APIClient

from alerts.alertmanager.selectors import silences
from alerts.external import client, files, keeping, services
from alerts.external.client import Address, Refused, Unreachable, ask, reload
from alerts.external.keeping import Wanted
from alerts.external.models import KeptFile, Server
from alerts.external.reading import as_told
from alerts.external.services import look, reach, version_at_least
from alerts.prometheus import delivery, selectors
from csms.core.config import override_config
from tests.alerting.cast import (
    A_SILENCE,
    API,
    NOON,
    PROMETHEUS,
    Answer,
    a_rule,
    answers_as,
    now,
    server_that,
    with_words,
)

MINUTE = timedelta(minutes=1)


def at(url: str, seconds: float = 5) -> Address:
    return Address(url, "", seconds)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>a proxy's page</html>", "no JSON"),
        (200, b"\xff\xfe", "no JSON"),
        (302, b"", r"^It answered with a redirect to another address \(302\), .*: give that address\.$"),
        (503, b"Service Unavailable", "It answered 503: Service Unavailable"),
        (503, b"", "It answered 503: it says no more"),
        (502, b"<h1>\x00Bad\x07 Gateway</h1>", "It answered 502: <h1>Bad Gateway</h1>"),
    ],
)
def test_what_is_no_such_server_is_not_reachable(status: int, body: bytes, said: str) -> None:
    with server_that(with_words(status, body, Location="/elsewhere")) as url:
        with pytest.raises(Unreachable, match=said):
            ask(at(url), "/api")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"status":"error","error":"bad\\u0000 query"}', "bad query"),
        (b'"bad matcher"', "bad matcher"),
        (b'{"code":602,"message":"ends in the past"}', "ends in the past"),
        (b"plain words", "plain words"),
        (b"", "It answered 400 without a word."),
        (b"x" * 5000, "x" * client.SAID_MAX),
    ],
)
def test_a_refusal_has_the_words_of_the_server(body: bytes, said: str) -> None:
    with server_that(with_words(400, body)) as url:
        with pytest.raises(Refused) as refusal:
            ask(at(url), "/api")
    assert (str(refusal.value), refusal.value.status) == (said, 400)


def test_a_reload_that_is_not_allowed_says_what_is_missing() -> None:
    with server_that(with_words(403, b"Lifecycle API is not enabled.")) as url:
        with pytest.raises(Refused, match="--web.enable-lifecycle"):
            reload(at(url))


def test_an_answer_that_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_MAX", 1000)
    with server_that(with_words(200, b"[" + b" " * 2000 + b"]")) as url:
        with pytest.raises(Unreachable, match="more than 1000 bytes"):
            ask(at(url), "/api")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_server_that_dribbles_is_given_up_in_the_time_that_is_set(head: bytes) -> None:
    over = threading.Event()

    def dribble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        try:
            while not over.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            pass

    begun = time.monotonic()
    with server_that(dribble) as url:
        with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
            ask(at(url, 0.5), "/api")
        over.set()
    assert time.monotonic() - begun < 5


def test_a_name_that_is_looked_up_for_too_long_is_given_up_in_that_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: over.wait(60))
    begun = time.monotonic()
    try:
        with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
            ask(at("http://prometheus.invalid:9090", 0.5), "/api")
    finally:
        over.set()
    assert time.monotonic() - begun < 30


def test_a_token_that_cannot_be_sent_is_not_told() -> None:
    with server_that(with_words(200, b"{}")) as url:
        for token in ("t0ken\n", "t\u20acken"):
            with pytest.raises(Unreachable, match="its token has characters") as said:
                ask(Address(url, token, 30), "/api")
            assert token.strip() not in str(said.value)


def test_half_an_answer_is_none() -> None:
    with server_that(with_words(200, b"{}", **{"Content-Length": "3"})) as url:
        with pytest.raises(Unreachable, match="no HTTP"):
            ask(at(url, 30), "/api")


def test_the_base_path_the_query_and_the_token_are_kept() -> None:
    seen: list[tuple[str, str, str]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.command, handler.path, handler.headers["Authorization"]))
        with_words(200, b"{}")(handler)

    with server_that(answer) as url:
        address = Address(f"{url}/prom/", "t0ken", 5)
        assert ask(address, "/api", query=[("q", "a b&c")], method="POST", body={}) == {}
    assert seen == [("POST", "/prom/api?q=a+b%26c", "Bearer t0ken")]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_a_token_is_sent_to_no_url_but_that_of_the_environment(
    settings: Callable[..., None], name: str
) -> None:
    settings(**{f"{name.upper()}_TOKEN": "t0ken", f"{name.upper()}_URL": "http://127.0.0.1:1/"})
    try:
        for url, token in (("http://127.0.0.1:2", ""), ("http://127.0.0.1:1", "t0ken")):
            override_config({f"{name}_url": url})
            assert client.address_of(name) == Address(url, token, 5)
    finally:
        override_config({})


def test_a_token_is_nowhere_shown(settings: Callable[..., None]) -> None:
    settings(PROMETHEUS_TOKEN="t0ken", PROMETHEUS_URL="http://127.0.0.1:1")
    from csms.core.config import get_config

    assert "t0ken" not in repr(get_config())
    assert client.address_of("prometheus") == Address("http://127.0.0.1:1", "t0ken", 5)


@pytest.mark.parametrize(
    "url", ["ftp://prometheus", "http://user:word@prometheus", "http://p/?a=b", "prometheus:9090"]
)
def test_what_is_no_address_is_no_setting(settings: Callable[..., None], url: str) -> None:
    from csms.core.config import ConfigError, load_config

    settings(PROMETHEUS_URL=url)
    with pytest.raises(ConfigError, match="PROMETHEUS_URL") as refusal:
        load_config(None)
    assert "user:word" not in str(refusal.value)


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.django_db
def test_since_when_is_the_first_time_and_of_another_address_nothing_is_known(
    settings: Callable[..., None], nobody: str
) -> None:
    settings(PROMETHEUS_URL=nobody)
    assert reach("prometheus").state == "unknown"
    assert not look("prometheus", now=NOON)
    assert not look("prometheus", now=NOON + MINUTE)
    known = reach("prometheus")
    assert (known.state, known.since, known.asked_at) == ("unreachable", NOON, NOON + MINUTE)
    with server_that(answers_as(PROMETHEUS)) as url:
        settings(PROMETHEUS_URL=url)
        assert reach("prometheus").state == "unknown"
        assert look("prometheus", now=NOON + 2 * MINUTE)
    known = reach("prometheus")
    assert (known.state, known.since, known.version) == ("ok", NOON + 2 * MINUTE, "2.42.0")


@pytest.mark.django_db
def test_it_is_asked_no_oftener_than_every_15_seconds(settings: Callable[..., None]) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        answers_as(PROMETHEUS)(handler)

    with server_that(answer) as url:
        settings(PROMETHEUS_URL=url)
        for seconds in (0, 5, 10, 15):
            assert look("prometheus", now=NOON + timedelta(seconds=seconds))
    assert asked == ["/api/v1/status/buildinfo"] * 2


@pytest.mark.django_db
def test_while_one_pass_waits_for_an_answer_no_other_asks(
    settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(PROMETHEUS_URL="http://127.0.0.1:1", CSMS_ALERTING_SECONDS="60")
    asked: list[bool] = []
    fails = False

    def slow(*args: object) -> object:
        meanwhile = [look("prometheus", now=begun + timedelta(seconds=seconds)) for seconds in (0, 5, 59)]
        asked.extend(meanwhile)
        states.append(reach("prometheus").state)
        if fails:
            raise Unreachable("It did not answer within 60 s.")
        return {"data": {"version": "2.42.0"}}

    states: list[str] = []
    monkeypatch.setattr(services, "ask", slow)
    for begun, fails in ((NOON, False), (NOON + MINUTE, True), (NOON + 2 * MINUTE, True)):
        assert look("prometheus", now=begun) is not fails
    # Others go by what was known before: at first nothing, then that it answers, then that it does not.
    assert asked == [False] * 3 + [True] * 3 + [False] * 3
    assert states == ["unknown", "ok", "unreachable"]
    assert reach("prometheus").since == NOON + MINUTE


@pytest.mark.django_db
def test_who_asks_while_it_is_asked_for_the_first_time_is_not_told_that_it_is_away(
    settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(PROMETHEUS_URL="http://127.0.0.1:1")
    Server.objects.create(
        name="prometheus", url="http://127.0.0.1:1", reachable=False, since=NOON, asked_at=NOON
    )
    monkeypatch.setattr(services, "ask", lambda *args, **values: {"data": {"alerts": []}})
    assert selectors.alerts(now=NOON) == ([], False)


HALF = {"data": {"alerts": [{"labels": {"alertname": "x"}, "state": "firing", "activeAt": "yesterday"}]}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answer", "looked", "read"),
    [
        (with_words(200, b"[]"), "its answer has another form", "its answer has another form"),
        (with_words(200, b"{}"), "its answer lacks `data`", "its answer lacks `data`"),
        (with_words(200, b'{"data": {"alerts": 7}}'), "its answer lacks `version`", "another form"),
        (with_words(200, b"null"), "its answer has another form", "its answer has another form"),
        (answers_as({"/api/v1/alerts": HALF}), "it refuses the question: It answered 404 ", "another form"),
    ],
)
def test_answers_of_another_form_are_said_to_be_such(
    root: APIClient, settings: Callable[..., None], answer: Answer, looked: str, read: str
) -> None:
    begin, end = "It answers, but not as Prometheus does: ", ". Is it another kind of server?"
    with server_that(answer) as url:
        settings(PROMETHEUS_URL=url)
        assert not look("prometheus", now=now())
        why = reach("prometheus").why
        assert why.startswith(begin + looked), why
        assert why.endswith(end), why
        Server.objects.all().delete()
        with pytest.raises(Unreachable, match=f"^{begin}.*{read}"):
            selectors.alerts(now=now())
        shown = root.get(f"{API}/prometheus/alerts/")
    assert (shown.status_code, shown.json()["results"]) == (200, [])


@pytest.mark.django_db
def test_a_server_that_refuses_to_list_is_told_of(
    root: APIClient, settings: Callable[..., None], refusal: Callable[..., None]
) -> None:
    with server_that(with_words(422, b'{"error":"query timed out"}')) as url:
        settings(PROMETHEUS_URL=url)
        said = refusal(root.get(f"{API}/prometheus/alerts/"), 502, "prometheus_refused")
    assert said["detail"] == "Prometheus: query timed out"


def test_a_configuration_that_is_no_yaml_is_of_another_form() -> None:
    with pytest.raises(Unreachable, match="not as Alertmanager does: its answer has another form"):
        with as_told("Alertmanager"):
            yaml.safe_load("receivers: [")


def test_hostile_texts_are_bounded_and_without_nul() -> None:
    from alerts.external.reading import TEXT_MAX, WORDS_MAX, text, words

    assert text("a\x00b") == "a\ufffdb"
    assert len(text("x" * 10_000)) == TEXT_MAX
    assert len(words({f"n{number}": "v" for number in range(500)})) == WORDS_MAX


@pytest.mark.parametrize(
    ("version", "new_enough"),
    [
        ("0.26.0", True),
        ("0.25.0", False),
        ("1.0.0", True),
        ("", False),
        ("x.y", False),
        ("0.27.0-rc.1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, new_enough: bool) -> None:
    assert version_at_least(version, 0, 26) == new_enough


# --- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_clock_takes_a_pass_over_both(
    settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings as house

    from alerts.external import tasks

    planned = [entry["task"] for entry in house.CELERY_BEAT_SCHEDULE.values()]
    assert tasks.keep_in_step.name in planned
    assert set(tasks.KEPT) == {"prometheus", "alertmanager"}
    assert tasks.keep_in_step() == []  # nothing is set, nobody is asked

    def breaks(**values: object) -> bool:
        raise RuntimeError("it broke")

    monkeypatch.setattr(tasks, "KEPT", {"prometheus": breaks, "alertmanager": lambda **values: True})
    monkeypatch.setattr(tasks, "look", lambda name, now: True)
    settings(PROMETHEUS_URL="http://127.0.0.1:1", ALERTMANAGER_URL="http://127.0.0.1:1")
    assert tasks.keep_in_step() == ["alertmanager"]
    seen: list[object] = []
    monkeypatch.setattr(tasks, "look", lambda name, now: seen.append(now))
    monkeypatch.setattr(tasks, "KEPT", dict.fromkeys(tasks.KEPT, lambda **values: False))
    times = iter([NOON, NOON + MINUTE])
    tasks.pass_over(clock=lambda: next(times))
    assert seen == [NOON, NOON + MINUTE]  # the second one's turn, after a first one that was slow


@pytest.mark.django_db
def test_a_file_that_cannot_be_used_is_told_of(settings: Callable[..., None], tmp_path: Path) -> None:
    settings(PROMETHEUS_URL="http://127.0.0.1:1", PROMETHEUS_RULES_FILE=tmp_path)  # a folder
    a_rule()
    assert delivery.deliver(reachable=False, now=now())
    kept = delivery.delivery()
    assert kept.standing == "refused"
    assert kept.why == f"The file {tmp_path} cannot be used: Is a directory."


@pytest.mark.django_db
def test_a_list_of_silences_leaves_out_one_that_nobody_could_end(settings: Callable[..., None]) -> None:
    listed = [{**A_SILENCE, "id": "no-uuid"}, A_SILENCE, {**A_SILENCE, "id": ""}]
    with server_that(answers_as({"/api/v2/silences": listed})) as url:
        settings(ALERTMANAGER_URL=url)
        found, more = silences(now=NOON)
    assert ([one.id for one in found], more) == ([A_SILENCE["id"]], False)


def test_while_another_process_asks_what_was_loaded_nobody_else_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = Wanted(
        tmp_path / "file.yml", "", check=lambda text: "", seen=lambda: pytest.fail("it was asked")
    )
    row = KeptFile(name="prometheus", unseen_why="It shows other rules.")
    with files.held(wanted.path):
        assert not keeping._look_again(row, wanted, reachable=True)
