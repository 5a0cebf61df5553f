"""The protocol package stays a value: no socket, no clock, no framework."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import chargers.protocol

MODULES = sorted(Path(chargers.protocol.__file__).parent.glob("*.py"))
FORBIDDEN = {
    "asyncio",
    "socket",
    "ssl",
    "time",
    "threading",
    "select",
    "http",
    "urllib.request",
    "logging",
    "os",
}
FORBIDDEN |= {
    "django",
    "channels",
    "asgiref",
    "csms",
    "transactions",
    "alerts",
    "console",
    "uvicorn",
    "websockets",
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_imports_a_socket_a_clock_or_a_framework(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1, f"{path.name} imports from outside its package"
        for name in names:
            assert name not in FORBIDDEN, f"{path.name} imports {name}"
            assert name.split(".")[0] not in FORBIDDEN, f"{path.name} imports {name}"
            assert not name.startswith("chargers."), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_asks_for_the_time_of_day(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"now", "utcnow", "today", "monotonic"}, f"{path.name}:{node.lineno}"


def test_a_session_works_without_django_or_an_event_loop():
    code = """
import sys
from chargers.protocol.session import Session
from chargers.protocol.versions import Version
Session(Version.V16, 30.0).receive_text('[2,"1","Heartbeat",{}]', 0.0)
print([name for name in ("django", "channels", "asyncio") if name in sys.modules])
"""
    root = Path(chargers.protocol.__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
