"""How a wrong, misspelt or unreadable setting is told: one line, with its name and the accepted form."""

import difflib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from csms.core.config_types import accepted_form, env_name, masked


class ConfigError(Exception):
    """Settings that cannot be served with; its text is one line for each problem, without any secret."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@contextmanager
def die_on_config_error() -> Iterator[None]:
    """Turn a ConfigError into its lines on stderr and exit status 2."""
    try:
        yield
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def unreadable_lines(env_file: Path) -> list[str]:
    """A problem for each line of `.env` that is no NAME=value and would otherwise be skipped in silence."""
    try:
        with env_file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        return [f"{env_file}: not UTF-8 text; save it as UTF-8"]
    except OSError as error:
        return [f"{env_file}: cannot be read ({error.strerror}); make it a readable file or remove it"]
    # Neither line is shown: it may hold a secret.
    return [
        f"{env_file}, line {binding.original.line}: not understood; write NAME=value"
        for binding in bindings
        if binding.error or (binding.key is not None and binding.value is None)
    ]


def refused_values(error: ValidationError, fields: Iterable[FieldInfo], env_file: Path | None) -> list[str]:
    """A problem for each setting whose value was not accepted."""
    by_env = {env_name(field): field for field in fields}
    in_file = _names_in(env_file)
    lines = []
    for detail in error.errors(include_url=False, include_context=False):
        env = str(detail["loc"][0])
        field = by_env[env]
        where = f" (in {env_file})" if env in in_file and env not in os.environ else ""
        lines.append(
            f"{env}: {masked(detail['input'], field)}{where} is not accepted; give {accepted_form(field)}"
        )
    return lines


def unknown_names(fields: Iterable[FieldInfo], env_file: Path | None) -> list[str]:
    """A warning for each CSMS_* variable that is no setting, with the setting that was probably meant.

    `.env` may hold other programs' variables too; of those, one whose name is close to a setting counts.
    """
    known = [env_name(field) for field in fields]
    lines = []
    for name, where in {
        **dict.fromkeys(_names_in(env_file), f" (in {env_file})"),
        **dict.fromkeys(os.environ, ""),
    }.items():
        close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8)
        # CSMS_TEST_* belong to the test lanes.
        foreign = not name.upper().startswith("CSMS_") or name.startswith("CSMS_TEST_")
        if name in known or (foreign and not (where and close)):
            continue
        hint = f"did you mean {close[0]}?" if close else "docs/configuration.md lists all settings"
        lines.append(f"{name}{where} is not a setting and has no effect; {hint}")
    return sorted(lines)


def _names_in(env_file: Path | None) -> list[str]:
    return list(dotenv_values(env_file, interpolate=False)) if env_file and env_file.is_file() else []
