"""Relative dates become calendar dates of the turn: "yesterday" said on 8 May 2023 is "on 7 May 2023"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from memories.extraction.lexicon import has_verb, is_past, words_of
from memories.extraction.relative import AFTER_ON, ANYWHERE, DAY_OF_YEAR, MONTH, MONTH_ALONE, NUMBERS, relative_span
from memories.extraction.spans import MONTHS, Span, day_span, month_span, year_span

_BEGINS = ("since", "from", "starting", "starting on", "as of", "beginning")
_ENDS = ("until", "till", "through", "by")
_PLACES = ("", "on", "in", "at", "over", "during")  # prepositions that give way to the one a span takes
_OTHERS = ("after", "for", "before")
_PREPOSITION = "|".join(sorted((*_BEGINS, *_ENDS, *_OTHERS, *filter(None, _PLACES)), key=len, reverse=True))

_RELATIVE = re.compile(
    rf"(?<![\w`])(?P<prep>(?:{_PREPOSITION}) )?"
    rf"(?P<when>{ANYWHERE}|(?:(?<=on )|(?<=at )|(?<=over )|(?<=during )|(?<=by )|(?<=until )"
    rf"|(?<=till )|(?<=since )|(?<=before )|(?<=after ))(?:{AFTER_ON}))(?P<poss>'s)?(?!\w)",
    re.IGNORECASE,
)
_WITHOUT_A_YEAR = re.compile(
    rf"(?<![\w`])(?P<prep>(?:{_PREPOSITION}) )?(?P<when>{DAY_OF_YEAR}"
    rf"|(?:(?<=in )|(?<=by )|(?<=until )|(?<=since )|(?<=before )|(?<=after ))(?:{MONTH_ALONE}))(?P<poss>'s)?(?![\w-])",
    re.IGNORECASE,
)
# What comes round each year, or a day that has its year elsewhere.
_RECURS = re.compile(
    r"\b(?:birthday|born|anniversary|every|each|annual\w*|yearly|always|usually|often|never|typically|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_PLANNED = re.compile(
    r"\b(?:will|going to|plan\w*|need|want|have to|has to|must|scheduled|due|\w+ing|until|by|before)\b|'ll\b",
    re.IGNORECASE,
)
_IS_SUBJECT = re.compile(r"\s+(?:was|is|has|will|were|are|went|felt|turned|brought)\b", re.IGNORECASE)
_MONTH_OF_YEAR = re.compile(rf"(?P<month>{MONTH}) (?:of )?(?P<which>last|this|next) year", re.IGNORECASE)
_YEAR_STEP = {"last": -1, "this": 0, "next": 1}
_GOES_ON = re.compile(r"\b(?:have|has|'ve|'s|been)\b", re.IGNORECASE)
_FOR_SO_LONG = re.compile(
    r"(?P<said>\bfor (?:about |around |almost |nearly |over |more than )?"
    rf"(?P<count>\d{{1,2}}|{'|'.join(NUMBERS)}) (?P<unit>month|year)s?)\b(?: now)?(?! ago| old)",
    re.IGNORECASE,
)
_ORDINAL = r"(?:st|nd|rd|th)?"
_WRITTEN = re.compile(
    r"(?P<prep>since|from|starting|as of|until|till|through|by|before|in|on)\s+"
    rf"(?:(?P<iso>\d{{4}}-\d\d-\d\d)"
    rf"|(?:(?P<day>\d{{1,2}}){_ORDINAL} )?(?P<month>{MONTH})(?: (?P<day_after>\d{{1,2}}){_ORDINAL},?)?"
    r" (?P<year>\d{4})"
    r"|(?P<only>(?:19|20)\d\d))\b",
    re.IGNORECASE,
)
_JOINT = re.compile(r"[;,] |\b(?:so|but|because|and|which|while)\b", re.IGNORECASE)
_PAST_AUXILIARY = frozenset(("was", "were", "had", "did", "didn't", "wasn't", "weren't", "hadn't"))
_PRESENT = frozenset(("am", "are", "is", "be", "isn't", "aren't", "gets"))  # "is scheduled for" is ahead
_IS_NOW = ("'m", "'re", "'s")


@dataclass(frozen=True, slots=True)
class Dated:
    """A text whose relative dates are resolved, and the time from and until which it says that something is true."""

    text: str
    since: datetime | None = None
    until: datetime | None = None
    is_moment: bool = False  # an event within [since, until], rather than a state that begins or ends there


def resolve_dates(text: str, said_at: datetime) -> Dated:
    """Replace every relative date of `text`; validity comes from the first date, relative or written out.

    `said_at` is aware: its own calendar day is "today", and the times returned are in its zone.
    """
    today = said_at.date()
    dates: list[tuple[str, Span]] = []

    def put(found: re.Match[str]) -> str:
        past = _is_past(text, found)
        span = relative_span(found["when"].lower(), today, past=past)
        if span is None or (found["when"].lower() in MONTHS and not (past or _PLANNED.search(text))):
            return found.group()
        preposition = (found["prep"] or "").strip()
        dates.append((preposition.lower(), span))
        words = _worded(preposition, span, found)
        return words[:1].upper() + words[1:] if found.start() == 0 else words

    if _GOES_ON.search(text):
        text = _FOR_SO_LONG.sub(lambda found: _lasting(found, today, dates), text)
    text = _MONTH_OF_YEAR.sub(lambda found: _month_and_year(found, today), text)
    if not _RECURS.search(text):
        text = _WITHOUT_A_YEAR.sub(put, text)
    resolved = _RELATIVE.sub(put, text)
    if not dates and (written := _written_date(resolved)):
        dates.append(written)
    return _dated(resolved, *dates[0], said_at) if dates else Dated(resolved)


def _is_past(text: str, found: re.Match[str]) -> bool:
    """Whether the clause that a date stands in speaks of the past; else, where it has no verb, the whole sentence."""
    if found["prep"] and found["prep"].strip().lower() == "since":
        return True
    first = max((joint.end() for joint in _JOINT.finditer(text, 0, found.start())), default=0)
    later = _JOINT.search(text, found.end())
    clause = text[first : later.start() if later else len(text)]
    words = words_of(clause if has_verb(clause) else text)
    return any(
        word in _PAST_AUXILIARY or (is_past(word) and before not in _PRESENT and not before.endswith(_IS_NOW))
        for before, word in zip(["", *words], words, strict=False)
    )


def _dated(text: str, preposition: str, span: Span, said_at: datetime) -> Dated:
    first = datetime.combine(span.first, time.min, said_at.tzinfo)
    after = datetime.combine(span.last + timedelta(days=1), time.min, said_at.tzinfo)
    if preposition in _BEGINS:
        return Dated(text, since=first)
    if preposition in _ENDS:
        return Dated(text, until=after)
    if preposition == "before":
        return Dated(text, until=first)
    return Dated(text, since=first, until=after, is_moment=True)


def _worded(preposition: str, span: Span, found: re.Match[str]) -> str:
    if found["poss"]:
        return f"the {span.words.removeprefix('the ')}"
    if not preposition and _IS_SUBJECT.match(found.string, found.end()):
        return span.words
    if preposition.lower() in _PLACES:
        return f"{span.at} {span.words}".strip()
    return f"{preposition} {span.words}"


def _month_and_year(found: re.Match[str], today: date) -> str:
    """ "June last year" names one month: with the year written out it is read as one date."""
    return f"{found['month']} {today.year + _YEAR_STEP[found['which'].lower()]}"


def _lasting(found: re.Match[str], today: date, dates: list[tuple[str, Span]]) -> str:
    """ "for 4 years" of what still goes on also says since when."""
    count = found["count"].lower()
    number = int(count) if count.isdigit() else NUMBERS[count]
    years = found["unit"].lower() == "year"
    span = year_span(max(1, today.year - number)) if years else month_span(today.year, today.month - number)
    dates.append(("since", span))
    return f"{found['said']} (since {span.words})"


def _written_date(text: str) -> tuple[str, Span] | None:
    """The first date written out with its preposition ("since 2019", "on 3 May 2024"), or None."""
    found = _WRITTEN.search(text)
    if not found:
        return None
    preposition = found["prep"].lower()
    try:
        if found["iso"]:
            return preposition, day_span(date.fromisoformat(found["iso"]))
        if found["only"]:
            return preposition, year_span(int(found["only"]))
        month, year = MONTHS.index(found["month"].lower()) + 1, int(found["year"])
        day = found["day"] or found["day_after"]
        return preposition, day_span(date(year, month, int(day))) if day else month_span(year, month)
    except ValueError:  # no such day, as in 31 June
        return None
