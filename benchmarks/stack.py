"""A whole IBEX for a benchmark: servers of its own in a temporary folder, and processes that end with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 300.0
MIB = 1024 * 1024


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Processes:
    """Child processes of one kind, and what they have used together."""

    def __init__(self, *popens: subprocess.Popen[bytes]) -> None:
        self.popens = popens

    @property
    def pid(self) -> int:
        """Of the first."""
        return self.popens[0].pid

    def cpu_s(self) -> float:
        """CPU seconds so far, of all threads of all of them."""
        times = [psutil.Process(popen.pid).cpu_times() for popen in self.popens]
        return float(sum(time.user + time.system for time in times))

    def rss_mib(self) -> float:
        """Resident memory, added up."""
        return float(sum(psutil.Process(popen.pid).memory_info().rss for popen in self.popens) / MIB)

    def private_mib(self) -> list[float]:
        """Memory of each that no other process shares: what it was given, without the files it reads."""
        return [psutil.Process(popen.pid).memory_full_info().uss / MIB for popen in self.popens]


@dataclass
class Stack:
    """A running IBEX with one organization, one agent and one token."""

    base_url: str
    token: str
    agent_slug: str
    org_id: str
    agent_id: str
    admin_url: str = field(default="", repr=False)
    """Of the vault's superuser: to fill it, and to look at all of it."""
    processes: dict[str, Processes] = field(default_factory=dict)
    """By part; `web` are as many as the product starts on this machine."""

    @property
    def headers(self) -> dict[str, str]:
        """Of a call."""
        return {
            "Authorization": f"Bearer {self.token}",
            "X-IBEX-Agent-ID": self.agent_slug,
            "Content-Type": "application/json",
        }


def wait_until_drained() -> None:
    """Wait until the journal is empty: what one measurement left behind is not the next one's load.

    Call it after Django has been set up for the stack's servers, and while its drain runs.
    """
    from ibex.core.redis import redis
    from proxy.journal import STREAM

    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    while redis().xlen(STREAM):
        if time.monotonic() > deadline:
            raise TimeoutError("The drain has not caught up.")
        time.sleep(0.1)


@contextmanager
def child(
    command: Sequence[str | Path], environment: dict[str, str] | None = None, open_files: Sequence[int] = ()
) -> Iterator[Processes]:
    """A child process, ended when the block is left; it inherits `open_files`.

    As whoever runs IBEX does, only the process itself is told to stop: it sees to its own children. Told at the same
    time, a worker would die in the middle of its task.
    """
    popen = subprocess.Popen(
        command, cwd=ROOT, env=environment or os.environ.copy(), start_new_session=True, pass_fds=open_files
    )
    try:
        yield Processes(popen)
    finally:
        popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            popen.wait(timeout=STOP_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()


def wait_until_answers(url: str) -> None:
    """Wait for a 200."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


@contextmanager
def upstream(delay_ms: float = 0.0) -> Iterator[str]:
    """The base URL of an upstream of its own."""
    port = free_port()
    with child([sys.executable, str(ROOT / "benchmarks" / "instant_upstream.py"), str(port), str(delay_ms)]):
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def running_ibex(provider_url: str, parts: Sequence[str] = ("web", "drain", "worker")) -> Iterator[Stack]:
    """Start `parts` with servers of their own; Django is set up in this process too, on the same database."""
    sys.path.insert(0, str(ROOT))
    from ibex.embedded.testing import embedded_servers
    from ibex.env import env

    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ibex-bench-"))
        addresses = stack.enter_context(embedded_servers(settings={}))
        port = free_port()
        os.environ.update(addresses.environment())
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "ibex.settings",
                "PYTHONPATH": str(ROOT),
                "IBEX_DATA_DIR": folder,
                "IBEX_MODEL_DIR": str(ROOT / ".cache" / "models"),
                "IBEX_PORT": str(port),
                "PROMETHEUS_MULTIPROC_DIR": f"{folder}/metrics",
                # A part that is left out under load is logged once a call, which would hide the table.
                "IBEX_LOG_LEVEL": os.environ.get("IBEX_LOG_LEVEL", "WARNING"),
            }
        )
        env.cache_clear()
        migrate = [sys.executable, "-m", "django", "migrate", "--database=owner", "--skip-checks", "--verbosity=0"]
        subprocess.run(migrate, check=True, cwd=ROOT)
        running = _first_rows(provider_url, f"http://127.0.0.1:{port}")
        running.admin_url = addresses.admin_url
        for part in parts:
            running.processes[part] = stack.enter_context(_web(port, Path(folder)) if part == "web" else _other(part))
        yield running


def _other(part: str) -> AbstractContextManager[Processes]:
    return child([sys.executable, "-m", "django", {"worker": "qcluster"}.get(part, part)])


@contextmanager
def _web(port: int, folder: Path) -> Iterator[Processes]:
    """As many web processes behind the port as `manage.py up` starts; all are ready."""
    from ibex.embedded.services import is_ready, web_program
    from ibex.env import env
    from ibex.port import bound

    sockets = [folder / f"web-{number}.sock" for number in range(env().web_processes)]
    with bound("127.0.0.1", port) as listener, ExitStack() as stack:
        programs = [web_program(listener, own) for own in sockets]
        started = [stack.enter_context(child(each.argv, open_files=each.open_files)) for each in programs]
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not all(map(is_ready, sockets)):
            if time.monotonic() > deadline:
                raise TimeoutError("The web processes are not ready.")
            time.sleep(0.05)
        yield Processes(*(popen for each in started for popen in each.popens))


def _first_rows(provider_url: str, base_url: str) -> Stack:
    import django

    django.setup()
    from agents.choices import ProviderKind, Scope
    from agents.models import Agent, Organization, ProviderConnection
    from agents.services import tokens
    from ibex.core.tenancy import cross_tenant, scope

    organization = Organization(name="Benchmark", slug="benchmark", requests_per_minute=10_000_000)
    with cross_tenant("benchmark") as system:
        organization.save(using=system)
    organization._state.db = "default"
    with scope(organization.pk):
        ProviderConnection.objects.create(
            org=organization, name="Upstream", kind=ProviderKind.OPENAI, base_url=provider_url
        )
        agent = Agent.objects.create(org=organization, name="Benchmark", slug="benchmark")
        _, secret = tokens.create(org=organization, name="benchmark", scopes=list(Scope), actor="system")
    return Stack(
        base_url=base_url, token=secret, agent_slug=agent.slug, org_id=str(organization.pk), agent_id=str(agent.pk)
    )
