"""Static files of a checkout: texts go compressed to whoever takes that, and as they are now."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from csms import static_files
from csms.static_files import StaticFiles

SCRIPT = b"export const greeting = 'Good morning';\n" * 100
Get = Callable[..., HttpResponse]


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.STATICFILES_DIRS = [tmp_path]
    settings.WHITENOISE_USE_FINDERS = True
    settings.STATIC_ROOT = None
    (tmp_path / "a.js").write_bytes(SCRIPT)
    (tmp_path / "a.woff2").write_bytes(SCRIPT)
    (tmp_path / "packed.js").write_bytes(SCRIPT)
    (tmp_path / "packed.js.gz").write_bytes(gzip.compress(b"from beside", mtime=0))
    return tmp_path


@pytest.fixture(params=[False, True], ids=["served", "debugged"])
def get(folder: Path, settings: Any, request: pytest.FixtureRequest) -> Get:
    settings.WHITENOISE_AUTOREFRESH = request.param

    def elsewhere(_: HttpRequest) -> HttpResponse:
        return HttpResponse(b"elsewhere", status=404)

    middleware = StaticFiles(elsewhere)

    def ask(
        name: str, encoding: str = "gzip, deflate, br", method: str = "GET", **headers: str
    ) -> HttpResponse:
        asked = {"accept-encoding": encoding} if encoding else {}
        asked |= {name.replace("_", "-"): value for name, value in headers.items()}
        return middleware(RequestFactory().generic(method, f"/static/{name}", headers=asked))

    return ask


def test_a_text_goes_compressed_to_whoever_takes_that(get: Get) -> None:
    answer = get("a.js")
    assert (answer.status_code, answer["Content-Encoding"]) == (200, "gzip")
    assert gzip.decompress(answer.content) == SCRIPT
    assert len(answer.content) < len(SCRIPT) / 10
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["Vary"] == "Accept-Encoding"
    assert answer["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize("encoding", ["", "identity", "br", "x-gzip-not", "gzip;q=0", "br, gzip; q=0.0, *"])
def test_a_text_goes_as_it_is_to_whoever_does_not(get: Get, encoding: str) -> None:
    answer = get("a.js", encoding)
    assert (answer.status_code, answer.content, "Content-Encoding" in answer) == (200, SCRIPT, False)
    assert (answer["Content-Length"], answer["Vary"]) == (str(len(SCRIPT)), "Accept-Encoding")


@pytest.mark.parametrize("encoding", ["gzip", "br;q=1.0, gzip;q=0.5", "deflate,GZIP", "gzip;q=0.001"])
def test_every_way_to_say_that_it_is_taken_is_heard(get: Get, encoding: str) -> None:
    assert get("a.js", encoding)["Content-Encoding"] == "gzip"


def test_the_answer_to_head_has_the_same_headers(get: Get) -> None:
    for encoding in ("gzip", ""):
        whole, head = get("a.js", encoding), get("a.js", encoding, "HEAD")
        assert (head.status_code, head.content, head.headers) == (200, b"", whole.headers)


def test_what_has_not_changed_is_not_sent_again(get: Get) -> None:
    for encoding, other in (("gzip", ""), ("", "gzip")):
        known = get("a.js", encoding)
        for asked in (
            {"If_None_Match": known["ETag"]},
            {"If_Modified_Since": known["Last-Modified"]},
            {"If_None_Match": get("a.js", other)["ETag"]},
        ):
            answer = get("a.js", encoding, **asked)
            assert (answer.status_code, answer.content, "Content-Encoding" in answer) == (304, b"", False)
            assert (answer["ETag"], answer["Vary"]) == (known["ETag"], "Accept-Encoding")
    assert get("a.js", If_None_Match='"another"').status_code == 200


def test_the_compressed_and_the_plain_file_are_not_the_same_byte_by_byte(get: Get) -> None:
    assert get("a.js")["ETag"] == f"W/{get('a.js', '')['ETag']}"


def test_a_part_is_a_part_of_the_plain_file(get: Get) -> None:
    answer = get("a.js", Range="bytes=7-11")
    assert (answer.status_code, answer.content, "Content-Encoding" in answer) == (206, b"const", False)
    assert answer["Content-Range"] == f"bytes 7-11/{len(SCRIPT)}"
    assert not answer["ETag"].startswith("W/")


def test_a_file_that_changed_is_sent_as_it_is_now(get: Get, folder: Path) -> None:
    before = get("a.js")
    (folder / "a.js").write_bytes(SCRIPT[::-1])
    os.utime(folder / "a.js", (2_000_000_000, 2_000_000_000))
    answer = get("a.js", If_None_Match=before["ETag"])
    assert (answer.status_code, gzip.decompress(answer.content)) == (200, SCRIPT[::-1])
    assert answer["Last-Modified"] == "Wed, 18 May 2033 03:33:20 GMT"
    assert get("a.js", "").content == SCRIPT[::-1]


def test_a_file_is_compressed_once(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    first = get("a.js")

    def refuse(*_args: object, **_words: object) -> bytes:
        raise AssertionError("compressed again")

    monkeypatch.setattr(gzip, "compress", refuse)
    assert get("a.js").content == first.content


def test_only_so_many_files_are_remembered(get: Get, folder: Path) -> None:
    for number in range(static_files.REMEMBERED + 5):
        (folder / "a.js").write_bytes(SCRIPT + b"/" * number)
        get("a.js")
    assert static_files._compressed.cache_info().currsize == static_files.REMEMBERED


def test_a_copy_that_lies_beside_the_file_is_sent(get: Get) -> None:
    answer = get("packed.js")
    assert (gzip.decompress(answer.content), answer["Vary"]) == (b"from beside", "Accept-Encoding")
    assert get("packed.js", "").content == SCRIPT


def test_what_is_no_text_goes_as_it_is(get: Get) -> None:
    answer = get("a.woff2")
    assert (answer.content, "Content-Encoding" in answer, "Vary" in answer) == (SCRIPT, False, False)


def test_a_method_that_is_not_allowed_is_refused(get: Get) -> None:
    answer = get("a.js", method="POST")
    assert (answer.status_code, answer["Allow"], "Content-Encoding" in answer) == (405, "GET, HEAD", False)


def test_a_file_that_is_gone_is_not_found(get: Get, folder: Path) -> None:
    (folder / "a.js").unlink()
    assert get("a.js").status_code == 404


def test_collected_files_are_sent_as_they_were_collected(folder: Path, settings: Any) -> None:
    settings.WHITENOISE_USE_FINDERS = False
    settings.STATIC_ROOT = folder
    answer = StaticFiles(None)(RequestFactory().get("/static/a.js", headers={"accept-encoding": "gzip"}))
    assert (answer.content, "Content-Encoding" in answer) == (SCRIPT, False)
