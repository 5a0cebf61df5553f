"""Channels are made, changed and removed; one is the default; secrets go in and do not come out."""

from datetime import time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from alerts.channels import services
from alerts.channels.configuring import values_of, without_secrets
from alerts.channels.models import BROKEN_AFTER, Channel, Kind, Step
from alerts.channels.selectors import broken, steps
from alerts.channels.services import change_channel, create_channel, remove_channel, set_route
from alerts.transports.table import TRANSPORTS
from csms.core.audit.models import AuditEntry
from csms.core.outbound.signing import read_secret
from csms.core.refusals import BadField, NotNow
from tests.channels.cast import CONFIGS, NOON, SLACK, TEAMS, Other, a_channel
from tests.notifications.cast import a_rule
from tests.support.house import settings_are

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def fresh(channel: Channel) -> Channel:
    return Channel.objects.get(pk=channel.pk)


def change(channel: Channel, **changes: Any) -> Channel:
    return change_channel(channel, changes, by="alice", now=LATER)[0]


def refused(field: str, kind: str, **config: Any) -> None:
    with pytest.raises(BadField) as error:
        a_channel(kind, config=config)
    assert error.value.field == f"config.{field}"
    assert not Channel.objects.exists()


def test_each_kind_has_a_transport() -> None:
    assert list(TRANSPORTS) == Kind.values


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_secrets_are_sealed_and_shown_by_their_end(kind: str) -> None:
    channel = a_channel(
        kind,
        config={"username": "u", "password": "s3cret-of-mail-xyz", "security": "tls"}
        if kind == "email"
        else {},
    )
    fields = TRANSPORTS[kind].fields
    secrets = {one.name: values_of(channel)[one.name] for one in fields if one.secret}
    assert secrets
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM alert_channels_channel")
        stored = str(cursor.fetchall())
        cursor.execute("SELECT * FROM audit_auditentry")
        stored += str(cursor.fetchall())
    for name, secret in secrets.items():
        hidden = secret.rpartition("/")[2][:-4] if kind != "teams" else "KODuebWbDGYFr0z0eu"
        if (kind, name) != ("webhook", "url"):
            assert hidden
            assert hidden not in stored + repr(channel) + str(channel.__dict__)
            assert channel.shown[name] == f"••••{secret[-4:]}"
    assert {one.name for one in fields} == channel.config.keys() | channel.shown.keys()


def test_the_url_of_a_webhook_is_shown_without_its_keys() -> None:
    url = "https://tools.example.org/T0A1B2C3D4E5F6G7H8/in?key=s3cret"
    channel = a_channel("webhook", config={"url": url})
    assert channel.shown["url"] == "https://tools.example.org/***/in?key=***"
    assert values_of(channel)["url"] == url


def test_a_webhook_is_given_a_secret_which_is_shown_once() -> None:
    channel, made = create_channel(
        kind="webhook", name="tools", config={"url": "https://tools.example.org/"}, by="alice", now=NOON
    )
    assert len(read_secret(made["signing_secret"])) == 32
    assert values_of(channel)["signing_secret"] == made["signing_secret"]
    _, again = change_channel(channel, {"name": "other"}, by="alice", now=NOON)
    assert again == {}


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("slack", "url", "https://hooks.slack.com.evil.example/services/T1/B1/x"),
        ("slack", "url", "http://hooks.slack.com/services/T1/B1/x"),
        ("slack", "url", ""),
        ("slack", "url", 7),
        ("pushover", "user_key", "short"),
        ("pushover", "app_token", "t" * 29 + "é"),
        ("telegram", "bot_token", "123:abc/../../"),
        ("telegram", "chat_id", "me&x=1"),
        ("teams", "url", "https://evil.example/workflows/a/triggers/manual/paths/invoke?sig=x"),
        ("teams", "url", "https://x.logic.azure.com/nothing"),
        ("webhook", "url", "https://10.0.0.1/"),
        ("webhook", "url", "ftp://tools.example.org/"),
        ("webhook", "signing_secret", "whsec_short"),
        ("webhook", "signing_secret", "••••4567"),
        ("email", "host", "smtp example"),
        ("email", "host", "10.0.0.1"),
        ("email", "host", "fd00::1"),
        ("email", "host", "2130706433"),
        ("email", "host", "smtp.example.org:587"),
        ("email", "port", 70000),
        ("email", "port", "25"),
        ("email", "security", "perhaps"),
        ("email", "password", "s3cret"),
        ("email", "username", "somebody"),
        ("email", "sender", "csms"),
        ("email", "sender", "csms@example.org\nBcc: eve@evil.example"),
        ("email", "recipients", []),
        ("email", "recipients", "a@example.org"),
        ("email", "recipients", ["a@example.org", "b"]),
        ("email", "recipients", [f"a{n}@example.org" for n in range(21)]),
        ("email", "nonsense", 1),
    ],
)
def test_what_cannot_be_is_refused(kind: str, field: str, value: Any) -> None:
    refused("password" if field == "username" else field, kind, **{field: value})


def test_a_password_is_not_sent_in_clear() -> None:
    refused("password", "email", security="none", username="csms", password="s3cret")


def test_a_kind_that_nobody_knows() -> None:
    with pytest.raises(BadField) as error:
        create_channel(kind="pigeon", name="x", config={}, by="alice", now=NOON)
    assert error.value.field == "kind"


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_secret_that_is_absent_or_empty_stays() -> None:
    channel = a_channel("pushover")
    before = values_of(channel)
    change(channel, config={"user_key": "", "app_token": "n" * 30})
    assert values_of(fresh(channel)) == before | {"app_token": "n" * 30}
    change(channel, config={})
    assert values_of(fresh(channel))["user_key"] == before["user_key"]


def test_what_is_shown_is_no_secret() -> None:
    channel = a_channel("pushover")
    with pytest.raises(BadField, match="leave it empty"):
        change(channel, config={"user_key": channel.shown["user_key"]})


def test_a_password_is_not_shown_to_another_server() -> None:
    mail = {"security": "tls", "username": "csms", "password": "s3cret"}
    channel = a_channel("email", config=mail)
    with pytest.raises(BadField, match="give it again") as error:
        change(channel, config={"host": "evil.example"})
    assert error.value.field == "config.password"
    change(channel, config={"recipients": ["b@example.org"], "host": "smtp.example.org"})
    change(channel, config={"host": "mail.example.org", "password": "s3cret"})
    assert values_of(fresh(channel))["host"] == "mail.example.org"


def test_another_key_opens_nothing(settings: Any) -> None:
    channel = a_channel("pushover")
    settings.SECRET_KEY = "another-key-" + "y" * 40
    with pytest.raises(ValueError, match="another key"):
        values_of(channel)


def test_a_new_configuration_is_tried_at_once() -> None:
    channel = a_channel("pushover")
    Channel.objects.update(failures=5, failing_since=NOON, probe_at=LATER, last_error="It answered 401.")
    change(channel, name="phones")
    assert fresh(channel).failures == 5
    change(channel, config={"app_token": "n" * 30})
    now = fresh(channel)
    assert (now.failures, now.failing_since, now.probe_at, now.last_error) == (0, None, None, "")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "a\nb"}),
        ("name", {"name": "x" * 101}),
        ("name", {"name": "slack"}),
        ("zone", {"zone": "Europe/Nowhere"}),
        ("quiet_until", {"quiet_from": time(22)}),
        ("quiet_until", {"quiet_from": time(22), "quiet_until": time(22)}),
        ("quiet_until", {"quiet_from": time(0), "quiet_until": time(0)}),
        ("quiet_days", {"quiet_days": [7]}),
        ("quiet_days", {"quiet_days": [True]}),
        ("per_hour", {"per_hour": 1001}),
        ("digest_minutes", {"digest_minutes": 1441}),
    ],
)
def test_options_that_cannot_be(field: str, values: dict[str, Any]) -> None:
    a_channel("slack")
    channel = a_channel("pushover")
    with pytest.raises(BadField) as error:
        change(channel, **values)
    assert error.value.field == field
    assert fresh(channel).name == "pushover"


def test_quiet_hours_that_are_none_from_before_hinder_no_other_change() -> None:
    channel = a_channel("slack")
    Channel.objects.update(quiet_from=time(22), quiet_until=time(22))
    change(channel, name="other")
    with pytest.raises(BadField, match="leave both empty for no quiet hours"):
        change(channel, quiet_until=time(22))
    change(channel, quiet_until=time(7))
    assert (fresh(channel).name, fresh(channel).quiet_until) == ("other", time(7))


def test_it_is_written_down_who_did_what() -> None:
    channel = a_channel("pushover", name="phones")
    change(channel, per_hour=5)
    change(channel, config={"app_token": "n" * 30})
    a_channel("slack", default=True)
    remove_channel(channel, by="carol", now=LATER)
    entries = list(AuditEntry.objects.filter(subject=str(channel.pk)).order_by("pk"))
    assert [(one.action, one.by) for one in entries] == [
        ("channel.created", "alice"),
        ("channel.changed", "alice"),
        ("channel.changed", "alice"),
        ("channel.removed", "carol"),
    ]
    assert entries[1].details == {"per_hour": 5, "before": {"per_hour": 60}}
    assert "n" * 30 not in str([one.details for one in entries])


# --- the default ------------------------------------------------------------------------------------------------------


def defaults() -> list[str]:
    return list(Channel.objects.filter(is_default=True).values_list("name", flat=True))


def test_the_first_is_the_default_and_is_enabled() -> None:
    a_channel("slack", enabled=False)
    assert Channel.objects.get().enabled
    a_channel("pushover")
    assert defaults() == ["slack"]


def test_another_is_made_the_default() -> None:
    a_channel("slack")
    other = a_channel("pushover")
    change(other, default=True)
    assert defaults() == ["pushover"]
    a_channel("teams", default=True)
    assert defaults() == ["teams"]


def test_the_default_is_neither_disabled_nor_removed_nor_dropped() -> None:
    first, other = a_channel("slack"), a_channel("pushover", enabled=False)
    for refusal in (
        lambda: change(first, enabled=False),
        lambda: change(first, default=False),
        lambda: change(other, default=True),
        lambda: change(other, default=True, enabled=False),
        lambda: remove_channel(first, by="alice", now=LATER),
    ):
        with pytest.raises(NotNow) as error:
            refusal()
        assert error.value.code == "default"
    assert (defaults(), fresh(first).enabled) == (["slack"], True)
    change(other, default=True, enabled=True)
    remove_channel(first, by="alice", now=LATER)
    assert defaults() == ["pushover"]


def test_the_database_holds_to_it() -> None:
    first, other = a_channel("slack"), a_channel("pushover")
    for rows, values in (
        (Channel.objects.filter(pk=other.pk), {"is_default": True}),
        (Channel.objects.filter(pk=first.pk), {"enabled": False}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**values)


def test_there_are_not_more_than_fifty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "CHANNELS_MAX", 1)
    a_channel("slack")
    with pytest.raises(NotNow) as error:
        a_channel("pushover")
    assert error.value.code == "too_many"


def test_what_was_removed_is_not_changed() -> None:
    a_channel("slack")
    other = a_channel("pushover")
    remove_channel(other, by="alice", now=LATER)
    for again in (lambda: change(other, name="x"), lambda: remove_channel(other, by="alice", now=LATER)):
        with pytest.raises(NotNow) as error:
            again()
        assert error.value.code == "removed"


@pytest.mark.parametrize(
    ("kind", "repeated", "kept"),
    [
        ("slack", SLACK, "https://hooks.slack.com••••"),
        ("slack", f"No {SLACK[23:]}!", "No ••••!"),
        (
            "slack",
            SLACK[:-10].replace("/", "\\/"),
            "https:\\/\\/hooks.slack.com\\••••\\••••\\••••\\••••",
        ),
        ("slack", "hooks.slack.com has no address.", "hooks.slack.com has no address."),
        ("teams", TEAMS[-27:], "••••"),
        ("teams", "sp=/triggers/manual/run", "••••"),
        (
            "telegram",
            "POST /bot123456789:abcdefghijklmnopqrstuvwxyz/sendMessage",
            "POST /bot••••/sendMessage",
        ),
        ("telegram", "123456789%3Aabcdefghijklmnop", "••••%3A••••"),
        ("telegram", "the chat -100200300 is gone", "the chat -100200300 is gone"),
        ("email", "535 p4ss is no password of csms", "535 •••• is no password of csms"),
        ("email", "", ""),
    ],
)
def test_what_a_receiver_repeats_of_secrets_is_masked(kind: str, repeated: str, kept: str) -> None:
    mail = {"username": "csms", "password": "p4ss", "security": "tls"}
    channel = a_channel(kind, config=mail if kind == "email" else {})
    assert without_secrets(repeated, channel) == kept


# --- routes -----------------------------------------------------------------------------------------------------------


def test_a_rule_names_channels_and_when() -> None:
    first, other = a_channel("slack"), a_channel("pushover")
    set_route("charge-point-offline", [(first.pk, 0), (other.pk, 30), (other.pk, 30)], by="alice", now=NOON)
    found = steps(["charge-point-offline", "clock-off"])
    assert [(one.channel.name, one.after_minutes) for one in found["charge-point-offline"]] == [
        ("slack", 0),
        ("pushover", 30),
    ]
    assert "clock-off" not in found
    entry = AuditEntry.objects.get(action="channel.routed")
    assert (entry.subject, entry.details["steps"][1]) == (
        "charge-point-offline",
        {"channel": "pushover", "after_minutes": 30},
    )
    set_route("charge-point-offline", [], by="alice", now=NOON)
    assert not Step.objects.exists()


def test_routes_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = a_channel("slack")
    for given in (
        [(uuid4(), 0)],
        [(channel.pk, -1)],
        [(channel.pk, 10_081)],
        [(channel.pk, n) for n in range(21)],
    ):
        with pytest.raises(BadField) as error:
            set_route("clock-off", given, by="alice", now=NOON)
        assert error.value.field == "steps"
    monkeypatch.setattr(services, "ROUTES_MAX", 1)
    set_route("clock-off", [(channel.pk, 0)], by="alice", now=NOON)
    set_route("clock-off", [(channel.pk, 5)], by="alice", now=NOON)
    with pytest.raises(NotNow):
        set_route("another", [(channel.pk, 0)], by="alice", now=NOON)


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_route_that_is_set_twice_at_once_is_set_once() -> None:
    channel = a_channel("slack")
    a_rule("clock-off")

    def put() -> None:
        set_route("clock-off", [(channel.pk, 0)], by="bob", now=NOON)

    with transaction.atomic():
        put()
        other = Other(put)
        other.waits()
    other.end()
    assert list(Step.objects.values_list("rule", "after_minutes")) == [("clock-off", 0)]
    assert AuditEntry.objects.filter(action="channel.routed").count() == 2


def test_a_channel_that_goes_leaves_the_rules() -> None:
    a_channel("slack")
    other = a_channel("pushover")
    set_route("clock-off", [(other.pk, 0)], by="alice", now=NOON)
    remove_channel(other, by="alice", now=LATER)
    assert not Step.objects.exists()
    assert AuditEntry.objects.get(action="channel.removed").details == {"rules": ["clock-off"]}


def test_broken_ones_are_found() -> None:
    a_channel("slack")
    other = a_channel("pushover")
    Channel.objects.filter(pk=other.pk).update(failures=BROKEN_AFTER)
    assert [one.name for one in broken()] == ["pushover"]
    change(other, enabled=False)
    assert not broken()


def test_what_the_settings_forbid_now_is_refused_when_it_is_changed() -> None:
    channel = a_channel("webhook", config={"url": "https://127.0.0.1/hook"})
    with settings_are(CSMS_OUTBOUND_NETWORKS=""), pytest.raises(BadField, match="inside a network"):
        change(channel, config={"signing_secret": ""})
