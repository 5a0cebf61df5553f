"""Files that other programs read: whole or not at all, and written by one process at a time."""

import os
from pathlib import Path

import pytest

from alerts.alertmanager.checking import problem
from alerts.external import files
from alerts.external.programs import amtool_says, promtool_says
from alerts.external.texts import yaml_text


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rules.yml"
    files.replace(path, "before", mode=0o644)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.replace(path, "after", mode=0o644)
    assert [file.name for file in tmp_path.iterdir()] == ["rules.yml"]
    assert path.read_text() == "before"


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.replace(tmp_path / "open", "x", mode=0o644)
    finally:
        os.umask(before)
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o644


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "rules.yml"
    with files.held(path) as mine:
        assert mine
        with files.held(path) as also_mine:
            assert not also_mine
    with files.held(path) as mine:
        assert mine


def test_a_secret_that_others_may_read_is_closed_again(tmp_path: Path) -> None:
    folder, a, b = files.secrets_folder(tmp_path / "managed.yml"), "a" * 32, "b" * 32
    files.keep_secrets(folder, {a: "1", b: "2"})
    (folder / a).chmod(0o644)
    folder.chmod(0o755)
    files.keep_secrets(folder, {a: "1"})
    files.drop_secrets(folder, but={a: ""})
    assert [(file.name, file.stat().st_mode & 0o777) for file in folder.iterdir()] == [(a, 0o600)]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_only_what_is_ours_is_removed_from_the_folder_of_the_secrets(tmp_path: Path) -> None:
    folder = files.secrets_folder(tmp_path / "managed.yml")
    assert folder == tmp_path / "managed.yml.secrets"
    folder.mkdir()
    ours = {"0" * 32, f".{'1' * 32}.{'2' * 12}"}
    theirs = {"smtp-password", "0" * 31, f"{'0' * 32}.bak", f".{'1' * 32}.old", "A" * 32}
    for name in ours | theirs:
        (folder / name).write_text("x")
    (folder / ("3" * 32)).mkdir()
    files.drop_secrets(folder, but={})
    assert {file.name for file in folder.iterdir()} == theirs | {"3" * 32}


def test_a_tool_is_given_nothing_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("promtool", "amtool"):
        tool = tmp_path / name
        tool.write_text('#!/bin/sh\n/usr/bin/env; echo "$@"; exit 1\n')
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CSMS_SECRET_KEY", "s3cret")
    for said in (promtool_says("x"), amtool_says("x")):
        assert said
        assert "check" in said
        assert "the file" in said
        assert "s3cret" not in said


def test_a_tool_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alerts.external import programs

    (tmp_path / "promtool").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "promtool").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "SECONDS", 0.2)
    assert promtool_says("x") == "promtool did not end within 0.2 s."


def test_without_a_tool_there_is_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert promtool_says("x") is None
    assert amtool_says("x") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "no YAML"),
        ("[]", "not of type"),
        ("route: {receiver: a}\nreceivers: [{name: b}]", "no receiver 'a'"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "one name"),
        (
            "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{api_url: 'http://x'}]}]",
            "slack_configs",
        ),
        ("route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['/etc/*']", "templates"),
        ("route: {receiver: a}\nreceivers: [{name: a}]", ""),
    ],
)
def test_what_is_known_here_of_a_configuration_of_alertmanager(text: str, said: str) -> None:
    assert said in problem(text)
    assert bool(said) == bool(problem(text))


def test_what_yaml_would_change_is_not_written() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        yaml_text({"a": ("b",)} | {"c": float("nan")})
