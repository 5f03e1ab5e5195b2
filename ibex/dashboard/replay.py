"""A session as it happened: what was said, what was put in and why, what was learned of it, and how it was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.archives.reading import with_words
from agents.models import Checkpoint, Session, Trace
from agents.selectors import checkpoints_of
from context.budget import Budget
from context.mode import Mode
from context.models import AssemblyRecord, Feedback, Injection
from context.selectors import (
    assemblies_of_turns,
    corrections_of,
    injections_of_turns,
    readings_of_turns,
    verdicts_of_turns,
)
from ibex.dashboard.bubbles import Bubble, answered_in, asked_in
from memories.models import Excerpt, Memory
from memories.selectors import contents_of_versions

TURNS_PER_PAGE = 25
SHOWN_MESSAGES = 40
"""Of one turn, the last ones: an imported history may have a thousand."""
LEVELS = {1: "Something was late", 2: "Directive only", 3: "Sent untouched"}
"""Rungs of the degradation ladder, in the reader's words."""
MODES: Mapping[str, str] = {
    Mode.SHADOW: "Shadow: nothing shown",
    Mode.HELD_OUT: "Held out: no memories",
    Mode.OFF: "Memories switched off",
}
STAGES = ("validate", "authenticate", "agent", "start", "limit", "route", "assemble", "provider", "journal")
MISSING = {
    "desk": "the desk",
    "directive": "the directive",
    "hot": "the hot memories",
    "cold": "the search",
    "alive": "what may still be shown",
    "shown": "what this session was shown before",
    "assembly": "all of it",
}
"""What can be late or fail, in the reader's words."""
COMPONENTS = ("relevance", "recency", "usefulness", "confidence", "frequency")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One memory, or excerpt, that was considered. `content`: as it was then; empty when it has been deleted since.
    `useful`: what the reader found it, None before they say.
    """

    injection: Injection
    memory: Memory | None
    excerpt: Excerpt | None
    content: str
    has_changed: bool
    useful: bool | None
    was_used: bool | None
    """By the answer, as far as its words tell; None where that was not read, or cannot be told."""

    @property
    def ranks(self) -> list[tuple[str, int]]:
        """Its place in each arm that brought it up."""
        row = self.injection
        places = {"Vector": row.vector_rank, "Words": row.word_rank, "Desk": row.hot_rank}
        return [(name, rank) for name, rank in places.items() if rank is not None]

    @property
    def components(self) -> list[tuple[str, float]]:
        """The parts of its score that were noted, in the order of the formula."""
        said = self.injection.components
        return [(name, float(said[name])) for name in COMPONENTS if isinstance(said.get(name), int | float)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What somebody said about an answer."""

    useful: bool
    who: str
    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One turn of the replay. `unshown`: earlier messages of the caller that are left out here."""

    checkpoint: Checkpoint
    trace: Trace | None
    assembly: AssemblyRecord | None
    asked: Sequence[Bubble]
    unshown: int
    answered: Sequence[Bubble]
    packed: Sequence[Line]
    left_out: Sequence[Line]
    learned: Sequence[Memory]
    opinions: Sequence[Opinion]
    correction: str
    """How the user corrects the answer before; empty when they do not."""

    @property
    def injected_tokens(self) -> int:
        """Tokens of the memories that were put in."""
        return sum(line.injection.tokens for line in self.packed)

    @property
    def injected_words(self) -> str:
        """How many memories and excerpts were put in."""
        excerpts = sum(line.excerpt is not None for line in self.packed)
        memories = len(self.packed) - excerpts
        parts = [f"{memories} {'memory' if memories == 1 else 'memories'}"] * (memories > 0 or not excerpts)
        parts += [f"{excerpts} {'excerpt' if excerpts == 1 else 'excerpts'}"] * (excerpts > 0)
        return " and ".join(parts)

    @property
    def used_count(self) -> int:
        """Memories that the answer used, as far as its words tell."""
        return sum(line.was_used is True for line in self.packed)

    @property
    def level_words(self) -> str:
        """What was left out because of time or an error; empty when nothing was."""
        if self.trace is None or not self.trace.is_fallback:
            return ""
        return LEVELS.get(self.trace.level, "Something was left out")

    @property
    def mode_words(self) -> str:
        """Why no memory was to be shown; empty when they were."""
        return MODES.get(self.assembly.mode, "") if self.assembly else ""

    @property
    def facts(self) -> list[tuple[str, str]]:
        """How the context came about, beside its lines."""
        if self.assembly is None:
            return []
        row = self.assembly
        facts = [
            ("Level", f"L{row.level}"),
            ("Missing", ", ".join(MISSING.get(name, name) for name in row.missing)),
            ("Directive", f"version {row.directive_version}" if row.directive_version else "none"),
        ]
        return [(name, said) for name, said in facts if said] + list(_budget(row.budget))

    @property
    def stages(self) -> list[tuple[str, float]]:
        """Milliseconds by stage, in the order of the request; the parts of a stage after it."""
        spent = self.trace.stages if self.trace else {}
        return sorted(spent.items(), key=lambda item: (_place(item[0]), item[0]))


def _budget(said: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Where the window went, in tokens."""
    if said is None:
        return
    budget = Budget(**said)
    yield "Window", f"{budget.window:,}"
    for name, spent in (
        ("messages", budget.messages),
        ("answer", budget.reserve),
        ("safety", budget.safety),
        ("directive", budget.directive),
    ):
        yield f"less {name}", f"{spent:,}"
    yield "Memories up to", f"{budget.memory:,}"


def _place(stage: str) -> int:
    whole = stage.partition(".")[0]
    return STAGES.index(whole) if whole in STAGES else len(STAGES)


def replay(session: Session, page: int, *, reader: str) -> list[Turn]:
    """The turns of one page, counted from 1, as `reader` (an actor) sees them. Twelve queries, however many turns,
    and one more with a read of the archive, where what was said is there.
    """
    first = (page - 1) * TURNS_PER_PAGE
    on_page = checkpoints_of(session).filter(number__gt=first, number__lte=first + TURNS_PER_PAGE)
    checkpoints = with_words(list(on_page))
    turn_ids = [checkpoint.turn_id for checkpoint in checkpoints]
    traces = {trace.turn_id: trace for trace in Trace.objects.of(session.org_id).filter(turn_id__in=turn_ids)}
    assemblies = assemblies_of_turns(session.org_id, turn_ids)
    verdicts = verdicts_of_turns(session.org_id, turn_ids)
    lines = _lines(session.org_id, turn_ids, verdicts, reader)
    learned = _learned(session.org_id, checkpoints)
    corrections = corrections_of(session)
    return [
        _turn(
            each,
            traces.get(each.turn_id),
            assemblies.get(each.turn_id),
            lines[each.turn_id],
            learned[each.pk],
            verdicts[each.turn_id],
            corrections.get(each.number, ""),
        )
        for each in checkpoints
    ]


def page_of(session: Session, turn_id: UUID) -> int:
    """The page that shows a turn; the first when the session has no such turn."""
    number = checkpoints_of(session).filter(turn_id=turn_id).values_list("number", flat=True).first()
    return 1 if number is None else (number - 1) // TURNS_PER_PAGE + 1


def _turn(
    checkpoint: Checkpoint,
    trace: Trace | None,
    assembly: AssemblyRecord | None,
    lines: Sequence[Line],
    learned: Sequence[Memory],
    verdicts: Iterable[Feedback],
    correction: str,
) -> Turn:
    asked = list(asked_in(checkpoint)) if checkpoint.has_words else []
    return Turn(
        checkpoint=checkpoint,
        trace=trace,
        assembly=assembly,
        asked=asked[-SHOWN_MESSAGES:],
        unshown=max(len(asked) - SHOWN_MESSAGES, 0),
        answered=list(answered_in(checkpoint)) if checkpoint.has_words else [],
        packed=[line for line in lines if line.injection.is_packed],
        left_out=[line for line in lines if not line.injection.is_packed],
        learned=learned,
        opinions=[_opinion(verdict) for verdict in verdicts if verdict.memory_id is None],
        correction=correction,
    )


def _opinion(verdict: Feedback) -> Opinion:
    who = "The application" if verdict.actor.startswith("token:") else "An operator"
    return Opinion(useful=verdict.useful, who=who, comment=verdict.comment)


def _lines(
    org_id: UUID, turn_ids: Sequence[UUID], verdicts: Mapping[UUID, list[Feedback]], reader: str
) -> Mapping[UUID, list[Line]]:
    rows = [row for lines in injections_of_turns(org_id, turn_ids).values() for row in lines]
    outdated = {
        (row.memory.pk, row.memory_version) for row in rows if row.memory and row.memory.version != row.memory_version
    }
    texts = contents_of_versions(org_id, outdated)
    own = {(v.turn_id, v.memory_id): v.useful for said in verdicts.values() for v in said if v.actor == reader}
    used = readings_of_turns(org_id, turn_ids)
    lines: dict[UUID, list[Line]] = defaultdict(list)
    for row in rows:
        at = (row.turn_id, row.memory_id)
        lines[row.turn_id].append(
            _line(row, texts, useful=own.get(at), was_used=used.get(at)) if row.memory_id else _line(row, texts)
        )
    return lines


def _line(
    row: Injection,
    texts: Mapping[tuple[UUID, int], str],
    *,
    useful: bool | None = None,
    was_used: bool | None = None,
) -> Line:
    """Excerpts never change, and their lines go with them."""
    now = then = row.excerpt.content if row.excerpt else ""
    if row.memory is not None:
        now = row.memory.content
        then = texts.get((row.memory.pk, row.memory_version), now)
    is_gone = row.memory is not None and row.memory.deleted_at is not None
    return Line(
        injection=row,
        memory=row.memory,
        excerpt=row.excerpt,
        content="" if is_gone else then,
        has_changed=not is_gone and then != now,
        useful=useful,
        was_used=was_used,
    )


def _learned(org_id: UUID, checkpoints: Iterable[Checkpoint]) -> Mapping[UUID | None, list[Memory]]:
    made = Memory.objects.of(org_id).filter(checkpoint__in=[c.pk for c in checkpoints], deleted_at__isnull=True)
    learned: dict[UUID | None, list[Memory]] = defaultdict(list)
    for memory in made.order_by("pk"):
        learned[memory.checkpoint_id].append(memory)
    return learned
