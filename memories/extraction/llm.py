"""The extractor that asks a model: an agent's option. What it answers is checked like any other candidate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ibex.core import metrics
from ibex.providers.structured import SANDBOX, Question
from memories.extraction.answers import Reading, Reason
from memories.extraction.contract import MAX_MEMORIES_PER_TURN, VERSION_MAX, Candidate, Known, Turn
from memories.extraction.local import LocalExtractor
from memories.extraction.prompts import INSTRUCTIONS, SCHEMA, as_answer, data_of
from memories.extraction.windows import parts_of, windows

KNOWN_MAX = 20
"""Memories shown to the model in one question: the nearest."""
ASKED_AT_ONCE = 4
"""Questions about one batch of turns, so that a long turn takes little longer than a short one."""
NAME = "llm"
TOO_MANY = "too_many"
TOO_LONG = "too_long"

Ask = Callable[[Question], Mapping[str, Any]]
"""Puts a question to a model; the answer follows the question's schema. Raises IbexError. Called by several threads."""
Recall = Callable[[Sequence[Turn]], Sequence[Known]]
"""The memories nearest to what turns say, the nearest first."""


def remember_nothing(_turns: Sequence[Turn]) -> Sequence[Known]:
    """A Recall for whoever has no store."""
    return ()


class LlmExtractor:
    """An Extractor that a model reads for. It raises what `ask` raises: nothing else learns in its place."""

    name = NAME

    def __init__(self, model: str, ask: Ask, recall: Recall = remember_nothing) -> None:
        self._model, self._ask, self._recall = model, ask, recall
        self._stood_in = False

    @property
    def version(self) -> str:
        """Of the prompt and the checks, and which model it was; of what was extracted, it says the truth afterwards."""
        return f"{NAME}-1 {SANDBOX if self._stood_in else self._model}"[:VERSION_MAX]

    def extract(
        self, turns: Sequence[Turn], *, injected: Sequence[str] = (), before: Sequence[Turn] = ()
    ) -> list[Candidate]:
        """See Extractor. One question for each window of turns, a few of them at a time."""
        _dropped(TOO_LONG, sum(parts_of(turn).left_out for turn in turns))
        readings = [
            Reading(
                window=window,
                known=list(self._recall(window.turns))[:KNOWN_MAX],
                whole=[*before, *turns],
                injected=injected,
            )
            for window in windows(turns, before)
        ]
        answers = self._answers([self._question(reading) for reading in readings])
        found = [_sound(reading, answer) for reading, answer in zip(readings, answers, strict=True)]
        return _bounded([candidate for of_window in found for candidate in of_window])

    def _answers(self, questions: Sequence[Question]) -> list[Mapping[str, Any]]:
        if len(questions) < 2:  # nearly always: no thread is worth starting
            return [self._ask(question) for question in questions]
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            return list(pool.map(self._ask, questions))

    def _question(self, reading: Reading) -> Question:
        return Question(
            name="memories",
            model=self._model,
            instructions=INSTRUCTIONS,
            data=data_of(reading.window, reading.known),
            schema=SCHEMA,
            stand_in=lambda: self._stand_in(reading),
        )

    def _stand_in(self, reading: Reading) -> dict[str, Any]:
        """What the sandbox answers, which understands nothing: what the local extractor finds."""
        self._stood_in = True
        window = reading.window
        return as_answer(LocalExtractor().extract(window.turns, injected=reading.injected, before=window.before))


def _sound(reading: Reading, answer: Mapping[str, Any]) -> list[Candidate]:
    kept = []
    for read in reading.candidates(answer):
        if isinstance(read, Reason):
            _dropped(read.value)
        else:
            kept.append(read)
    return kept


def _bounded(found: Sequence[Candidate]) -> list[Candidate]:
    """The surest of each turn, in the order of what was said."""
    by_turn: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in found:
        by_turn[candidate.turn].append(candidate)
    kept = []
    for number in sorted(by_turn):
        of_turn = by_turn[number]
        surest = sorted(range(len(of_turn)), key=lambda place: -of_turn[place].confidence)[:MAX_MEMORIES_PER_TURN]
        kept += [of_turn[place] for place in sorted(surest)]
        _dropped(TOO_MANY, len(of_turn) - len(surest))
    return kept


def _dropped(reason: str, count: int = 1) -> None:
    if count:
        metrics.EXTRACTION_DROPPED.labels(extractor=NAME, reason=reason).inc(count)
