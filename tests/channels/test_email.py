"""What a mail server is handed, over which wire, and what becomes of one that is broken."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from alerts.transports import email
from csms.core.outbound import sending
from csms.core.outbound.sending import Attempt
from csms.core.outbound.targets import Bounds
from tests.channels.cast import HASTY, HOSTILE, LINK, OPEN, message, send, tags
from tests.support.certificates import self_signed
from tests.support.mail import Mail, MailServer, mailing

TITLE = "[CRITICAL] Charge point offline: Depot North (CP16)"
SIGNED_IN = {"username": "csms", "password": "s3cret-of-mail"}


def mail(server: MailServer, bounds: Bounds = OPEN, **values: Any) -> Attempt:
    config = {name: values.pop(name) for name in list(values) if name not in ("title", "lines", "severity")}
    return send("email", message(**values), bounds, **{"host": "127.0.0.1", "port": server.port} | config)


def handed(**values: Any) -> Mail:
    with mailing() as server:
        made = mail(server, **values)
    assert made.succeeded, made
    [one] = server.mails
    return one


def trusting(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    def context() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(path))

    monkeypatch.setattr(email, "tls_context", context)
    monkeypatch.setattr(sending, "tls_context", context)


def test_a_mail_says_it_as_text_and_as_html() -> None:
    one = handed()
    assert (one.sender, one.recipients) == ("csms@example.org", ["oncall@example.org"])
    heads = one.message
    assert heads["Subject"] == TITLE
    assert (heads["From"], heads["To"]) == ("csms@example.org", "oncall@example.org")
    assert heads["Date"] == "Wed, 04 Mar 2026 12:00:00 +0000"
    assert heads["Auto-Submitted"] == "auto-generated"
    assert one.part("plain") == f"CP16 is offline.\nWhere: Depot North (CP16)\n{LINK}\n"
    html = one.part("html")
    assert f'<a href="{LINK}">{LINK}</a>' in html
    assert "CP16 is offline.<br>" in html


def test_each_attempt_has_the_same_id() -> None:
    first, again = handed().message["Message-ID"], handed().message["Message-ID"]
    assert first == again == "<0190a1b2-0000-7000-8000-0000000000aa@example.org>"


def test_all_recipients_are_told() -> None:
    assert handed(recipients=["a@example.org", "b@example.org"]).recipients == [
        "a@example.org",
        "b@example.org",
    ]


def test_words_of_a_charge_point_end_no_header_and_are_no_markup() -> None:
    ending = "offline\r\nBcc: eve@evil.example\r\n\r\nbody\n.\nQUIT"
    one = handed(title=f"[INFO] {ending} {HOSTILE}", lines=(ending, HOSTILE))
    assert one.recipients == ["oncall@example.org"]
    assert set(one.message.keys()) == {
        "Subject",
        "From",
        "To",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    assert one.message["Subject"].startswith("[INFO] offline Bcc: eve@evil.example body . QUIT")
    assert HOSTILE in one.part("plain")
    assert set(tags(one.part("html"))) == {"html", "body", "p", "b", "br", "a"}
    assert one.part("html").count("<a ") == 1


# --- the wire ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str) -> None:
    context, path = self_signed(tmp_path, "127.0.0.1")
    trusting(monkeypatch, path)
    with mailing(context, at_once=security == "tls", password=SIGNED_IN["password"]) as server:
        made = mail(server, security=security, **SIGNED_IN)
    assert made.succeeded, made
    assert (server.mails[0].over_tls, server.mails[0].user) == (True, "csms")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, security: str) -> None:
    context, _ = self_signed(tmp_path, "127.0.0.1")
    with mailing(context, at_once=security == "tls", password=SIGNED_IN["password"]) as server:
        made = mail(server, security=security, **SIGNED_IN)
    assert "certificate is refused" in made.error
    assert "AUTH" not in server.said
    assert server.mails == []


def test_a_server_that_offers_no_tls_is_told_nothing() -> None:
    with mailing(password=SIGNED_IN["password"]) as server:
        made = mail(server, security="starttls", **SIGNED_IN)
    assert (made.permanent, server.mails) == (True, [])
    assert "does not offer" in made.error
    assert server.said[0] == "EHLO"
    assert "AUTH" not in server.said


def test_a_server_inside_is_not_connected_to() -> None:
    with mailing() as server:
        for host in ("127.0.0.1", "localhost"):
            made = mail(server, Bounds(deadline=5), host=host)
            assert "inside a network" in made.error
            assert made.permanent
        assert server.connections == 0


# --- servers that are broken ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "said", "permanent"),
    [
        ({"greeting": "421 busy"}, "421 busy", False),
        ({"greeting": "554 go away"}, "554 go away", True),
        ({"MAIL": "451 later"}, "451 later", False),
        ({"MAIL": "550 not you"}, "550 not you", True),
        ({"RCPT": "550 nobody"}, "550 nobody", True),
        ({"RCPT": "450 greylisted"}, "450 greylisted", False),
        ({"DATA": "452 full"}, "452 full", False),
        ({"end": "554 spam"}, "554 spam", True),
        ({"greeting": "nonsense"}, "answered", False),
        ({"EHLO": "hang up", "HELO": "hang up"}, "connection failed", False),
        ({"end": "hang up"}, "connection failed", False),
        ({"greeting": "flood"}, "connection failed", False),
    ],
    ids=lambda one: str(one) if isinstance(one, dict) else "",
)
def test_a_server_that_refuses(answers: dict[str, str], said: str, permanent: bool) -> None:
    with mailing(**answers) as server:
        made = mail(server)
    assert not made.succeeded
    assert said in made.error
    assert made.permanent is permanent


@pytest.mark.parametrize("word", ["greeting", "EHLO", "MAIL", "end"])
@pytest.mark.parametrize("manner", ["silence", "drip"])
def test_a_server_that_is_slow_costs_no_more_than_the_deadline(word: str, manner: str) -> None:
    with mailing(**{word: manner}) as server:
        made = mail(server, HASTY)
    assert made.error == "It did not answer within 0.5 s."
    assert made.latency < 5


def test_a_server_that_is_not_there() -> None:
    with mailing() as server:
        pass
    made = mail(server)
    assert "connection failed" in made.error


def test_a_wrong_password_is_no_use_trying_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, path = self_signed(tmp_path, "127.0.0.1")
    trusting(monkeypatch, path)
    with mailing(context, password="another") as server:
        made = mail(server, security="starttls", **SIGNED_IN)
    assert (made.permanent, made.error) == (True, "It answered 535 no")
    assert "s3cret" not in repr(made)


def test_a_server_that_takes_it_for_some_has_taken_it() -> None:
    with mailing(**{"RCPT b@example.org": "550 nobody"}) as server:
        made = mail(server, recipients=["a@example.org", "b@example.org"])
    assert made.succeeded
    assert made.excerpt == "Refused: b@example.org"
    assert server.mails[0].recipients == ["a@example.org"]


def test_who_took_it_may_part_as_it_likes() -> None:
    with mailing(QUIT="hang up") as server:
        assert mail(server).succeeded
    assert len(server.mails) == 1
