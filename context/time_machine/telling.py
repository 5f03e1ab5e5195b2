"""A comparison as a table that a person reads in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from context.time_machine.comparing import Comparison, Difference, Standing
from context.values import Arm

CONTENT_CHARACTERS = 60
_CHANGES = {"same": "both", "only_then": "only then", "only_now": "only now", "out": "neither"}
_ORDER = ("only_then", "only_now", "same", "out")


def table(comparison: Comparison) -> Iterator[str]:
    """Line by line."""
    record, was, is_now = comparison.past.record, comparison.then, comparison.now
    yield f"Request {comparison.past.trace.request_id}, {record.assembled_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"Directive then {_version(was.directive_version)}, now {_version(is_now.directive_version)}"
    yield ""
    yield f"{'in prompt':10}  {'then':28}  {'now':28}  {'since':18}  memory"
    for line in sorted(comparison.lines, key=lambda line: (_ORDER.index(line.change), _rank(line))):
        then, now = _told(line.recorded), _told(line.now)
        yield f"{_CHANGES[line.change]:10}  {then:28}  {now:28}  {', '.join(line.since) or '-':18}  {_content(line)}"
    yield ""
    if comparison.deviations:
        yield "Assembled as of then, it is not in all what was recorded:"
        yield from (f"  {sentence}" for sentence in comparison.deviations)
    else:
        yield "Assembled as of then, it is what was recorded."
    yield "What cannot be made again exactly:"
    yield from (f"  {sentence}" for sentence in comparison.limits)


def _version(number: int) -> str:
    return f"version {number}" if number else "none"


def _rank(line: Difference) -> int:
    ranks = [standing.rank for standing in (line.recorded, line.now) if standing and standing.rank]
    return min(ranks, default=0)


def _told(standing: Standing | None) -> str:
    if standing is None:
        return "not considered"
    if standing.is_packed:
        return "shown before" if standing.arm == Arm.REPLAYED else f"in, #{standing.rank}, {standing.score:.2f}"
    return standing.reason.replace("_", " ")


def _content(line: Difference) -> str:
    if not line.content:
        return f"{line.subject_id} (deleted since)"
    text = " ".join(line.content.split())
    return text if len(text) <= CONTENT_CHARACTERS else f"{text[: CONTENT_CHARACTERS - 1]}…"
