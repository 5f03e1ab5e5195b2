"""How many tokens a caller's request has: messages, tools and images.

Counting costs about 45 us for 1,000 characters and holds the interpreter, and the tokenizer takes 70 MB, so it is done
only as far as it can change the answer. A token is at least one byte, so bytes are an upper bound: where even that
leaves room for everything, which holds for nearly every call to a model of 128,000 tokens, nothing is counted. Else the
text is counted exactly up to EXACT_CHARACTERS; beyond, the beginning of each message is counted and the rest estimated
from it, with a margin. The first such call of a process comes before its tokenizer: it is estimated from its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from context.images import image_tokens
from ibex.core.tokens import at_most, can_count, count, encoding_for, estimate

EXACT_CHARACTERS = 65_536
"""About 3 ms of English, 8 ms of the densest text."""
ESTIMATE_MARGIN = 1.1
DENSE_BYTES_A_TOKEN = 2
"""Without a tokenizer. English has 4 to 5, program text and other scripts 2 to 4, random letters and digits 1.5."""
MESSAGE_TOKENS = 4
"""What each message costs beside its text (OpenAI's cookbook on counting: 3, and 1 for a name)."""
ANSWER_TOKENS = 3
"""What opens the answer (same source)."""
OPAQUE_CHARACTERS_A_TOKEN = 100
"""Audio and files come as base64: their bytes are many times their tokens."""

_COUNTED_FIELDS = ("tools", "functions", "response_format")

How = Literal["bound", "exact", "estimate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """Tokens of a request. As a bound never fewer than there are; exact but for media; or an estimate."""

    tokens: int
    how: How


def count_request(body: Mapping[str, Any], model: str, *, enough: int) -> Counted:
    """Tokens of the caller's `body`. Up to `enough` tokens there is room for everything, so a bound will do."""
    texts, fixed = _parts(body, model)
    in_bytes = sum(at_most(text) for text in texts)
    if fixed + in_bytes <= enough:
        return Counted(tokens=fixed + in_bytes, how="bound")
    encoding = encoding_for(model)
    if not can_count(encoding):
        return Counted(tokens=fixed + in_bytes // DENSE_BYTES_A_TOKEN, how="estimate")
    characters = sum(len(text) for text in texts)
    if characters <= EXACT_CHARACTERS:
        return Counted(tokens=fixed + sum(count(text, encoding) for text in texts), how="exact")
    share = EXACT_CHARACTERS / characters
    sampled = sum(count(text[: int(len(text) * share) + 1], encoding) for text in texts)
    return Counted(tokens=fixed + int(sampled / share * ESTIMATE_MARGIN), how="estimate")


def estimate_request(body: Mapping[str, Any]) -> int:
    """About how many tokens the caller's `body` has, without a tokenizer."""
    texts, fixed = _parts(body, str(body.get("model") or ""))
    return fixed + sum(map(estimate, texts))


def _parts(body: Mapping[str, Any], model: str) -> tuple[list[str], int]:
    """The texts to count, and the tokens of everything that is not text."""
    texts = [_json(body[name]) for name in _COUNTED_FIELDS if body.get(name)]
    fixed = ANSWER_TOKENS
    for message in body.get("messages") or ():
        fixed += MESSAGE_TOKENS
        for part in _message_parts(message):
            if isinstance(part, str):
                texts.append(part)
            else:
                fixed += _media_tokens(part, model)
    return texts, fixed


def _message_parts(message: Any) -> Iterator[Any]:
    """Texts as strings, media as they are."""
    if not isinstance(message, dict):
        return
    content = message.get("content")
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict):
            yield part["text"] if isinstance(part.get("text"), str) else part
        elif isinstance(part, str):
            yield part
    for name in ("name", "refusal"):
        if isinstance(message.get(name), str):
            yield message[name]
    for name in ("tool_calls", "function_call"):
        if message.get(name):
            yield _json(message[name])


def _media_tokens(part: Mapping[str, Any], model: str) -> int:
    if part.get("type") in ("image_url", "input_image", "image"):  # a tuple: a type may be anything
        image = part.get("image_url")
        detail = image.get("detail") if isinstance(image, dict) else part.get("detail")
        return image_tokens(model, low=detail == "low")
    return len(_json(part)) // OPAQUE_CHARACTERS_A_TOKEN + 1


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
