"""Beside a server under test: how many statements an answer takes, and how PostgreSQL goes about each.

A process of its own with the server's settings. It reads lines of JSON, `{"url": …, "key": …, "cookie": …,
"explain": …}`, and answers each with one: `{"statements": number, "plans": [text]}`.
"""

import json
import os
import subprocess
import sys
from typing import Any

from tests.support.server import ROOT, Server


class Looking:
    """The other end of such a process. Use as a context."""

    def __init__(self, server: Server) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.reads_plans"],
            cwd=ROOT, env=server.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def at(
        self, url: str, key: str = "", *, cookie: str = "", explain: bool = False
    ) -> tuple[int, list[str]]:
        """Return the number of statements, and their plans if they are to be explained; `cookie` is a person's."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"url": url, "key": key, "cookie": cookie, "explain": explain}
        print(json.dumps(asked), file=self.process.stdin, flush=True)
        said = json.loads(self.process.stdout.readline())
        return said["statements"], said["plans"]

    def __enter__(self) -> "Looking":
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()


def main() -> None:
    """Answer line by line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csms.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    settings.ALLOWED_HOSTS = ["*"]

    def looked(asked: dict[str, Any]) -> dict[str, Any]:
        with CaptureQueriesContext(connection) as captured:
            who = (
                {"cookie": asked["cookie"]}
                if asked["cookie"]
                else {"authorization": f"Bearer {asked['key']}"}
            )
            Client().get(asked["url"], headers=who)
        texts = [query["sql"] for query in captured.captured_queries]
        return {
            "statements": len(texts),
            "plans": [
                explained(text) for text in texts if asked["explain"] and text.startswith(("SELECT", "WITH"))
            ],
        }

    def explained(text: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + text.replace("%", "%%"), ())
            return "\n".join([text, *(line for (line,) in cursor.fetchall())])

    for line in sys.stdin:
        print(json.dumps(looked(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
