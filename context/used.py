"""Which of the memories in its prompt an answer made use of, as far as its words tell. No model, no guess at meaning.

A memory's own words are those of its content that neither the conversation nor the memory's frame ("The user ...") has:
an answer that has them did not take them from there. Numbers and names count double, for few of them come by chance; a
word that several memories of the prompt share is divided among them. An answer used a memory when it has a fair share
of its own words, or when they are most of what the answer says.

Measured by `benchmarks/effect.py`. What is said in other words altogether is missed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from context.words import content_words

FIRM_WEIGHT = 2.0
"""Of a number or a name; other words weigh 1."""
LEAST_WEIGHT = 1.0
"""Of the own words that an answer has, together: one word that is the memory's alone."""
LEAST_SHARE = 0.3
"""Of the weight of a memory's own words."""
ANSWER_SHARE = 0.5
"""Of the answer's own words, those that the memory has: a short answer says little of a long memory and of all else."""
LONG_WORDS = 120
"""Different content words of an answer from which on it has many words by chance, and must have LONG_SHARE."""
LONG_SHARE = 0.5
READ_CHARACTERS = 16_000
"""Of an answer, and of what was said before it, the most that is read: the words of one page say it as well."""
_FIRM = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z]\w+|\b\w*\d\w*")
_FRAME = content_words("user users customer client person agent assistant team company called named name likes")
"""What memories say of everybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """What an answer's words say about one memory."""

    share: float
    """Of the weight of the memory's own words, how much the answer has; 0 to 1."""
    is_used: bool


def uses(memories: Sequence[str], answer: str, said: str) -> list[Use | None]:
    """Of each memory, whether `answer` used it; None where that cannot be told, as all its words were in `said`."""
    known = content_words(said[-READ_CHARACTERS:]) | _FRAME
    answered = content_words(answer[:READ_CHARACTERS]) - known
    own = [content_words(memory) - known for memory in memories]
    holders = Counter(word for words in own for word in words)
    found: list[Use | None] = []
    for memory, words in zip(memories, own, strict=True):
        firm = _firm_words(memory)
        weight = {word: (FIRM_WEIGHT if word in firm else 1.0) / holders[word] for word in words}
        found.append(_use(weight, answered) if words else None)
    return found


def _use(weight: dict[str, float], answered: frozenset[str]) -> Use:
    matched = answered & weight.keys()
    mass = sum(weight[word] for word in matched)
    share = mass / sum(weight.values())
    is_fair = share >= (LONG_SHARE if len(answered) >= LONG_WORDS else LEAST_SHARE)
    is_most_of_it = len(matched) >= ANSWER_SHARE * len(answered)
    return Use(share=share, is_used=mass >= LEAST_WEIGHT and (is_fair or is_most_of_it))


def _firm_words(memory: str) -> frozenset[str]:
    return content_words(" ".join(_FIRM.findall(memory)))
