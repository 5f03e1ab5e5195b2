"""A memory's versions as a reader wants them: who did what, and what it changed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.models import Token
from agents.selectors import members_of
from ibex.core.ids import parse_uuid
from memories.choices import Operation
from memories.models import Memory, MemoryVersion

SHOWN_VERSIONS = 20
"""The newest; a memory that is said daily would otherwise fill the page."""
COMPARED = {
    "category": "Category",
    "tags": "Tags",
    "status": "Status",
    "confidence": "Confidence",
    "is_pinned": "Standing instruction",
    "end_user": "End user",
    "valid_from": "True from",
    "valid_until": "True until",
    "expires_at": "Expires",
}
"""What a version tells of beside its text, and how the page names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionLine:
    """One version. `text`: a unified diff against the version before; `changes`: name, before, after."""

    version: MemoryVersion
    actor: str
    text: Sequence[str]
    changes: Sequence[tuple[str, str, str]]
    is_current: bool

    @property
    def may_return(self) -> bool:
        """Whether it can be restored: it is not what stands now, and it has a text."""
        return not self.is_current and self.version.operation != Operation.DELETED


def history(memory: Memory) -> list[VersionLine]:
    """The newest versions, the last first. Three queries."""
    # One more than is shown: the last line is compared with it.
    rows = list(MemoryVersion.objects.of(memory.org_id).filter(memory=memory).order_by("-number")[: SHOWN_VERSIONS + 1])
    names = names_of(memory.org_id, {row.actor for row in rows})
    before: list[MemoryVersion | None] = [*rows[1:], None]
    return [_line(memory, row, old, names) for row, old in zip(rows, before, strict=True)][:SHOWN_VERSIONS]


def names_of(org_id: UUID, actors: Iterable[str]) -> dict[str, str]:
    """How people call actors such as `operator:<id>`: members of the organization and its tokens by name."""
    named = {actor: actor.partition(":")[0] for actor in actors}
    wanted: dict[str, dict[UUID, str]] = {"operator": {}, "token": {}}
    for actor in named:
        kind, _, text = actor.partition(":")
        key = parse_uuid(text)
        if kind in wanted and key:
            wanted[kind][key] = actor
    for member in members_of(org_id).filter(operator_id__in=wanted["operator"]) if wanted["operator"] else ():
        named[wanted["operator"][member.operator_id]] = str(member.operator)
    tokens = Token.objects.of(org_id).filter(pk__in=wanted["token"]) if wanted["token"] else ()
    for token in tokens:
        named[wanted["token"][token.pk]] = f"the token {token.name}"
    return named


def _line(memory: Memory, row: MemoryVersion, old: MemoryVersion | None, names: Mapping[str, str]) -> VersionLine:
    now, then = row.snapshot, old.snapshot if old else {}
    return VersionLine(
        version=row,
        actor=names[row.actor],
        text=_difference(then, now) if old else [],
        changes=[
            (name, _words(then.get(key)), _words(now.get(key)))
            for key, name in COMPARED.items()
            if old and then.get(key) != now.get(key)
        ],
        is_current=row.number == memory.version,
    )


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    before, after = str(then.get("content", "")).splitlines(), str(now.get("content", "")).splitlines()
    return list(difflib.unified_diff(before, after, lineterm="", n=1))


def _words(value: Any) -> str:
    match value:
        case None | "" | []:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}"
        case list():
            return ", ".join(str(part) for part in value)
    return str(value).replace("_", " ")
