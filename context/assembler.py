"""The whole of assembly: what the model is shown, within 45 ms, whatever happens (SPEC section 6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import structlog

from context.admission import Admission
from context.budget import Budget, budget_for
from context.compose import compose
from context.mode import Mode
from context.place import USER_PREPEND
from context.render import make_nonce
from context.retrieve import COLD, EXCERPTS, Lookup, Retrieval, Retrieved, Retriever
from context.shown_before import Talk, made_again
from context.stopwatch import Stopwatch
from context.turn import Turn, read_turn
from context.values import Assembly, Level, Question
from context.wording import wording_of
from ibex.core import metrics
from ibex.core.lag import loop_lag
from ibex.core.logging import place_of
from ibex.core.patience import patient

RETRIEVAL_DEADLINE_S = patient(0.040)
WALL_S = patient(0.045)
"""SPEC sections 2 and 6. The time between the two is for scoring, packing and placing."""

_log = structlog.get_logger(__name__)
admission_here = Admission(lag=loop_lag)
"""Of this process."""


async def assemble(
    question: Question,
    *,
    retriever: Retriever | None = None,
    admission: Admission = admission_here,
    nonce: Callable[[], str] = make_nonce,
) -> Assembly:
    """The messages to send for `question`, and the receipt. Never raises; never changes what the caller sent.

    Work that ends just past the wall because the event loop was busy is used all the same: it is done.
    """
    watch, now = Stopwatch(), question.now if question.now is not None else time.time()
    question = _without_blocks(question) if question.mode is Mode.SHADOW else question
    if not question.reads and question.desk.directive == "":
        nothing = _untouched(question)
        return replace(nothing, level=Level.COMPLETE, is_fallback=False, missing=(), mode=question.mode, at=now)
    try:
        async with asyncio.timeout(WALL_S) as wall:
            assembly = await _assemble(question, retriever or vault_retriever(), admission, wall, nonce, watch, now)
    except TimeoutError:
        metrics.FAIL_OPEN.labels(step="context_wall").inc()
        assembly = _untouched(question)
    except Exception as error:  # noqa: BLE001 - the boundary: a broken memory path never breaks a caller's call
        metrics.BOUNDARY_ERRORS.labels(boundary="assembly").inc()
        _log.error("assembly_failed", error=type(error).__name__, at=place_of(error))
        assembly = _untouched(question)
    metrics.assembly_level(assembly.level).inc()
    return replace(assembly, stages=watch.stages(), mode=question.mode, at=now)


async def _assemble(
    question: Question,
    retriever: Retriever,
    admission: Admission,
    wall: asyncio.Timeout,
    nonce: Callable[[], str],
    watch: Stopwatch,
    now: float,
) -> Assembly:
    known = question.desk.knows_shown
    # A busy loop comes back from the deadline as late as it is late: that must not take the time for composing.
    deadline = asyncio.get_running_loop().time() + RETRIEVAL_DEADLINE_S - admission.lag.seconds
    turn = read_turn(question)
    lookup = _lookup(question, turn, watch)
    with (
        admission.place(wanted=bool(turn.query), is_over=wall.expired) as admitted,
        Retrieval(
            question.desk, lookup, retriever, memories=turn.adds, search=admitted, quotes=question.agent.quotes
        ) as retrieval,
    ):
        if retrieval.is_under_way:
            await asyncio.sleep(0)  # the searches are on their way before this thread is busy counting
        with watch.stage("budget"):
            budget = _budget(question, turn, question.desk.directive or "", question.desk.directive_tokens)
        retrieved = await retrieval.collect(deadline)
        if admitted:
            admission.learn(in_time=COLD not in retrieved.missing)
    if turn.query and not admitted:
        without = (COLD, EXCERPTS) if question.agent.quotes else (COLD,)
        retrieved = replace(retrieved, missing=(*retrieved.missing, *without))
    question, turn, retrieved = _with_shown(question, turn, retrieved)
    if question.desk.directive is None and retrieved.directive is not None:
        budget = _budget(question, turn, retrieved.directive.content, retrieved.directive.tokens)
    assembly = compose(question, turn, retrieved, budget, now=now, nonce=nonce(), watch=watch)
    return assembly if known or not turn.reads else _noted(assembly, question)


def _with_shown(question: Question, turn: Turn, retrieved: Retrieved) -> tuple[Question, Turn, Retrieved]:
    """The same call, read once more when the receipts have said what the session was shown before."""
    if retrieved.shown is None:
        return question, turn, retrieved
    wording = wording_of(question.agent.locale, question.agent.org_wording)
    desk = replace(question.desk, shown_blocks=made_again(retrieved.shown, wording), knows_shown=True)
    question = replace(question, desk=desk)
    return question, read_turn(question), replace(retrieved, gone=retrieved.shown.gone)


def _noted(assembly: Assembly, question: Question) -> Assembly:
    """What the desk did not know and keeps from now on; as long as nobody could say, the next call asks again."""
    if question.past and not question.desk.knows_shown:
        return replace(assembly, blocks=None)
    return assembly if assembly.blocks is not None else replace(assembly, blocks=question.desk.shown_blocks)


def _without_blocks(question: Question) -> Question:
    """What a session was shown before its agent went into the shadow stays on the desk, and out of this prompt."""
    return replace(question, desk=replace(question.desk, shown_blocks=(), knows_shown=True))


def _lookup(question: Question, turn: Turn, watch: Stopwatch) -> Lookup:
    return Lookup(
        org_id=question.org_id,
        agent_id=question.agent.id,
        end_user=question.end_user,
        query=turn.query,
        shown=turn.shown,
        talk=_talk(question) if turn.reads and question.past and not question.desk.knows_shown else None,
        cuts=question.desk.cuts,
        desk_answers=question.desk.is_reachable,
        watch=watch,
    )


def _talk(question: Question) -> Talk:
    return Talk(
        org_id=question.org_id,
        agent_id=question.agent.id,
        end_user=question.end_user,
        session_id=question.session_id,
        past=question.past,
    )


def _budget(question: Question, turn: Turn, directive: str, directive_tokens: int | None) -> Budget:
    return budget_for(
        question.body,
        question.model,
        directive=directive,
        directive_tokens=directive_tokens,
        frame_tokens=_frame_tokens(question) if directive else 0,
        cap=question.agent.memory_tokens if turn.reads else 0,
        window=question.window,
        answer=question.max_tokens,
    )


def _frame_tokens(question: Question) -> int:
    """What stands around the directive, which is something only in a user message."""
    agent = question.agent
    return wording_of(agent.locale, agent.org_wording).tokens.directive if agent.injection_mode == USER_PREPEND else 0


def _untouched(question: Question) -> Assembly:
    return Assembly(
        messages=question.body.get("messages", []),
        level=Level.UNTOUCHED,
        is_fallback=True,
        missing=("assembly",),
        on_cold=question.desk.cold,
    )


@lru_cache(maxsize=1)
def vault_retriever() -> Retriever:
    """The process's way to the vault."""
    from context.vault import VaultRetriever

    return VaultRetriever()
