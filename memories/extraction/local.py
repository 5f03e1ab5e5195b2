"""The local extractor: it learns without any language model, from what the user plainly said.

A turn becomes statements (drafts), each resolved, dated and told in the third person; those that its words do not
support are dropped; of the rest, what is new and worth keeping is categorized and handed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memories.extraction.categories import Embed, category_of, labels_of
from memories.extraction.contract import MAX_MEMORIES_PER_TURN, Candidate, Turn
from memories.extraction.dates import Dated
from memories.extraction.drafts import Draft
from memories.extraction.grounding import content_stems
from memories.extraction.reading import read
from memories.extraction.salience import bar, is_plain, worth


class LocalExtractor:
    """An Extractor of rules and prototypes: the same turns always give the same memories."""

    name = "local"
    version = "local-4"

    def __init__(self, embed: Embed | None = None) -> None:
        """`embed` stands in for memories.embedding, which is loaded only when a prototype is first asked."""
        self._embed = embed or _embed_texts

    def extract(
        self, turns: Sequence[Turn], *, injected: Sequence[str] = (), before: Sequence[Turn] = ()
    ) -> list[Candidate]:
        """See Extractor. What `before` already gave is found again, without any embedding, and not given twice."""
        kept: list[frozenset[str]] = []
        found: list[Candidate] = []
        previous: Turn | None = None
        for place, turn in enumerate([*before, *turns]):
            chosen = choose(read(turn, previous, injected), kept)
            previous = turn
            if place >= len(before):
                found += [self._candidate(draft) for draft in chosen]
        return found

    def _candidate(self, draft: Draft) -> Candidate:
        return Candidate(
            content=draft.content,
            category=category_of(draft.kind, draft.content, self._embed),
            labels=labels_of(draft.content, self._embed),
            confidence=round(draft.confidence, 2),
            valid_from=draft.dated.since,
            valid_until=_ends(draft.dated, draft.turn.said_at),
            turn=draft.turn.number,
            role=draft.role,
            evidence=draft.evidence,
            subject=draft.subject,
            attribute=draft.attribute,
        )


def choose(drafts: Sequence[Draft], kept: list[frozenset[str]]) -> list[Draft]:
    """The drafts of one turn above the session's bar, at most ten, in order; `kept` grows by their content words."""
    least = bar(len(kept))
    known = list(kept)
    weighed: list[tuple[float, int]] = []
    for place, draft in enumerate(drafts):
        value = worth(draft.kind, draft.clause, draft.content, known)
        if value >= least or (value > 0 and is_plain(draft.kind)):
            weighed.append((value, -place))
            known.append(content_stems(draft.content))
    chosen = [drafts[place] for place in sorted(-place for _, place in sorted(weighed)[-MAX_MEMORIES_PER_TURN:])]
    kept += [content_stems(draft.content) for draft in chosen]
    return chosen


def _ends(dated: Dated, said_at: datetime) -> datetime | None:
    """Until when: a stated end, or the end of a moment that was still ahead; what happened stays true."""
    is_over = dated.is_moment and dated.until is not None and dated.until <= said_at
    return None if is_over else dated.until


def _embed_texts(texts: Sequence[str]) -> NDArray[np.float32]:
    from memories.embedding import embed_texts
    from memories.retrieval.perspective import first_person

    # As refinement will: what is embedded here is not embedded again there.
    return embed_texts([first_person(text) for text in texts])
