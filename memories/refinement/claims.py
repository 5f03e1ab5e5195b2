"""Two claims side by side, as the rules of the classifier read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from memories.choices import Category, Relation
from memories.refinement.words import Traits, stem, traits

_SUBJECT = re.compile(
    r"(?:(?:[Tt]he|[Oo]ur|[Mm]y|[Aa]n?) )?(?P<who>[^\W\d_]+)(?: [A-Z]\w+)?(?P<own>['\u2019]s \w+)?(?=\W|$)"
)
_USER = re.compile(r"(?:The user|I)\b(?!['\u2019])", re.IGNORECASE)
_SAYS_I = re.compile(r"\b(?:I|me|my|My)\b")
_NAMED = re.compile(r"(?!(?:The|Our|My|An?|I)\b)[A-Z]\w+(?: [A-Z]|['\u2019]s )")
_NAME = re.compile(r"[A-Z][\w-]+ [A-Z][\w-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What of a memory the rules read. `subject` and `attribute` as extraction named them, or empty."""

    content: str
    category: str = Category.FACTUAL
    subject: str = ""
    attribute: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The newer claim does `kind` to the older, with a confidence from 0 to 1."""

    kind: Relation
    confidence: float
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The newer claim, the older one, and what their words have in common."""

    newer: Claim
    older: Claim
    cosine: float
    new: Traits
    old: Traits

    @classmethod
    def of(cls, newer: Claim, older: Claim, cosine: float) -> Pair:
        """The pair with its words read."""
        return cls(newer=newer, older=older, cosine=cosine, new=traits(newer.content), old=traits(older.content))

    @property
    def shared(self) -> frozenset[str]:
        """Content words of both."""
        return self.new.words & self.old.words

    @property
    def share_of_all(self) -> float:
        """Shared content words over all that there are."""
        return len(self.shared) / max(1, len(self.new.words | self.old.words))

    @property
    def new_objects(self) -> frozenset[str]:
        """Content words of the newer one but for names and its subject."""
        return self.new.words - self.new.names - {_opening(self.newer.content)}

    @property
    def old_objects(self) -> frozenset[str]:
        """Content words of the older one but for names and its subject."""
        return self.old.words - self.old.names - {_opening(self.older.content)}

    @property
    def named_subjects(self) -> frozenset[str]:
        """Stems of the full names that either one opens with."""
        named = (_NAME.match(claim.content) for claim in (self.newer, self.older))
        return frozenset(stem(word.lower()) for found in named if found for word in found.group().split())

    @property
    def subjects(self) -> frozenset[str]:
        """Stems of whom either one is about: the name or the word it opens with. Of two different words one may be what
        is spoken of: "Cultural tours fascinate me".
        """
        openings = {_opening(self.newer.content), _opening(self.older.content)}
        named = self.named_subjects
        return named | (openings if len(openings) == 1 else openings & (self.new.names | named))

    @property
    def same_slot(self) -> bool:
        """Whether extraction named the same attribute of the same subject for both."""
        return bool(self.newer.attribute) and (self.newer.subject, self.newer.attribute) == (
            self.older.subject,
            self.older.attribute,
        )

    @property
    def are_events(self) -> bool:
        """What happened does not stop having happened."""
        return Category.EPISODIC in (self.newer.category, self.older.category)

    @property
    def same_subject(self) -> bool:
        """Whether both begin with the same person or thing, and the same of theirs."""
        return subject_of(self.newer.content) == subject_of(self.older.content)

    @property
    def same_party(self) -> bool:
        """Whether neither speaks of somebody or something else than the other: "my sister works", "I work"."""
        new, old = subject_of(self.newer.content), subject_of(self.older.content)
        return (not new[1] or stem(new[1]) in self.old.words) and (not old[1] or stem(old[1]) in self.new.words)

    @property
    def same_owner(self) -> bool:
        """Whether both begin with the same person or thing, whatever of theirs they speak of."""
        return subject_of(self.newer.content)[0] == subject_of(self.older.content)[0]

    @property
    def same_person(self) -> bool:
        """Whether both speak of the same person or thing; who says "I" in one of them may be named in the other."""
        texts = (self.newer.content, self.older.content)
        return self.same_owner or any(
            _SAYS_I.search(one) and _NAMED.match(other) for one, other in (texts, texts[::-1])
        )

    @property
    def same_opening(self) -> bool:
        """Whether both begin by speaking of the same subject."""
        return _opening(self.newer.content) == _opening(self.older.content)


def subject_of(text: str) -> tuple[str, str]:
    """Whom a claim opens with, and what of theirs: ("user", ""), ("user", "sister"), ("martin", "")."""
    found = _SUBJECT.match(text)
    return (found.group("who").lower(), (found.group("own") or "")[3:].lower()) if found else ("", "")


def _opening(text: str) -> str:
    """The stem of the first content word: the subject, in memories as they are written. "The user" is nobody else."""
    if _USER.match(text):
        return ""
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word not in ("the", "a", "an", "user", "users", "s", "my", "our", "i"):
            return stem(word)
    return ""
