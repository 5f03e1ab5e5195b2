"""Relative dates become calendar dates of the turn: "yesterday" said on 8 May 2023 is "on 7 May 2023".

Weeks begin on Monday. "next Friday" is the Friday of the next calendar week, "last Friday" the latest one before today,
a bare "on Friday" the one nearest in the direction of the clause's tense.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from memories.extraction.lexicon import is_past, words_of

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # first month, northern hemisphere
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "a couple of": 2, "a couple": 2,
}  # fmt: skip
_VAGUE = {"a few", "several", "some", "many"}

_DAY = "|".join(_DAYS)
_MONTH = "|".join(_MONTHS)
_COUNT = r"(?P<count>\d{1,3}|a couple of|a couple|a few|several|some|many|" + "|".join(k for k in _NUMBERS if " " not in k) + ")"
_UNIT = r"(?P<unit>day|week|month|year)s?"
_AGO_MONTHS = {"month": 1, "year": 12}
_PAST_AUXILIARY = frozenset("was were had did didn't wasn't weren't hadn't".split())


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of whole days, both ends included; `words` name it, with the preposition they take in `at`."""

    words: str
    first: date
    last: date
    at: str = "on"


@dataclass(frozen=True, slots=True)
class Dated:
    """A text whose relative dates are resolved, and the time from and until which it says that something is true."""

    text: str
    since: datetime | None = None
    until: datetime | None = None
    is_moment: bool = False  # an event within [since, until], rather than a state that begins or ends there


def resolve_dates(text: str, said_at: datetime) -> Dated:
    """Replace every relative date of `text`; validity comes from the first date, relative or written out."""
    today = said_at.date()
    past = _speaks_of_the_past(text)
    spans: list[tuple[str, Span]] = []

    def put(found: re.Match[str]) -> str:
        preposition = (found.group("prep") or "").strip()
        span = _span(found, today, past=past)
        spans.append((preposition.lower(), span))
        subject = not preposition and _IS_SUBJECT.match(text, found.end())
        words = span.words if subject else _worded(preposition, span, possessive=found.group("poss"))
        return words[:1].upper() + words[1:] if found.start() == 0 else words

    resolved = _RELATIVE.sub(put, _MONTH_OF_YEAR.sub(_month_and_year(today), text))
    if not spans and (written := _written_date(resolved)):
        spans.append(written)
    if not spans:
        return Dated(resolved)
    return _validity(resolved, *spans[0], zone=said_at)


def _validity(text: str, preposition: str, span: Span, *, zone: datetime) -> Dated:
    first = datetime.combine(span.first, time.min, zone.tzinfo)
    after = datetime.combine(span.last + timedelta(days=1), time.min, zone.tzinfo)
    if preposition in ("since", "from", "starting", "starting on", "as of", "beginning"):
        return Dated(text, since=first)
    if preposition in ("until", "till", "through", "by", "before"):
        return Dated(text, until=after if preposition not in ("before",) else first)
    return Dated(text, since=first, until=after, is_moment=True)


def _worded(preposition: str, span: Span, *, possessive: str | None) -> str:
    if possessive:
        return f"the {span.words.removeprefix('the ')}"
    if preposition.lower() in ("", "on", "in", "at", "over", "during"):
        return f"{span.at} {span.words}".strip()
    return f"{preposition} {span.words}"


def _month_and_year(today: date) -> Callable[[re.Match[str]], str]:
    """"in June last year" names one month: write its year, so that it is read as one date."""
    steps = {"last": -1, "this": 0, "next": 1}
    return lambda found: f"{found.group('month')} {today.year + steps[found.group('which').lower()]}"


def _span(found: re.Match[str], today: date, *, past: bool) -> Span:
    words = found.group("when").lower()
    for pattern, make in _READERS:
        if read := pattern.fullmatch(words):
            return make(read, today, past)
    return _day(today)  # unreachable while _RELATIVE is built from _READERS


def _day(day: date) -> Span:
    return Span(f"{day.day} {_name(day.month)} {day.year}", day, day)


def _name(month: int) -> str:
    return _MONTHS[month - 1].capitalize()


def _week(monday: date) -> Span:
    return Span(f"the week of {monday.day} {_name(monday.month)} {monday.year}", monday, monday + timedelta(days=6), "in")


def _weekend(saturday: date) -> Span:
    sunday = saturday + timedelta(days=1)
    start = f"{saturday.day}" if sunday.month == saturday.month else f"{saturday.day} {_name(saturday.month)}"
    return Span(f"the weekend of {start}–{sunday.day} {_name(sunday.month)} {sunday.year}", saturday, sunday)


def _month(year: int, month: int) -> Span:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return Span(f"{_name(month)} {year}", date(year, month, 1), date(year, month, monthrange(year, month)[1]), "in")


def _year(year: int) -> Span:
    return Span(str(year), date(year, 1, 1), date(year, 12, 31), "in")


def _season(name: str, year: int) -> Span:
    begins = date(year, _SEASONS[name], 1)
    ends = _month(year, _SEASONS[name] + 2).last
    return Span(f"the {name} of {year}", begins, ends, "in")


def _read_day_word(read: re.Match[str], today: date, _past: bool) -> Span:
    base = {
        "today": 0, "tonight": 0, "yesterday": -1, "last night": -1, "tomorrow": 1,
        "the day before yesterday": -2, "the day after tomorrow": 2,
    }  # fmt: skip
    word, part = read.group("word"), read.group("part") or ""
    offset = 0 if word.startswith("this") else base[word]
    part = {"tonight": "evening", "last night": "night"}.get(word, part.strip() or word.removeprefix("this").strip())
    day = _day(today + timedelta(days=offset))
    if part in ("morning", "afternoon", "evening", "night"):
        return Span(f"the {part} of {day.words}", day.first, day.last)
    return day


def _read_relative_unit(read: re.Match[str], today: date, _past: bool) -> Span:
    step = {"last": -1, "past": -1, "previous": -1, "this": 0, "next": 1, "coming": 1, "upcoming": 1}[read.group("which")]
    unit = read.group("what")
    monday = today - timedelta(days=today.weekday())
    if unit == "week":
        return _week(monday + timedelta(weeks=step))
    if unit == "weekend":
        return _weekend(monday + timedelta(days=5, weeks=step if step <= 0 or today.weekday() < 5 else step))
    if unit == "month":
        return _month(today.year, today.month + step)
    if unit == "year":
        return _year(today.year + step)
    if unit in _SEASONS:
        return _season(unit, _year_of(_SEASONS[unit], today, step))
    month = _MONTHS.index(unit) + 1
    return _month(_year_of(month, today, step), month)


def _year_of(month: int, today: date, step: int) -> int:
    """The year of the latest such month before this one, or of the next after it."""
    if step < 0:
        return today.year if month < today.month else today.year - 1
    if step > 0:
        return today.year if month > today.month else today.year + 1
    return today.year


def _read_weekday(read: re.Match[str], today: date, past: bool) -> Span:
    which, wanted = (read.group("which") or "").strip(), _DAYS.index(read.group("day"))
    if which == "next":
        day = today + timedelta(days=7 - today.weekday() + wanted)
    elif which in ("last", "past", "previous") or (past and which != "this"):
        day = today - timedelta(days=(today.weekday() - wanted - 1) % 7 + 1)
    else:
        day = today + timedelta(days=(wanted - today.weekday()) % 7)
    part = (read.group("part") or "").strip()
    return Span(f"the {part} of {_day(day).words}", day, day) if part else _day(day)


def _read_weekend(_read: re.Match[str], today: date, past: bool) -> Span:
    saturday = today + timedelta(days=5 - today.weekday())
    return _weekend(saturday - timedelta(weeks=1) if past and today.weekday() < 5 else saturday)


def _read_counted(read: re.Match[str], today: date, _past: bool) -> Span:
    counted, unit = read.group("count"), read.group("unit")
    sign = -1 if read.groupdict().get("ago") else 1
    if counted in _VAGUE:
        side = "before" if sign < 0 else "after"
        return Span(f"{counted} {unit}s {side} {_day(today).words}", today, today, "")
    count = sign * (int(counted) if counted.isdigit() else _NUMBERS[counted])
    if unit == "day":
        return _day(today + timedelta(days=count))
    if unit == "week":
        return _week(today - timedelta(days=today.weekday()) + timedelta(weeks=count))
    if unit == "month":
        return _month(today.year, today.month + count)
    return _year(max(1, today.year + count))


_Reader = Callable[[re.Match[str], date, bool], Span]
_PART = r"(?P<part> (?:morning|afternoon|evening|night))?"
_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (
        re.compile(
            r"(?P<word>the day before yesterday|the day after tomorrow|last night|tonight|today|yesterday|tomorrow"
            rf"|this (?:morning|afternoon|evening)){_PART}"
        ),
        _read_day_word,
    ),
    (
        re.compile(
            r"(?:the )?(?P<which>last|this|next|past|previous|coming|upcoming) "
            rf"(?P<what>week|weekend|month|year|spring|summer|autumn|fall|winter|{_MONTH})(?!end)"
        ),
        _read_relative_unit,
    ),
    (re.compile(rf"(?P<which>last |this |next |past |previous |coming )(?P<day>{_DAY}){_PART}"), _read_weekday),
    (re.compile(rf"(?P<which>)(?P<day>{_DAY}){_PART}"), _read_weekday),
    (re.compile("the weekend"), _read_weekend),
    (re.compile(rf"(?:about |around |almost |nearly |over )?{_COUNT} {_UNIT} (?P<ago>ago|back)"), _read_counted),
    (re.compile(rf"(?:in ){_COUNT} {_UNIT}(?:' time|'s time| from now)?"), _read_counted),
)


def _alternative(pattern: re.Pattern[str]) -> str:
    return re.sub(r"\(\?P<\w+>", "(?:", pattern.pattern)


_NEEDS_A_PREPOSITION = 3, 4  # places in _READERS: "Friday" and "the weekend" are dates only after "on", "over", …
_AFTER_ON = rf"(?<=on )(?:{_DAY})(?: (?:morning|afternoon|evening|night))?\b(?!s)|(?:(?<=over )|(?<=during )|(?<=at )|(?<=on ))the weekend"
_IS_SUBJECT = re.compile(r"\s+(?:was|is|has|will|were|are|went|felt|turned|brought)\b", re.I)
_MONTH_OF_YEAR = re.compile(rf"(?P<month>{_MONTH}) (?:of )?(?P<which>last|this|next) year", re.I)
_RELATIVE = re.compile(
    r"(?<![\w`])(?P<prep>(?:on|in|at|over|during|since|from|starting on|starting|as of|beginning|until|till|through|by|before|after|for) )?"
    rf"(?P<when>{'|'.join(_alternative(pattern) for n, (pattern, _) in enumerate(_READERS) if n not in _NEEDS_A_PREPOSITION)}|{_AFTER_ON})"
    r"(?P<poss>['’]s)?(?![\w])",
    re.I,
)
_WRITTEN = re.compile(
    r"(?P<prep>since|from|starting|as of|until|till|through|by|before|in|on)\s+"
    rf"(?:(?P<iso>\d{{4}}-\d\d-\d\d)|(?:(?P<d>\d{{1,2}})(?:st|nd|rd|th)? )?(?P<m>{_MONTH})(?: (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,?)? "
    r"(?P<y>\d{4})|(?P<only>(?:19|20)\d\d))\b",
    re.I,
)


def _written_date(text: str) -> tuple[str, Span] | None:
    """The first date written out with a preposition ("since 2019", "on 3 May 2024"), or None."""
    found = _WRITTEN.search(text)
    if not found:
        return None
    preposition = found.group("prep").lower()
    try:
        if found.group("iso"):
            return preposition, _day(date.fromisoformat(found.group("iso")))
        if found.group("only"):
            return preposition, _year(int(found.group("only")))
        month, year = _MONTHS.index(found.group("m").lower()) + 1, int(found.group("y"))
        day = found.group("d") or found.group("d2")
        return preposition, _day(date(year, month, int(day))) if day else _month(year, month)
    except ValueError:  # no such day, as in 31 June
        return None


def _speaks_of_the_past(text: str) -> bool:
    return any(word in _PAST_AUXILIARY or is_past(word) for word in words_of(text))
