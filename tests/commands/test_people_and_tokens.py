"""People and programs get their keys, drivers their tokens, and old data goes."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from chargers.models import Frame, RefusedHandshake
from csms.core.access.models import ApiToken, Role, User
from csms.core.access.services import find_api_token, revoke_api_token, signing_secrets
from csms.core.config import get_config
from csms.core.ids import uuid7, uuid7_floor
from tests.commands.conftest import refusal, type_command
from transactions.models import IdToken

pytestmark = pytest.mark.django_db


# --- people ---------------------------------------------------------------------------------------


def test_an_operator_gets_a_password_that_is_printed_once():
    said = type_command("create_operator", "alice")
    alice = User.objects.get(username="alice")
    assert alice.check_password(said.out)
    assert (alice.role, alice.is_staff) == (Role.OPERATOR, False)
    assert alice.may("command")
    assert not alice.may("admin")


def test_a_viewer_may_only_look_and_an_administrator_may_everything():
    type_command("create_operator", "bob", "--role", "viewer")
    type_command("create_operator", "carol", "--role", "administrator")
    bob, carol = User.objects.get(username="bob"), User.objects.get(username="carol")
    assert [bob.may(s) for s in ("read", "command", "write", "admin")] == [True, False, False, False]
    assert [carol.may(s) for s in ("read", "command", "write", "admin")] == [True] * 4
    assert carol.is_staff


def test_an_operator_who_exists_is_changed_only_on_request():
    first = type_command("create_operator", "alice").out
    assert "--update" in refusal("create_operator", "alice")
    assert User.objects.get().check_password(first)
    second = type_command("create_operator", "alice", "--update", "--role", "viewer").out
    assert User.objects.get().check_password(second)
    assert User.objects.get().role == Role.VIEWER


def test_a_bad_name_or_password_is_refused(monkeypatch):
    assert "valid username" in refusal("create_operator", "no spaces please")
    monkeypatch.setattr("csms.core.access.management.commands.create_operator.getpass", lambda _: "short")
    assert "too short" in refusal("create_operator", "alice", "--ask")
    assert not User.objects.exists()


# --- programs -------------------------------------------------------------------------------------


def test_an_api_token_is_shown_once_and_kept_as_a_hash():
    key = type_command("create_api_token", "billing").out
    token = ApiToken.objects.get()
    assert find_api_token(key, now=timezone.now()) == token
    assert key not in (token.digest, token.hint)
    assert token.scopes == ["command", "read", "write"]
    assert not token.may("admin")


def test_the_signing_secret_of_an_api_token_is_shown_once_and_kept_sealed():
    said = type_command("create_api_token", "billing", "--rate", "60")
    shown = said.err.split("whsec_")[1].split()[0]
    token = ApiToken.objects.get()
    assert signing_secrets(token, now=timezone.now()) == [b64decode(shown)]
    assert len(b64decode(shown)) == 32
    assert shown not in token.signing_secret
    assert "whsec_" not in type_command("list_api_tokens").out
    assert (token.rate, token.created_by) == (60, "command line")


def test_an_older_signing_secret_signs_for_a_day_beside_the_new_one():
    type_command("create_api_token", "billing")
    now = timezone.now()
    [old] = signing_secrets(ApiToken.objects.get(), now=now)
    said = type_command("rotate_signing_secret", "billing")
    new = b64decode(said.out.removeprefix("whsec_"))
    token = ApiToken.objects.get()
    assert signing_secrets(token, now=now) == [new, old]
    assert signing_secrets(token, now=now + timedelta(hours=23)) == [new, old]
    assert signing_secrets(token, now=now + timedelta(hours=24, minutes=1)) == [new]
    assert "UTC" in said.err
    type_command("rotate_signing_secret", "billing")
    assert signing_secrets(ApiToken.objects.get(), now=now)[1] == new


def test_a_token_older_than_signing_gets_its_secret_by_a_rotation():
    type_command("create_api_token", "billing")
    ApiToken.objects.update(signing_secret="")
    assert signing_secrets(ApiToken.objects.get(), now=timezone.now()) == []
    assert "before signs" not in type_command("rotate_signing_secret", "billing").err
    assert len(signing_secrets(ApiToken.objects.get(), now=timezone.now())) == 1


def test_a_revoked_or_unknown_token_gets_no_signing_secret():
    type_command("create_api_token", "billing")
    type_command("revoke_api_token", "billing")
    assert "revoked" in refusal("rotate_signing_secret", "billing")
    assert "list_api_tokens" in refusal("rotate_signing_secret", "nobody")


def test_an_api_token_ends_by_expiry_and_by_revocation():
    now = timezone.now()
    key = type_command("create_api_token", "short", "--days", "1").out
    assert find_api_token(key, now=now) is not None
    assert find_api_token(key, now=now + timedelta(days=1, minutes=1)) is None
    assert revoke_api_token("short", now=now)
    assert find_api_token(key, now=now) is None
    assert not revoke_api_token("short", now=now)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["billing", "--scopes", "everything"], "everything"),
        (["billing", "--scopes", ""], "none"),
        (["billing", "--days", "0"], "at least 1"),
        (["billing", "--rate", "-1"], "1000000"),
        (["n" * 65], "64"),
        (["bell\a"], "printable"),
        (["csms_abc"], "begin"),
    ],
)
def test_a_bad_api_token_is_refused(words, why):
    assert why in refusal("create_api_token", *words)
    assert not ApiToken.objects.exists()


def test_two_api_tokens_cannot_have_one_name():
    type_command("create_api_token", "billing")
    assert "exists already" in refusal("create_api_token", "billing")


def test_api_tokens_are_listed_without_their_secrets():
    assert type_command("list_api_tokens").out == ""
    now = timezone.now()
    keys = [type_command("create_api_token", name).out for name in ("billing", "cms", "old")]
    ApiToken.objects.filter(name="billing").update(created_at=datetime(2026, 3, 4, 12, tzinfo=UTC))
    ApiToken.objects.filter(name="cms").update(
        last_used_at=datetime(2026, 3, 5, 13, 30, tzinfo=UTC), expires_at=now - timedelta(days=1)
    )
    revoke_api_token("old", now=now)
    listed = type_command("list_api_tokens").out
    head, billing, cms, old = listed.splitlines()
    assert head.split()[:3] == ["NAME", "PREFIX", "STATE"]
    assert billing.split() == [
        *("billing", keys[0][:8], "live", "command,read,write", "2026-03-04", "12:00", "never", "never")
    ]
    assert cms.split()[:3] == ["cms", keys[1][:8], "expired"]
    assert "2026-03-05 13:30" in cms
    assert f"{now - timedelta(days=1):%Y-%m-%d %H:%M}" in cms
    assert old.split()[:3] == ["old", keys[2][:8], "revoked"]
    for key, token in zip(keys, ApiToken.objects.order_by("name"), strict=True):
        assert key[8:] not in listed
        assert token.digest not in listed
    live = type_command("list_api_tokens", "--live").out
    assert [line.split()[0] for line in live.splitlines()] == ["NAME", "billing"]


@pytest.mark.parametrize("named", ["name", "prefix", "key"])
def test_an_api_token_is_revoked_once_and_for_good(named):
    key = type_command("create_api_token", "billing").out
    other = type_command("create_api_token", "other").out
    ApiToken.objects.filter(name="other").update(hint="csms_???")
    text = {"name": "billing", "prefix": key[:8], "key": key}[named]
    said = type_command("revoke_api_token", text).out
    assert said == f"Token 'billing' ({key[:8]}…) is revoked."
    assert find_api_token(key, now=timezone.now()) is None
    assert find_api_token(other, now=timezone.now()) is not None
    revoked_at = ApiToken.objects.get(name="billing").revoked_at
    again = type_command("revoke_api_token", text).out
    assert again == f"Token 'billing' ({key[:8]}…) was revoked before."
    assert ApiToken.objects.get(name="billing").revoked_at == revoked_at
    assert "choose another" in refusal("create_api_token", "billing")


def test_revoking_an_api_token_never_guesses():
    key = type_command("create_api_token", "billing").out
    type_command("create_api_token", "cms")
    ApiToken.objects.update(hint=key[:8])
    said = refusal("revoke_api_token", key[:8])
    assert "'billing', 'cms'" in said
    for text in ("nobody", "bill", "BILLING", "csms_", "", key[:7], key[:-1]):
        said = refusal("revoke_api_token", text)
        assert "list_api_tokens" in said
        assert key[8:16] not in said
    assert not ApiToken.objects.exclude(revoked_at=None).exists()
    type_command("revoke_api_token", "cms")
    assert "'billing'" in type_command("revoke_api_token", key[:8]).out


# --- drivers --------------------------------------------------------------------------------------


def test_an_id_token_is_registered_and_changed():
    said = type_command(
        "add_id_token",
        "04A1",
        "--label",
        "Ada",
        "--parent",
        "FAMILY",
        "--expires",
        "2030-12-31T23:59:59+01:00",
    )
    assert said.out == "04A1 is registered."
    token = IdToken.objects.get()
    assert (token.label, token.parent) == ("Ada", "FAMILY")
    assert token.expires_at == datetime(2030, 12, 31, 22, 59, 59, tzinfo=UTC)
    assert "--update" in refusal("add_id_token", "04a1", "--block")
    assert type_command("add_id_token", "04a1", "--update", "--block", "--max-active", "1").out == (
        "04A1 is changed (blocked)."
    )
    token.refresh_from_db()
    assert (token.blocked, token.max_active, token.label) == (True, 1, "Ada")
    assert "was so already" in type_command("add_id_token", "04A1", "--update", "--block").out


def test_a_token_of_a_type_and_of_places_is_registered():
    words = ["--type", "emaid", "--at", "CP-1", "--at", "3", "--language", "de", "--message", "Willkommen"]
    type_command("add_id_token", "DE-8AA-123456789", *words)
    token = IdToken.objects.get()
    assert (token.type, token.evses, token.language, token.personal_message) == (
        "eMAID",
        ["CP-1", 3],
        "de",
        "Willkommen",
    )
    said = type_command("add_id_token", "481516", "--type", "KeyCode")
    code = IdToken.objects.get(type="KeyCode")
    assert said.out == f"{code.id_token} is registered."
    assert "481516" not in said.out + said.err
    assert "481516" not in refusal("add_id_token", "481516", "--type", "KeyCode", "--update", "--block")
    type_command("add_id_token", code.id_token, "--update", "--block")
    code.refresh_from_db()
    assert code.blocked


def test_a_token_too_long_for_ocpp_16_is_taken_with_a_warning():
    assert "20" in type_command("add_id_token", "x" * 21).err
    assert IdToken.objects.count() == 1


@pytest.mark.parametrize(
    "words",
    [
        ["04A1", "--expires", "tomorrow"],
        ["04A1", "--expires", "2030-12-31T23:59:59"],
        ["04A1", "--max-active", "-1"],
        ["x" * 256],
        [""],
        ["bell\a"],
        ["04A1", "--type", "Card"],
        ["04A1", "--at", "CP-1/0"],
    ],
)
def test_a_bad_id_token_is_refused(words):
    refusal("add_id_token", *words)
    assert not IdToken.objects.exists()


# --- old data -------------------------------------------------------------------------------------


def test_old_data_is_counted_and_then_removed():
    config, now = get_config(), timezone.now()
    for days in (0, config.retain_frames_days + 1):
        Frame.objects.create(
            id=uuid7_floor(now - timedelta(days=days)),
            charge_point_id=1,
            connection_id=uuid7(),
            at=now,
            direction="in",
            verdict="ok",
            text="{}",
        )
    RefusedHandshake.objects.create(
        reason="unknown",
        http_status=404,
        first_at=now,
        last_at=now - timedelta(days=config.retain_refusals_days + 1),
    )
    counted = type_command("prune", "--dry-run").out
    assert "1 frames would be removed" in counted
    assert Frame.objects.count() == 2
    assert "1 refused handshakes removed" in type_command("prune").out
    assert Frame.objects.get().at == now
    assert not RefusedHandshake.objects.exists()
    assert "0 frames removed" in type_command("prune").out
