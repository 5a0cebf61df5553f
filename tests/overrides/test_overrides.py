"""A setting is overridden: by whom it may be, which may be, what then holds, and what happens to a value gone bad."""

import logging
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from csms.core import config
from csms.core.audit.models import AuditEntry
from csms.core.config import Config, environment_config, get_config
from csms.core.config_types import as_text, env_name, extra, is_secret, read_value
from csms.core.overrides.models import SettingOverride
from csms.core.overrides.selectors import matching, setting_now, settings_now
from csms.core.overrides.services import (
    forget_overrides,
    is_mutable,
    override_setting,
    problems,
    refresh,
    reset_setting,
)
from csms.core.refusals import BadField, NotNow
from tests.support.house import settings_are

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HEARTBEAT = "CSMS_HEARTBEAT_INTERVAL"


def override(name: str, value: str, reason: str = "a trial") -> bool:
    changed = override_setting(name, value, by="adam", now=NOW, reason=reason)
    refresh()  # what the watch does, and a commit
    return changed


# --- which, and to what -----------------------------------------------------------------------------------------------


def test_every_setting_takes_its_own_default_as_text() -> None:
    for field in Config.model_fields.values():
        if not is_secret(field) and as_text(field.default):
            assert as_text(read_value(field, as_text(field.default))) == as_text(
                read_value(field, as_text(field.default))
            )


def test_no_secret_and_nothing_that_is_read_only_at_the_start_may_be_overridden() -> None:
    mutable = {env_name(f) for f in Config.model_fields.values() if is_mutable(f)}
    assert HEARTBEAT in mutable
    started_with = {
        "CSMS_HOST",
        "CSMS_PORT",
        "DATABASE_URL",
        "REDIS_URL",
        "CSMS_SECRET_KEY",
        "CSMS_MAX_FRAME_BYTES",
    }
    trusted = {"CSMS_OUTBOUND_NETWORKS", "CSMS_TRUSTED_PROXIES", "CSMS_CLIENT_CERTIFICATE_HEADER"}
    assert not mutable & (started_with | trusted)
    assert not any(is_secret(f) and extra(f, "mutable") for f in Config.model_fields.values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        (HEARTBEAT, "9", "value"),
        (HEARTBEAT, "soon", "value"),
        (HEARTBEAT, "", "value"),
        (HEARTBEAT, "1" * 501, "value"),
        ("CSMS_UNKNOWN_ID_TAGS", "maybe", "value"),
        ("CSMS_PUBLIC_URL", "http://a.example/\x00", "value"),
        ("CSMS_NONSENSE", "1", "name"),
    ],
)
def test_a_value_that_the_field_does_not_take_is_refused_with_its_form(
    name: str, value: str, field: str
) -> None:
    with pytest.raises(BadField) as refusal:
        override(name, value)
    assert refusal.value.field == field
    assert not SettingOverride.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["CSMS_PORT", "CSMS_SECRET_KEY", "BACKEND_TOKEN"])
def test_what_counts_from_the_start_on_is_not_overridden(name: str) -> None:
    with pytest.raises(NotNow, match="restart"):
        override(name, "1")


@pytest.mark.django_db
def test_whoever_overrides_says_why() -> None:
    with pytest.raises(BadField) as refusal:
        override(HEARTBEAT, "60", reason="  ")
    assert refusal.value.field == "reason"


# --- what holds -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_override_holds_until_it_is_reset_and_both_are_audited() -> None:
    assert override(HEARTBEAT, " 60 ", reason="slow\nnetwork")
    assert get_config().heartbeat_interval == 60
    assert environment_config().heartbeat_interval == 300
    assert not override(HEARTBEAT, "60"), "it is so already"
    assert override(HEARTBEAT, "90")
    assert reset_setting(HEARTBEAT, by="eve", now=NOW, reason="over")
    refresh()
    assert get_config().heartbeat_interval == 300
    assert not reset_setting(HEARTBEAT, by="eve", now=NOW)
    told = [(e.action, e.by, e.reason, e.details) for e in AuditEntry.objects.order_by("id")]
    assert told == [
        ("setting.overridden", "adam", "slow network", {"from": "300", "to": "60"}),
        ("setting.overridden", "adam", "a trial", {"from": "60", "to": "90"}),
        ("setting.reset", "eve", "over", {"from": "90", "to": "300"}),
    ]
    assert {e.subject_type for e in AuditEntry.objects.all()} == {"setting"}


@pytest.mark.django_db
def test_it_goes_before_the_environment_and_what_follows_from_it_follows() -> None:
    with settings_are(CSMS_HEARTBEAT_INTERVAL="120", CSMS_LIVENESS_TIMEOUT="60"):
        forget_overrides()
        override(HEARTBEAT, "1000")
        assert get_config().liveness_seconds == 3000
        setting = setting_now(HEARTBEAT)
        assert setting is not None
        assert (setting.value, setting.source) == ("1000", "override")
        assert (setting.environment_value, setting.environment_source) == ("120", "environment")


@pytest.mark.django_db
def test_what_was_overridden_elsewhere_holds_after_the_next_look() -> None:
    SettingOverride.objects.create(name="CSMS_UNKNOWN_ID_TAGS", value="accept", by="adam", at=NOW, reason="x")
    assert get_config().unknown_id_tags == "refuse"
    assert refresh()
    assert get_config().unknown_id_tags == "accept"
    assert not refresh(), "nothing has changed since"
    SettingOverride.objects.all().delete()
    assert refresh()
    assert get_config().unknown_id_tags == "refuse"


@pytest.mark.django_db(transaction=True)
def test_it_holds_in_this_process_as_soon_as_it_is_committed() -> None:
    override_setting(HEARTBEAT, "61", by="adam", now=NOW, reason="x")
    assert get_config().heartbeat_interval == 61


@pytest.mark.django_db
def test_the_log_level_takes_effect_and_goes_back() -> None:
    before = logging.getLogger().level
    try:
        override("CSMS_LOG_LEVEL", "error")
        assert logging.getLogger().level == logging.ERROR
        reset_setting("CSMS_LOG_LEVEL", by="adam", now=NOW)
        refresh()
        assert logging.getLogger().level == logging.INFO
    finally:
        logging.getLogger().setLevel(before)


# --- gone bad ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_stored_value_that_its_field_no_longer_takes_is_passed_over_loudly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in (
        (HEARTBEAT, "5"),
        ("CSMS_GONE", "x"),
        ("CSMS_PORT", "80"),
        ("CSMS_CALL_TIMEOUT", "31"),
    ):
        SettingOverride.objects.create(name=name, value=value, by="adam", at=NOW, reason="x")
    with caplog.at_level(logging.ERROR):
        refresh()
    assert get_config().heartbeat_interval == 300
    assert get_config().call_timeout == 31, "the good one holds all the same"
    assert set(problems()) == {HEARTBEAT, "CSMS_GONE", "CSMS_PORT"}
    assert sorted(r.setting for r in caplog.records) == ["CSMS_GONE", HEARTBEAT, "CSMS_PORT"]  # type: ignore[attr-defined]
    shown = {setting.name: setting for setting in settings_now() if setting.overridden}
    assert shown[HEARTBEAT].source == "default"
    assert "from 10 to 86400" in shown[HEARTBEAT].problem
    assert shown["CSMS_GONE"].problem
    for name in problems():
        assert reset_setting(name, by="adam", now=NOW), "and may be put away"


# --- shown ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_secret_and_no_credentials_are_shown() -> None:
    given = {
        "CSMS_SECRET_KEY": "hunter2-" + "x" * 40,
        "BACKEND_TOKEN": "hunter2hunter2",
        "REDIS_URL": "redis://eve:hunter2@redis.example/1?password=hunter2",
        "AMQP_URL": "amqps://eve:hunter2@rabbit.example/v",
    }
    with settings_are(**given):
        found = settings_now()
        assert "hunter2" not in repr(found)
        by_name = {setting.name: setting for setting in found}
        assert by_name["BACKEND_TOKEN"].is_set
        assert by_name["BACKEND_TOKEN"].value == ""
        assert by_name["REDIS_URL"].value == "redis://***@redis.example/1?***"
        assert not by_name["KAFKA_PASSWORD"].is_set


@pytest.mark.django_db
def test_settings_are_found_by_words_category_and_source() -> None:
    override(HEARTBEAT, "60")
    found = settings_now()
    assert len(found) == len(Config.model_fields)
    assert {s.name for s in matching(found, q="heartbeat interval")} >= {HEARTBEAT}
    assert [s.name for s in matching(found, source="override")] == [HEARTBEAT]
    assert {s.category for s in matching(found, category="Kafka")} == {"Kafka"}
    assert all(s.mutable for s in matching(found, mutable=True))


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_command_line_sets_lists_and_resets(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("settings_override", "set", HEARTBEAT, "77", reason="by hand")
    call_command("settings_override", "list")
    told = capsys.readouterr().out
    assert f"{HEARTBEAT}=77 (environment: 300)" in told
    assert "by hand" in told
    with pytest.raises(CommandError, match="from 10 to 86400"):
        call_command("settings_override", "set", HEARTBEAT, "5", reason="by hand")
    call_command("settings_override", "reset", HEARTBEAT)
    with pytest.raises(CommandError, match="not overridden"):
        call_command("settings_override", "reset", HEARTBEAT)
    assert not SettingOverride.objects.exists()


def test_a_lost_race_keeps_no_old_settings() -> None:
    config.forget_config()
    assert get_config() is get_config()
    assert environment_config() is get_config()
