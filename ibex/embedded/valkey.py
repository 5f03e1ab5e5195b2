"""The embedded Valkey, which speaks Redis: its configuration file, how it starts and how to know that it is ready."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from ibex.core.secrets import PRIVATE_FILE_MODE
from ibex.embedded.layout import Layout
from ibex.embedded.process import SERVER_ENVIRONMENT, Program
from ibex.embedded.programs import valkey_program

STOP_GRACE_S = 10.0
ANSWER_TIMEOUT_S = 1.0

# The turn journal lives here until the drain has moved it, so it must survive a killed process. With `appendfsync no`
# every command is handed to the operating system before its answer is sent; `everysec` postpones that for up to two
# seconds while an fsync runs, and `always` makes each caller wait for the disk. What a machine that loses its power can
# lose is what the drain has not yet moved into PostgreSQL, which does wait for the disk.
_CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
requirepass {password}
daemonize no
appendonly yes
appendfsync no
save ""
maxmemory-policy noeviction
"""


@dataclass(slots=True, kw_only=True)
class Valkey:
    """One server on one data folder. Call `create` once, then start `program()` as often as it takes."""

    layout: Layout
    password: str = field(repr=False)
    _program: Path = Path()

    def create(self) -> None:
        """Find the program and write its configuration: the password is in no process list. Raises StartError."""
        self._program = valkey_program()
        text = _CONFIGURATION.format(
            socket=_escaped(self.layout.valkey_socket), folder=_escaped(self.layout.valkey), password=self.password
        )
        descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE_MODE)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def program(self) -> Program:
        """How to start the server."""
        return Program(argv=[self._program, self._configuration], environment=SERVER_ENVIRONMENT)

    def ready(self, _pid: int) -> bool:
        """Whether it answers PING, so whether it has read its append-only file."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_TIMEOUT_S)
                connection.connect(str(self.layout.valkey_socket))
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (received := connection.recv(256)):
                    answer += received
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    @property
    def _configuration(self) -> Path:
        return self.layout.valkey / "valkey.conf"


def _escaped(path: Path) -> str:
    """For a quoted word of Valkey's configuration."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
