#!/usr/bin/env python
"""IBEX's commands: `up` starts everything, `dump` and `restore` move its database; the others are Django's."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one command."""
    from ibex.embedded.command_line import COMMANDS, run

    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        sys.exit(run(sys.argv[1:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ibex.settings")

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
