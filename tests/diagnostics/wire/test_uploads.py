"""Files come in by one-time URLs: once, in time, up to a size, whatever they are called, never held in memory."""

import asyncio
import hashlib
import os
import socket
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY

from chargers.diagnostics import door, store, uploads
from chargers.diagnostics.models import LogJob, StoredFile, Upload
from chargers.diagnostics.uploads import new_url, open_upload
from csms.core.config import get_config
from tests.conformance.v16.cast import eventually, fresh
from tests.diagnostics.cast import a_job, at_home, base_url, put
from tests.support.house import House, now, settings_are


def a_url(house: House, job: LogJob | None = None, **late: float) -> tuple[str, Upload]:
    """A URL of the running house, given out so long ago."""
    with at_home(house):
        url, token = new_url()
        job = job or a_job()
        return url, open_upload(job, job.charge_point, now=now() - timedelta(**late), url=url, token=token)


def outcomes(reason: str) -> float:
    return REGISTRY.get_sample_value("csms_uploads_total", {"outcome": reason}) or 0


def content_of(file: StoredFile) -> bytes:
    return store._path(file.content).read_bytes()


# --- well -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_file_is_stored_with_its_digest(house: House, method: str):
    before = outcomes("stored")
    url, upload = a_url(house)
    assert await put(url, b"hello", method=method, Content_Type="text/x-log") == (200, "Stored.\n")
    [file] = StoredFile.objects.filter(job=upload.job)
    assert (file.size, file.sha256) == (5, hashlib.sha256(b"hello").hexdigest())
    assert (file.charge_point, file.content_type, file.peer) == (
        upload.charge_point,
        "text/x-log",
        "127.0.0.1",
    )
    assert content_of(file) == b"hello"
    assert fresh(upload).used_at is not None
    assert outcomes("stored") == before + 1


async def test_chunks_without_a_length_will_do(house: House):
    url, upload = a_url(house)
    assert (await put(url, iter([b"a" * 70_000, b"b" * 70_000])))[0] == 200
    file = StoredFile.objects.get(job=upload.job)
    assert content_of(file) == b"a" * 70_000 + b"b" * 70_000


async def test_a_form_will_do(house: House):
    url, upload = a_url(house)
    form = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a/../b.zip"\r\n\r\nPK\r\n--x--\r\n'
    answer = await put(url, form, method="POST", Content_Type="multipart/form-data; boundary=x")
    assert answer[0] == 200
    file = StoredFile.objects.get(job=upload.job)
    assert (file.name, content_of(file)) == ("b.zip", b"PK")


async def test_the_answer_sets_no_cookie_and_needs_none(house: House):
    url, _ = a_url(house)
    parts = urlsplit(url)
    wire = socket.create_connection((parts.hostname, parts.port))
    head = f"PUT {parts.path} HTTP/1.1\r\nHost: a-name-that-is-not-allowed\r\nContent-Length: 1\r\n\r\nx"
    wire.sendall(head.encode())
    answer = await asyncio.to_thread(wire.recv, 4096)
    wire.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"set-cookie" not in answer.lower()


async def test_a_large_file_is_never_in_memory(house: House, monkeypatch: pytest.MonkeyPatch):
    pieces: list[int] = []
    write = store.Writing.write

    def counting(self: store.Writing, piece: bytes) -> None:
        pieces.append(len(piece))
        write(self, piece)

    monkeypatch.setattr(store.Writing, "write", counting)
    url, upload = a_url(house)
    size, block = 64 * 1024 * 1024, os.urandom(1024 * 1024)

    def body() -> Iterator[bytes]:
        for _ in range(64):
            yield block

    tracemalloc.start()
    try:
        assert (await put(url, body()))[0] == 200
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    file = StoredFile.objects.get(job=upload.job)
    assert file.size == size == sum(pieces)
    assert file.sha256 == hashlib.sha256(block * 64).hexdigest()
    assert max(pieces) < store.PIECE + 512 * 1024
    assert peak < 16 * 1024 * 1024
    store.delete(file.content)


# --- badly ------------------------------------------------------------------------------------------------------------


async def test_a_url_is_used_once(house: House):
    before = outcomes("used")
    url, upload = a_url(house)
    assert (await put(url, b"1"))[0] == 200
    assert await put(url, b"2") == (410, "A file was uploaded here already.\n")
    assert await put(url + "other.name", b"2") == (410, "A file was uploaded here already.\n")
    assert content_of(StoredFile.objects.get(job=upload.job)) == b"1"
    assert outcomes("used") == before + 2


async def test_a_url_ends_by_the_clock(house: House):
    before = outcomes("expired")
    url, upload = a_url(house, seconds=get_config().upload_ttl + 1)
    assert await put(url, b"1") == (410, "The time to upload here is over.\n")
    assert not StoredFile.objects.filter(job=upload.job).exists()
    assert outcomes("expired") == before + 1


@pytest.mark.parametrize("path", ["/u/", "/u/x", "/u/" + "a" * 42, "/u/" + "a" * 43, "/u/" + "a" * 43 + "/f"])
async def test_what_was_never_given_out_is_unknown(house: House, path: str):
    before = outcomes("unknown")
    assert await put(base_url(house) + path, b"1") == (404, "There is no such upload.\n")
    assert outcomes("unknown") == before + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH"])
async def test_nothing_but_an_upload_happens_there(house: House, method: str):
    url, upload = a_url(house)
    assert (await put(url, None, method=method))[0] == 405
    assert fresh(upload).attempt == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_what_is_too_large_is_refused_and_leaves_nothing(house: House, chunked: bool):
    url, upload = a_url(house)
    before = list(get_config().files_folder.glob("??/*"))
    with settings_are(CSMS_MAX_UPLOAD_BYTES="100000"):
        body: Any = iter([b"x" * 40_000] * 3) if chunked else b"x" * 100_001
        assert await put(url, body) == (413, "A file has at most 100000 bytes.\n")
        assert list(get_config().files_folder.glob("??/*")) == before
        assert (await put(url, b"x" * 100_000))[0] == 200  # a smaller one may follow
    assert StoredFile.objects.get(job=upload.job).size == 100_000


async def test_an_endless_body_of_a_stranger_is_not_read(house: House):
    parts = urlsplit(base_url(house))
    wire = socket.create_connection((parts.hostname, parts.port))
    wire.settimeout(20)
    wire.sendall(b"PUT /u/" + b"a" * 43 + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    answer = await asyncio.to_thread(wire.recv, 4096)  # before a byte of the body
    assert answer.startswith(b"HTTP/1.1 404 ")

    def push() -> bool:
        try:
            for _ in range(100_000):
                wire.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        except OSError:
            return True
        return False

    assert await asyncio.to_thread(push)  # the line is cut
    wire.close()


async def test_one_who_asks_first_is_told_before_sending(house: House):
    parts = urlsplit(base_url(house))
    wire = socket.create_connection((parts.hostname, parts.port))
    wire.settimeout(20)
    wire.sendall(
        b"PUT /u/" + b"a" * 43 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = await asyncio.to_thread(wire.recv, 4096)
    wire.close()
    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_an_upload_that_breaks_off_can_be_tried_again(house: House):
    before = outcomes("aborted")
    url, upload = a_url(house)
    parts = urlsplit(url)
    wire = socket.create_connection((parts.hostname, parts.port))
    wire.sendall(f"PUT {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n".encode())
    wire.sendall(b"half" * 100_000)
    await eventually(lambda: fresh(upload).attempt == 1)
    wire.close()
    await eventually(lambda: outcomes("aborted") == before + 1)
    assert not StoredFile.objects.filter(job=upload.job).exists()
    assert (await put(url, b"whole"))[0] == 200
    assert content_of(StoredFile.objects.get(job=upload.job)) == b"whole"


async def test_of_two_at_once_the_later_wins(house: House):
    url, upload = a_url(house)
    parts = urlsplit(url)
    wire = socket.create_connection((parts.hostname, parts.port))
    wire.settimeout(20)
    wire.sendall(f"PUT {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nol".encode())
    await eventually(lambda: fresh(upload).attempt == 1)
    started = asyncio.Event()

    def newer() -> Iterator[bytes]:
        yield b"n"
        started.set()
        yield b"ew"

    assert (await put(url, newer()))[0] == 200
    wire.sendall(b"d!")
    answer = await asyncio.to_thread(wire.recv, 4096)
    wire.close()
    assert answer.startswith(b"HTTP/1.1 410 ")
    assert content_of(StoredFile.objects.get(job=upload.job)) == b"new"


async def test_a_url_is_not_tried_for_ever(house: House):
    url, upload = a_url(house)
    for _ in range(uploads.ATTEMPTS_MAX):
        assert await put(url, b"") == (400, "There is nothing in it.\n")
    assert await put(url, b"x") == (410, f"It was tried {uploads.ATTEMPTS_MAX} times.\n")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\n\r\nhalf", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"--x\r\n" + b"A" * 20_000, "multipart/form-data; boundary=x"),
    ],
)
async def test_a_broken_form_is_refused(house: House, body: bytes, kind: str):
    url, _ = a_url(house)
    assert (await put(url, body, method="POST", Content_Type=kind))[0] == 400


async def test_silence_in_the_middle_ends_it(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door, "SILENCE_SECONDS", 0.2)
    url, _ = a_url(house)
    parts = urlsplit(url)
    wire = socket.create_connection((parts.hostname, parts.port))
    wire.settimeout(20)
    wire.sendall(f"PUT {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx".encode())
    answer = await asyncio.to_thread(wire.recv, 4096)
    wire.close()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_full_disk_leaves_the_url_usable(house: House, monkeypatch: pytest.MonkeyPatch):
    def full(self: store.Writing, piece: bytes) -> None:
        raise OSError(28, "No space left on device")

    url, _ = a_url(house)
    with monkeypatch.context() as broken:
        broken.setattr(store.Writing, "write", full)
        assert await put(url, b"x") == (503, "It cannot be stored now; try again.\n")
    assert (await put(url, b"x"))[0] == 200


async def test_a_name_is_never_a_path(house: House):
    url, upload = a_url(house)
    assert (await put(url + "%2e%2e/%2e%2e/%00evil", b"x"))[0] == 200
    file = StoredFile.objects.get(job=upload.job)
    path = store._path(file.content)
    assert file.name == "evil"
    assert path.is_relative_to(get_config().files_folder)
    assert path.name == file.content
