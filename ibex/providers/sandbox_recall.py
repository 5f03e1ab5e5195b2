"""What the sandbox answers: the memory in the prompt that fits the question best, or that it knows nothing.

No model, no guessing: words are compared. It shows the loop of learning and remembering, offline, the same every time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

NOTHING_KNOWN = (
    "Sandbox: this is IBEX's built-in stand-in for a model. It has no knowledge of its own, and no memory in this "
    "prompt fits. Add a model provider in the settings for real answers."
)
RECALLED = "Sandbox: From what I remember: "

_ROLES_WITH_MEMORIES = frozenset({"system", "developer", "user"})
# XML-escaped text holds no "<": excluding it keeps the search linear in whatever a caller sends.
_MEMORY = re.compile(r"<memory\b[^<>]*>([^<]*)</memory>")
_TAG = re.compile(r"<[^<>]*>")
_CONTRACTION = re.compile(r"['’](?:s|m|d|t|re|ve|ll)\b")  # noqa: RUF001 (people type the curly one too)
_WORD = re.compile(r"[^\W_]+")

_FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself"})
_USER = "user"
_NAMING = "nam"
"""The stem of "name", and of "call" in "what is it called": no subject of a question that has another."""
_STOP_WORDS = _FIRST_PERSON | frozenset(
    _WORD.findall(
        "a about again ain all also am an and any are aren as at be been but by can could couldn did didn do does "
        "doesn doing don ever for from had hadn has hasn have haven having he her hers him his how if in into is isn "
        "it its just know let like may might mine no not of on or our please recall remember remind s said say she "
        "should shouldn so some tell than that the their them then there these they this those to too us user very "
        "was wasn we were weren what when where which who whom whose why will with won would wouldn you your yours"
    )
)


def reply_to(messages: Sequence[Any]) -> str:
    """The sandbox's answer to the last user message of `messages`, from the memories in any of them."""
    memory = best_memory(_question(messages), memories_in(messages))
    if memory is None:
        return NOTHING_KNOWN
    return RECALLED + (memory if memory.endswith((".", "!", "?")) else f"{memory}.")


def memories_in(messages: Sequence[Any]) -> list[str]:
    """The unescaped texts of all `<memory …>` elements, in the order of the prompt."""
    texts = (text_of(message) for message in messages if _role_of(message) in _ROLES_WITH_MEMORIES)
    found = (html.unescape(escaped).strip() for text in texts for escaped in _MEMORY.findall(text))
    return [memory for memory in found if memory]


def best_memory(question: str, memories: Sequence[str]) -> str | None:
    """The memory that shares most content words with the question, or None when none shares what it is about.

    "My" in a question and "the user's" in a memory are the same person and count as a word shared. Of equals, the one
    that says least beside the point, then the later one.
    """
    asked = content_words(question)
    subject = asked - {_NAMING} or asked
    asks_of_self = bool(_FIRST_PERSON & _words(question))
    best: tuple[tuple[float, ...], str] | None = None
    for position, memory in enumerate(memories):
        words = content_words(memory)
        if not subject & words:
            continue
        shared = len(asked & words)
        of_user = asks_of_self and _USER in _words(memory)
        rank = (shared + of_user, of_user, shared / len(words), position)
        if best is None or rank > best[0]:
            best = (rank, memory)
    return best[1] if best else None


def content_words(text: str) -> frozenset[str]:
    """The stems of the words that say what a text is about."""
    stems = (_stem(word) for word in _words(text) - _STOP_WORDS)
    return frozenset(_NAMING if stem == "cal" else stem for stem in stems)


def text_of(message: Any) -> str:
    """The text of a message: its string, or its text parts, a line each."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _role_of(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _question(messages: Sequence[Any]) -> str:
    """The last user message without a memory block that may have joined it, before or after the user's own words."""
    asked = [text_of(message) for message in messages if _role_of(message) == "user"]
    if not asked:
        return ""
    pieces = _MEMORY.split(asked[-1])
    after, before = _TAG.sub(" ", pieces[-1]), _TAG.sub(" ", pieces[0])
    return after if after.strip() else before


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_CONTRACTION.sub("", text.casefold())))


def _stem(word: str) -> str:
    """A word without its most common English endings; the same for all forms of a regular word, not itself a word."""
    if len(word) > 4 and word.endswith(("ies", "ied")):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word
