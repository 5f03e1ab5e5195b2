"""What assembly is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from agents.principal import AgentCard
from context.budget import Budget
from context.desk_read import DeskRead, ShownBlock
from context.injectable import Injectable
from context.mode import Mode
from context.score import COMPONENT_DIGITS, HALF_LIVES_DAYS, WEIGHTS


class Level(IntEnum):
    """Rung of the degradation ladder (SPEC section 6)."""

    COMPLETE = 0
    """All arrived."""
    PARTIAL = 1
    """Something was late or failed: the cold search, the hot memories, the directive or the desk."""
    DIRECTIVE_ONLY = 2
    """No memories in time."""
    UNTOUCHED = 3
    """Assembly was over its wall, or broken: the caller's own messages."""


class Arm(StrEnum):
    """Where a considered memory came from."""

    HOT = "hot"
    COLD = "cold"
    PINNED = "pinned"
    REPLAYED = "replayed"
    """It stands in a block that this session was shown in an earlier turn."""


class Reason(StrEnum):
    """Why a memory was left out."""

    REPEATED = "said_in_this_conversation"
    RESTATES = "restates_a_memory"
    """An excerpt that says no more than a memory beside it."""
    BELOW_FLOOR = "below_relevance_floor"
    IN_THE_TAIL = "far_below_the_best"
    OUTRANKED = "outranked"
    """There are enough better ones to fill the budget."""
    OVER_BUDGET = "over_budget"
    TOO_LONG = "longer_than_the_budget"
    SHADOW = "shadow"
    """It would have been shown: the agent is in shadow mode."""


class Candidate(NamedTuple):
    """A memory or an excerpt that may be shown, with how much it has to do with the question, from 0 to 1. A tuple:
    each call makes a hundred.
    """

    memory: Injectable
    arm: Arm
    relevance: float
    vector_rank: int | None = None
    word_rank: int | None = None
    """Its place in each arm of the search that brought it up, from 1."""
    is_hot: bool = False
    """It is one of the hot memories as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One call that wants its context."""

    org_id: UUID
    agent: AgentCard
    end_user: str = ""
    session_id: UUID | None = None
    model: str
    body: dict[str, Any] = field(repr=False)
    """The parsed request; nothing in it is changed."""
    desk: DeskRead = field(repr=False)
    past: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(What was asked, print of the answer) of the history's latest turns, where the desk does not know what was shown.
    """
    max_tokens: int | None = None
    """Length of the answer, where it is not one of the body's own fields."""
    window: int | None = None
    """Tokens of the model's context, where its provider's row overrides the table."""
    joins_blocks: bool = False
    """The provider allows one system message only."""
    reads: bool = True
    """Memories may be put into this prompt."""
    mode: Mode = Mode.ON
    """Whether memories are shown, and if not, why not. In the shadow they are chosen as always, and none is put into
    this prompt.
    """
    now: float | None = None
    """Seconds since 1970; None: the clock's."""
    half_lives: Mapping[str, float] = field(default_factory=lambda: HALF_LIVES_DAYS)
    """Half-life in days of the recency of a category, where it is not the default."""


class Considered(NamedTuple):
    """One line of a receipt: a memory or an excerpt, what it scored, and whether it is in the prompt."""

    memory_id: UUID | None
    """None: it is an excerpt."""
    version: int
    rank: int
    """1 is best; by score, before packing. 0 for a replayed memory that this call's search did not find."""
    score: float
    components: Sequence[float]
    """`context.score.Components`; empty for such a memory."""
    arm: str
    tokens: int
    is_packed: bool
    reason: str = ""
    vector_rank: int | None = None
    word_rank: int | None = None
    hot_rank: int | None = None
    """Its place in each arm that brought it up, from 1."""
    excerpt_id: UUID | None = None

    @property
    def id(self) -> UUID:
        """Of what it is about; exactly one of the two is known."""
        found = self.memory_id or self.excerpt_id
        assert found is not None  # noqa: S101
        return found

    def as_json(self) -> dict[str, Any]:
        """For a reader."""
        parts = zip(WEIGHTS, self.components, strict=False)
        return {
            "memory_id": self.memory_id,
            "excerpt_id": self.excerpt_id,
            "version": self.version,
            "rank": self.rank,
            "score": self.score,
            "components": {name: round(part, COMPONENT_DIGITS) for name, part in parts},
            "arm": self.arm,
            "tokens": self.tokens,
            "is_packed": self.is_packed,
            "reason": self.reason,
            "vector_rank": self.vector_rank,
            "word_rank": self.word_rank,
            "hot_rank": self.hot_rank,
        }

    def as_row(self) -> tuple[Any, ...]:
        """For the journal, whose JSON takes plain tuples and ids as they are. `from_row` is the inverse."""
        return tuple(self)

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Of what a later version says besides, nothing. Ids stay text. Raises TypeError where something is missing."""
        return cls(*row[: len(cls._fields)])


COMPONENTS_AT = Considered._fields.index("components")
"""Their place in a row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assembly:
    """What to send, and how it came about."""

    messages: list[Any] = field(repr=False)
    """The caller's own list when nothing was added."""
    level: Level
    mode: Mode = Mode.ON
    """Whether memories were to be shown, and if not, why not."""
    at: float = 0.0
    """The `now` of the assembly, in seconds since 1970."""
    is_fallback: bool
    """Something was left out because of time or an error."""
    considered: tuple[Considered, ...] = ()
    context_tokens: int = 0
    """Of everything that was added: directive, replayed blocks and the new block."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds by stage; `assembly` is the whole."""
    missing: tuple[str, ...] = ()
    """What was late or failed, of: desk, directive, hot, cold, excerpts, alive, shown; or `assembly`."""
    on_cold: tuple[str, ...] = ()
    """What the desk should be given again, off the request path, of: directive, hot, hot_of_user."""
    new_block: ShownBlock | None = field(default=None, repr=False)
    blocks: tuple[ShownBlock, ...] | None = field(default=None, repr=False)
    """What the desk must keep as this session's blocks from now on; None when that has not changed or is not known."""
    forgotten: tuple[str, ...] = ()
    """Nonces of blocks that are never to be replayed again."""
    directive_version: int = 0
    budget: Budget | None = None
    wording: str = "en"
    """The name of the words around the new block's memories (`context.wording.Wording.name`)."""

    @property
    def packed(self) -> list[Considered]:
        """The memories and excerpts in this prompt, replayed ones included."""
        return [line for line in self.considered if line.is_packed]

    @property
    def memories_injected(self) -> int:
        """How many memories are in this prompt; excerpts are not counted."""
        return sum(line.memory_id is not None for line in self.packed)
