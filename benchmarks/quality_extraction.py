"""What the local extractor learns, against a plain baseline in the same run: HaluMem dialogues and LoCoMo's dates.

    .venv/bin/python benchmarks/quality_extraction.py [--short] [--data PATH]

PATH holds halumem_users.jsonl and locomo.json (default ../shared/data/dev beside the repository). Turns are given to
the extractor one at a time with EARLIER_TURNS before them, as its contract asks. Scored by proxy: a true point is found
when a memory of its session has cosine ≥ 0.72 to it under MiniLM (agrees with a model judge at AUC .92 to .99).

Resistance is told twice. By cosine alone a planted falsehood counts as learned as soon as any memory is near it; but
falsehoods are true points with a word changed, so even perfect memories (row "the true points themselves") fail nearly
all of them. "Resisted" asks the fair question: a memory asserts a falsehood when it is near it and nearer to it than to
every true point of the session; where the falsehood has a number of its own, when it is near and carries that number.
"Unsupported" is nil by construction for the extractor, which drops what its turn does not support: it guards that.

Short: every third session, half a minute. Writes benchmarks/results/quality_extraction.json; exits 1 when a promise
breaks, 2 when the data is not there.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, percentile, print_table
from memories.embedding import embed_texts
from memories.extraction import LocalExtractor, Turn, is_grounded
from memories.extraction.contract import EARLIER_TURNS
from memories.extraction.dates import resolve_dates
from memories.extraction.grounding import shares_words
from memories.extraction.sentences import split_sentences
from memories.extraction.spans import DAYS, MONTHS

ROOT = Path(__file__).resolve().parent.parent
SAME_POINT = 0.72  # cosine from which a memory says what a point says (QUALITY section 5)
DUPLICATE = 0.92  # cosine from which two memories are duplicates (SPEC section 5)
RECALL_GOAL = 0.70
MEMORIES_GOAL = 12.0
RESISTANCE_GOAL = 0.80
DATE_ERRORS_GOAL = 0.05
TURN_MS_GOAL = 50.0
SHORT_STEP = 3

FIRST_PERSON = re.compile(r"\b(?:I|my|me|we|our)\b")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass
class Session:
    """One HaluMem session: what was said, what of it is true, and what was planted."""

    turns: list[Turn]
    true: list[str]
    planted: list[str]
    speaker: str


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


def halumem(path: Path, step: int) -> list[Session]:
    """Every `step`-th session of each user."""
    sessions = []
    for line in path.read_text().splitlines():
        user = json.loads(line)
        named = re.search(r"Name: ([^;]+);", user["persona_info"])
        speaker = named.group(1) if named else ""
        for raw in user["sessions"][::step]:
            points = raw["memory_points"]
            planted = [p["memory_content"] for p in points if p["memory_source"] == "interference"]
            true = [p["memory_content"] for p in points if p["memory_source"] != "interference"]
            sessions.append(Session(list(turns_of(raw["dialogue"], speaker)), true, planted, speaker))
    return sessions


def turns_of(dialogue: Sequence[dict[str, str]], speaker: str) -> Iterator[Turn]:
    """The turns of a dialogue, numbered from 1."""
    pairs = zip(dialogue[::2], dialogue[1::2], strict=False)
    for number, (asked, answered) in enumerate(pairs, 1):
        at = datetime.strptime(asked["timestamp"], "%b %d, %Y, %H:%M:%S").replace(tzinfo=UTC)
        yield Turn(
            number=number, said_at=at, user_text=asked["content"], assistant_text=answered["content"], speaker=speaker
        )


def baseline(session: Session) -> list[tuple[str, bool]]:
    """(text, supported) of every first-person sentence of the user, with the name put for "I" and "my"."""
    name = session.speaker
    swaps = (
        (r"\b[Mm]y\b", f"{name}'s"), (r"\bI'm\b", f"{name} is"), (r"\bI've\b", f"{name} has"), (r"\b(?:I|me)\b", name),
    )  # fmt: skip
    found: dict[str, bool] = {}
    for turn in session.turns:
        for sentence in split_sentences(turn.user_text):
            if FIRST_PERSON.search(sentence.text) and not sentence.text.endswith("?"):
                text = sentence.text
                for pattern, put in swaps:
                    text = re.sub(pattern, put, text)
                found[text] = shares_words(text, f"{turn.user_text} {name}")
    return list(found.items())


class Local:
    """The extractor, fed turn by turn; keeps the CPU seconds of each turn without its embeddings."""

    def __init__(self) -> None:
        self.extractor = LocalExtractor(self._embed)
        self.seconds: list[float] = []
        self._embedding = 0.0

    def __call__(self, session: Session) -> list[tuple[str, bool]]:
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


def judge(sessions: Sequence[Session], memories_of: Callable[[Session], list[tuple[str, bool]]]) -> Scores:
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


def date_errors(path: Path) -> tuple[int, int]:
    """(wrong, judged) of LoCoMo's relative dates: of turns that answer "when", against the answer's calendar dates."""
    wrong = judged = 0
    for conversation in json.loads(path.read_text()):
        turns = {}
        for session in conversation["sessions"]:
            at = datetime.strptime(session["date_time"].replace(" on ", " "), "%I:%M %p %d %B, %Y").replace(tzinfo=UTC)
            turns |= {turn["id"]: (turn["text"], at) for turn in session["turns"]}
        for question in conversation["questions"]:
            evidence = question["evidence"]
            if question["category"] != "temporal" or len(evidence) != 1 or evidence[0] not in turns:
                continue
            expected, read = answered_span(str(question["answer"])), list(spans_read(*turns[evidence[0]]))
            if expected and read:
                judged += 1
                wrong += not any(first <= expected[1] and expected[0] <= last for first, last in read)
    return wrong, judged


def spans_read(text: str, said_at: datetime) -> Iterator[tuple[date, date]]:
    """The days that each relative date of a turn is resolved to."""
    for sentence in split_sentences(text):
        dated = resolve_dates(sentence.text, said_at)
        if dated.text != sentence.text and dated.since:
            until = dated.until or dated.since + timedelta(days=1)
            yield dated.since.date(), (until - timedelta(days=1)).date()


ANSWER = re.compile(
    rf"^(?:the (?P<unit>week|weekend|{'|'.join(DAYS)}) (?P<side>before|of|after) )?"
    rf"(?:(?P<day>\d{{1,2}}) ?)?(?P<month>{'|'.join(MONTHS)})(?: (?P<day_after>\d{{1,2}})(?:st|nd|rd|th)?)?,? ?"
    r"(?P<year>\d{4})\.?$"
    r"|^(?P<only>\d{4})\.?$",
    re.IGNORECASE,
)
REACH = {"before": (-7, -1), "of": (-6, 6), "after": (1, 9)}  # days around the day named


def answered_span(answer: str) -> tuple[date, date] | None:
    """The days an answer such as "The week before 9 June 2023" allows; None when it is no such date."""
    found = ANSWER.match(answer)
    if not found:
        return None
    if found["only"]:
        return date(int(found["only"]), 1, 1), date(int(found["only"]), 12, 31)
    year, month = int(found["year"]), MONTHS.index(found["month"].lower()) + 1
    day = found["day"] or found["day_after"]
    if not day:
        first = date(year, month, 1)
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    named = date(year, month, int(day))
    first, last = REACH[found["side"].lower()] if found["side"] else (0, 0)
    return named + timedelta(days=first), named + timedelta(days=last)


def share(name: str, value: float, limit: float) -> Promise:
    return Promise(name=name, value=value, unit="share", limit=limit, at_least=True)


def promises_of(naive: Scores, learned: Scores, dates: tuple[int, int], milliseconds: float) -> list[Promise]:
    wrong, judged = dates
    recall, memories, precision, resistance, by_cosine, unsupported = learned.row("")[1:7]
    plain = naive.row("")
    return [
        share("recall of true points", recall, RECALL_GOAL),
        Promise(name="memories a session, mean", value=memories, unit="memories", limit=MEMORIES_GOAL),
        share("planted falsehoods resisted", resistance, RESISTANCE_GOAL),
        share("resisted by cosine alone, not below the baseline", by_cosine, plain[5]),
        share("precision, not below the baseline", precision, plain[3]),
        Promise(name="memories that their turn does not support", value=unsupported, unit="share", limit=0.0),
        Promise(name="relative dates read wrongly", value=wrong / judged, unit="share", limit=DATE_ERRORS_GOAL),
        Promise(name="a turn without embeddings, p95", value=milliseconds, unit="CPU ms", limit=TURN_MS_GOAL),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="every third session")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    options = parser.parse_args()
    missing = [name for name in ("halumem_users.jsonl", "locomo.json") if not (options.data / name).is_file()]
    if missing:
        print(f"Not measured: {' and '.join(missing)} not found in {options.data}. Give the folder with --data.")
        return 2
    sessions = halumem(options.data / "halumem_users.jsonl", SHORT_STEP if options.short else 1)
    local = Local()
    naive, learned = judge(sessions, baseline), judge(sessions, local)
    perfect = judge(sessions, lambda session: [(point, True) for point in session.true])
    dates = date_errors(options.data / "locomo.json")
    columns = ("HaluMem", "recall", "memories", "precision", "resisted", "by cosine", "unsupported", "duplicates")
    rows = [
        naive.row("every first-person sentence"),
        learned.row("local extractor"),
        perfect.row("the true points themselves"),
    ]
    print_table(
        f"{len(sessions)} sessions, {len(naive.found)} true points, {len(naive.resisted)} planted", columns, rows
    )
    milliseconds = percentile([1000 * seconds for seconds in local.seconds], 0.95)
    return finish(
        "quality_extraction",
        promises_of(naive, learned, dates, milliseconds),
        systems=[dict(zip(("system", *columns[1:]), row, strict=True)) for row in rows],
        sessions=len(sessions),
        dates_judged=dates[1],
        short=options.short,
    )


if __name__ == "__main__":
    sys.exit(main())
