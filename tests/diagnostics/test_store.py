"""Names are labels, URLs lead here, and nothing lies in the store for ever."""

import os
from pathlib import Path
from typing import Any

import pytest

from chargers.diagnostics import store
from chargers.diagnostics.models import StoredFile
from chargers.diagnostics.uploads import NoAddress, label, new_url, sweep_store
from csms.core.config import ConfigError, get_config, prepare_data_dir
from tests.diagnostics.cast import a_file, a_job
from tests.support.house import now, settings_are


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("diag.zip", "diag.zip"),
        ("../../etc/passwd", "passwd"),
        ("C:\\logs\\a.log", "a.log"),
        ("..", ""),
        ("a\r\nSet-Cookie: b", "a__Set-Cookie_ b"),
        ("<script>alert(1)</script>", "script"),
        ("x\u202egpj.exe", "x_gpj.exe"),
        ("Протокол.txt", "Протокол.txt"),
        ("x" * 300 + ".zip", "x" * 96 + ".zip"),
        (".htaccess", "htaccess"),
        ("a$(reboot)", "a_(reboot)"),
    ],
)
def test_a_hostile_name_is_a_harmless_label(name: str, shown: str) -> None:
    assert label(name) == shown


# --- the address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"CSMS_PUBLIC_URL": "https://x.example/csms/"}, "https://x.example/csms/u/"),
        ({"CSMS_HOST": "192.0.2.7", "CSMS_PORT": "81"}, "http://192.0.2.7:81/u/"),
        ({"CSMS_HOST": "2001:db8::1"}, "http://[2001:db8::1]:8000/u/"),
    ],
)
def test_urls_lead_to_this_server(given: dict[str, str], expected: str) -> None:
    with settings_are(**given):
        url, token = new_url()
    assert url == f"{expected}{token}/"
    assert len(token) == 43


@pytest.mark.parametrize("given", [{"CSMS_BEHIND_TLS_PROXY": "true"}, {"CSMS_PORT": "0"}])
def test_an_address_that_nobody_knows_must_be_set(given: dict[str, str]) -> None:
    with settings_are(**given), pytest.raises(NoAddress, match="CSMS_PUBLIC_URL"):
        new_url()


# --- the store --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_strays_are_swept_and_files_are_not(tmp_path: Path) -> None:
    with settings_are(STORAGE_URL=f"file://{tmp_path}"):
        job = a_job()
        for name in ("kept", "stray", "young", "half"):
            writing = store.Writing()
            writing.write(name.encode())
            if name != "half":
                writing.finish()
            else:
                writing._file.flush()  # type: ignore[union-attr]
            path = writing._path if name != "half" else writing._part
            if name != "young":
                os.utime(path, (1, 1))
            if name == "kept":
                StoredFile.objects.create(
                    charge_point=job.charge_point, job=job, name="k", content=writing.content, size=4,
                    sha256="", received_at=now(),
                )  # fmt: skip
        assert sweep_store() == 2
        assert {path.read_text() for path in tmp_path.glob("??/*")} == {"kept", "young"}
        assert sweep_store() == 0


@pytest.mark.django_db
def test_sweeping_a_full_store_asks_for_many_files_at_once(
    tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    with settings_are(STORAGE_URL=f"file://{tmp_path}"):
        job = a_job()
        for _ in range(20):
            os.utime(store._path(a_file(job).content), (1, 1))
        with django_assert_max_num_queries(1):
            assert sweep_store() == 0


def test_a_folder_for_files_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with settings_are(STORAGE_URL=f"file://{tmp_path}/file/sub"):
        with pytest.raises(ConfigError, match="STORAGE_URL: .* is not writable"):
            prepare_data_dir(get_config())


@pytest.mark.parametrize("url", ["s3://bucket/x", "file://host/x", "file:///", "/files", "file:relative"])
def test_a_store_that_there_is_not_is_refused(url: str) -> None:
    with settings_are(STORAGE_URL=url):
        with pytest.raises(ConfigError, match="give file:///absolute/path/of/a/folder"):
            get_config()


@pytest.mark.parametrize(
    "url", ["ftp://x.example", "x.example", "https://x.example/?a=1", "https://" + "a" * 150, "https://u@x"]
)
def test_a_public_url_that_cannot_lead_here_is_refused(url: str) -> None:
    with settings_are(CSMS_PUBLIC_URL=url):
        with pytest.raises(ConfigError, match="CSMS_PUBLIC_URL"):
            get_config()
