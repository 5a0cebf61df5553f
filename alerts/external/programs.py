"""The tools of Prometheus and Alertmanager that check a file, where they are installed."""

import os
import shutil
import subprocess
import tempfile

SECONDS = 10
SAID_MAX = 800  # characters


def promtool_says(text: str) -> str | None:
    """Return what promtool has against a file of rules, "" when nothing; None where there is no promtool."""
    return _says("promtool", ["check", "rules"], text)


def amtool_says(text: str) -> str | None:
    """Return what amtool has against a configuration, "" when nothing; None where there is no amtool."""
    return _says("amtool", ["check-config"], text)


def _says(tool: str, arguments: list[str], text: str) -> str | None:
    program = shutil.which(tool)
    if program is None:
        return None
    with tempfile.NamedTemporaryFile(mode="w", encoding="utf-8", prefix="csms-check-", suffix=".yml") as file:
        file.write(text)
        file.flush()
        try:
            done = subprocess.run(
                [program, *arguments, file.name],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=SECONDS, check=False,
                # Nothing of the environment, in which our secrets are.
                env={"PATH": os.defpath, "HOME": tempfile.gettempdir()},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"{tool} did not end within {SECONDS} s."
        except OSError as error:
            return f"{tool} could not be started: {error.strerror}."
        if done.returncode == 0:
            return ""
        said = done.stdout.decode(errors="replace").replace(file.name, "the file")
        lines = [" ".join(line.split()) for line in said.splitlines()]
        told = " ".join(line for line in lines if line and not line.startswith(("Checking", "FAILED:")))
        return (told or f"{tool} refuses it (exit status {done.returncode}).")[:SAID_MAX]
