"""The addresses under /v1, as Channels HTTP consumers: Django's view stack would cost four times the CPU."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import structlog
from channels.generic.http import AsyncHttpConsumer

from ibex.core import metrics
from ibex.core.errors import MethodNotAllowed
from ibex.providers.base import ProviderAnswer
from ibex.providers.errors import ProviderError
from ibex.providers.sse import ChatOutcome
from proxy import lifespan, pipeline
from proxy.dialects.base import Dialect
from proxy.dialects.chat import Chat
from proxy.dialects.messages import Messages, error_body
from proxy.dialects.responses import Responses
from proxy.error_shape import error_answer
from proxy.forward import forward
from proxy.pipeline import MAX_BODY_BYTES
from proxy.record import record_answer, record_call
from proxy.rewarm import rewarm
from proxy.stream import Tee
from proxy.switches import refuse_repeated
from proxy.turn import PROVIDER_STAGE, Incoming, Turn

PASSED_ON = (
    "content-type", "openai-model", "openai-organization", "openai-processing-ms", "openai-version", "request-id",
)  # fmt: skip
"""Headers of a provider's answer that the caller gets; the others are about the provider's own connection or limits."""

_log = structlog.get_logger(__name__)


API_KEY_HEADER = "x-api-key"
NO_CONTENT = 204
"""An answer of this status has no body, and no headers that speak of one."""
ABORT = "ibex.response.abort"
"""See `ibex.serving.exchange`, which knows this message."""


class StreamBrokeOff(Exception):
    """Ends an answer on a server that cannot be told to break it off: it drops the connection."""


class HttpConsumer(AsyncHttpConsumer):
    """One request: its body is read with a limit, its handler is cancelled when the caller leaves."""

    # There is no channel layer of this name: a consumer with one would hold a Redis subscription for each call.
    channel_layer_alias = "none"
    methods: ClassVar[tuple[str, ...]] = ("GET",)
    endpoint: ClassVar[str] = ""

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        self.scope, self.base_send = scope, send
        body = await self._read(receive)
        if body is None:
            return
        await lifespan.started()
        handling = asyncio.current_task()
        leaving = asyncio.create_task(_cancelled_by_leaving(receive, handling))
        try:
            await self._handle(body)
        except asyncio.CancelledError:
            if not leaving.done():  # the server stops; nobody has left
                raise
        finally:
            leaving.cancel()

    async def send(self, message: dict[str, Any]) -> None:
        """Hand a message to the server."""
        await self.base_send(message)

    async def answer(self, turn: Turn) -> None:
        """Answer the call. Raises IbexError for what the caller should be told."""
        raise NotImplementedError

    async def respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """A whole answer at once."""
        if status != NO_CONTENT:
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        await self.send_response(status, body, headers=_encoded(headers))

    async def _handle(self, body: bytes) -> None:
        headers = {name.decode("latin-1"): _text(value) for name, value in self.scope["headers"]}
        is_repeated = len(headers) < len(self.scope["headers"])
        if API_KEY_HEADER in headers:  # where Anthropic's SDK puts its key
            headers.setdefault("authorization", f"Bearer {headers[API_KEY_HEADER]}")
        incoming = Incoming(method=self.scope["method"], path=self.scope["path"], headers=headers, body=body)
        turn = Turn.begin(incoming, self.endpoint)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=turn.request_id)
        with metrics.IN_FLIGHT.track_inprogress():
            try:
                if is_repeated:
                    refuse_repeated(self.scope["headers"])
                self._check_method(incoming.method)
                await self.answer(turn)
            except StreamBrokeOff:
                raise
            except Exception as error:  # noqa: BLE001 - the outermost boundary of a call: logged and counted in error_answer
                status, answer, headers = error_answer(error, turn.request_id)
                await record_call(turn, status, getattr(error, "code", "INTERNAL_ERROR"))
                await self.respond(status, self.error_body(answer, status), turn.headers() | headers)
            finally:
                turn.measured()

    def error_body(self, body: bytes, status: int) -> bytes:
        """IBEX's envelope in the shape that this address's callers read."""
        return body

    def _check_method(self, method: str) -> None:
        if method not in self.methods:
            raise MethodNotAllowed(headers={"Allow": ", ".join(self.methods)})

    async def _read(self, receive: Callable[[], Awaitable[Any]]) -> bytes | None:
        """The body, cut after one byte too many; None when the caller has left already."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            if len(body) <= MAX_BODY_BYTES:
                body += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(body)


class Proxied(HttpConsumer):
    """A call to a model, with memory: every dialect takes the same way."""

    methods = ("POST",)
    dialect: ClassVar[Dialect]

    async def answer(self, turn: Turn) -> None:
        body = await pipeline.prepare(turn, self.dialect)
        rewarm(turn)
        answer = await forward(turn, self.dialect.path, body)
        try:
            await (self._stream(turn, answer) if turn.is_stream else self._whole(turn, answer))
        finally:
            await answer.aclose()

    async def _whole(self, turn: Turn, answer: ProviderAnswer) -> None:
        with turn.stage(PROVIDER_STAGE):
            body = await answer.read()
        await record_answer(turn, self.dialect.outcome(body), answer.status)
        await self.respond(answer.status, body, passed_on(answer) | turn.headers())

    async def _stream(self, turn: Turn, answer: ProviderAnswer) -> None:
        await self.send_headers(status=answer.status, headers=_encoded(passed_on(answer) | turn.headers()))
        # An empty part makes the server send the headers now, not with the first token.
        await self.send_body(b"", more_body=True)
        reader, is_recorded = self.dialect.reader(), False

        async def finish(outcome: ChatOutcome) -> None:
            nonlocal is_recorded
            is_recorded = True
            await record_answer(turn, outcome, answer.status)

        try:
            await Tee(reader).run(turn, answer, lambda chunk: self.send_body(chunk, more_body=True), finish)
        except ProviderError as error:
            _log.warning("provider_stream_broke", code=error.code)
            await self._break_off()
        else:
            await self.send_body(b"")
        finally:
            if not is_recorded:
                await finish(reader.outcome())

    async def _break_off(self) -> None:
        """The provider broke its stream off: the caller must not take it for a whole one."""
        if ABORT not in self.scope.get("extensions", {}):
            raise StreamBrokeOff
        await self.send({"type": ABORT})


class ChatCompletions(Proxied):
    """POST /v1/chat/completions."""

    dialect = Chat()
    endpoint = dialect.endpoint


class ResponsesCalls(Proxied):
    """POST /v1/responses."""

    dialect = Responses()
    endpoint = dialect.endpoint


class MessagesCalls(Proxied):
    """POST /v1/messages; Anthropic's SDK reads errors in its own shape only."""

    dialect = Messages()
    endpoint = dialect.endpoint

    def error_body(self, body: bytes, status: int) -> bytes:
        return error_body(body, status)


async def _cancelled_by_leaving(receive: Callable[[], Awaitable[Any]], handling: asyncio.Task[Any] | None) -> None:
    """Cancel the handling of a call whose caller has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if handling is not None:
        handling.cancel()


def passed_on(answer: ProviderAnswer) -> dict[str, str]:
    """The provider's headers that the caller gets; a value that HTTP cannot carry is left out."""
    return {name: value for name in PASSED_ON if (value := answer.headers.get(name, "")).isascii() and value}


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _text(value: bytes) -> str:
    """A header's value: UTF-8, as clients send names today, else what HTTP said it was."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
