"""Channels in the console: how they stand, made and changed by administrators, tested, and what they were told."""

import re
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.alertmanager.delivery import SERVER
from alerts.channels.configuring import values_of
from alerts.channels.models import Channel, Step
from alerts.channels.services import set_route
from alerts.external.keeping import Kept
from alerts.external.models import KeptFile
from alerts.notifications.models import Notification, Part
from alerts.transports.table import TRANSPORTS
from console.alert_words import CHOICES, LABELS
from console.views import alert_channels
from csms.core.ids import uuid7
from csms.core.outbound.sending import Attempt
from tests.channels.cast import CONFIGS, SIGNING, SLACK
from tests.console.alerts_cast import PATH, a_channel, adam, tab
from tests.console.cast import HOSTILE
from tests.console.webhooks_cast import text, words

__all__ = ["adam"]

ADD = f"{PATH}/channels/add"
NOBODY = "0190a1b2-0000-7000-8000-0000000000aa"
ONLY_ADMINISTRATORS = "Only administrators may do this"
COMMON = {
    "name": "on call",
    "enabled": "on",
    "quiet_days": ["0", "1", "2", "3", "4", "5", "6"],
    "critical_in_quiet": "on",
    "per_hour": "60",
    "digest_minutes": "0",
}


def form(kind: str, **values: Any) -> dict[str, Any]:
    """What is posted for a channel of a kind."""
    config = {
        f"config_{name}": "\n".join(value) if isinstance(value, list) else value
        for name, value in CONFIGS[kind].items()
    }
    return COMMON | config | values


def refused_at(page: str, field: str) -> str:
    """What is said beside a field: from it to the next label."""
    return page.split(f'name="{field}"', 1)[1].split("form-label", 1)[0]


def told(channel: Channel, state: str = "sent", **values: Any) -> Notification:
    now = timezone.now()
    known = {
        "kind": "fired",
        "channel": channel,
        "channel_name": channel.name,
        "severity": "critical",
        "state": state,
        "created_at": now,
        "attempts": 1,
        "last_at": now,
    }
    return Notification.objects.create(**known | values)


# --- looked at ------------------------------------------------------------------------------------------------------


def test_the_list_tells_health_and_hides_secrets(bob: Client, django_assert_num_queries: Any) -> None:
    now = timezone.now()
    a_channel("slack", "a working")
    broken = a_channel("email", HOSTILE, options={"quiet_from": time(22), "quiet_until": time(7)})
    Channel.objects.filter(pk=broken.pk).update(
        failures=3, failing_since=now - timedelta(hours=2), last_error=f"No answer {HOSTILE}", probe_at=now
    )
    a_channel("webhook", "c off", enabled=False)
    told(broken, "planned", next_at=now)
    page = text(bob, tab("channels"))
    said = words(page)
    assert HOSTILE not in page
    for word in ("Working", "Broken", "Off", "Default", "Quiet from 22:00 to 07:00", "1 message waits."):
        assert word in said
    assert "3 attempts in a row have failed" in said
    assert SLACK not in page
    assert SIGNING not in page
    assert "••••" in page
    assert "Channels are added, changed and tested by administrators" in said
    assert "/test" not in page
    with django_assert_num_queries(4):  # session, person, channels, what waits
        bob.get(tab("channels"), headers={"Live": "list"})
    with django_assert_num_queries(5):  # session, person, the edge, messages, their parts
        bob.get(tab("channels"), headers={"Live": "log"})


def test_an_empty_tab_says_what_a_channel_is(adam: Client, bob: Client) -> None:
    page = words(text(adam, tab("channels")))
    assert "There is no channel yet: nobody is told of alerts" in page
    assert "Add the first one" in page
    assert "Nobody was told anything yet" in page
    assert "Alertmanager is not set. With ALERTMANAGER_URL set" in page
    assert "An administrator adds the first one." in text(bob, tab("channels"))


def test_the_log_tells_what_became_of_each_message(bob: Client) -> None:
    tools, mail = a_channel(), a_channel("email", "mail")
    sent = told(tools, title=f"[CRITICAL] {HOSTILE}", text=HOSTILE, status=200, latency_ms=12)
    for _ in range(4):
        Part.objects.create(notification=sent, alert_id=uuid7(), what="fired")
    told(mail, "failed", title="(second)", outcome=f"550 no such user {HOSTILE}", why="Given up.")
    told(mail, "suppressed", title="(third)", why="A silence is about it.", attempts=0)
    told(mail, "planned", title="(fourth)", kind="digest", next_at=timezone.now(), attempts=0)
    page = text(bob, tab("channels"))
    assert HOSTILE not in page
    assert page.count(f'href="{PATH}/') >= 3
    said = words(page)
    assert "550 no such user" in said
    assert "A silence is about it." in said
    assert "Not tried yet. The next" in said
    for query, names in (
        ("&state=failed", {"second"}),
        ("&kind=digest", {"fourth"}),
        (f"&channel={mail.pk}", {"second", "third", "fourth"}),
        ("&channel=nonsense&state=coffee&before=%00", {"second", "third", "fourth"}),
    ):
        part = text(bob, tab("channels") + query, headers={"Live": "log"})
        assert {name for name in ("second", "third", "fourth") if f"({name})" in part} == names
    assert "Nothing matches" in text(bob, f"{tab('channels')}&channel={NOBODY}")


def test_the_log_has_pages(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_channels, "LOG_SHOWN", 2)
    channel = a_channel()
    for number in range(3):
        told(channel, title=f"(n{number})")
    page = text(bob, tab("channels"))
    assert re.findall(r"\(n\d\)", page) == ["(n2)", "(n1)"]
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older is not None
    page = text(bob, PATH + older[1].replace("&amp;", "&"))
    assert re.findall(r"\(n\d\)", page) == ["(n0)"]


def test_how_alertmanager_stands_is_told(adam: Client, bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Kept("refused", f"amtool says no {HOSTILE}", timezone.now())
    monkeypatch.setattr(alert_channels, "delivery", lambda: (refused, {HOSTILE: "It has no such kind."}))
    KeptFile.objects.create(name=SERVER, refused_digest="x", refused_why="no")
    page = text(adam, tab("channels"), headers={"Live": "managed"})
    assert HOSTILE not in page
    assert "amtool says no" in page
    assert "It has no such kind." in page
    path = f"{PATH}/alertmanager/channels/bring"
    assert f'action="{path}"' in page
    assert path not in text(bob, tab("channels"), headers={"Live": "managed"})
    assert "tried again within seconds" in adam.post(path, follow=True).content.decode()
    assert KeptFile.objects.get().refused_digest == ""


# --- made and changed -----------------------------------------------------------------------------------------------


def test_every_kind_has_a_form_of_its_own_fields(adam: Client) -> None:
    page = text(adam, ADD)
    for kind, transport in TRANSPORTS.items():
        assert f'href="?kind={kind}"' in page
        asked = text(adam, f"{ADD}?kind={kind}")
        for field in transport.fields:
            assert f'name="config_{field.name}"' in asked
            assert field.name in LABELS
            assert set(field.choices) <= set(CHOICES)
            secret = f'type="password" name="config_{field.name}"'
            assert (secret in asked) == field.secret
    assert "By what are people told?" in text(adam, f"{ADD}?kind=pigeon")


@pytest.mark.parametrize("kind", CONFIGS)
def test_an_administrator_makes_one_of_each_kind(adam: Client, kind: str) -> None:
    answer = adam.post(f"{ADD}?kind={kind}", form(kind, quiet_from="22:00", quiet_until="07:00", zone="UTC"))
    assert (answer.status_code, answer["Location"]) == (302, tab("channels"))
    [made] = Channel.objects.all()
    values = values_of(made)
    assert {name: values[name] for name in CONFIGS[kind]} == CONFIGS[kind]
    assert (made.name, made.kind, made.created_by) == ("on call", kind, "adam")
    assert (made.is_default, made.quiet_from, made.quiet_until) == (True, time(22), time(7))
    page = text(adam, tab("channels"))
    assert "on call was kept." in page
    for field in TRANSPORTS[kind].fields:
        if field.secret and made.shown[field.name] != values[field.name]:
            assert not values[field.name] or values[field.name] not in page


def test_a_signing_secret_that_was_made_is_shown_this_once(adam: Client) -> None:
    answer = adam.post(f"{ADD}?kind=webhook", form("webhook", config_signing_secret=""))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    page = answer.content.decode()
    [made] = Channel.objects.all()
    secret = values_of(made)["signing_secret"]
    assert f'value="{secret}"' in page
    assert "It is shown this once." in page
    for path in (tab("channels"), f"{PATH}/channels/{made.pk}"):
        assert secret not in text(adam, path)


def test_an_empty_secret_stays_and_health_with_it(adam: Client) -> None:
    channel = a_channel("email", "mail", config=CONFIGS["email"])
    Channel.objects.filter(pk=channel.pk).update(failures=2)
    path = f"{PATH}/channels/{channel.pk}"
    page = text(adam, path)
    assert 'value="smtp.example.org"' in page
    assert 'name="default"' not in page  # it is the default already, and stays so until another one is
    assert adam.post(path, form("email", name="post")).status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.failures) == ("post", 2)
    changed = form("email", config_recipients="a@example.org\r\n\r\nb@example.org", quiet_days=["5", "6"])
    assert adam.post(path, changed).status_code == 302
    channel.refresh_from_db()
    assert channel.config["recipients"] == ["a@example.org", "b@example.org"]
    assert (channel.failures, channel.quiet_days) == (0, [5, 6])
    hook = a_channel("webhook", "tools")
    before = values_of(hook)
    page = text(adam, f"{PATH}/channels/{hook.pk}")
    assert "Empty: it stays ••••" in page
    assert SIGNING not in page
    empty = COMMON | {"name": "tools", "config_url": "", "config_signing_secret": "", "default": "on"}
    assert adam.post(f"{PATH}/channels/{hook.pk}", empty).status_code == 302
    hook.refresh_from_db()
    assert (values_of(hook), hook.is_default) == (before, True)


@pytest.mark.parametrize(
    ("kind", "values", "field", "why"),
    [
        ("email", {"name": ""}, "name", "This field is required"),
        ("email", {"name": "taken"}, "name", "Another channel has the name"),
        ("email", {"config_host": "a b"}, "config_host", "neither a name nor an address"),
        ("email", {"config_host": "10.0.0.1"}, "config_host", "inside a network"),
        ("email", {"config_host": ""}, "config_host", "This field is required"),
        ("email", {"config_port": "70000"}, "config_port", "0 to 65535"),
        ("email", {"config_security": "hope"}, "config_security", "not one of the available choices"),
        ("email", {"config_recipients": "nobody"}, "config_recipients", "is no address of e-mail"),
        (
            "email",
            {"config_password": "hunter2hunter2"},
            "config_password",
            "Without TLS no password is sent",
        ),
        ("slack", {"config_url": "https://evil.example/"}, "config_url", "It is no https://hooks.slack.com"),
        ("webhook", {"config_url": "https://127.0.0.1/x"}, "config_url", "inside a network"),
        ("webhook", {"config_signing_secret": "whsec_x"}, "config_signing_secret", "24 to 64 bytes"),
        ("telegram", {"config_chat_id": HOSTILE}, "config_chat_id", "neither the number of a chat"),
        ("pushover", {"config_user_key": "short"}, "config_user_key", "30 letters and digits"),
        ("teams", {"config_url": "https://example.org/"}, "config_url", "It is no URL of a workflow"),
        ("slack", {"zone": "Atlantis"}, "zone", "There is no such time zone"),
        ("slack", {"quiet_from": "22:00"}, "quiet_until", "have a beginning and an end"),
        ("slack", {"quiet_from": "late"}, "quiet_from", "A time of day is written as in"),
        ("slack", {"per_hour": "100000"}, "per_hour", "less than or equal to"),
        ("slack", {"digest_minutes": "-1"}, "digest_minutes", "greater than or equal to"),
        ("slack", {"quiet_days": ["8"]}, "quiet_days", "not one of the available choices"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    adam: Client, kind: str, values: dict[str, Any], field: str, why: str
) -> None:
    a_channel("webhook", "taken")
    answer = adam.post(f"{ADD}?kind={kind}", form(kind, **values))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert why in page.split(f'name="{field}"')[-1].split("form-label", 1)[0]
    assert HOSTILE not in page
    assert "hunter2" not in page
    assert SLACK not in page
    assert Channel.objects.count() == 1


def test_a_secret_is_not_shown_to_another_server_and_masks_are_no_secrets(adam: Client) -> None:
    config = CONFIGS["email"] | {"security": "starttls", "username": "csms", "password": "hunter2hunter2"}
    channel = a_channel("email", "mail", config=config)
    path = f"{PATH}/channels/{channel.pk}"
    kept = form("email", config_security="starttls", config_username="csms")
    answer = adam.post(path, kept | {"config_host": "evil.example"})
    assert "It would be shown to another server" in refused_at(answer.content.decode(), "config_password")
    answer = adam.post(path, kept | {"config_password": "••••ter2"})
    assert "not the secret" in refused_at(answer.content.decode(), "config_password")
    assert "Secrets do not come back" in answer.content.decode()


def test_too_many_are_refused(adam: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.channels.services.CHANNELS_MAX", 0)
    answer = adam.post(f"{ADD}?kind=slack", form("slack"))
    assert answer.status_code == 422
    assert "There are 0 channels already" in answer.content.decode()


# --- what is done to one --------------------------------------------------------------------------------------------


def do(client: Client, channel: Channel, slug: str) -> str:
    path = f"{PATH}/channels/{channel.pk}/{slug}"
    return words(client.post(path, {"confirmed": "yes"}, follow=True).content.decode())


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (Attempt(status=200), "tools took the test."),
        (Attempt(error="It did not answer."), "tools did not take the test: It did not answer."),
    ],
)
def test_a_test_tells_its_result(
    adam: Client, monkeypatch: pytest.MonkeyPatch, attempt: Attempt, said: str
) -> None:
    transport = replace(TRANSPORTS["webhook"], send=lambda *given: attempt)
    monkeypatch.setitem(TRANSPORTS, "webhook", transport)
    assert said in do(adam, a_channel(), "test")
    assert Notification.objects.get().kind == "test"


def test_it_is_made_the_default_switched_and_removed(adam: Client) -> None:
    first, second = a_channel(name="first"), a_channel(name="second")
    for slug in ("off", "remove"):
        path = f"{PATH}/channels/{second.pk}/{slug}"
        page = adam.post(path).content.decode()
        assert "second" in page
        assert 'name="confirmed" value="yes"' in page
    second.refresh_from_db()
    assert second.enabled
    assert "second is off." in do(adam, second, "off")
    assert "The default is enabled; enable it, too." in do(adam, second, "default")
    assert "second is on." in do(adam, second, "on")
    assert "second is the default now." in do(adam, second, "default")
    assert "It is the default; make another channel the default first." in do(adam, second, "remove")
    assert "The default is enabled; make another channel the default first." in do(adam, second, "off")
    assert "first was removed." in do(adam, first, "remove")
    assert [channel.name for channel in Channel.objects.all()] == ["second"]
    assert adam.post(f"{PATH}/channels/{second.pk}/dance").status_code == 404
    assert adam.post(f"{PATH}/channels/{NOBODY}/on").status_code == 404
    text(adam, f"{PATH}/channels/{NOBODY}", status=404)


def test_a_viewer_and_an_operator_are_refused_with_the_reason(alice: Client, bob: Client) -> None:
    channel = a_channel()
    for client in (alice, bob):
        for path in (ADD, f"{PATH}/channels/{channel.pk}", f"{PATH}/rules/charge-point-offline/route"):
            assert ONLY_ADMINISTRATORS in text(client, path, status=403)
            assert client.post(path, form("slack")).status_code == 403
        for slug in alert_channels.ACTS:
            answer = client.post(f"{PATH}/channels/{channel.pk}/{slug}", {"confirmed": "yes"})
            assert answer.status_code == 403
        assert client.post(f"{PATH}/alertmanager/channels/bring").status_code == 403
    assert Channel.objects.get() == channel


# --- routes ---------------------------------------------------------------------------------------------------------

ROUTE = f"{PATH}/rules/charge-point-offline/route"


def test_a_rule_names_channels_at_once_and_after_a_time(adam: Client, bob: Client) -> None:
    first, second = a_channel(name="first"), a_channel(name="second")
    assert "all others tell the default" in text(bob, tab("channels"))
    answer = adam.post(ROUTE, {str(first.pk): "0", str(second.pk): "30, 60"})
    assert (answer.status_code, answer["Location"]) == (302, tab("channels"))
    steps = sorted(Step.objects.values_list("channel__name", "after_minutes"))
    assert steps == [("first", 0), ("second", 30), ("second", 60)]
    said = words(text(bob, tab("channels")))
    assert "second after 30 min without acknowledgement" in said
    assert 'value="30, 60"' in text(adam, ROUTE)
    assert adam.post(ROUTE, {}).status_code == 302
    assert not Step.objects.exists()


@pytest.mark.parametrize(
    ("minutes", "why"), [("soon", "Minutes are written as in 0, 30."), ("999999", "A step comes after 0 to")]
)
def test_a_route_that_cannot_be_is_refused(adam: Client, minutes: str, why: str) -> None:
    channel = a_channel()
    set_route("charge-point-offline", [(channel.pk, 5)], by="adam", now=timezone.now())
    answer = adam.post(ROUTE, {str(channel.pk): minutes})
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert Step.objects.get().after_minutes == 5
    text(adam, f"{PATH}/rules/no-such-rule/route", status=404)
