#!/usr/bin/env python
"""IBEX's commands: `up` starts everything; the others are Django's and the apps' own."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one command."""
    if sys.argv[1:2] == ["up"]:
        from ibex.embedded.up import up  # before Django: it starts the servers that Django needs

        sys.exit(up())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ibex.settings")

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
