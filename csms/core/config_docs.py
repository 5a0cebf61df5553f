"""`.env.example` and `docs/configuration.md`, written from the settings themselves, so that they agree."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from csms.core.config import Config
from csms.core.config_types import accepted_form, as_text, env_name, extra, is_secret

ENV_HEAD = """\
# Every setting, with its default. Copy this file to .env and uncomment what shall differ.
# A variable of the environment wins over .env; an empty value is the same as none.
# Written by `manage.py config_docs`: change csms/core/config_*.py, not this file.
"""

GUIDE_HEAD = """\
# Configuration

<!-- Written by `manage.py config_docs`: change csms/core/config_*.py, not this file. -->

Settings are environment variables. A file `.env` in the folder the server is started from is read too, one
`NAME=value` a line (a value with `#` or `$` in single quotes); a variable of the environment wins over it,
and an empty value is the same as none. `.env.example` holds every setting with its default, to be copied.

A value that is not accepted ends the start with exit status 2 and a line that names the setting and the
accepted form. A name that begins with `CSMS_` and is no setting is reported as a warning (`csms.W001`), with
the setting that was probably meant, by `manage.py check` and every command that makes the same checks.

A setting that takes effect at a *restart* is read when the process starts; one that takes effect *at once* is
read at each use, and an administrator may override it while servers run: under **System → Settings** in the console,
by `/api/v1/settings/`, or by `manage.py settings_override`. An override is stored in the database, holds in every
process within seconds and until it is reset, and goes before the environment. A setting marked **secret** is never
shown or logged; a password inside a URL is masked.
"""


def default_text(field: FieldInfo) -> str:
    """The default as it is written into the environment; independent of the machine and the folder."""
    default = field.default
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    return f"./{default}" if isinstance(default, Path) else as_text(default)


def env_example(fields: Iterable[FieldInfo]) -> str:
    """The text of `.env.example`."""
    lines = [ENV_HEAD]
    for category, group in groupby(fields, key=lambda field: extra(field, "category")):
        lines.append(f"\n# --- {category} ---\n")
        for field in group:
            secret = " Secret." if is_secret(field) else ""
            unit = f", in {extra(field, 'unit')}" if extra(field, "unit") else ""
            unset = f" Without a value: {extra(field, 'unset')}." if extra(field, "unset") else ""
            lines.append(f"# {field.description}{secret}")
            lines.append(f"# Accepted: {accepted_form(field)}{unit}.{unset}")
            lines.append(f"#{env_name(field)}={default_text(field)}\n")
    return "\n".join(lines)


def guide(fields: Iterable[FieldInfo]) -> str:
    """The text of `docs/configuration.md`."""
    lines = [GUIDE_HEAD]
    for category, group in groupby(fields, key=lambda field: extra(field, "category")):
        lines.append(f"## {category}\n")
        lines.append("| Name | Default | Accepted | Unit | What it does | Takes effect |")
        lines.append("|---|---|---|---|---|---|")
        for field in group:
            default = default_text(field)
            cells = (
                f"`{env_name(field)}`" + (" **secret**" if is_secret(field) else ""),
                f"`{default}`" if default else extra(field, "unset"),
                accepted_form(field),
                extra(field, "unit"),
                field.description or "",
                "at once" if extra(field, "mutable") else "restart",
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def documents(fields: Iterable[FieldInfo] | None = None) -> dict[str, str]:
    """Every generated file: its path below the repository's root, and its text."""
    known = list(Config.model_fields.values() if fields is None else fields)
    return {".env.example": env_example(known), "docs/configuration.md": guide(known)}


def write(root: Path) -> list[str]:
    """Bring the files up to date; returns the paths of those that changed."""
    changed = drifted(root)
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(documents()[path], encoding="utf-8")
    return changed


def drifted(root: Path) -> list[str]:
    """The paths of the files that do not say what the settings are."""
    return [path for path, text in documents().items() if _read(root / path) != text]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
