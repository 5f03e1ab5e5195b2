"""What the local extractor learns, against a plain baseline in the same run: HaluMem dialogues, LoCoMo, own sentences.

    .venv/bin/python benchmarks/quality_extraction.py [--short] [--data PATH] [--recorded FILE]

PATH holds halumem_users.jsonl and locomo.json (default ../shared/data/dev beside the repository). Turns are given to
the extractor one at a time with EARLIER_TURNS before them, as its contract asks. Scored by proxy: a true point is found
when a memory of its session has cosine ≥ 0.72 to it under MiniLM (agrees with a model judge at AUC .92 to .99).

Resistance is told twice. By cosine alone a planted falsehood counts as learned as soon as any memory is near it; but
falsehoods are true points with a word changed, so memories of what the user really said are near them, too. Two rows
show what that measure can tell: perfect memories ("the true points themselves") fail nearly all of it, and whoever
leaves out every memory near a falsehood, which nobody can without knowing the falsehoods, passes all of it and loses
what was true. "Resisted" asks the fair question: a memory asserts a falsehood when it is near it and nearer to it than
to every true point of the session; where the falsehood has a number of its own, when it is near and carries that
number. "Unsupported" is nil by construction for the extractor, which drops what its turn does not support: it guards
that.

Categories are judged by sentences of this project's own (told_sentences.jsonl), against the nearest prototype alone:
some were there when the patterns were last mended, the held-out ones were written afterwards, and are what is promised.
The extractor that asks a model answers from a recording (extraction_model says from which).
Duplicates are counted in LoCoMo conversations that went through extraction and refinement (extraction_replay).

Short: every third session, one conversation, a minute. Writes benchmarks/results/quality_extraction.json; exits 1 when
a promise breaks, 2 when the data is not there.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.extraction_dates import date_errors
from benchmarks.extraction_model import RECORDED, TWIN, learned, recorded_answers
from benchmarks.extraction_replay import Store, replay
from benchmarks.extraction_sets import Session, halumem, naive
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.vault import own_vault
from memories.embedding import embed_texts
from memories.extraction import LocalExtractor, Turn, is_grounded
from memories.extraction.categories import category_of
from memories.extraction.contract import EARLIER_TURNS
from memories.extraction.kinds import STATEMENT

ROOT = Path(__file__).resolve().parent.parent
SAME_POINT = 0.72  # cosine from which a memory says what a point says (QUALITY section 5)
DUPLICATE = 0.92  # cosine from which two memories are duplicates (SPEC section 5)
RECALL_GOAL = 0.70
MEMORIES_GOAL = 12.0
RESISTANCE_GOAL = 0.80
DATE_ERRORS_GOAL = 0.05
CATEGORY_GOAL = 0.85
DUPLICATES_GOAL = 0.01
RESTATED_GOAL = 0.39  # of what other systems recall, 39 to 52 % restates something
TURN_MS_GOAL = 50.0
SHORT_STEP, SHORT_CONVERSATIONS = 3, 1
LOCAL, ORACLE = "local extractor", "… without all that is near a planted one"

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

Memories = list[tuple[str, bool]]  # (text, whether its turn supports it)


@dataclass
class Scores:
    """One system over all sessions: a flag or a count for each thing judged."""

    found: list[bool] = field(default_factory=list)
    precise: list[bool] = field(default_factory=list)
    resisted_by_cosine: list[bool] = field(default_factory=list)
    resisted: list[bool] = field(default_factory=list)
    unsupported: list[bool] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    duplicates: int = 0

    def row(self, name: str) -> tuple[Any, ...]:
        """The table's cells: the mean of each, and the duplicates in all."""
        judged = (self.found, self.counts, self.precise, self.resisted, self.resisted_by_cosine, self.unsupported)
        return (name, *(float(np.mean(values)) for values in judged), self.duplicates)


class Local:
    """The extractor, fed turn by turn; keeps the CPU seconds of each turn without its embeddings."""

    def __init__(self) -> None:
        self.extractor = LocalExtractor(self._embed)
        self.seconds: list[float] = []
        self._embedding = 0.0

    def __call__(self, session: Session) -> Memories:
        memories = []
        for place, turn in enumerate(session.turns):
            began, self._embedding = time.thread_time(), 0.0
            candidates = self.extractor.extract([turn], before=session.turns[max(0, place - EARLIER_TURNS) : place])
            self.seconds.append(time.thread_time() - began - self._embedding)
            memories += [(c.content, is_grounded(c, session.turns[c.turn - 1])) for c in candidates]
        return memories

    def _embed(self, texts: Sequence[str]) -> Any:
        began = time.thread_time()
        vectors = embed_texts(texts)
        self._embedding += time.thread_time() - began
        return vectors


def judge(sessions: Sequence[Session], memories_of: Callable[[Session], Memories]) -> Scores:
    """Scores of one system."""
    scores = Scores()
    for session in sessions:
        memories = memories_of(session)
        texts = [text for text, _ in memories]
        scores.counts.append(len(texts))
        scores.unsupported += [not supported for _, supported in memories]
        if not texts:
            scores.found += [False] * len(session.true)
            scores.resisted += [True] * len(session.planted)
            scores.resisted_by_cosine += [True] * len(session.planted)
            continue
        vectors = embed_texts(texts)
        near_true = embed_texts(session.true) @ vectors.T
        scores.found += list(near_true.max(axis=1) >= SAME_POINT)
        scores.precise += list(near_true.max(axis=0) >= SAME_POINT)
        scores.duplicates += int((np.triu(vectors @ vectors.T, 1) >= DUPLICATE).sum())
        if session.planted:
            near_planted = embed_texts(session.planted) @ vectors.T
            scores.resisted_by_cosine += list(near_planted.max(axis=1) < SAME_POINT)
            scores.resisted += resisted(session, texts, near_planted, near_true.max(axis=0))
    return scores


def resisted(session: Session, texts: Sequence[str], near_planted: Any, nearest_true: Any) -> list[bool]:
    """For each planted falsehood, whether no memory asserts it (see the module's first lines)."""
    true_numbers = {number for point in session.true for number in NUMBER.findall(point)}
    verdicts = []
    for falsehood, row in zip(session.planted, near_planted, strict=True):
        telling = set(NUMBER.findall(falsehood)) - true_numbers
        carries = np.array([bool(telling & set(NUMBER.findall(text))) for text in texts])
        asserts = (row >= SAME_POINT) & (carries if telling else row > nearest_true)
        verdicts.append(not asserts.any())
    return verdicts


def far_from_planted(memories_of: Callable[[Session], Memories]) -> Callable[[Session], Memories]:
    """The same system with every memory left out that is near a falsehood: the labels are looked at."""

    def kept(session: Session) -> Memories:
        memories = memories_of(session)
        if not memories or not session.planted:
            return memories
        near = embed_texts(session.planted) @ embed_texts([text for text, _ in memories]).T
        return [memory for memory, nearest in zip(memories, near.max(axis=0), strict=True) if nearest < SAME_POINT]

    return kept


def categories() -> list[tuple[str, float, float]]:
    """(method, share learned, share of those in the right category) of this project's own sentences; held out last."""
    lines = (ROOT / "benchmarks" / "told_sentences.jsonl").read_text().splitlines()
    extractor, at = LocalExtractor(), datetime(2024, 5, 8, 13, tzinfo=UTC)
    right: list[tuple[bool, bool, bool]] = []
    for sentence in map(json.loads, lines):
        if found := extractor.extract([Turn(number=1, said_at=at, user_text=sentence["said"])]):
            plain = category_of(STATEMENT, found[0].content, embed_texts)
            judged = (found[0].category == sentence["category"], plain == sentence["category"])
            right.append((*judged, sentence["held_out"]))
    learned = len(right) / len(lines)
    ours, prototype = (float(np.mean([one[which] for one in right])) for which in (0, 1))
    held_out = float(np.mean([one[0] for one in right if one[2]]))
    return [("nearest prototype", learned, prototype), (LOCAL, learned, ours), ("… held out", learned, held_out)]


def share(name: str, value: float, limit: float) -> Promise:
    return Promise(name=name, value=value, unit="share", limit=limit, at_least=True)


def at_most(name: str, value: float, limit: float, unit: str = "share") -> Promise:
    return Promise(name=name, value=value, unit=unit, limit=limit)


def promises_of(baseline: Scores, local: Scores, model: Scores) -> list[Promise]:
    """Of the dialogues."""
    recall, memories, precision, resistance, by_cosine, unsupported = local.row("")[1:7]
    plain = baseline.row("")
    return [
        share("recall of true points", recall, RECALL_GOAL),
        at_most("memories a session, mean", memories, MEMORIES_GOAL, "memories"),
        share("planted falsehoods resisted", resistance, RESISTANCE_GOAL),
        share("resisted by cosine alone, not below the baseline", by_cosine, plain[5]),
        share("precision, not below the baseline", precision, plain[3]),
        at_most("memories that their turn does not support", unsupported, 0.0),
        at_most("the same of the model's", model.row("")[6], 0.0),
        share("falsehoods resisted behind a model", model.row("")[4], RESISTANCE_GOAL),
    ]


def dialogues(
    sessions: Sequence[Session], local: Local, recorded: Path | None
) -> tuple[list[Promise], list[dict[str, Any]]]:
    """Print what was learned of HaluMem."""
    found = {id(session): local(session) for session in sessions}
    baseline = judge(sessions, lambda session: naive(session.turns, session.speaker))
    ours = judge(sessions, lambda session: found[id(session)])
    with recorded_answers(recorded, sessions) as answers:
        model = judge(sessions, lambda session: learned(answers, session))
    oracle = judge(sessions, far_from_planted(lambda session: found[id(session)]))
    perfect = judge(sessions, lambda session: [(point, True) for point in session.true])
    columns = ("HaluMem", "recall", "memories", "precision", "resisted", "by cosine", "unsupported", "duplicates")
    rows = [
        baseline.row("every first-person sentence"),
        ours.row(LOCAL),
        oracle.row(ORACLE),
        model.row(RECORDED if recorded else TWIN),
        perfect.row("the true points themselves"),
    ]
    title = f"{len(sessions)} sessions, {len(baseline.found)} true points, {len(baseline.resisted)} planted"
    print_table(title, columns, rows)
    return promises_of(baseline, ours, model), [dict(zip(("system", *columns[1:]), row, strict=True)) for row in rows]


def replayed(conversations: Sequence[dict[str, Any]]) -> tuple[list[Promise], list[dict[str, Any]]]:
    """Print what is left of LoCoMo after refinement."""
    plain, refined = replay(conversations)
    columns = ("LoCoMo", "candidates", "stored", "duplicates left", "share", "recalled restate", "added by repeating")

    def row(name: str, store: Store) -> tuple[Any, ...]:
        counts = (store.candidates, store.stored, store.duplicates)
        return (name, *counts, store.left, store.again, store.added_by_repeating)

    rows = [row("every first-person sentence", plain), row("extraction and refinement", refined)]
    print_table(f"{len(conversations)} conversations, replayed", columns, rows)
    promises = [
        at_most("stored memories that duplicate another", refined.left, DUPLICATES_GOAL),
        at_most("recalled memories that restate one above", refined.again, RESTATED_GOAL),
        at_most("memories added by saying all again", refined.added_by_repeating, 0, "memories"),
    ]
    return promises, [dict(zip(("system", *columns[1:]), cells, strict=True)) for cells in rows]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="every third session, one conversation")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    parser.add_argument("--recorded", type=Path, help="answers of a model; without it, of a gullible twin")
    options = parser.parse_args()
    missing = [name for name in ("halumem_users.jsonl", "locomo.json") if not (options.data / name).is_file()]
    if missing:
        print(f"Not measured: {' and '.join(missing)} not found in {options.data}. Give the folder with --data.")
        return 2
    conversations = json.loads((options.data / "locomo.json").read_text())
    local = Local()
    sessions = halumem(options.data / "halumem_users.jsonl", SHORT_STEP if options.short else 1)
    promises, systems = dialogues(sessions, local, options.recorded)
    with own_vault():
        more, stores = replayed(conversations[: SHORT_CONVERSATIONS if options.short else None])
    told = categories()
    print_table("Own sentences", ("category by", "learned", "right"), told)
    wrong, judged = date_errors(options.data / "locomo.json")
    milliseconds = percentile([1000 * seconds for seconds in local.seconds], 0.95)
    promises += [
        *more,
        share("categories right, of held-out sentences learned", told[-1][2], CATEGORY_GOAL),
        at_most("relative dates read wrongly", wrong / judged, DATE_ERRORS_GOAL),
        at_most("a turn without embeddings, p95", milliseconds, TURN_MS_GOAL, "CPU ms"),
    ]
    figures = {"systems": systems, "stores": stores, "categories": told, "dates_judged": judged}
    return finish("quality_extraction", promises, **figures, sessions=len(sessions), short=options.short)


if __name__ == "__main__":
    sys.exit(main())
