"""`manage.py translations` brings the catalogues of the console's languages up to date; --check only looks."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation.template import templatize

from console.languages import spoken
from console.script_words import SCRIPT_WORDS

ROOMS = ("console", "csms", "chargers", "transactions", "alerts")
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
WHENEVER = datetime(2026, 1, 1, tzinfo=UTC)
LANGUAGES = Path(settings.BASE_DIR) / "console" / "locale"


class Command(BaseCommand):
    help = (
        "Collect what the console says, and write it into the catalogues of its languages (console/locale)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit status 1 if something is not translated"
        )

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        said = collect()
        problems = []
        for folder in sorted(path for path in LANGUAGES.iterdir() if path.is_dir()):
            po = folder / "LC_MESSAGES" / "django.po"
            catalog = up_to_date(said, po, folder.name)
            problems += [f"{folder.name}: {problem}" for problem in complaints(catalog)]
            for path, content in ((po, as_po(catalog)), (po.with_suffix(".mo"), as_mo(catalog))):
                if path.exists() and path.read_bytes() == content:
                    continue
                if check:
                    problems.append(f"{path.name} is not as the texts are; run `manage.py translations`")
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                    self.stdout.write(f"wrote {path.relative_to(settings.BASE_DIR)}")
        self.stdout.write("\n".join(problems))
        if problems and check:
            raise CommandError(
                f"{len(problems)} texts of the console are not as they should be", returncode=1
            )


def collect() -> Catalog:
    """Return every text that is marked in code and templates, or said by a table of the rooms."""
    said = Catalog()
    root = Path(settings.BASE_DIR)
    for path in sorted((root / "templates").rglob("*.html")):
        # What is left of a template is no Python, but its lines begin at the margin and its calls can be read.
        marked = templatize(path.read_text(), origin=str(path))
        _add(said, "\n".join(line.strip() for line in marked.splitlines()), path.relative_to(root))
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            text = path.read_text()
            if "django.utils.translation" in text:
                _add(said, text, path.relative_to(root))
    for text in SCRIPT_WORDS:
        said.add(text, locations=[("static/console", 0)])
    for text, source in spoken():
        said.add(text, locations=[(source.replace(" ", "-"), 0)])
    return said


def _add(said: Catalog, text: str, path: Path) -> None:
    for _line, message, _comments, context in extract("python", BytesIO(text.encode()), keywords=KEYWORDS):
        said.add(message, locations=[(str(path), 0)], context=context)


def up_to_date(said: Catalog, path: Path, language: str) -> Catalog:
    """Return the catalogue of a language with exactly the texts that are said; the new ones without a translation."""
    known = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            known = read_po(file, locale=language)
    about = f"# What the console says, in the language `{language}`."
    fresh = Catalog(locale=language, header_comment=about, project="csms", fuzzy=False)
    for message in sorted(said, key=_key):
        if message.id:
            before = known.get(message.id, message.context)
            fresh.add(
                message.id,
                before.string if before is not None else None,
                locations=sorted(set(message.locations)),
                context=message.context,
            )
    return fresh


def _key(message: Message) -> tuple[str, str]:
    text = message.id if isinstance(message.id, str) else message.id[0]
    return text, message.context or ""


def as_po(catalog: Catalog) -> bytes:
    """Return the catalogue as people edit it: without lines of the sources, which change without anything changing."""
    file = BytesIO()
    write_po(file, catalog, width=120, include_lineno=False, sort_output=False)
    return b"\n".join(
        line
        for line in file.getvalue().split(b"\n")
        if not line.startswith((b'"POT-Creation', b'"PO-Revision'))
    )


def as_mo(catalog: Catalog) -> bytes:
    """Return the catalogue as gettext reads it."""
    file = BytesIO()
    # The file changes when a text does, and at no other time.
    catalog.creation_date = catalog.revision_date = WHENEVER
    write_mo(file, catalog)
    return file.getvalue()


def complaints(catalog: Catalog) -> Iterator[str]:
    """Say what is missing or would break: no translation, other placeholders, other tags."""
    for message in catalog:
        if not message.id:
            continue
        texts, strings = _forms(message.id), _forms(message.string)
        if not all(strings):
            yield f"not translated: {texts[0]!r}"
            continue
        wanted = [_places(text) for text in texts]
        for string in strings:
            if _places(string) not in wanted:
                yield f"other places than in {texts[0]!r}: {string!r}"


def _forms(said: Any) -> list[str]:
    """Return the one form of a text, or those for each number."""
    return [said or ""] if said is None or isinstance(said, str) else list(said)


def _places(text: str) -> tuple[frozenset[str], ...]:
    named = frozenset(re.findall(r"%\(\w+\)[sd]|%[sd]", text))
    tags = frozenset(re.findall(r"</?\w+", text))
    braces = frozenset(re.findall(r"\{\w+\}", text))
    return named, tags, braces
