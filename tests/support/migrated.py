"""A migrated database to copy: most tests want a server, few want to see it migrate, which is most of its start."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".pytest_cache" / "migrated"
LOCK = 0x6D69_6772  # "migr": held in the cluster by whoever makes the template


@cache
def key() -> str:
    """Return a short digest of whatever a migrated database depends on."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for room in ("alerts", "chargers", "csms", "transactions"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.parent.name == "migrations" or path.stem.endswith(("migrations", "models", "apps")):
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def sqlite_file() -> Path:
    """Return a migrated file with nobody in it, made once for each state of the code.

    Two processes that make it at once both do; the later one stands.
    """
    kept = KEPT / f"{key()}.sqlite3"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="csms-migrated-") as folder:
            migrate(CSMS_DATA_DIR=folder)
            made = Path(folder) / "csms.sqlite3"
            with closing(sqlite3.connect(made)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for old in KEPT.glob("*.sqlite3"):
                old.unlink(missing_ok=True)
            beside = KEPT / f"{key()}.{os.getpid()}"
            shutil.copyfile(made, beside)
            beside.replace(kept)
    return kept


def put_into(data_dir: Path) -> None:
    """Give a server that keeps its data in this folder its database, unless it has one."""
    target = data_dir / "csms.sqlite3"
    if not target.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sqlite_file(), target)
        target.chmod(0o600)


def postgres_template(cluster_url: str) -> str:
    """Return the name of a migrated database of a cluster, made once for each state of the code."""
    name = f"migrated_{key()}"
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            # Renamed when it is whole: one that was left half made is never taken.
            connection.execute(f"DROP DATABASE IF EXISTS {name}_half WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}_half")
            with tempfile.TemporaryDirectory(prefix="csms-migrated-") as folder:
                url = f"{cluster_url.rsplit('/', 1)[0]}/{name}_half"
                migrate(CSMS_DATA_DIR=folder, DATABASE_URL=url)
            connection.execute(f"ALTER DATABASE {name}_half RENAME TO {name}")
    return name


def migrate(**settings: str) -> None:
    """Run `manage.py migrate` with these settings; raises CalledProcessError."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CSMS_") and not k.endswith("_URL")}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"],
        cwd=ROOT,
        env=kept | settings,
        check=True,
        stdin=subprocess.DEVNULL,
    )
