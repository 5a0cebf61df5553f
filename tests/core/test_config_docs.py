"""The generated documents say what the settings are: all of them, and nothing of this machine."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from dotenv import dotenv_values

from csms.core import config_docs
from csms.core.config import Config, load_config
from csms.core.config_types import env_name, extra
from csms.management.commands.config_docs import Command

ROOT = Path(__file__).resolve().parents[2]
FIELDS = list(Config.model_fields.values())


@pytest.mark.parametrize("field", FIELDS, ids=env_name)
def test_every_setting_stands_in_both_documents(field):
    example, guide = config_docs.documents().values()
    assert example.count(f"\n#{env_name(field)}=") == 1
    (row,) = [line for line in guide.splitlines() if line.startswith(f"| `{env_name(field)}`")]
    assert row.count(" | ") == 5, "one cell each: name, default, accepted, unit, what it does, takes effect"
    assert field.description in row
    assert row.endswith("| restart |" if not extra(field, "mutable") else "| at once |")


def test_every_setting_is_described_and_says_what_an_empty_default_means():
    for field in FIELDS:
        assert field.description, env_name(field)
        assert field.description.endswith("."), env_name(field)
        assert config_docs.default_text(field) or extra(field, "unset"), env_name(field)


def test_the_settings_of_a_category_stand_together():
    guide = config_docs.documents()["docs/configuration.md"]
    for category in {extra(field, "category") for field in FIELDS}:
        assert guide.count(f"\n## {category}\n") == 1


def test_secrets_are_marked_and_have_no_default():
    guide = config_docs.documents()["docs/configuration.md"]
    marked = [line.split("`")[1] for line in guide.splitlines() if "` **secret** |" in line]
    ours = ["CSMS_SECRET_KEY", "CSMS_ADMIN_PASSWORD", "CSMS_CA_KEY_PASSWORD", "CSMS_V2G_CA_KEY_PASSWORD"]
    assert marked == [*ours, "KAFKA_PASSWORD", "BACKEND_TOKEN", "PROMETHEUS_TOKEN", "ALERTMANAGER_TOKEN"]


def test_the_example_uncommented_is_accepted_and_changes_nothing(monkeypatch, tmp_path):
    for field in FIELDS:
        monkeypatch.delenv(env_name(field), raising=False)
    monkeypatch.chdir(tmp_path)
    untouched = load_config()
    text = config_docs.documents()[".env.example"]
    Path(".env").write_text(
        "".join(line.removeprefix("#") + "\n" for line in text.splitlines() if line[1:2] != " ")
    )
    assert set(dotenv_values(".env")) == {env_name(field) for field in FIELDS}
    assert load_config() == untouched


def test_nothing_of_this_machine_stands_in_the_documents(monkeypatch, tmp_path):
    before = config_docs.documents()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CSMS_HOST", "depot7.example.org")
    monkeypatch.setenv("CSMS_PORT", "4711")
    assert config_docs.documents() == before
    for text in before.values():
        assert str(ROOT) not in text
        assert str(Path.home()) + "/" not in text
        assert f" {socket.gethostname()} " not in text


def test_the_committed_documents_are_up_to_date():
    assert config_docs.drifted(ROOT) == [], "run `manage.py config_docs`"


def test_a_drifted_or_missing_document_is_named_and_then_mended(tmp_path):
    assert config_docs.write(tmp_path) == [".env.example", "docs/configuration.md"]
    assert config_docs.write(tmp_path) == []
    guide = tmp_path / "docs" / "configuration.md"
    guide.write_text(guide.read_text().replace("| `8000` |", "| `8080` |"))
    assert config_docs.drifted(tmp_path) == ["docs/configuration.md"]
    (tmp_path / ".env.example").unlink()
    assert config_docs.drifted(tmp_path) == [".env.example", "docs/configuration.md"]
    assert config_docs.write(tmp_path) == [".env.example", "docs/configuration.md"]
    assert config_docs.drifted(tmp_path) == []


def test_a_changed_default_is_a_drift(tmp_path, monkeypatch):
    config_docs.write(tmp_path)
    monkeypatch.setattr(Config.model_fields["port"], "default", 8001)
    assert config_docs.drifted(tmp_path) == [".env.example", "docs/configuration.md"]


def run_config_docs(*arguments, **variables):
    start = [sys.executable, str(ROOT / "manage.py"), "config_docs", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(start, env=environment, capture_output=True, text=True, timeout=120)


def test_the_check_passes_without_a_database_and_with_other_settings_in_force(tmp_path):
    ended = run_config_docs(
        "--check", CSMS_DATA_DIR=str(tmp_path), CSMS_PORT="1", DATABASE_URL="postgresql://nowhere.invalid/x"
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_check_fails_naming_the_drifted_file_and_what_to_do(tmp_path, settings):
    settings.BASE_DIR = tmp_path
    with pytest.raises(
        CommandError, match=r"^\.env\.example, docs/configuration\.md: .*run `manage.py config_docs`"
    ) as end:
        call_command(Command(), "--check")
    assert end.value.returncode == 1
    assert list(tmp_path.iterdir()) == [], "a check writes nothing"
    call_command(Command())
    call_command(Command(), "--check")
