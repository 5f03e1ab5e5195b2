"""How people say when: "yesterday", "last Friday", "two weeks ago", read against the day they say it on.

Weeks begin on Monday. "next Friday" is the Friday of the next calendar week, "last Friday" the latest one before today,
a bare "on Friday" the nearest one in the direction of the sentence's tense.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from memories.extraction.spans import (
    DAYS,
    MONTHS,
    SEASONS,
    Span,
    day_span,
    monday_of,
    month_span,
    season_span,
    week_span,
    weekend_span,
    year_span,
)

NUMBERS = {
    "a couple of": 2, "a couple": 2, "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
MONTH = "|".join(MONTHS)

_DAY = "|".join(DAYS)
_SHORT_DAYS = {
    "tues": 1,
    "tue": 1,
    "weds": 2,
    "wed": 2,
    "thurs": 3,
    "thur": 3,
    "thu": 3,
    "mon": 0,
    "fri": 4,
    "sat": 5,
    "sun": 6,
}
_VAGUE = ("a few", "several", "some", "many")
_FEW = 3  # what "a few" counts as where a length is needed
_DAYS_IN = {"day": 1, "week": 7, "weekend": 7, "month": 30, "year": 365}
_STEP = {"last": -1, "past": -1, "this past": -1, "previous": -1, "this": 0, "next": 1, "coming": 1, "upcoming": 1}
_DAY_OFFSET = {
    "the day before yesterday": -2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "tomorrow": 1,
    "the day after tomorrow": 2,
}  # fmt: skip
_PART_OF = {"tonight": "evening", "last night": "night"}

_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join((*_VAGUE, *NUMBERS))})"
_UNIT = r"(?P<unit>day|weekend|week|month|year)s?"
_ORDINAL = r"(?:st|nd|rd|th)"
_MONTHS_TO_A_DAY = 3  # within so many months there is one with a 31st
_PART = r"(?P<part> (?:morning|afternoon|evening|night))?"
_WHICH = "|".join(sorted(_STEP, key=len, reverse=True))

Reader = Callable[[re.Match[str], date, bool], Span | None]


def relative_span(words: str, today: date, *, past: bool) -> Span | None:
    """The span that `words` name when said on `today`; `past`: the sentence is in a past tense."""
    for pattern, reader in _READERS:
        if found := pattern.fullmatch(words):
            return reader(found, today, past)
    return None


def _day_word(found: re.Match[str], today: date, _past: bool) -> Span:
    word, part = found["word"], (found["part"] or "").strip()
    if word.startswith("this "):
        return day_span(today, word.removeprefix("this "))
    return day_span(today + timedelta(days=_DAY_OFFSET[word]), _PART_OF.get(word, part))


def _unit(found: re.Match[str], today: date, _past: bool) -> Span:
    step, unit = _STEP[found["which"]], found["what"]
    if unit == "week":
        return week_span(monday_of(today) + timedelta(weeks=step))
    if unit == "weekend":
        return weekend_span(monday_of(today) + timedelta(days=5, weeks=step))
    if unit == "month":
        return month_span(today.year, today.month + step)
    if unit == "year":
        return year_span(today.year + step)
    if unit in SEASONS:
        return season_span(unit, _year_of(SEASONS[unit], today, step))
    month = MONTHS.index(unit) + 1
    return month_span(_year_of(month, today, step), month)


def _year_of(month: int, today: date, step: int) -> int:
    """The year of the latest such month before this one, or of the next after it."""
    if step < 0 and month >= today.month:
        return today.year - 1
    return today.year + (1 if step > 0 and month <= today.month else 0)


def _weekday(found: re.Match[str], today: date, past: bool) -> Span:
    which, name = (found["which"] or "").strip(), found["day"]
    wanted = DAYS.index(name) if name in DAYS else _SHORT_DAYS[name]
    if which == "next":
        day = monday_of(today) + timedelta(weeks=1, days=wanted)
    elif _STEP.get(which, 0) < 0 or (past and which != "this"):
        day = today - timedelta(days=(today.weekday() - wanted - 1) % 7 + 1)
    else:
        day = today + timedelta(days=(wanted - today.weekday()) % 7)
    return day_span(day, (found["part"] or "").strip())


def _the_weekend(_found: re.Match[str], today: date, past: bool) -> Span:
    saturday = monday_of(today) + timedelta(days=5)
    return weekend_span(saturday - timedelta(weeks=1) if past and today < saturday else saturday)


def _stretch(found: re.Match[str], today: date, _past: bool) -> Span:
    """ "the past two weeks": as long, up to today."""
    count, unit = found["count"], found["unit"]
    number = int(count) if count.isdigit() else NUMBERS.get(count, _FEW)
    first = today - timedelta(days=_DAYS_IN[unit] * number)
    return Span(f"the {count} {unit}s before {day_span(today).words}", first, today, "in")


def _ago(found: re.Match[str], today: date, _past: bool) -> Span:
    return _counted(found, today, -1)


def _ahead(found: re.Match[str], today: date, past: bool) -> Span | None:
    """ "in three days"; told in the past it is a length of time, not a date."""
    return None if past else _counted(found, today, 1)


def _counted(found: re.Match[str], today: date, sign: int) -> Span:
    count, unit = found["count"], found["unit"]
    if count in _VAGUE:
        side = "before" if sign < 0 else "after"
        return Span(f"{count} {unit}s {side} {day_span(today).words}", today, today, "")
    number = sign * (int(count) if count.isdigit() else NUMBERS[count])
    if unit == "day":
        return day_span(today + timedelta(days=number))
    if unit == "week":
        return week_span(monday_of(today) + timedelta(weeks=number))
    if unit == "weekend":
        return weekend_span(monday_of(today) + timedelta(days=5, weeks=number))
    if unit == "month":
        return month_span(today.year, today.month + number)
    return year_span(max(1, today.year + number))


def _part_of(found: re.Match[str], today: date, past: bool) -> Span | None:
    """ "the end of the month" is at the end of May 2024; the span is the whole month's."""
    whole = relative_span(f"{found['of'].replace('the', 'this')} {found['whole']}", today, past=past)
    return whole and replace(whole, words=f"the {found['end']} of {whole.words}", at="at")


def _day_of_month(found: re.Match[str], today: date, past: bool) -> Span | None:
    """ "the 20th": the nearest such day in the direction of the tense."""
    step = -1 if past else 1
    months = (month_span(today.year, today.month + step * ahead) for ahead in range(_MONTHS_TO_A_DAY))
    days = (_in_month(month.first, int(found["nth"])) for month in months)
    return next((day_span(day) for day in days if day and (day - today).days * step >= 0), None)


def _day_of_year(found: re.Match[str], today: date, past: bool) -> Span | None:
    """ "June 3rd" without a year: the nearest in the direction of the tense."""
    name, number = (found["name"], found["number"]) if found["name"] else (found["of"], found["before"])
    month, step = MONTHS.index(name) + 1, -1 if past else 1
    days = (_in_month(date(today.year + step * ahead, month, 1), int(number)) for ahead in (0, 1))
    return next((day_span(day) for day in days if day and (day - today).days * step >= 0), None)


def _month(found: re.Match[str], today: date, past: bool) -> Span:
    """ "in June" without a year: this year's, the one gone by or the one to come."""
    month = MONTHS.index(found["month"]) + 1
    step = -1 if past and month > today.month else 1 if not past and month < today.month else 0
    return month_span(today.year + step, month)


def _in_month(first: date, day: int) -> date | None:
    try:
        return first.replace(day=day)
    except ValueError:  # no such day
        return None


_ANYWHERE: tuple[tuple[str, Reader], ...] = (
    (rf"(?P<word>{'|'.join(_DAY_OFFSET)}|this (?:morning|afternoon|evening)){_PART}", _day_word),
    (rf"(?:the )?(?P<which>{_WHICH}) (?P<what>weekend|week|month|year|{'|'.join(SEASONS)}|{MONTH})", _unit),
    (rf"(?P<which>(?:{_WHICH}) )(?P<day>{_DAY}|{'|'.join(_SHORT_DAYS)}){_PART}", _weekday),
    (r"the (?P<end>end|beginning|start|middle) of (?P<of>the|this|next|last) (?P<whole>week|month|year)", _part_of),
    (rf"the (?:past|last) {_COUNT} {_UNIT}", _stretch),
    (rf"(?:about |around |almost |nearly |over )?{_COUNT} {_UNIT} (?:ago|back)", _ago),
    (rf"in {_COUNT} {_UNIT}(?:'s? time| from now|(?=\W*$|[,.;!]| to\b))", _ahead),
)
_AFTER_A_PREPOSITION: tuple[tuple[str, Reader], ...] = (
    (rf"(?P<which>)(?P<day>{_DAY}){_PART}", _weekday),
    ("the weekend", _the_weekend),
    (rf"the (?P<nth>\d{{1,2}}){_ORDINAL}", _day_of_month),
)
_WITHOUT_A_YEAR: tuple[tuple[str, Reader], ...] = (
    (
        rf"(?:(?P<name>{MONTH}) (?P<number>\d{{1,2}})(?:{_ORDINAL})?"
        rf"|(?:the )?(?P<before>\d{{1,2}})(?:{_ORDINAL})?(?: of)? (?P<of>{MONTH}))",
        _day_of_year,
    ),
    (rf"(?P<month>{MONTH})", _month),
)
_READERS = tuple((re.compile(words), reader) for words, reader in (*_ANYWHERE, *_AFTER_A_PREPOSITION, *_WITHOUT_A_YEAR))


def _without_names(pattern: str) -> str:
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)


# What relative_span can read, to be searched for in a text (no groups). A bare "Friday" counts only after "on".
ANYWHERE = "|".join(_without_names(pattern) for pattern, _ in _ANYWHERE)
AFTER_ON = (
    rf"(?:{_DAY})(?: (?:morning|afternoon|evening|night))?(?!s)|the weekend"
    rf"|the \d{{1,2}}{_ORDINAL}(?=\W*$|[,.;!?)]| (?:and|or|but|so|for|to|at|with|because|in the|if|when)\b)"
)
DAY_OF_YEAR = (
    rf"(?:(?:{MONTH}) \d{{1,2}}(?:{_ORDINAL})?|\d{{1,2}}(?:{_ORDINAL})?(?: of)? (?:{MONTH}))(?!,? \d|[-:.]\d|\d)"
)
MONTH_ALONE = rf"(?:{MONTH})(?!,? (?:of )?\d| of\b|,? (?:last|this|next) year| \w+ \d)"
