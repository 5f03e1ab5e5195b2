"""What a dialect is: the request path sees every call as a chat, and a dialect takes back what was added to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ibex.providers.sse import ChatOutcome, OutcomeBuilder, SseParser
from ibex.providers.untrusted import object_in
from proxy.conversation import Fingerprint

Payload = dict[str, Any]


class Reader(Protocol):
    """Reads a stream on the side."""

    done: bool
    """The provider has sent what ends the answer: the turn is journaled before the caller gets it."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Never raises."""

    def outcome(self) -> ChatOutcome:
        """What has been said so far."""
        ...


class Dialect(Protocol):
    """One way of asking. Stateless."""

    endpoint: str
    """Its name in traces and metrics."""
    path: str
    """Below a provider's base URL."""
    joins_blocks: bool
    """It has no system messages between others: memories join the message they stand before."""

    def check(self, payload: Payload) -> None:
        """Raise InvalidRequest with one entry a refused field."""

    def view(self, payload: Payload) -> Payload:
        """The call as a chat completion's request; its messages' contents are lists of parts unless it is one."""
        ...

    def prints(self, payload: Payload, view: Payload) -> Fingerprint:
        """Where the call may continue a known conversation."""
        ...

    def rewritten(self, payload: Payload, view: Payload, messages: Sequence[Any]) -> Payload:
        """`payload` with what `messages` have more than the view's; everything else is the caller's own object."""
        ...

    def reader(self) -> Reader:
        """For one stream."""
        ...

    def outcome(self, body: bytes) -> ChatOutcome:
        """Of an answer that was not streamed. Never raises."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """What assembly put among the messages of a view; indexes are the view's."""

    alone: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """Messages of their own, by the message they stand before."""
    before: dict[int, list[str]] = field(default_factory=dict)
    """Texts that a message begins with now."""
    after: dict[int, list[str]] = field(default_factory=dict)
    """Texts that it ends with."""


def added_to(view: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, Any]]) -> Added:
    """Compare what assembly made of `view` with it: all its messages are there, in order, some with more parts.

    A view's contents are lists of parts, so a text for a content is a message that assembly made.
    """
    added = Added()
    at = 0
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            added.alone.setdefault(at, []).append(dict(message))
            continue
        if message is not view[at]:
            own = view[at]["content"]
            start = next(i for i in range(len(content) + 1) if content[i : i + len(own)] == own)
            added.before[at] = [part["text"] for part in content[:start]]
            added.after[at] = [part["text"] for part in content[start + len(own) :]]
        at += 1
    return added


def thread_print(name: str) -> bytes:
    """The fingerprint of a conversation that its callers continue by an id, not by sending its history."""
    return hashlib.blake2b(b"thread:" + name.encode(), digest_size=16).digest()


class EventReader:
    """Reads streams whose events say their `type`, by what each comes to in chat completion chunks."""

    def __init__(
        self,
        chunks_of: Callable[[Mapping[str, Any]], Iterable[dict[str, Any]]],
        *,
        last: frozenset[str],
        names_of: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _event: (),
    ) -> None:
        self.done = False
        self._chunks_of, self._last, self._names_of = chunks_of, last, names_of
        self._parser = SseParser()
        self._builder = OutcomeBuilder()

    def feed(self, chunk: bytes) -> None:
        """See `Reader`."""
        for payload in self._parser.feed(chunk):
            event = object_in(payload)
            if event is not None:
                self._take(event)
        # Its data was too much to keep, but its name tells that it is the last.
        self.done = self.done or any(name.decode(errors="replace") in self._last for name in self._parser.oversized)
        self._builder.ended = self.done

    def outcome(self) -> ChatOutcome:
        """See `Reader`."""
        return self._builder.outcome(truncated=bool(self._parser.oversized))

    def _take(self, event: Mapping[str, Any]) -> None:
        for said in self._chunks_of(event):
            self._builder.take(said, said_in="delta")
        self._builder.names = self._names_of(event) or self._builder.names
        kind = event.get("type")
        self.done = self.done or (isinstance(kind, str) and kind in self._last)
