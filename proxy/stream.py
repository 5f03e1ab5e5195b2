"""Passing a stream on: the provider's bytes unchanged, the end held back until the turn is journaled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ibex.providers.base import ProviderAnswer
from ibex.providers.sse import ChatOutcome
from proxy.dialects.base import Reader
from proxy.turn import PROVIDER_STAGE, Turn

Send = Callable[[bytes], Awaitable[None]]
Finish = Callable[[ChatOutcome], Awaitable[None]]


class Tee:
    """Sends each chunk on and keeps a copy on the side; the copy can never hurt the caller's stream."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def run(self, turn: Turn, answer: ProviderAnswer, send: Send, finish: Finish) -> None:
        """Stream `answer` to `send`; call `finish` once, before the bytes that end it.

        Raises what the provider's stream raises, after the bytes that came before it.
        """
        finished = False
        chunks = aiter(answer.chunks)
        while True:
            with turn.stage(PROVIDER_STAGE):
                chunk = await anext(chunks, b"")
            if not chunk:
                break
            self._reader.feed(chunk)
            if self._reader.done and not finished:
                finished = True
                await finish(self._reader.outcome())
            await send(chunk)
        if not finished:
            await finish(self._reader.outcome())
