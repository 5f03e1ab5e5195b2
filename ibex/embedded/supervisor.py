"""Keeps a handful of programs running: an ordered start by readiness, restarts, an ordered stop, no orphans.

What stands on something is started again only when that is ready: a database that recovers for a minute costs a minute,
and not the restarts that its clients are allowed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ibex.embedded.errors import StartError
from ibex.embedded.logs import Logs
from ibex.embedded.process import Program, end_group, launch

END_POLL_S = 0.1
READY_POLL_S = 0.02
SETTLED_S = 2.0
"""A service without a readiness check counts as started when it has lived this long."""
FAILURES_MAX = 6
"""Restarts in a row that may fail; with the pauses between them, about 16 seconds."""
FIRST_PAUSE_S = 0.25
LOG_TRIM_INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What to keep running. `program`, `before` and `ready` are asked at each start, the last two in a thread."""

    name: str
    program: Callable[[], Program]
    stage: int
    """Stands on the lower stages. Stopped from the highest stage to the lowest, those of one stage together."""
    ready: Callable[[int], bool] | None = None
    before: Callable[[], None] | None = None
    ready_timeout_s: float = 60.0
    stop_grace_s: float = 4.0


@dataclass(slots=True, kw_only=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    started: float
    was_ready: bool = False

    def is_ready(self) -> bool:
        """Whether it runs, and has said that it is ready."""
        return self.was_ready and not _has_ended(self.process)

    def stood(self) -> bool:
        """Whether it had started properly when it ended."""
        return self.was_ready or (self.service.ready is None and time.monotonic() - self.started >= SETTLED_S)


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Use inside one event loop that runs on the main thread; always `stop` it."""

    logs: Logs
    say: Callable[[str], None]
    open_files: Sequence[int] = ()
    """Descriptors that every program inherits."""
    _children: dict[str, _Child] = field(default_factory=dict)
    _keepers: list[asyncio.Task[None]] = field(default_factory=list)
    _gave_up: asyncio.Event = field(default_factory=asyncio.Event)
    _reason: str = ""

    async def start(self, *services: Service) -> None:
        """Start them together, return when all are ready, and keep each running from then on.

        Raises StartError when one does not start.
        """
        starting = [asyncio.create_task(self._start(service)) for service in services]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)

    async def _start(self, service: Service) -> None:
        self.logs.begin(service.name)
        await self._begin(service)
        keeper = asyncio.create_task(self._keep(service), name=f"keep {service.name}")
        keeper.add_done_callback(self._ended_keeping)
        self._keepers.append(keeper)

    async def run(self, service: Service) -> None:
        """Run it once, to its end. Raises StartError when it fails."""
        self.logs.begin(service.name)
        child = await self._begin(service)
        await _ended(child.process)
        del self._children[service.name]
        if child.process.returncode:
            raise StartError(f"{service.name} failed ({self._last_words(child)})")

    async def broken(self) -> None:
        """Wait until a service cannot be kept running, then raise StartError. Cuts long logs meanwhile."""
        while not self._gave_up.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gave_up.wait(), LOG_TRIM_INTERVAL_S)
            self.logs.trim()
        raise StartError(self._reason)

    async def stop(self, *starting: asyncio.Task[None]) -> int:
        """Cancel what is still `starting` something, then stop everything, the highest stage first; count it.

        Who does not stop in time is killed.
        """
        tasks = [*starting, *self._keepers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        children = list(self._children.values())
        for stage in sorted({child.service.stage for child in children}, reverse=True):
            await asyncio.gather(*(self._end(child) for child in children if child.service.stage == stage))
        self._children.clear()
        return len(children)

    async def _begin(self, service: Service) -> _Child:
        if service.before:
            await asyncio.to_thread(service.before)
        program = service.program()
        program = replace(program, open_files=(*program.open_files, *self.open_files))
        try:
            with self.logs.open(service.name) as output:
                process = launch(program, output)
        except OSError as error:
            raise StartError(f"{program.argv[0]} cannot be run: {error.strerror}.") from error
        child = _Child(service=service, process=process, stop_signal=program.stop_signal, started=time.monotonic())
        self._children[service.name] = child
        await self._until_ready(child)
        return child

    async def _until_ready(self, child: _Child) -> None:
        service, process = child.service, child.process
        if service.ready is None:
            return
        while not await asyncio.to_thread(service.ready, process.pid):
            if _has_ended(process):
                await _ended(process)
                raise StartError(f"{service.name} stopped before it was ready ({self._last_words(child)})")
            if time.monotonic() - child.started > service.ready_timeout_s:
                raise StartError(
                    f"{service.name} was not ready within {service.ready_timeout_s:.0f} s; "
                    f"its log is {self.logs.path(service.name)}"
                )
            await asyncio.sleep(READY_POLL_S)
        child.was_ready = True

    async def _keep(self, service: Service) -> None:
        """Start it again whenever it ends, until that has failed too often in a row."""
        failures = 0
        while failures < FAILURES_MAX:
            child = self._children[service.name]
            await _ended(child.process)
            failures = 0 if child.stood() else failures + 1
            self.say(f"{service.name} ended ({_outcome(child.process)}); starting it again")
            await asyncio.sleep(FIRST_PAUSE_S * 2**failures)
            await self._foundations_stand(service)
            try:
                await self._begin(service)
            except (StartError, OSError) as error:
                self.say(str(error))
                await self._end(self._children[service.name])
        self._reason = f"{service.name} keeps falling over; its log is {self.logs.path(service.name)}"
        self._gave_up.set()

    def _ended_keeping(self, keeper: asyncio.Task[None]) -> None:
        """A defect of ours must not leave something unkept in silence."""
        error = None if keeper.cancelled() else keeper.exception()
        if error:
            self._reason = f"IBEX failed to {keeper.get_name()} running: {type(error).__name__}"
            self._gave_up.set()

    async def _foundations_stand(self, service: Service) -> None:
        """Wait until the lower stages, as far as they can tell, are ready."""
        below = [each.service for each in self._children.values() if each.service.stage < service.stage]
        named = [each.name for each in below if each.ready]
        while not all(self._children[name].is_ready() for name in named):  # noqa: ASYNC110 - they set no Event
            await asyncio.sleep(END_POLL_S)

    async def _end(self, child: _Child) -> None:
        process, grace = child.process, child.service.stop_grace_s
        if not _has_ended(process):
            process.send_signal(child.stop_signal)
        try:
            await asyncio.wait_for(_ended(process), grace)
        except TimeoutError:
            self.say(f"{child.service.name} did not stop within {grace:.0f} s; killing it")
            process.kill()
            await _ended(process)

    def _last_words(self, child: _Child) -> str:
        words = self.logs.last_line(child.service.name) or "it said nothing"
        return f"{_outcome(child.process)}: {words}; its log is {self.logs.path(child.service.name)}"


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended, without collecting it: until then its process id, and so its group's, is nobody else's."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end and leave nothing of its group behind."""
    while not _has_ended(process):  # noqa: ASYNC110 - another process sets no Event of ours
        await asyncio.sleep(END_POLL_S)
    if process.returncode is None:
        end_group(process)
        process.wait()


def _outcome(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"signal {-code}" if code < 0 else f"exit code {code}"
