"""Which conversation a call belongs to, and what is new in it.

A rolling fingerprint runs over the caller's messages; system messages are left out, because applications put clocks and
retrieved documents there. After a turn the fingerprint of history + answer is remembered; a later call whose history
begins with it is the next turn of the same session.

Applications also drop or summarise old messages, and keep answers otherwise than they were given. So two more prints of
a turn are *claimed* for its session: its ending (the last messages, as many as make it unusual), and all that was asked
(the whole history without the answer). They count only where no fingerprint of history + answer is nearer to the call,
and only while one session alone has claimed them: words that two conversations share tell neither from the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from uuid import UUID

import orjson

from agents.models.session import Session
from ibex.core.ids import uuid7

MAX_CANDIDATES = 6
"""How many of the latest answers in a history may be the known end of a conversation."""
MAX_CLAIMED = 2
"""Of how many of them the ending and what was asked are looked for as well."""
ENDING_CHARACTERS = (120, 360)
"""The two endings of a turn say at least this much: a canned answer fills the shorter one, and not the longer one
(tests/proxy/test_session_continuity.py: none led to a stranger's session)."""
ENDING_MESSAGES = 8
"""What does not say so much in so many messages has no ending."""
ASKED_CHARACTERS = 40
"""What was asked is claimed when the history says at least this much."""
_INSTRUCTIONS = frozenset({"system", "developer"})

Seen = tuple[bytes, int]
"""What counts of one message, and how many characters it says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """Where a history may continue a known conversation."""

    candidates: tuple[tuple[str, int], ...]
    """(print of the messages up to an answer, index of the first message after it), the likeliest first."""
    whole: bytes
    """State after the last message: the answer is added to it when the turn ends."""
    asked: str = ""
    """The print of everything that this call asks, or empty when it says too little."""
    last: tuple[Seen, ...] = ()
    """The last messages, for the ending of the turn."""
    begun: tuple[bytes, str] | None = None
    """An answer that the caller has begun: the state before it, and its text."""


NO_HISTORY = Fingerprint(candidates=(), whole=b"")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionRef:
    """The session of one call."""

    id: UUID
    external_id: str = ""
    known_messages: int | None = None
    """How many of the caller's messages earlier turns have brought already; None when nobody could be asked."""
    is_new: bool = False
    """Its id was made for this call: nobody knows it yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """What a call brings that no session has seen, instructions left out."""

    imported: list[dict[str, Any]]
    """Earlier messages, up to an answer."""
    live: list[dict[str, Any]]
    """The turn's own: what came after the last answer."""


def fingerprint(messages: Sequence[Any]) -> Fingerprint:
    """Roll over `messages`; costs one hash a message, and some more at the end."""
    states, seen, ends = [b""], list[Seen](), list[tuple[int, int]]()
    chars = 0
    spoken = [(i, m) for i, m in enumerate(messages) if _is_spoken(m)]
    for index, message in spoken:
        seen.append(_seen(message))
        states.append(_roll(states[-1], seen[-1]))
        chars += seen[-1][1]
        if message.get("role") == "assistant":
            ends.append((len(seen), index + 1))
    last = spoken[-1][1] if spoken else {}
    return Fingerprint(
        candidates=tuple(_candidates(states, seen, ends)),
        whole=states[-1],
        asked=_asked(states[-1]) if chars >= ASKED_CHARACTERS else "",
        last=tuple(seen[1 - ENDING_MESSAGES :]),
        begun=(states[-2], answer_text(last)) if last.get("role") == "assistant" else None,
    )


def after_answer(prints: Fingerprint, text: str, tool_calls: Sequence[Any]) -> tuple[str, ...]:
    """The fingerprints of a history once the model's answer has been appended to it, one for each way to do so."""
    answer = {"role": "assistant", "content": text, "tool_calls": list(tool_calls)}
    after = (_roll(prints.whole, _seen(answer)).hex(),)
    if prints.begun is None:
        return after
    before, begun = prints.begun
    return (*after, _roll(before, _seen(answer | {"content": begun + text})).hex())


def endings(prints: Fingerprint, text: str, tool_calls: Sequence[Any]) -> list[str]:
    """The prints of the turn's last messages; none when they are nothing unusual."""
    answer = {"role": "assistant", "content": text, "tool_calls": list(tool_calls)}
    return _endings([*prints.last, _seen(answer)])


def session_of(external_id: str, agent_id: UUID) -> SessionRef:
    """The session that the application names: the same name always means the same session of that agent."""
    return SessionRef(id=Session.id_for(agent_id, external_id), external_id=external_id)


def new_session() -> SessionRef:
    """A conversation that nobody has seen before."""
    return SessionRef(id=uuid7(), is_new=True)


def brought(messages: Sequence[Any], ref: SessionRef) -> Brought:
    """What this call brings: everything after the history that earlier turns brought."""
    live = _after_last_answer(messages)
    if ref.known_messages is None:
        return Brought(imported=[], live=_spoken(messages[live:]))
    known = ref.known_messages
    return Brought(imported=_spoken(messages[known:live]), live=_spoken(messages[max(known, live) :]))


def text_of(message: dict[str, Any]) -> str:
    """The text of a message: its string, or its text parts."""
    return "\n".join(_texts(message))


def answer_text(message: dict[str, Any]) -> str:
    """What an answer says, reasoning left out; a refusal is one too."""
    refusal = message.get("refusal")
    return "".join(_texts(message)) or (refusal if isinstance(refusal, str) else "")


def user_text(messages: Sequence[dict[str, Any]]) -> str:
    """What the user said among `messages`."""
    return "\n\n".join(text for m in messages if m.get("role") == "user" and (text := text_of(m)))


def _is_spoken(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") not in _INSTRUCTIONS


def _spoken(messages: Iterable[Any]) -> list[dict[str, Any]]:
    return [message for message in messages if _is_spoken(message)]


def _after_last_answer(messages: Sequence[Any]) -> int:
    """Where the live turn begins. Answers after which nothing was asked are one that the caller has begun."""
    roles = [message.get("role") if _is_spoken(message) else None for message in messages]
    asked = max((i for i, role in enumerate(roles) if role not in (None, "assistant")), default=len(roles))
    answers = [i for i, role in enumerate(roles[:asked]) if role == "assistant"]
    return answers[-1] + 1 if answers else 0


def _candidates(
    states: Sequence[bytes], seen: Sequence[Seen], ends: Sequence[tuple[int, int]]
) -> Iterable[tuple[str, int]]:
    for place, (count, index) in enumerate(reversed(ends[-MAX_CANDIDATES:])):
        yield states[count].hex(), index
        if place < MAX_CLAIMED:
            yield _asked(states[count - 1]), index
            for known in _endings(seen[max(0, count - ENDING_MESSAGES) : count]):
                yield known, index


def _asked(state: bytes) -> str:
    return f"a{state.hex()}"


def _endings(seen: Sequence[Seen]) -> list[str]:
    """The shortest endings that say enough, the longer one first."""
    lengths = list(accumulate(chars for _, chars in reversed(seen[-ENDING_MESSAGES:])))
    counts = {next((n for n, said in enumerate(lengths, 1) if said >= least), 0) for least in ENDING_CHARACTERS}
    return [_ending(seen[-count:]) for count in sorted(counts - {0}, reverse=True)]


def _ending(seen: Sequence[Seen]) -> str:
    return f"e{hashlib.blake2b(b'|'.join(said for said, _ in seen), digest_size=16).hexdigest()}"


def _roll(state: bytes, seen: Seen) -> bytes:
    return hashlib.blake2b(state + seen[0], digest_size=16).digest()


def _seen(message: dict[str, Any]) -> Seen:
    content = message.get("content")
    if message.get("role") == "assistant":
        said = answer_text(message).strip()
    elif _has_media(content):
        said = orjson.dumps(content).hex()
    else:
        said = text_of(message).strip()
    called = message.get("tool_calls")
    calls = [_call_name(call) for call in called if isinstance(call, dict)] if isinstance(called, list) else []
    seen = orjson.dumps([message.get("role"), said, calls, message.get("tool_call_id") or ""])
    return seen, len(said)


def _texts(message: dict[str, Any]) -> list[str]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [text for part in parts if isinstance(part, dict) and isinstance(text := part.get("text"), str)]


def _has_media(content: Any) -> bool:
    return isinstance(content, list) and any(isinstance(p, dict) and "text" not in p for p in content)


def _call_name(call: dict[str, Any]) -> list[Any]:
    function = call.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return [call.get("id"), name]
