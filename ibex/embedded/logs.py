"""One log file for each process, kept small: the run before last and anything over the limit are thrown away."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ibex.core.secrets import PRIVATE_FILE_MODE

LOG_BYTES_MAX = 32 << 20
TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Logs:
    """The folder of the log files: `NAME.log`, and `NAME.log.1` with what came before."""

    folder: Path

    def path(self, name: str) -> Path:
        """The log of one process."""
        return self.folder / f"{name}.log"

    def begin(self, name: str) -> None:
        """Put the last run's log aside."""
        if self.path(name).exists():
            self.path(name).replace(self._previous(name))

    def open(self, name: str) -> BinaryIO:
        """For appending, so that `trim` may cut the file while a process writes to it."""
        descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE_MODE)
        return os.fdopen(descriptor, "ab")

    def trim(self) -> None:
        """Move what is over the limit aside; lines written in that moment are lost."""
        for path in self.folder.glob("*.log"):
            if path.stat().st_size > LOG_BYTES_MAX:
                shutil.copyfile(path, self._previous(path.stem))
                os.truncate(path, 0)

    def last_line(self, name: str) -> str:
        """The last line that is not empty, or an empty text."""
        if not self.path(name).exists():
            return ""
        with self.path(name).open("rb") as file:
            file.seek(max(0, self.path(name).stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _previous(self, name: str) -> Path:
        return self.folder / f"{name}.log.1"
