"""OpenAI's chat completions: what the request path speaks itself, so nothing is translated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ibex.providers.sse import ChatAccumulator, ChatOutcome, completion_from_json
from proxy.conversation import Fingerprint, fingerprint
from proxy.dialects.base import Payload, Reader
from proxy.schema import check_chat


class Chat:
    """POST /v1/chat/completions."""

    endpoint = "chat.completions"
    path = "/chat/completions"
    joins_blocks = False

    def check(self, payload: Payload) -> None:
        """See `Dialect`."""
        check_chat(payload)

    def view(self, payload: Payload) -> Payload:
        """The call itself."""
        return payload

    def prints(self, payload: Payload, view: Payload) -> Fingerprint:
        """By the history that it sends."""
        return fingerprint(payload["messages"])

    def rewritten(self, payload: Payload, view: Payload, messages: Sequence[Any]) -> Payload:
        """See `Dialect`."""
        return {**payload, "messages": messages}

    def reader(self) -> Reader:
        """See `Dialect`."""
        return ChatAccumulator()

    def outcome(self, body: bytes) -> ChatOutcome:
        """See `Dialect`."""
        return completion_from_json(body)
