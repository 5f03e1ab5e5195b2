"""See `context.time_machine.command`."""  # noqa: N999 - the command is called so

from __future__ import annotations

from context.time_machine.command import Command

__all__ = ["Command"]
