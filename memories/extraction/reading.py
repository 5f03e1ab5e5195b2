"""What a turn says, read once: a turn that stays among the earlier ones of its session is not read anew for each next.

An extractor is given up to EARLIER_TURNS before the turns that are new, to know what it kept of them. Reading is most
of its work, and what a turn says by itself never changes; only what the user agrees to, and what echoes a memory,
depends on more than the turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from ibex.core import metrics
from memories.extraction import kinds
from memories.extraction.contract import MAX_CONTENT_CHARS, Role, Turn
from memories.extraction.drafts import Draft, confirmed_in, said_in
from memories.extraction.echoes import is_about_the_talk, is_echo
from memories.extraction.grounding import Ground, content_stems
from memories.extraction.substance import says_something

TURNS_KEPT = 512
LONGEST_KEPT = 8_000
"""Characters of a turn; with the number above, it bounds what a process keeps to some 20 MB."""


def read(turn: Turn, previous: Turn | None, injected: Sequence[str]) -> list[Draft]:
    """The sound drafts of a turn, in the order they were said; what it confirms of the previous one comes first."""
    confirmed = confirmed_in(turn, previous, injected) if previous else None
    is_short = len(turn.user_text) + len(turn.assistant_text) <= LONGEST_KEPT
    own = _of_itself(turn) if is_short else _of_itself.__wrapped__(turn)
    return [*_sound([confirmed] if confirmed else []), *(draft for draft in own if not _echoes(draft, injected))]


@lru_cache(maxsize=TURNS_KEPT)
def _of_itself(turn: Turn) -> tuple[Draft, ...]:
    return tuple(_sound(said_in(turn)))


def _echoes(draft: Draft, injected: Sequence[str]) -> bool:
    return draft.kind is kinds.DEED and is_echo(draft.evidence, injected, draft.turn.said_at)


def _sound(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """The drafts that say something, not too much of it, and that their turn supports."""
    grounds: dict[tuple[int, Role], Ground] = {}
    for draft in drafts:
        key = (draft.turn.number, draft.role)
        if key not in grounds:
            grounds[key] = Ground.of(draft.turn, draft.role)
        has_words = content_stems(draft.content) and len(draft.content) <= MAX_CONTENT_CHARS
        if not has_words or not says_something(draft.content) or is_about_the_talk(draft.clause):
            continue
        if grounds[key].supports(draft.content, draft.evidence):
            yield draft
        else:
            metrics.EXTRACTION_DROPPED.labels(extractor="local", reason="unsupported").inc()
