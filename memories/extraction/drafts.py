"""The statements of one turn, in the order they were said, each resolved, dated and told in the third person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from memories.choices import Category
from memories.extraction import kinds
from memories.extraction.attributes import subject_and_attribute
from memories.extraction.clauses import fact_of, hedges, without_opener
from memories.extraction.confirmations import confirmed_statement, deeds, without_tag
from memories.extraction.contract import STANDING_INSTRUCTION, Role, Turn
from memories.extraction.dates import Dated, resolve_dates
from memories.extraction.grounding import content_stems
from memories.extraction.instructions import is_request, standing_instruction
from memories.extraction.lexicon import has_verb
from memories.extraction.persons import Voices, to_third_person, voices_of
from memories.extraction.references import Referents, leans_on_context
from memories.extraction.sentences import MASK, Sentence, split_clauses, split_sentences

MAX_READ_CHARS = 20_000  # of each side of a turn: what is longer is a document rather than talk
MIN_JOINED_STEMS = 3  # content words below which a sentence adds nothing to the one it goes on about
MAX_JOINED_WORDS = 60  # a memory made of several sentences stays one claim
HEDGED = 0.25  # taken off the confidence of "maybe", "I might", …
LEANING = 0.10  # taken off where the clause points at something said elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A statement before it is chosen and categorized. Its words are `said[start:end]`."""

    content: str
    clause: str  # as the user said it, dates and pronouns resolved: what the patterns read
    turn: Turn
    start: int
    end: int
    kind: kinds.Kind
    confidence: float
    role: Role = "user"
    dated: Dated = field(default_factory=lambda: Dated(""))
    subject: str = "user"
    attribute: str = ""
    lead: str = ""  # the header of the list that it is an item of

    @property
    def evidence(self) -> str:
        """The exact words of the turn."""
        said = self.turn.user_text if self.role == "user" else self.turn.assistant_text
        return said[self.start : self.end]


def said_in(turn: Turn) -> Iterator[Draft]:
    """What the user told in a turn, then what the assistant reports done, echoes of memories among it."""
    yield from _told(turn, voices_of(turn.speaker, turn.user_text[:MAX_READ_CHARS]))
    for content, sentence in deeds(turn.assistant_text[:MAX_READ_CHARS]):
        yield _of_assistant(content, sentence, turn, kinds.DEED, "assistant")


def confirmed_in(turn: Turn, previous: Turn, injected: Sequence[str]) -> Draft | None:
    """What the assistant said of the user in the previous turn, where the user agrees with it in this one."""
    if len(previous.assistant_text) > MAX_READ_CHARS:
        return None
    reply = turn.user_text[:MAX_READ_CHARS]
    teller = voices_of(turn.speaker, reply).teller
    found = confirmed_statement(previous.assistant_text, reply, teller, injected, said_at=previous.said_at)
    if not found:
        return None
    content, sentence = found
    return _of_assistant(content, without_tag(sentence), previous, kinds.CONFIRMED, "user")


def _of_assistant(content: str, sentence: Sentence, turn: Turn, kind: kinds.Kind, subject: str) -> Draft:
    dated = resolve_dates(content, turn.said_at)
    return Draft(
        content=dated.text,
        clause=dated.text,
        turn=turn,
        start=sentence.start,
        end=sentence.end,
        kind=kind,
        confidence=kind.confidence,
        role="assistant",
        dated=dated,
        subject=subject,
    )


def _told(turn: Turn, voices: Voices) -> list[Draft]:
    """What the user told in this turn. A clause that only goes on about the one before ("It took …") joins it."""
    referents = Referents()
    told: list[Draft] = []
    follows = False  # whether this clause may join the last draft
    sentences = split_sentences(turn.user_text[:MAX_READ_CHARS])
    for whole in (part for sentence in sentences for part in split_clauses(sentence)):
        clause = "" if MASK in whole.text else without_opener(whole.text)
        part = _without_what_stands_around(whole, clause)
        if follows and (joined := _joined(told[-1], clause, part, referents, voices)):
            told[-1] = joined
            follows = bool(joined.lead)  # a list goes on; of other sentences one is enough
        elif draft := _order(clause, part, turn, voices) or _statement(clause, part, turn, referents, voices):
            told.append(draft)
            follows = True
        else:
            follows = False
        referents.note(clause)
    return told


def _without_what_stands_around(part: Sentence, clause: str) -> Sentence:
    """The clause's own place: of "No, not my brother — my cousin is a vet" the end is evidence, and not the "not"."""
    at = part.text.find(clause) if clause else -1
    return part if at < 0 else replace(part, text=clause, start=part.start + at, end=part.start + at + len(clause))


def _order(clause: str, part: Sentence, turn: Turn, voices: Voices) -> Draft | None:
    """A standing instruction, as what the user wants."""
    wish = standing_instruction(clause, voices.teller)
    if not wish:
        return None
    return Draft(
        content=resolve_dates(wish, turn.said_at).text,
        clause=clause,
        turn=turn,
        start=part.start,
        end=part.end,
        kind=kinds.ORDER,
        confidence=kinds.ORDER.confidence,
        attribute=STANDING_INSTRUCTION,
    )


def _statement(clause: str, part: Sentence, turn: Turn, referents: Referents, voices: Voices) -> Draft | None:
    """What a clause states, or None when it states nothing or cannot stand by itself."""
    fact = fact_of(clause, part.lead)
    resolved = referents.resolve(fact) if fact and not is_request(fact) else None
    if resolved is None:
        return None
    dated = resolve_dates(resolved, turn.said_at)
    kind = kinds.kind_of(dated.text)
    is_ahead = dated.is_moment and dated.until is not None and dated.until > turn.said_at
    if is_ahead and dated.text != resolved and kind.category is Category.FACTUAL:
        kind = kinds.EVENT  # "I have an exam tomorrow" is no lasting fact
    subject, attribute = subject_and_attribute(dated.text)
    doubts = HEDGED * hedges(dated.text) + LEANING * leans_on_context(dated.text)
    return Draft(
        content=_sentence(dated.text, voices),
        clause=dated.text,
        turn=turn,
        start=part.start,
        end=part.end,
        kind=kind,
        confidence=max(kind.confidence - doubts, 0.0),
        dated=dated,
        subject=subject,
        attribute=attribute,
        lead="" if has_verb(clause) else part.lead,
    )


def _joined(draft: Draft, clause: str, part: Sentence, referents: Referents, voices: Voices) -> Draft | None:
    """The draft together with a clause that leans on it; None when the clause leans on nothing or adds nothing."""
    if draft.lead and draft.lead == part.lead and clause and not has_verb(clause):
        return replace(draft, content=f"{draft.content[:-1]}, {clause.rstrip(' .,;')}.", end=part.end)
    fact = fact_of(clause)
    leans = bool(fact) and not is_request(fact) and referents.resolve(fact) is None
    adds = kinds.kind_of(fact) is not kinds.REMARK and len(content_stems(fact)) >= MIN_JOINED_STEMS
    if draft.attribute == STANDING_INSTRUCTION or not leans or not adds:
        return None
    content = f"{draft.content} {_sentence(resolve_dates(fact, draft.turn.said_at).text, voices)}"
    return replace(draft, content=content, end=part.end) if len(content.split()) <= MAX_JOINED_WORDS else None


def _sentence(clause: str, voices: Voices) -> str:
    return to_third_person(clause, voices).rstrip(" .!,;:") + "."
