"""What the image is told to do is done here without a container: its files, its commands, its user's few rights."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.docker.dockerfile import Ignored, Instruction, Stage, read, sent_files
from tests.support.charger import RawCharger
from tests.support.processes import descendants

ROOT = Path(__file__).resolve().parents[2]
STAGES = {stage.name: stage for stage in read((ROOT / "docker/Dockerfile").read_text())}
HOUSE, IMAGE = STAGES["house"], STAGES[""]
NOBODY = 65534
# The one right that is left lets it find this environment where that lies in a private folder. It cannot write.
CONFINED = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
CONFINED += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]


def exec_form(stage: Stage, name: str) -> list[str]:
    instruction = stage.last(name)
    assert instruction is not None
    words = Instruction(name, {}, instruction.text.removeprefix("CMD ")).exec_form
    assert words is not None
    return words


def without_root(command: list[str]) -> list[str]:
    """The command as somebody with no rights; as oneself where one has none anyway."""
    return [*CONFINED, *command] if os.getuid() == 0 else command


@dataclass
class Container:
    """The image's /app, with data of its own and a port of its own."""

    folder: Path

    @property
    def app(self) -> Path:
        return self.folder / "app"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def environment(self, **more: str) -> dict[str, str]:
        """The ENV of the image, but for where this test differs from it."""
        env = dict(IMAGE.env)
        env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return env | {"CSMS_DATA_DIR": str(self.data), "CSMS_PORT": "0", "HOME": "/nonexistent"} | more

    def run(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            without_root(command),
            cwd=self.app,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    """What the Dockerfile copies, where it copies it, and what its RUN makes of that."""
    folder = Path(tempfile.mkdtemp(prefix="csms-image-"))
    folder.chmod(0o755)
    made = Container(folder)
    made.app.mkdir(mode=0o755)
    made.data.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(made.data, NOBODY, NOBODY)
    ignored = Ignored((ROOT / ".dockerignore").read_text())
    for copy in HOUSE.all("COPY"):
        *sources, target = copy.words
        if (
            "from" in copy.flags
        ):  # the browser libraries, which `make install` has put where the image has them
            shutil.copytree(ROOT / target, made.app / target)
            continue
        for source in sources:
            for name in sent_files(ROOT, source, ignored):
                path = (
                    made.app
                    / target
                    / Path(name).relative_to(source if source.endswith("/") else Path(name).parent)
                )
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, path)
    for run in HOUSE.all("RUN"):
        build = run.text.replace("/opt/venv/bin/python", sys.executable).replace(
            "/tmp/build", str(folder / "build")
        )
        done = subprocess.run(
            ["/bin/sh", "-c", build],
            cwd=made.app,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "WARNING" not in done.stderr, done.stderr
    yield made
    shutil.rmtree(folder)


def test_the_image_holds_the_house_and_nothing_else(container: Container):
    rooms = {"csms", "chargers", "transactions", "alerts", "console"}
    found = {path.name for path in container.app.iterdir()} - {"__pycache__"}
    assert found == rooms | {"manage.py", "LICENSE", "docker", "templates", "static", "staticfiles"}
    assert [path.name for path in (container.app / "docker").iterdir() if path.is_file()] == [
        "healthcheck.py"
    ]
    assert not [
        path for path in container.app.rglob("*") if path.name.startswith(".env") or "sqlite3" in path.name
    ]
    assert not (container.folder / "build").exists(), "the key of the build stays nowhere"
    assert not list((container.app / "static").iterdir()), "only the collected files are in the image"


def test_static_files_are_collected_hashed_and_compressed(container: Container):
    collected = container.app / "staticfiles"
    names = json.loads((collected / "staticfiles.json").read_text())["paths"]
    [css] = [new for old, new in names.items() if old.endswith("tabler.min.css")]
    assert re.search(r"\.[0-9a-f]{12}\.css$", css)
    for suffix in ("", ".gz", ".br"):
        assert (collected / (css + suffix)).is_file()


def served(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.status, {name.lower(): text for name, text in answer.headers.items()}, answer.read()


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


async def test_the_image_serves_is_healthy_and_stops(container: Container):
    log = container.folder / "log"
    command = exec_form(IMAGE, "ENTRYPOINT") + exec_form(IMAGE, "CMD")
    check = exec_form(IMAGE, "HEALTHCHECK")
    health, stop = IMAGE.last("HEALTHCHECK"), IMAGE.last("STOPSIGNAL")
    assert health is not None
    assert stop is not None
    with log.open("wb") as output:
        process = subprocess.Popen(
            without_root(command),
            cwd=container.app,
            env=container.environment(CSMS_UNKNOWN_CHARGE_POINTS="accept"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        port = ""
        deadline = time.monotonic() + seconds(health.flags["start-period"])
        while not port or container.run(check, CSMS_PORT=port).returncode != 0:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            announced = re.search(r"console +http://[^ ]+:(\d+)/", log.read_text())
            port = announced[1] if announced else ""
            time.sleep(0.1)
        seen = container.run(check, CSMS_PORT=port)
        assert (seen.returncode, seen.stdout, seen.stderr) == (0, "", "")

        # Nobody's rights: not root's, and none to write but in its data.
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(r"^Uid:\s+(?!0\s)", status, re.MULTILINE)
        capabilities = re.search(r"^CapEff:\s+(\w+)$", status, re.MULTILINE)
        assert capabilities
        assert int(capabilities[1], 16) & ~0b100 == 0
        assert (container.data / "csms.sqlite3").exists()

        # A page, and the look that it names.
        _, _, page = served(int(port), "/sign-in")
        sheets = re.findall(r'<link[^>]+href="(/static/[^"]+\.css)"', page.decode())
        assert sheets
        for sheet in sheets:
            assert re.search(r"\.[0-9a-f]{12}\.css$", sheet), "not a hashed name"
            code, headers, body = served(int(port), sheet)
            assert (code, bool(body)) == (200, True)
            assert headers["content-type"].startswith("text/css")
            assert "immutable" in headers["cache-control"]

        async with RawCharger.connect(f"ws://127.0.0.1:{port}/ocpp", "CP16") as charger:
            assert (await charger.boot())["status"] == "Accepted"

        below = descendants(process.pid)
        process.send_signal(getattr(signal, stop.text))
        assert process.wait(45) == 0, log.read_text()
        assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]

        seen = container.run(check, CSMS_PORT=port)
        assert seen.returncode == 1
        assert seen.stderr.startswith("not healthy: ")
        assert seen.stderr.count("\n") == 1
        said = log.read_text()
        assert "Traceback" not in said
        assert "WARNING" not in said, said
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


@pytest.mark.parametrize("env", [{}, {"CSMS_HOST": "::"}, {"HTTP_PROXY": "http://127.0.0.1:1"}])
def test_a_container_where_nothing_listens_is_unhealthy_in_one_line(container: Container, env):
    seen = container.run(exec_form(IMAGE, "HEALTHCHECK"), CSMS_PORT="1", **env)
    assert seen.returncode == 1
    assert seen.stderr.startswith("not healthy: ")
    assert seen.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["worker-duties", "worker-events", "worker-outbound", "beat"])
def test_the_programs_of_worker_and_clock_know_their_options(container: Container, name):
    """What they do on a broker is in tests/paths/test_start.py."""
    service = yaml.safe_load((ROOT / "docker/compose.scale.yaml").read_text())["services"][name]
    command = service["entrypoint"] + service["command"]
    done = container.run([sys.executable, "-m", *command, "--help"])
    assert done.returncode == 0, done.stderr
    for option in (word for word in command if word.startswith("--") and word != "--app"):
        assert option in done.stdout, option
