"""`manage.py events_proto` makes the code of the messages of events; --check compares, --release makes a promise."""

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from csms.core.events import promise

FOLDER = Path("csms/core/events/proto")
SOURCE = "csms/events/v1/events.proto"
MADE = ("events_pb2.py", "events_pb2.pyi")


class Command(BaseCommand):
    help = f"Write {', '.join(MADE)} in {FOLDER} from {SOURCE}."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit status 1 if a file has drifted"
        )
        parser.add_argument(
            "--release",
            action="store_true",
            help="add the types and fields of today to those that are never removed or renamed",
        )

    def handle(self, *args: Any, check: bool = False, release: bool = False, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / FOLDER
        if release:
            self._release(folder / promise.FILE)
            return
        made = _compile(folder)
        drifted = [name for name, text in made.items() if _text(folder / name) != text]
        if check:
            if drifted:
                raise CommandError(
                    f"{', '.join(drifted)}: not as {SOURCE} says; run `manage.py events_proto`", returncode=1
                )
            if broken := promise.broken(_text(folder / promise.FILE).splitlines()):
                raise CommandError("published, and not so any more: " + "; ".join(broken), returncode=1)
            return
        for name in drifted:
            (folder / name).write_text(made[name])
        self.stdout.write("\n".join(f"wrote {FOLDER / name}" for name in drifted) or "nothing to change")

    def _release(self, path: Path) -> None:
        promised = _text(path).splitlines()
        if broken := promise.broken(promised):
            raise CommandError("published, and not so any more: " + "; ".join(broken), returncode=1)
        path.write_text("\n".join(sorted({*promised, *promise.said_now()})) + "\n")


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _compile(folder: Path) -> dict[str, str]:
    # For developers and the checks only; a server never needs the compiler.
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as target:
        known = Path(protoc.__file__).parent / "_proto"  # google.protobuf's own messages
        options = [f"-I{folder}", f"-I{known}", f"--python_out={target}", f"--pyi_out={target}", SOURCE]
        if protoc.main(["protoc", *options]) != 0:
            raise CommandError(f"{SOURCE} cannot be compiled", returncode=1)
        made = Path(target) / Path(SOURCE).parent
        return {name: (made / name).read_text() for name in MADE}
