"""From what was retrieved to the messages and the receipt. Pure but for the stopwatch: same input, same output."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from context.budget import Budget
from context.choose import Choice, choose, merge, rank, withheld
from context.desk_read import ShownBlock
from context.mode import Mode
from context.place import place
from context.render import block_tokens, kinds_of, render, words
from context.retrieve import COLD, HOT, Retrieved
from context.shown import Replay, anchors_of, replay
from context.stopwatch import Stopwatch
from context.turn import Turn
from context.values import Arm, Assembly, Candidate, Considered, Level, Question
from context.visible import repeated
from context.wording import Wording, wording_of

_NOTHING_CHOSEN = Choice(memories=(), considered=(), tokens=0)


def compose(
    question: Question, turn: Turn, retrieved: Retrieved, budget: Budget, *, now: float, nonce: str, watch: Stopwatch
) -> Assembly:
    """The assembly of one call. `now` is in seconds since 1970."""
    wording = wording_of(question.agent.locale, question.agent.org_wording)
    replayed, choice = _show(question, turn, retrieved, budget, wording, now=now, watch=watch)
    if question.mode is Mode.SHADOW:
        choice = withheld(choice)
    with watch.stage("place"):
        new_block = _new_block(turn, choice, nonce, wording) if choice.memories else None
        blocks = [*replayed.blocks, *([(turn.at, new_block)] if new_block else [])]
        directive = retrieved.directive.content if retrieved.directive else ""
        messages = place(
            turn.messages,
            directive=directive,
            mode=question.agent.injection_mode,
            blocks=[(at, block.text) for at, block in blocks],
            joins=question.joins_blocks,
            wording=wording,
        )
    return Assembly(
        messages=messages,
        level=level_of(retrieved),
        is_fallback=bool(retrieved.missing),
        considered=_with_replayed(choice.considered, [block for _, block in replayed.blocks]),
        context_tokens=budget.directive + replayed.tokens + (new_block.tokens if new_block else 0),
        missing=retrieved.missing,
        on_cold=question.desk.cold,
        new_block=new_block,
        blocks=_blocks_to_keep(question.desk.shown_blocks, replayed, new_block),
        forgotten=tuple(nonce for i in sorted(replayed.forgotten) if (nonce := question.desk.shown_blocks[i].nonce)),
        directive_version=retrieved.directive.version if retrieved.directive else 0,
        budget=budget,
        wording=wording.name,
    )


def level_of(retrieved: Retrieved) -> Level:
    """Which rung of the ladder this is."""
    if not retrieved.missing:
        return Level.COMPLETE
    if COLD in retrieved.missing and HOT in retrieved.missing:
        return Level.DIRECTIVE_ONLY
    return Level.PARTIAL


def _show(
    question: Question,
    turn: Turn,
    retrieved: Retrieved,
    budget: Budget,
    wording: Wording,
    *,
    now: float,
    watch: Stopwatch,
) -> tuple[Replay, Choice]:
    """What is put back, and what is new. Old blocks go only when they leave no room for the best of what is new."""
    known, limit = question.desk.shown_blocks, budget.memory
    gone = retrieved.gone if question.agent.quotes else retrieved.gone.union(*(block.excerpt_ids for block in known))
    replayed = replay(known, turn.anchors, limit, gone=gone)
    if not turn.adds:
        return replayed, _NOTHING_CHOSEN
    with watch.stage("score"):
        candidates = [*merge(retrieved.hot or (), retrieved.cold, turn.query), *(retrieved.excerpts or ())]
        ranked = rank(candidates, now=now, half_lives=question.half_lives, wording=wording)
        again = repeated(candidates, question.session_id, turn.messages, turn.at)
    whole = max(0, limit - block_tokens(wording, **kinds_of([candidate.memory for candidate in candidates])))

    def chosen_beside(replayed: Replay) -> Choice:
        shown = _still_shown(candidates, [block for _, block in replayed.blocks])
        return choose(ranked, room=max(0, whole - replayed.tokens), whole=whole, shown=shown, repeated=again)

    with watch.stage("pack"):
        choice = chosen_beside(replayed)
        if choice.is_crowded and replayed.blocks:
            replayed = replay(known, turn.anchors, limit, gone=gone, crowded=True)
            choice = chosen_beside(replayed)
    return replayed, choice


def _still_shown(candidates: Sequence[Candidate], blocks: Sequence[ShownBlock]) -> set[UUID]:
    """The candidates whose words stand in a replayed block. One that was edited since is not: its new words do not."""
    if not blocks:
        return set()
    texts: dict[UUID, list[str]] = {}
    for block in blocks:
        for shown_id in block.ids:
            texts.setdefault(shown_id, []).append(block.text)
    shown = set()
    for candidate in candidates:
        memory = candidate.memory
        if memory.id in texts and any(f">{words(memory)}<" in text for text in texts[memory.id]):
            shown.add(memory.id)
    return shown


def _new_block(turn: Turn, choice: Choice, nonce: str, wording: Wording) -> ShownBlock:
    anchors = turn.anchors or anchors_of(turn.messages)
    claims = [memory for memory in choice.memories if not memory.is_excerpt]
    return ShownBlock(
        anchor=anchors[turn.at],
        text=render(choice.memories, nonce, wording),
        memory_ids=tuple([memory.id for memory in claims]),
        versions=tuple([memory.version for memory in claims]),
        tokens=block_tokens(wording, **kinds_of(choice.memories)) + choice.tokens,
        nonce=nonce,
        excerpt_ids=tuple([memory.id for memory in choice.memories if memory.is_excerpt]),
    )


def _with_replayed(lines: Sequence[Considered], blocks: Sequence[ShownBlock]) -> tuple[Considered, ...]:
    """The receipt with everything in a replayed block: it is in the prompt, found by this call or not."""
    if not blocks:
        return tuple(lines)
    packed = {line.id for line in lines if line.is_packed}
    again: dict[UUID, Considered] = {}
    for block in blocks:
        for memory_id, version in zip(block.memory_ids, block.versions, strict=True):
            again[memory_id] = _replayed_line(memory_id=memory_id, version=version)
        again |= {excerpt_id: _replayed_line(excerpt_id=excerpt_id) for excerpt_id in block.excerpt_ids}
    kept = [line for line in lines if line.id in packed or line.id not in again]
    return (*kept, *(line for shown_id, line in again.items() if shown_id not in packed))


def _replayed_line(*, memory_id: UUID | None = None, excerpt_id: UUID | None = None, version: int = 1) -> Considered:
    return Considered(
        memory_id=memory_id,
        excerpt_id=excerpt_id,
        version=version,
        rank=0,
        score=0.0,
        components=(),
        arm=Arm.REPLAYED,
        tokens=0,
        is_packed=True,
    )


def _blocks_to_keep(
    known: Sequence[ShownBlock], replayed: Replay, new_block: ShownBlock | None
) -> tuple[ShownBlock, ...] | None:
    """Blocks that have no place in this history stay: the application may come back to the other one."""
    if new_block is None and not replayed.forgotten:
        return None
    kept = (block for i, block in enumerate(known) if i not in replayed.forgotten)
    return (*kept, *([new_block] if new_block else []))
