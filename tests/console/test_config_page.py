"""The settings in the console: what holds and whence, overridden and reset by administrators alone, no secret shown."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone

from csms.core.audit.models import AuditEntry
from csms.core.config import Config
from csms.core.overrides.models import SettingOverride
from csms.core.overrides.services import forget_overrides
from tests.console.cast import HOSTILE, person, signed_in
from tests.support.house import settings_are

LIST = "/sys/config"
HEARTBEAT, TAGS = "CSMS_HEARTBEAT_INTERVAL", "CSMS_UNKNOWN_ID_TAGS"


@pytest.fixture
def adam(db: None) -> Client:
    return signed_in(person("adam", "administrator"))


@pytest.fixture(autouse=True)
def _environment_holds() -> Iterator[None]:
    yield
    forget_overrides()


def text(client: Client, path: str, status: int = 200, **more: object) -> str:
    answer = client.get(path, **more)
    assert answer.status_code == status, path
    return answer.content.decode()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def overridden(name: str = HEARTBEAT, value: str = "60", reason: str = "a trial") -> SettingOverride:
    return SettingOverride.objects.create(name=name, value=value, by="adam", at=timezone.now(), reason=reason)


def test_every_setting_is_there_with_value_source_and_whether_it_takes_effect_at_once(alice: Client) -> None:
    page = text(alice, LIST)
    assert page.count('class="card-cell"') == len(Config.model_fields)
    assert f"{HEARTBEAT}" in page
    row = words(page[page.index(f"/sys/config/{HEARTBEAT}") :])[:400]
    assert "300 s" in row
    assert "Default" in row
    assert "at once" in row
    assert 'data-label="A change counts">' in page, (
        "its words may wrap: German ones are longer than its column"
    )
    for name in Config.model_fields.values():
        assert alice.get(f"{LIST}/{name.validation_alias}").status_code == 200
    assert alice.get(f"{LIST}/CSMS_NONSENSE").status_code == 404


def test_it_is_filtered_and_says_when_nothing_matches(alice: Client) -> None:
    overridden()
    assert text(alice, f"{LIST}?source=override").count('class="card-cell"') == 1
    assert text(alice, f"{LIST}?q=heartbeat+told").count('class="card-cell"') == 1
    assert text(alice, f"{LIST}?category=Kafka").count('<section class="card"') == 1
    assert 0 < text(alice, f"{LIST}?mutable=on").count('class="card-cell"') < len(Config.model_fields)
    assert "No setting matches" in text(alice, f"{LIST}?q=nonsense")


def test_no_secret_is_in_any_page(adam: Client) -> None:
    given = {
        "CSMS_SECRET_KEY": "hunter2-" + "x" * 40,
        "BACKEND_TOKEN": "hunter2hunter2",
        "REDIS_URL": "redis://eve:hunter2@redis.example/1",
    }
    with settings_are(**given):
        for path in (LIST, *(f"{LIST}/{name}" for name in given)):
            page = text(adam, path)
            assert "hunter2" not in page
        assert "set, never shown" in page or "redis://***@redis.example/1" in page


def test_an_administrator_overrides_and_it_is_pinned_until_it_is_reset(adam: Client) -> None:
    answer = adam.post(f"{LIST}/{HEARTBEAT}/override", {"value": "60", "reason": "slow network"}, follow=True)
    assert "is overridden; it holds in every process within seconds" in answer.content.decode()
    page = text(adam, LIST)
    assert page.index("1 setting is overridden") < page.index('id="list"')
    pinned = words(page[page.index("1 setting is overridden") : page.index('id="list"')])
    assert "60 s instead of 300 s" in pinned
    assert "slow network" in pinned
    answer = adam.post(f"{LIST}/{HEARTBEAT}/reset", {"reason": "over"}, follow=True)
    assert "no longer overridden" in answer.content.decode()
    assert "is overridden" not in text(adam, LIST)
    history = words(text(adam, f"{LIST}/{HEARTBEAT}"))
    assert "300 → 60" in history
    assert "60 → 300" in history
    assert [e.by for e in AuditEntry.objects.all()] == ["adam", "adam"]


@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        ("5", "x", "from 10 to 86400"),
        ("", "x", "required"),
        ("60", " ", "Say why"),
        ("1e3", "x", "whole number"),
    ],
)
def test_what_the_setting_does_not_take_is_refused_at_its_field(
    adam: Client, value: str, reason: str, said: str
) -> None:
    answer = adam.post(f"{LIST}/{HEARTBEAT}/override", {"value": value, "reason": reason})
    assert answer.status_code == 422
    assert said in words(answer.content.decode())
    assert not SettingOverride.objects.exists()


def test_what_needs_a_restart_has_no_form_and_is_refused(adam: Client) -> None:
    assert 'name="value"' not in text(adam, f"{LIST}/CSMS_PORT")
    assert "restart them" in text(adam, f"{LIST}/CSMS_PORT")
    assert adam.post(f"{LIST}/CSMS_PORT/override", {"value": "80", "reason": "x"}).status_code == 422
    assert not SettingOverride.objects.exists()


def test_what_is_risky_is_asked_before(adam: Client) -> None:
    given = {"value": "accept", "reason": "open day"}
    asked = adam.post(f"{LIST}/{TAGS}/override", given)
    assert "everybody charges" in asked.content.decode()
    assert not SettingOverride.objects.exists()
    adam.post(f"{LIST}/{TAGS}/override", given | {"confirmed": "yes"})
    assert SettingOverride.objects.get().value == "accept"
    asked = adam.post(f"{LIST}/{TAGS}/reset")
    assert "Reset it to" in words(asked.content.decode())
    assert SettingOverride.objects.exists()


def test_who_is_no_administrator_sees_no_form_and_is_refused(alice: Client, bob: Client) -> None:
    overridden()
    for client in (alice, bob):
        page = text(client, f"{LIST}/{HEARTBEAT}")
        assert "/override" not in page
        assert "/reset" not in page
        assert "/reset" not in text(client, LIST)
        for act in ("override", "reset"):
            refused = client.post(f"{LIST}/{HEARTBEAT}/{act}", {"value": "70", "reason": "x"})
            assert refused.status_code == 403
            assert "Only administrators may do this" in refused.content.decode()
    assert SettingOverride.objects.get().value == "60"
    assert not AuditEntry.objects.exists()


def test_a_viewer_reads_the_settings_with_their_history_and_no_secret(adam: Client, bob: Client) -> None:
    override = {"value": "61", "reason": "the noon shift", "confirmed": "yes"}
    assert adam.post(f"{LIST}/{HEARTBEAT}/override", override).status_code == 302
    assert "61" in text(bob, LIST)
    assert "the noon shift" in text(bob, f"{LIST}/{HEARTBEAT}")
    with settings_are(BACKEND_TOKEN="hunter2hunter2"):
        assert "hunter2" not in text(bob, LIST) + text(bob, f"{LIST}/BACKEND_TOKEN")


def test_a_stored_value_gone_bad_is_shown_loudly_and_may_be_put_away(adam: Client) -> None:
    overridden(value="5")
    overridden("CSMS_GONE", HOSTILE, HOSTILE)
    page = text(adam, LIST)
    assert "<script>document" not in page
    assert page.count("The stored value does not count") == 2
    assert "300 s" in words(text(adam, f"{LIST}/{HEARTBEAT}"))
    assert "does not count" in text(adam, f"{LIST}/CSMS_GONE")
    adam.post(f"{LIST}/CSMS_GONE/reset")
    assert SettingOverride.objects.get().name == HEARTBEAT


def test_fragments_are_the_page_s_own_parts(alice: Client) -> None:
    overridden()
    part = text(alice, LIST, headers={"Live": "active list"})
    assert '<div id="active">' in part
    assert "<html" not in part


@pytest.mark.parametrize("count", [1, 30])
def test_the_queries_do_not_grow(
    adam: Client, count: int, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    for field in list(Config.model_fields.values())[:count]:
        overridden(str(field.validation_alias), "x")
    adam.get(LIST)
    with django_assert_num_queries(3):  # the session, the person, the overrides
        adam.get(LIST)
    with django_assert_num_queries(4):  # and the history
        adam.get(f"{LIST}/{HEARTBEAT}")
