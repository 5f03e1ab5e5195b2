"""Stretches of the calendar and the words that name them."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # first month, northern hemisphere
_SEASON_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of whole days, both ends included; `words` name it and follow the preposition `at`."""

    words: str
    first: date
    last: date
    at: str = "on"


def day_span(day: date, part: str = "") -> Span:
    """One day, or the part of it ("morning") that the words name."""
    words = f"{day.day} {month_name(day.month)} {day.year}"
    return Span(f"the {part} of {words}" if part else words, day, day)


def week_span(monday: date) -> Span:
    return Span(f"the week of {day_span(monday).words}", monday, monday + timedelta(days=6), "in")


def weekend_span(saturday: date) -> Span:
    sunday = saturday + timedelta(days=1)
    start = f"{saturday.day}" if sunday.month == saturday.month else f"{saturday.day} {month_name(saturday.month)}"
    return Span(f"the weekend of {start}–{day_span(sunday).words}", saturday, sunday)  # noqa: RUF001 (a range of dates)


def month_span(year: int, month: int) -> Span:
    """A month; `month` may lie outside 1…12 and then counts into another year."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    first = date(year, month, 1)
    return Span(f"{month_name(month)} {year}", first, first.replace(day=monthrange(year, month)[1]), "in")


def year_span(year: int) -> Span:
    return Span(str(year), date(year, 1, 1), date(year, 12, 31), "in")


def season_span(name: str, year: int) -> Span:
    """A season that begins in `year`."""
    last = month_span(year, SEASONS[name] + _SEASON_MONTHS - 1).last
    return Span(f"the {name} of {year}", date(year, SEASONS[name], 1), last, "in")


def month_name(month: int) -> str:
    return MONTHS[month - 1].capitalize()


def monday_of(day: date) -> date:
    """The first day of the week that `day` is in."""
    return day - timedelta(days=day.weekday())
