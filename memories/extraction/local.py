"""The local extractor: it learns without any language model, from what the user plainly said.

A turn becomes sentences and clauses; orders, questions and pleasantries part ways; what remains is dated, told in the
third person, weighed against what the session already gave, checked against the words it came from, and handed back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memories.choices import Category
from memories.extraction import categories
from memories.extraction.attributes import subject_and_attribute
from memories.extraction.clauses import fact_of, hedges, without_opener
from memories.extraction.confirmations import confirmed_statement, deeds
from memories.extraction.contract import MAX_MEMORIES_PER_TURN, STANDING_INSTRUCTION, Candidate, Role, Turn
from memories.extraction.dates import Dated, resolve_dates
from memories.extraction.grounding import content_stems, is_grounded
from memories.extraction.instructions import is_request, standing_instruction
from memories.extraction.persons import Party, narrator, to_third_person
from memories.extraction.references import Referents, leans_on_context
from memories.extraction.salience import bar, worth
from memories.extraction.sentences import MASK, Sentence, split_clauses, split_sentences

_MIN_STEMS = 1
_HEDGED = 0.25  # taken off the confidence of "maybe", "I might", …
_LEANING = 0.10  # taken off where the clause points at something said elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A statement before it is chosen and categorized."""

    content: str
    clause: str  # as the user said it, dates and pronouns resolved: what the patterns read
    evidence: str
    turn: Turn
    kind: categories.Kind
    confidence: float
    role: Role = "user"
    dated: Dated = field(default_factory=lambda: Dated(""))
    subject: str = ""
    attribute: str = ""


class LocalExtractor:
    """An Extractor of rules and prototypes: the same turns always give the same memories."""

    name = "local"
    version = "local-1"

    def __init__(self, embed: categories.Embed | None = None) -> None:
        self._embed = embed or _embed_texts

    def extract(
        self, turns: Sequence[Turn], *, injected: Sequence[str] = (), before: Sequence[Turn] = ()
    ) -> list[Candidate]:
        """See Extractor. What `before` already gave is found again, without any embedding, and not given twice."""
        kept: list[frozenset[str]] = []
        found: list[Candidate] = []
        previous: Turn | None = None
        for at, turn in enumerate([*before, *turns]):
            chosen = _choose(list(_drafts(turn, previous, injected)), kept)
            previous = turn
            if at >= len(before):
                found += [self._candidate(draft) for draft in chosen]
        return found

    def _candidate(self, draft: _Draft) -> Candidate:
        return Candidate(
            content=draft.content,
            category=categories.category_of(draft.kind, draft.content, self._embed),
            labels=categories.labels_of(draft.content, self._embed),
            confidence=round(draft.confidence, 2),
            valid_from=draft.dated.since,
            valid_until=_ends(draft.dated, draft.turn.said_at),
            turn=draft.turn.number,
            role=draft.role,
            evidence=draft.evidence,
            subject=draft.subject,
            attribute=draft.attribute,
        )


def _drafts(turn: Turn, previous: Turn | None, injected: Sequence[str]) -> Iterator[_Draft]:
    """Every statement of a turn that could be a memory, in the order it was said, supported by its words."""
    teller = narrator(turn.speaker)
    if previous and (confirmed := confirmed_statement(previous.assistant_text, turn.user_text, teller, injected)):
        yield from _supported(_Draft(
            content=confirmed[0], clause=confirmed[0], evidence=confirmed[1], turn=previous, role="assistant",
            kind=categories.CONFIRMED, confidence=categories.CONFIRMED.confidence, subject="user",
        ))  # fmt: skip
    referents = Referents()
    for sentence in split_sentences(turn.user_text):
        for part in split_clauses(sentence):
            if draft := _user_draft(part, turn, teller, referents):
                yield from _supported(draft)
            referents.note(without_opener(part.text))
    for content, sentence in deeds(turn.assistant_text, injected):
        dated = resolve_dates(content, turn.said_at)
        yield from _supported(_Draft(
            content=dated.text, clause=dated.text, evidence=sentence.text, turn=turn, role="assistant", kind=categories.DEED,
            confidence=categories.DEED.confidence, dated=dated, subject="assistant",
        ))  # fmt: skip


def _user_draft(part: Sentence, turn: Turn, teller: Party, referents: Referents) -> _Draft | None:
    """One clause of the user as a draft, or None when it is no statement that can stand by itself."""
    if MASK in part.text:
        return None
    clause, evidence = without_opener(part.text), part.text
    if order := standing_instruction(clause, teller):
        return _Draft(
            content=resolve_dates(order, turn.said_at).text, clause=clause, evidence=evidence, turn=turn,
            kind=categories.ORDER, confidence=categories.ORDER.confidence, subject="user", attribute=STANDING_INSTRUCTION,
        )  # fmt: skip
    fact = fact_of(clause, part.lead)
    if not fact or is_request(fact):
        return None
    resolved = referents.resolve(fact)
    if resolved is None:
        return None
    dated = resolve_dates(resolved, turn.said_at)
    kind = categories.kind_of(dated.text)
    told = to_third_person(dated.text, speaker=turn.speaker, context=turn.user_text).rstrip(" .!,;:")
    subject, attribute = subject_and_attribute(dated.text)
    confidence = kind.confidence - _HEDGED * hedges(dated.text) - _LEANING * leans_on_context(dated.text)
    return _Draft(
        content=f"{told}.", clause=dated.text, evidence=evidence, turn=turn, kind=kind, confidence=max(confidence, 0.0),
        dated=dated, subject=subject, attribute=attribute,
    )  # fmt: skip


def _supported(draft: _Draft) -> Iterator[_Draft]:
    """The draft, if its turn says so."""
    checked = Candidate(
        content=draft.content, category=Category.FACTUAL, labels=(), confidence=draft.confidence,
        turn=draft.turn.number, role=draft.role, evidence=draft.evidence,
    )  # fmt: skip
    if len(content_stems(draft.content)) >= _MIN_STEMS and is_grounded(checked, draft.turn):
        yield draft


def _choose(drafts: list[_Draft], kept: list[frozenset[str]]) -> list[_Draft]:
    """The drafts above the session's bar, at most ten, in order; `kept` grows by their content words."""
    least = bar(len(kept))
    weighed: list[tuple[float, int]] = []
    for place, draft in enumerate(drafts):
        value = worth(draft.kind, draft.clause, draft.content, kept)
        if value >= least:
            weighed.append((value, place))
            kept.append(content_stems(draft.content))
    best = sorted(weighed, reverse=True)[:MAX_MEMORIES_PER_TURN]
    return [drafts[place] for place in sorted(place for _, place in best)]


def _ends(dated: Dated, said_at: datetime) -> datetime | None:
    """Until when: a stated end, or the end of a moment that was still ahead; what happened stays true."""
    if dated.is_moment and dated.until and dated.until <= said_at:
        return None
    return dated.until


def _embed_texts(texts: Sequence[str]) -> NDArray[np.float32]:
    from memories.embedding import embed_texts

    return embed_texts(texts)
