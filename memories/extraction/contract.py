"""What an extractor is given and what it hands back. Every extractor, with a model or without, keeps this contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

from memories.choices import Category

MAX_MEMORIES_PER_TURN = 10  # SPEC section 5
# Earlier turns of the session to give as `before`. benchmarks/quality_extraction.py's data: 30 or all: 11.0 memories a
# session, 20: 11.1, 10: 13.3, none: 19.8 (recall .73, .73, .74, .75): with fewer the extractor forgets what it kept.
EARLIER_TURNS = 30
MAX_LABELS = 3  # SPEC section 5
MAX_CONTENT_CHARS = 8_192  # SPEC section 5
VERSION_MAX = 64  # of Memory.extractor
REVIEW_BELOW = 0.5  # confidence under which the pipeline marks a memory pending_review (SPEC section 5)

STANDING_INSTRUCTION = "standing_instruction"  # `attribute` of an order that holds for every later turn

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One completed turn: what was new from the user, and what the model answered."""

    number: int
    said_at: datetime  # aware; relative dates are read in its time zone
    user_text: str
    assistant_text: str = ""
    speaker: str = ""  # the user's name where it is known, else memories say "The user"
    end_user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A topic of a memory, lower case, with how sure the extractor is of it in [0, 1]."""

    name: str
    confidence: float


class Act(StrEnum):
    """What a candidate does to the memory it is `about`."""

    ADD = "add"  # nothing: it is new
    UPDATE = "update"  # takes its place: it has changed since
    CONFIRM = "confirm"  # says it again; the content is the memory's own
    REFUTE = "refute"  # says that it is not so, or not any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A memory that is there already, as an extractor may be shown it. `id` and `version` are the store's."""

    id: UUID
    version: int
    content: str
    said_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One self-contained claim. `evidence` is an exact substring of what `role` said in turn number `turn`."""

    content: str
    category: Category
    labels: tuple[Label, ...]
    confidence: float
    turn: int
    role: Role
    evidence: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    subject: str = ""  # "user", "assistant" or a name: with `attribute`, what a later claim may contradict
    attribute: str = ""  # "dog.name", "job", "location", … or STANDING_INSTRUCTION
    act: Act = Act.ADD
    about: Known | None = None


class Extractor(Protocol):
    """Turns in, candidates out. What it needs from outside, such as a model, it was given when it was made.

    `version`: its name and version as they are kept on every memory, at most VERSION_MAX characters.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...

    def extract(
        self, turns: Sequence[Turn], *, injected: Sequence[str] = (), before: Sequence[Turn] = ()
    ) -> list[Candidate]:
        """Candidates of `turns`, in order, at most MAX_MEMORIES_PER_TURN of each turn.

        `injected` are the texts of memories IBEX put into those turns: never evidence when the assistant echoes them.
        `before` are earlier turns of the same session, oldest first, already extracted: they resolve confirmations
        ("yes") and keep a claim from being made twice, and yield a candidate of their own only when one of `turns`
        confirms what the assistant said in the last of them.
        """
        ...
