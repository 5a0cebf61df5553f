"""`test` runs all lanes, `up` and `down` start and stop throwaway services, `install` brings programs."""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from tests.lanes.programs import PROGRAMS, provide
from tests.lanes.running import start, test
from tests.lanes.services import Service, ServiceError

HAND_VARIABLES = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}


def state_file(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"csms-lanes-{name}.json"


def remembered(name: str) -> dict[str, Service]:
    """Return what `up` has started under a name, by lane; it may have ended since."""
    state = state_file(name)
    if not state.exists():
        return {}
    records = json.loads(state.read_text())
    return {
        lane: Service(**record | {"folder": Path(record["folder"]) if record["folder"] else None})
        for lane, record in records.items()
    }


def remember(name: str, services: dict[str, Service]) -> None:
    records = {
        lane: asdict(replace(service, process=None, folder=None)) | {"folder": str(service.folder or "")}
        for lane, service in services.items()
    }
    state = state_file(name)
    state.touch(mode=0o600)
    state.write_text(json.dumps(records))


def up(name: str) -> int:
    """Start PostgreSQL and Redis, unless they are up, and print where they are, as lines for `.env`."""
    services = remembered(name)
    for lane, service in list(services.items()):
        if not service.answers():
            services.pop(lane).stop()
    problem = ""
    for lane, program in provide([lane for lane in HAND_VARIABLES if lane not in services]).items():
        try:
            services[lane] = start(lane, program, outlive=True)
        except ServiceError as error:
            problem = str(error)
            break
    remember(name, services)
    if problem:
        down(name)
        print(problem, file=sys.stderr)
        return 1
    for lane, variable in HAND_VARIABLES.items():
        print(f"{variable}={services[lane].url}")
    return 0


def down(name: str) -> int:
    """Stop what `up` started and remove its data."""
    if not state_file(name).exists():
        print(f"nothing is up under the name {name!r}", file=sys.stderr)
        return 1
    for service in remembered(name).values():
        service.stop()
    state_file(name).unlink()
    return 0


def install() -> int:
    """Install what is missing; returns 1 when something still is."""
    found = provide(list(PROGRAMS))
    for lane, program in found.items():
        print(f"{lane}: {program}")
    return int(any(isinstance(program, str) for program in found.values()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lanes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("test", help="run every lane; further arguments go to pytest")
    commands.add_parser("install", help="install the programs of the lanes, where that is allowed")
    for verb, words in (("up", "start PostgreSQL and Redis and print their URLs"), ("down", "stop them")):
        commands.add_parser(verb, help=words).add_argument("name", nargs="?", default="by-hand")
    arguments, rest = parser.parse_known_args()
    if rest and arguments.command != "test":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    match arguments.command:
        case "test":
            return test(rest)
        case "install":
            return install()
        case "up":
            return up(arguments.name)
        case _:
            return down(arguments.name)


if __name__ == "__main__":
    sys.exit(main())
