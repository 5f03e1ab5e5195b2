"""Where everything is inside the data folder, and where its Unix sockets are."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ibex.core.secrets import private_folder
from ibex.embedded.errors import StartError

SOCKET_PATH_BYTES_MAX = 107
"""The longest path of a Unix socket that Linux accepts (`sun_path` holds 108 bytes, the last is zero)."""
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - only the parent: the folder inside is random and private
POSTGRES_PORT = 5432
"""On a Unix socket the port is only the end of the file's name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of one data folder; nothing is made by asking for a path."""

    data_dir: Path

    @property
    def postgres(self) -> Path:
        """Holds `data`, which PostgreSQL owns."""
        return self.data_dir / "postgres"

    @property
    def valkey(self) -> Path:
        """Holds the configuration and the append-only file."""
        return self.data_dir / "valkey"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.data_dir / "logs"

    @property
    def lock(self) -> Path:
        """Locked by the running supervisor and everything it started."""
        return self.data_dir / "up.lock"

    @property
    def first_run(self) -> Path:
        """What the first start made: address, token, agent, operator."""
        return self.data_dir / "first-run.json"

    @property
    def run(self) -> Path:
        """The folder of the sockets: `run`, or what `run` points to when its own path would be too long."""
        run = self.data_dir / "run"
        return run.readlink() if run.is_symlink() else run

    @property
    def postgres_sockets(self) -> Path:
        """The folder of PostgreSQL's socket, alone in it: as root it belongs to another account."""
        return self.run / "pg"

    @property
    def valkey_socket(self) -> Path:
        """Valkey's socket."""
        return self.run / "valkey.sock"

    @property
    def metrics(self) -> Path:
        """What the processes count together, of this run only."""
        return self.data_dir / "metrics"

    def web_socket(self, name: str) -> Path:
        """Where one web process answers, whoever else shares its port."""
        return self.run / f"{name}.sock"

    def make(self) -> None:
        """Make what is missing, private to this user. Raises StartError when a folder cannot be made so."""
        try:
            for folder in (self.data_dir, self.postgres, self.valkey, self.logs):
                private_folder(folder)
            self._make_run()
            private_folder(self.run)
            private_folder(self.postgres_sockets)
        except OSError as error:
            raise StartError(
                f"{error.filename} cannot be used ({error.strerror}): run IBEX as the user who owns {self.data_dir}, "
                "or set IBEX_DATA_DIR to another folder."
            ) from error

    def _make_run(self) -> None:
        run = self.data_dir / "run"
        if run.is_symlink() and not _is_own(run):
            run.unlink()  # the short folder went away with a reboot, and anybody may have made its name again
        if not run.exists() and self._sockets_are_too_long():
            run.symlink_to(tempfile.mkdtemp(prefix="ibex-", dir=SHORT_FOLDER))

    def _sockets_are_too_long(self) -> bool:
        socket = self.data_dir / "run" / "pg" / f".s.PGSQL.{POSTGRES_PORT}.lock"
        return len(os.fsencode(socket)) > SOCKET_PATH_BYTES_MAX


def _is_own(folder: Path) -> bool:
    return folder.exists() and folder.stat().st_uid == os.geteuid()
