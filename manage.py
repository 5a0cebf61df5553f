#!/usr/bin/env python
"""The command line of the house: `manage.py serve` runs it, `manage.py help` lists the rest."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csms.settings")
    try:
        from django.core.management import execute_from_command_line

        from csms.core.config import die_on_config_error
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing.name} is missing: run `make install`, then use `.venv/bin/python manage.py`")
    with die_on_config_error():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
