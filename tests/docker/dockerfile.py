"""Reads Dockerfiles and .dockerignore as a build does, as far as ours use them."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, its flags (`--from=x`), and the rest of its text."""

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def exec_form(self) -> list[str] | None:
        """The words of the exec form; None when it is the shell form."""
        try:
            words = json.loads(self.text)
        except ValueError:
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@dataclass
class Stage:
    """What stands below one FROM."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.name == name]

    def last(self, name: str) -> Instruction | None:
        """The one that counts."""
        return (self.all(name) or [None])[-1]

    @property
    def env(self) -> dict[str, str]:
        return dict(word.split("=", 1) for one in self.all("ENV") for word in one.words)


def read(text: str) -> list[Stage]:
    """The stages of a Dockerfile. Raises ValueError for what is no instruction."""
    stages: list[Stage] = []
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        match = re.fullmatch(r"([A-Z]+)\s+((?:--[a-z-]+(?:=\S+)?\s+)*)(.*)", line.strip())
        if not match:
            raise ValueError(f"no instruction: {line.strip()}")
        name, flags, rest = match[1], dict(re.findall(r"--([a-z-]+)=?(\S*)", match[2])), match[3].strip()
        if name == "FROM":
            base, _, stage = rest.partition(" AS ")
            stages.append(Stage(base.strip(), stage.strip()))
        elif not stages:
            raise ValueError(f"before the first FROM: {line.strip()}")
        else:
            stages[-1].instructions.append(Instruction(name, flags, rest))
    return stages


def _pattern(glob: str) -> re.Pattern[str]:
    parts = []
    for token in re.findall(r"\*\*/?|\*|\?|[^*?]+", glob):
        parts.append({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token)))
    return re.compile("".join(parts))


class Ignored:
    """A .dockerignore: the last line that matches a path, or a folder above it, decides."""

    def __init__(self, text: str) -> None:
        self._rules = []
        for line in text.splitlines():
            line = line.strip()
            if line and not line.startswith("#"):
                kept = line.startswith("!")
                self._rules.append((_pattern(line.removeprefix("!").strip("/")), not kept))

    def __contains__(self, path: str) -> bool:
        parts = PurePosixPath(path).parts
        prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        ignored = False
        for pattern, ignores in self._rules:
            if any(pattern.fullmatch(prefix) for prefix in prefixes):
                ignored = ignores
        return ignored


def sent_files(root: Path, source: str, ignored: Ignored) -> list[str]:
    """The files below `source` that reach the build, relative to the root."""
    start = root / source
    files = [start] if start.is_file() else [path for path in start.rglob("*") if path.is_file()]
    names = (path.relative_to(root).as_posix() for path in files)
    return sorted(name for name in names if name not in ignored)
