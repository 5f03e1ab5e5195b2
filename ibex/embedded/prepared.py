"""Whether `manage.py prepare` has already run for this code and this database.

Only a matter of time: it always runs, but where nothing is to be expected of it the web server need not wait for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from ibex.env import REPOSITORY

LOCK_FILE = REPOSITORY / "requirements" / "base.lock"
"""The libraries bring migrations of their own."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file that holds the fingerprint of what was prepared last."""

    path: Path
    owner_url: str

    def is_current(self) -> bool:
        """Whether nothing has changed since `renew`."""
        return self.path.exists() and self.path.read_text() == self._fingerprint()

    def renew(self) -> None:
        """Remember that everything is prepared."""
        self.path.write_text(self._fingerprint())

    def _fingerprint(self) -> str:
        database = conninfo_to_dict(self.owner_url)
        digest = hashlib.sha256(LOCK_FILE.read_bytes() if LOCK_FILE.exists() else b"")
        for migration in sorted(REPOSITORY.glob("*/migrations/*.py")) + sorted(REPOSITORY.glob("*/*/migrations/*.py")):
            digest.update(f"{migration.relative_to(REPOSITORY)}\n".encode())
        for part in ("host", "port", "dbname"):
            digest.update(f"{database.get(part)}\n".encode())
        return digest.hexdigest()
