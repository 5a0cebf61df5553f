"""A real server takes and gives large files without holding them, and a kill in the middle costs nobody anything."""

import asyncio
import hashlib
import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.diagnostics.cast import put
from tests.support.charger import RawCharger, eventually
from tests.support.server import Server, running_server

BLOCK = os.urandom(1024 * 1024)
BLOCKS = 64


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path, CSMS_UNKNOWN_CHARGE_POINTS="accept") as server:
        server.env["CSMS_PUBLIC_URL"] = server.base_url  # its port was not known before
        server.stop()
        yield server.start()


def asked(server: Server, key: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.base_url}/api/v1/{path}", data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def resident(server: Server) -> int:
    """Memory of the server, in MiB."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def digest_of_download(server: Server, key: str, file: str) -> str:
    request = urllib.request.Request(f"{server.base_url}/api/v1/files/{file}/content/")
    request.add_header("Authorization", f"Bearer {key}")
    digest = hashlib.sha256()
    with urllib.request.urlopen(request, timeout=60) as answer:
        while piece := answer.read(1024 * 1024):
            digest.update(piece)
    return digest.hexdigest()


async def a_location(server: Server, key: str, charger: RawCharger) -> str:
    await asyncio.to_thread(asked, server, key, "charge-points/CP16/commands/get-diagnostics/", {})
    frame = await charger.receive()
    await charger.send([3, frame[1], {"fileName": "large.bin"}])
    return str(frame[3]["location"])


async def test_a_large_file_passes_through(server: Server) -> None:
    key = server.manage("create_api_token", "alice").stdout.strip()
    async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
        await charger.boot()
        location = await a_location(server, key, charger)
        assert (await put(location + "small", b"first"))[0] == 200  # whatever is loaded once is loaded
        location = await a_location(server, key, charger)
        before = resident(server)
        assert (await put(location, (BLOCK for _ in range(BLOCKS))))[0] == 200
        [file, small] = asked(server, key, "files/")["results"]
        assert (file["size"], file["name"], small["size"]) == (BLOCKS * len(BLOCK), "large.bin", 5)
        assert file["sha256"] == hashlib.sha256(BLOCK * BLOCKS).hexdigest()
        assert await asyncio.to_thread(digest_of_download, server, key, file["id"]) == file["sha256"]
        assert resident(server) - before < BLOCKS / 2


async def test_a_kill_in_the_middle_leaves_the_url_usable(server: Server) -> None:
    key = server.manage("create_api_token", "alice").stdout.strip()
    async with RawCharger.connect(server.ocpp_url, "CP16") as charger:
        await charger.boot()
        location = await a_location(server, key, charger)
    parts = urlsplit(location)
    wire = socket.create_connection((parts.hostname, parts.port))
    wire.sendall(f"PUT {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n".encode())
    wire.sendall(BLOCK)
    files = server.data_dir / "files"
    await eventually(lambda: list(files.glob("??/*.part")))
    server.kill()
    wire.close()
    server.start()
    assert asked(server, key, "files/")["results"] == []
    assert (await put(location, b"whole"))[0] == 200
    [file] = asked(server, key, "files/")["results"]
    assert file["size"] == 5
    assert len(list(files.glob("??/*.part"))) == 1  # swept a day later
