"""The floors in pyproject.toml name every module of the roof and of the ground, so that none escapes them."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FLOORS = {name.strip() for floor in CONTRACTS[0]["layers"] for name in floor.split(":")}


@pytest.mark.parametrize("folder", ["csms", "csms/core"])
def test_every_module_has_a_floor(folder: str) -> None:
    parts = (path for path in (ROOT / folder).iterdir() if not path.name.startswith("_"))
    modules = {path.stem for path in parts if path.suffix == ".py" or (path / "__init__.py").exists()}
    package = folder.replace("/", ".")
    assert {f"{package}.{name}" for name in modules - {"core"}} <= FLOORS


def test_every_floor_is_there() -> None:
    for name in FLOORS:
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or path.is_dir(), name


def test_every_version_is_kept_out_of_services_and_models() -> None:
    [contract] = [contract for contract in CONTRACTS if "version" in contract["name"]]
    rooms = ("chargers", "transactions")
    versions = {path.stem for room in rooms for path in (ROOT / room).rglob("ocpp*.py")}
    assert versions
    assert {
        f"{folder}.{version}" for room in rooms for folder in (room, f"{room}.*") for version in versions
    } == set(contract["forbidden_modules"])
    kept_out = ("models", "services", "selectors")
    blocks = {f"{room}.*.{module}" for room in rooms for module in kept_out}
    assert blocks <= set(contract["source_modules"])
