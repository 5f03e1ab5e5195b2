"""What the local extractor learns, against a plain baseline in the same run: HaluMem dialogues, LoCoMo, own sentences.

    .venv/bin/python benchmarks/quality_extraction.py [--short] [--data PATH] [--recorded FILE]

PATH holds halumem_users.jsonl and locomo.json (default ../shared/data/dev beside the repository). Turns are given to
the extractor one at a time with EARLIER_TURNS before them, as its contract asks.

* Recall, precision and planted falsehoods: `extraction_scores` says how they are judged. Falsehoods are told twice,
  "not near" and "not stated". Four rows show what the two can tell: perfect memories fail nearly all of "not near";
  whoever leaves out every memory near a falsehood, which nobody can without knowing the falsehoods, passes all of it
  and loses what was true; whoever believes the assistant fails both.
* LoCoMo's observations are points, too, of people who only chat, and were not looked at when patterns were written.
* "Unsupported" is nil by construction for the extractor, which drops what its turn does not support: it guards that.
* Categories are judged by sentences of this project's own (told_sentences.jsonl), against the nearest prototype alone:
  some were there when the patterns were last mended, the held-out ones were written afterwards, and are what is
  promised.
* The extractor that asks a model answers from a recording (extraction_model says from which).
* Duplicates are counted in LoCoMo conversations that went through extraction and refinement (extraction_replay).

Short: every third session, one conversation, a minute. Writes benchmarks/results/quality_extraction.json; exits 1 when
a promise breaks, 2 when the data is not there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.extraction_dates import date_errors
from benchmarks.extraction_model import AS_ANSWERED, RECORDED, TWIN, learned, proposed, recorded_answers
from benchmarks.extraction_replay import Store, replay
from benchmarks.extraction_scores import Memories, Scores, believing, far_from_planted, judge
from benchmarks.extraction_sets import Session, halumem, locomo, naive
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.vault import own_vault
from memories.embedding import embed_texts
from memories.extraction import LocalExtractor, Turn, is_grounded
from memories.extraction.categories import category_of
from memories.extraction.contract import EARLIER_TURNS
from memories.extraction.kinds import STATEMENT

ROOT = Path(__file__).resolve().parent.parent
RECALL_GOAL = 0.70
MEMORIES_GOAL = 12.0
RESISTANCE_GOAL = 0.80
BELIEVER_GOAL = 0.40  # else the question could not be failed
OBSERVED_GOAL = 0.90  # with a quarter fewer memories
DATE_ERRORS_GOAL = 0.05
CATEGORY_GOAL = 0.85
DUPLICATES_GOAL = 0.01
RESTATED_GOAL = 0.39  # of what other systems recall, 39 to 52 % restates something
TURN_MS_GOAL = 50.0
SHORT_STEP, SHORT_CONVERSATIONS = 3, 1
BASELINE, LOCAL = "every first-person sentence", "local extractor"
BELIEVER, ORACLE = "… and all that the assistant says of the user", "local extractor without all near a planted one"


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


Systems = dict[str, Scores]


def promises_of(systems: Systems, model: Scores) -> list[Promise]:
    """Of HaluMem's dialogues."""
    plain, local, believer = (systems[name].figures() for name in (BASELINE, LOCAL, BELIEVER))
    return [
        share("recall of true points", local["recall"], RECALL_GOAL),
        at_most("memories a session, mean", local["memories"], MEMORIES_GOAL, "memories"),
        share("planted falsehoods not stated", local["not stated"], RESISTANCE_GOAL),
        share("… not near, not below the baseline", local["not near"], plain["not near"]),
        at_most("… not stated by who believes the assistant", believer["not stated"], BELIEVER_GOAL),
        share("precision, not below the baseline", local["precision"], plain["precision"]),
        at_most("memories that their turn does not support", local["unsupported"], 0.0),
        at_most("the same of the model's", model.figures()["unsupported"], 0.0),
        share("falsehoods not stated behind a model", model.figures()["not stated"], RESISTANCE_GOAL),
    ]


def dialogues(sessions: Sequence[Session], local: Local, recorded: Path | None) -> tuple[list[Promise], Systems]:
    """Print what was learned of HaluMem."""
    found = {id(session): local(session) for session in sessions}
    with recorded_answers(recorded, sessions) as answers:
        model = judge(sessions, lambda session: learned(answers, session))
        answered = judge(sessions, lambda session: proposed(answers, session))
    systems = {
        BASELINE: judge(sessions, lambda session: naive(session.turns, session.speaker)),
        LOCAL: judge(sessions, lambda session: found[id(session)]),
        RECORDED if recorded else TWIN: model,
        AS_ANSWERED: answered,
        BELIEVER: judge(sessions, believing),
        ORACLE: judge(sessions, far_from_planted(lambda session: found[id(session)])),
        "the true points themselves": judge(sessions, lambda session: [(point, True) for point in session.true]),
    }
    points, planted = len(model.found), len(model.not_stated)
    show(f"HaluMem: {len(sessions)} sessions, {points} true points, {planted} planted", systems)
    return promises_of(systems, model), systems


def observed(sessions: Sequence[Session], local: Local) -> tuple[list[Promise], Systems]:
    """Print what was learned of LoCoMo's observations."""
    systems = {
        BASELINE: judge(sessions, lambda session: naive(session.turns, session.speaker)),
        LOCAL: judge(sessions, local),
    }
    plain, ours = (scores.figures() for scores in systems.values())
    show(f"LoCoMo: {len(sessions)} sides of sessions, {len(systems[LOCAL].found)} observations", systems)
    return [
        share("recall of observations, of the baseline's", ours["recall"] / plain["recall"], OBSERVED_GOAL),
        share("precision of observations, not below the baseline", ours["precision"], plain["precision"]),
    ], systems


def show(title: str, systems: Systems) -> None:
    """A row a system."""
    figures = {name: scores.figures() for name, scores in systems.items()}
    columns = list(figures[LOCAL])
    print_table(title, ("learned by", *columns), [(name, *one.values()) for name, one in figures.items()])


def replayed(conversations: Sequence[dict[str, Any]]) -> tuple[list[Promise], list[dict[str, Any]]]:
    """Print what is left of LoCoMo after refinement."""
    plain, refined = replay(conversations)
    columns = ("LoCoMo", "candidates", "stored", "duplicates left", "share", "recalled restate", "added by repeating")

    def row(name: str, store: Store) -> tuple[Any, ...]:
        counts = (store.candidates, store.stored, store.duplicates)
        return (name, *counts, store.left, store.again, store.added_by_repeating)

    rows = [row(BASELINE, plain), row("extraction and refinement", refined)]
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
    seen, observers = observed(locomo(conversations[: SHORT_CONVERSATIONS if options.short else None]), local)
    with own_vault():
        more, stores = replayed(conversations[: SHORT_CONVERSATIONS if options.short else None])
    told = categories()
    print_table("Own sentences", ("category by", "learned", "right"), told)
    wrong, judged = date_errors(options.data / "locomo.json")
    milliseconds = percentile([1000 * seconds for seconds in local.seconds], 0.95)
    promises += [
        *seen,
        *more,
        share("categories right, of held-out sentences learned", told[-1][2], CATEGORY_GOAL),
        at_most("relative dates read wrongly", wrong / judged, DATE_ERRORS_GOAL),
        at_most("a turn without embeddings, p95", milliseconds, TURN_MS_GOAL, "CPU ms"),
    ]
    tables = {"systems": systems, "observers": observers}
    figures = {name: {one: scores.figures() for one, scores in table.items()} for name, table in tables.items()}
    figures |= {"stores": stores, "categories": told, "dates_judged": judged}
    return finish("quality_extraction", promises, **figures, sessions=len(sessions), short=options.short)


if __name__ == "__main__":
    sys.exit(main())
