"""Whether relative dates are read as the calendar day that was meant: by LoCoMo's answers to "when" questions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks.extraction_sets import locomo_time
from memories.extraction.dates import resolve_dates
from memories.extraction.sentences import split_sentences
from memories.extraction.spans import DAYS, MONTHS


def date_errors(path: Path) -> tuple[int, int]:
    """(wrong, judged) of LoCoMo's relative dates: of turns that answer "when", against the answer's calendar dates."""
    wrong = judged = 0
    for conversation in json.loads(path.read_text()):
        turns: dict[str, tuple[str, datetime]] = {}
        for session in conversation["sessions"]:
            at = locomo_time(session)
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
    back, ahead = REACH[found["side"].lower()] if found["side"] else (0, 0)
    return named + timedelta(days=back), named + timedelta(days=ahead)
