"""The commands that run before Django can: they start the servers that Django needs."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import ValidationError

from ibex.core.secrets import SecretsError
from ibex.embedded.backup import dump, restore
from ibex.embedded.errors import StartError
from ibex.embedded.up import up
from ibex.env import Env

COMMANDS = ("up", "dump", "restore")
INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended before it was ready to catch it."""


def run(arguments: list[str]) -> int:
    """Run one of COMMANDS. The exit code: 0, or 1 after one sentence on standard error."""
    try:
        _dispatch(arguments)
    except (StartError, SecretsError) as error:
        return _refuse(str(error))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # the value may be a secret
        name = str(first["loc"][0])
        return _refuse(f"{f'IBEX_{name.upper()}' if name in Env.model_fields else name} is not valid: {first['msg']}.")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _dispatch(arguments: list[str]) -> None:
    match arguments:
        case ["up"]:
            up()
        case ["dump", file]:
            sys.stdout.write(f"{dump(Path(file))}\n")
        case ["restore", file]:
            sys.stdout.write(f"{restore(Path(file))}\n")
        case _:
            raise StartError("Use `manage.py up`, `manage.py dump FILE` or `manage.py restore FILE`.")


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"IBEX: {sentence}\n")
    return 1
