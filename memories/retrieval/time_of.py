"""Which time a question names: softly, as a hint about when something was said (QUALITY section 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_MONTHS_WORDS = """
january february march april may june july august september october november december
"""
_MONTHS = _MONTHS_WORDS.split()
_MONTH = re.compile(rf"\b(?:{'|'.join(_MONTHS)})\b", re.IGNORECASE)
_MAY_IS_A_VERB = re.compile(r"\bmay\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """Months (1 to 12) and years that a question names."""

    months: frozenset[int]
    years: frozenset[int]

    def __bool__(self) -> bool:
        """Whether any was named."""
        return bool(self.months or self.years)

    def matches(self, moment: datetime) -> bool:
        """Whether `moment` is of a time that was named."""
        if not self:
            return False
        return (not self.months or moment.month in self.months) and (not self.years or moment.year in self.years)


def named_times(question: str) -> Named:
    """The months and years in `question`; "may" in lower case is a verb."""
    asked = _MAY_IS_A_VERB.sub("", question)
    return Named(
        months=frozenset(_MONTHS.index(found.lower()) + 1 for found in _MONTH.findall(asked)),
        years=frozenset(int(found) for found in _YEAR.findall(asked)),
    )
