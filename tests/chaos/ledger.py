"""What the callers saw against what the vault holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.installation import Installation
from tests.chaos.traffic import Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Of one round: every figure but the first two and the last is to be 0."""

    finished: int
    recorded: int
    """Checkpoints of the round, those of calls whose end nobody saw included."""
    lost: int
    twice: int
    astray: int
    """In another session than the caller named."""
    gaps: int
    """Sessions whose numbers are not 1, 2, 3 … up to their count of turns."""
    out_of_order: int
    """Turns that bear a number below that of an earlier turn of the same caller and session."""
    told_again: int
    """Turns that a later call brought along as history, whose conversation was not recognised, before they were in the
    vault themselves: there once as a turn, and once as an imported one. Of all rounds so far; it may be more than 0."""
    examples: list[str] = field(default_factory=list)


CHECKPOINTS = """
SELECT c.user_text, c.number, c.session_id, s.external_id, c.is_imported
FROM agents_checkpoint c JOIN agents_session s ON s.id = c.session_id
ORDER BY c.session_id, c.number
"""
GAPS = """
SELECT s.id FROM agents_session s LEFT JOIN agents_checkpoint c ON c.session_id = s.id
GROUP BY s.id, s.turn_count
HAVING count(c.id) <> s.turn_count OR coalesce(max(c.number), 0) <> s.turn_count
    OR count(DISTINCT c.number) <> s.turn_count
"""


def balance(installation: Installation, finished: Sequence[Finished], before: int) -> Ledger:
    """Compare the turns of a round; `before` counts the checkpoints that were there when it began."""
    everything = installation.ask_vault(CHECKPOINTS)
    rows = [row for row in everything if not row[4]]
    times = Counter(row[0] for row in rows)
    named = {row[0]: row[3] for row in rows}
    lost = [turn.marker for turn in finished if not times[turn.marker]]
    astray = [t.marker for t in finished if t.session and named.get(t.marker, t.session) != t.session]
    disorder = _disorder(finished, rows)
    return Ledger(
        finished=len(finished),
        recorded=len(rows) - before,
        lost=len(lost),
        twice=sum(count > 1 for count in times.values()),
        astray=len(astray),
        gaps=len(installation.ask_vault(GAPS)),
        out_of_order=len(disorder),
        told_again=sum(row[4] and times[row[0]] > 0 for row in everything),
        examples=[*lost[:5], *astray[:5], *disorder[:5]],
    )


def _disorder(finished: Sequence[Finished], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    order = {turn.marker: turn.order for turn in finished if turn.is_alone}
    latest: dict[object, int] = defaultdict(lambda: -1)
    disorder = []
    for text, _, session_id, *_ in rows:
        if text in order:
            if order[text] < latest[session_id]:
                disorder.append(text)
            latest[session_id] = max(latest[session_id], order[text])
    return disorder
