"""The connection of `ibex.core.redis_wire` itself: questions out, answers in, and whether the server says anything."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import hiredis
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from ibex.core.patience import patient

Part = bytes | str | int | float
Command = tuple[Part, ...]

SILENT_AFTER_S = patient(0.04)
"""Without a word for so long, with questions open, a server is taken for one that does not answer. It takes 0.2 ms."""
HANGS_AFTER_S = 1.0
"""The connection to a server that has been silent for so long is given up, and a new one tried."""
LAST_LOOK_S = 0.004
"""Before it is: uvloop writes a question at the end of the turn in which it is asked, and runs timers at the end of
each, so after a long turn a timer is due before the answer could be read."""
LOOKS = 5
"""At an answer that is not there yet, in equal parts of the time it is given. A look counts once, however late it
comes: what a busy event loop spends on others is no time of the server's."""
QUESTIONS_MAX = 4_096
"""Open questions: a server that is only slow never has so many, and one that hangs costs no more memory."""

_log = structlog.get_logger(__name__)


class Line(asyncio.Protocol):
    """One connection, until it is closed."""

    def __init__(self, silent_after_s: float) -> None:
        self.is_closed = False
        self._silent_after_s = silent_after_s
        self.is_silent = False
        """It does not answer; a closed one stays what it was."""
        self._watch: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(replyError=_answered_error, protocolError=RedisConnectionError)
        self._open: deque[_Question] = deque()
        self._transport: asyncio.Transport | None = None
        self._heard = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self.is_silent:
            self.is_silent = False
            _log.warning("redis_answers_again")
        try:
            self._parser.feed(data)
            while (answer := self._parser.gets()) is not False:
                question = self._open[0]
                question.answers.append(answer)
                if len(question.answers) == question.wanted:
                    self._open.popleft()
                    question.answer()
        except (RedisError, IndexError):
            self.give_up("not the language of Redis")

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(type(exc).__name__ if exc else "closed by the server")

    def ask(self, commands: Sequence[Command], timeout_s: float) -> asyncio.Future[list[Any]]:
        """Send `commands`; errors among the answers are answers."""
        if self.is_silent and self._silence_s() > HANGS_AFTER_S:
            self.give_up("hangs")
        if self.is_silent or self.is_closed or self._transport is None or len(self._open) >= QUESTIONS_MAX:
            raise RedisConnectionError("the connection is closed, silent or overloaded")
        question = _Question(self._loop, len(commands), timeout_s)
        self._open.append(question)
        # uvloop makes one write of all that is written in one turn.
        self._transport.write(b"".join(map(_packed, commands)))
        self._watch = self._watch or self._loop.call_later(self._silent_after_s - LAST_LOOK_S, self._look)
        return question.future

    def answers_within(self, silent_after_s: float) -> None:
        """From now on it is silent after so long."""
        self._silent_after_s = silent_after_s
        self._stop_watching()

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _look(self, seen: tuple[float, _Question] | None = None) -> None:
        """Whether the server is silent: it was when `seen` was found, a turn of the loop ago, and nothing has changed
        since. So a busy event loop is not taken for a silent server.
        """
        self._watch = None
        if self.is_closed or not self._open:
            return
        left_s = self._silent_after_s - LAST_LOOK_S - self._silence_s()
        here = None if left_s > 0 else (self._heard, self._open[0])
        if here is None or here != seen:
            self._watch = self._loop.call_later(max(left_s, LAST_LOOK_S), self._look, here)
            return
        self.is_silent = True
        _log.warning("redis_is_silent", questions=len(self._open))
        for question in self._open:
            question.fail(RedisConnectionError("silent"))

    def _silence_s(self) -> float:
        """Since it was last heard, or since the oldest open question was asked."""
        return self._loop.time() - max(self._heard, self._open[0].asked) if self._open else 0.0

    def give_up(self, why: str) -> None:
        """Fail everyone who waits, and take no further question."""
        self.is_closed = True
        self._stop_watching()
        if self._transport is not None:
            self._transport.abort()
        while self._open:
            self._open.popleft().fail(RedisConnectionError(why))


class _Question:
    """Commands whose answers are still to come."""

    __slots__ = ("_look_s", "_looks", "_loop", "_timer", "answers", "asked", "future", "wanted")

    def __init__(self, loop: asyncio.AbstractEventLoop, wanted: int, timeout_s: float) -> None:
        self.future: asyncio.Future[list[Any]] = loop.create_future()
        self.answers: list[Any] = []
        self.wanted = wanted
        self.asked = loop.time()
        self._loop, self._looks, self._look_s = loop, LOOKS, timeout_s / LOOKS
        self._timer = loop.call_later(self._look_s, self._look)

    def _look(self) -> None:
        self._looks -= 1
        if self._looks:
            self._timer = self._loop.call_later(self._look_s, self._look)
        else:
            self.fail(TimeoutError())

    def answer(self) -> None:
        """All answers are there. Nobody may be waiting for them any more."""
        self._timer.cancel()
        if not self.future.done():
            self.future.set_result(self.answers)

    def fail(self, error: Exception) -> None:
        """Tell who waits, unless nobody does."""
        self._timer.cancel()
        if not self.future.done():
            self.future.set_exception(error)


def _packed(command: Command) -> bytes:
    packed: bytes = hiredis.pack_command(cast("Any", command))
    return packed


def _answered_error(text: str) -> RedisError:
    return NoScriptError(text) if text.startswith("NOSCRIPT") else ResponseError(text)
