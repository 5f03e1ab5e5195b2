"""Starting one program: as which account, with which few things of ours, and never outliving us."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when the thread that started it ends."""
_LIBC = ctypes.CDLL(None, use_errno=True)

SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that an embedded server sees of our environment, which may hold provider keys."""
UNPRIVILEGED_ACCOUNT = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An existing account of this machine."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. `environment` None: ours; `account` None: ours; `stop_signal` also comes when we die."""

    argv: Sequence[str | Path]
    environment: Mapping[str, str] | None = None
    account: Account | None = None
    folder: Path = Path("/")
    open_files: Sequence[int] = ()
    stop_signal: signal.Signals = signal.SIGTERM


def server_account(folder: Path) -> Account | None:
    """Who runs a server that refuses root: as root, the account that owns `folder` already, or `nobody`; else None."""
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    entry = _entry(lambda: pwd.getpwuid(owner)) if owner else None
    entry = entry or _entry(lambda: pwd.getpwnam(UNPRIVILEGED_ACCOUNT))
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid) if entry else None


def launch(program: Program, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that the terminal's Ctrl-C reaches only us. Call from the main thread.

    It gets `stop_signal` when this thread ends, however that happens: a `kill -9` of ours leaves no orphan.
    Raises OSError when the program cannot be run.
    """
    account = program.account
    return subprocess.Popen(
        program.argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=program.folder,
        env=program.environment,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        umask=0o077,
        pass_fds=program.open_files,
        start_new_session=True,
        preexec_fn=_dying_with(os.getpid(), program.stop_signal),  # noqa: PLW1509 - one prctl, no locks
    )


def run_as(account: Account | None, argv: Sequence[str | Path], open_files: Sequence[int] = ()) -> str:
    """Run a short program of a server to its end and return what it printed.

    Raises subprocess.CalledProcessError (its output in `stdout`) or OSError.
    """
    return subprocess.run(
        argv,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        umask=0o077,
        pass_fds=open_files,
    ).stdout


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what an ended program left behind in its session's first group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _dying_with(parent: int, stop_signal: signal.Signals) -> Callable[[], None]:
    def ask_for_the_signal() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), stop_signal)

    return ask_for_the_signal


def _entry(look_up: Callable[[], pwd.struct_passwd]) -> pwd.struct_passwd | None:
    try:
        return look_up()
    except KeyError:
        return None
