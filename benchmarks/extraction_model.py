"""The extractor that asks a model, on answers that were recorded: a model's own, or a gullible twin's.

No model may be asked where this runs. `--recorded FILE` gives a recording that was made where one may (see
`memories.extraction.recorded.recording`). Without it the answers are those of a twin, labelled as one: what the local
extractor finds, and as many sentences of the assistant, told as facts about the user, as there is room for. A model
that believes everything answers so: the twin says nothing of how well a model reads. Its row "as answered" holds what
it proposed, the other what is left of that: between them are the checks that every answer goes through, a model's too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.extraction_sets import Session
from ibex.providers.structured import Question
from memories.choices import Category
from memories.extraction import Candidate, LocalExtractor, Turn, is_grounded
from memories.extraction.contract import EARLIER_TURNS, MAX_MEMORIES_PER_TURN
from memories.extraction.llm import LlmExtractor
from memories.extraction.prompts import as_answer
from memories.extraction.recorded import MODEL, RecordedModel, recording
from memories.extraction.sentences import split_sentences

TWIN, RECORDED = "model extractor, a gullible twin's answers", "model extractor, recorded answers"
AS_ANSWERED = "… as answered, unchecked"


@contextmanager
def recorded_answers(given: Path | None, sessions: Sequence[Session]) -> Iterator[Path]:
    """The given recording, or the twin's, made for these sessions."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="ibex-benchmark-") as folder:
        path = Path(folder) / "twin.ndjson"
        path.touch()
        local = LocalExtractor()
        for session in sessions:
            for turn, before in told(session):
                LlmExtractor(MODEL, recording(gullible(local, turn, before), path)).extract([turn], before=before)
        yield path


def gullible(local: LocalExtractor, turn: Turn, before: Sequence[Turn]) -> Any:
    """Who answers about one turn with what is so, and with what the assistant said."""

    def ask(_question: Question) -> Mapping[str, Any]:
        sound = local.extract([turn], before=before)
        said = [sentence.text for sentence in split_sentences(turn.assistant_text) if len(sentence.text.split()) > 3]
        believed = [_believed(turn, text) for text in said if text in turn.assistant_text]
        return as_answer([*sound, *believed][:MAX_MEMORIES_PER_TURN])

    return ask


class Overheard:
    """A recorded model; what it proposes is kept as it was answered."""

    def __init__(self, path: Path) -> None:
        self.proposed: list[str] = []
        self._model = RecordedModel(path)

    def __call__(self, question: Question) -> Mapping[str, Any]:
        answer = self._model(question)
        self.proposed += [str(one["content"]) for one in answer["memories"]]
        return answer


def proposed(path: Path, session: Session) -> list[tuple[str, bool]]:
    """What a recording says of a session before any check: texts, and whether the checks leave them."""
    model = Overheard(path)
    kept = {text for text, _ in learned(path, session, model)}
    return [(text, text in kept) for text in model.proposed]


def learned(
    path: Path, session: Session, model: Callable[[Question], Mapping[str, Any]] | None = None
) -> list[tuple[str, bool]]:
    """What the model extractor makes of a session by a recording: texts, and whether their turns support them."""
    extractor = LlmExtractor(MODEL, model or RecordedModel(path))
    found: list[tuple[str, bool]] = []
    for turn, before in told(session):
        candidates = extractor.extract([turn], before=before)
        turns = {one.number: one for one in [*before, turn]}
        found += [(candidate.content, is_grounded(candidate, turns[candidate.turn])) for candidate in candidates]
    return found


def told(session: Session) -> Iterator[tuple[Turn, Sequence[Turn]]]:
    """Turn by turn, with those before it, as workers ask."""
    for place, turn in enumerate(session.turns):
        yield turn, session.turns[max(0, place - EARLIER_TURNS) : place]


def _believed(turn: Turn, text: str) -> Candidate:
    return Candidate(
        content=text,
        category=Category.FACTUAL,
        labels=(),
        confidence=0.9,
        turn=turn.number,
        role="assistant",
        evidence=text,
    )
