"""Evidence beside claims: each turn's own words, kept searchable (QUALITY section 1.3: distilled memories alone lose a
third of what questions need).

The user's words are kept, and the assistant's where it reports what was done. Personal data is treated as the
organization wants; what it would have a human look at gives way to placeholders, for nobody reviews excerpts. A text
that gives orders to the model is not kept at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from agents.models import Checkpoint
from agents.privacy import PiiAction, PiiKind
from agents.services.privacy import pii_actions
from ibex.core.tokens import count
from ibex.core.unseen import visible
from memories.embedding import Vector
from memories.models import Excerpt
from memories.refinement import quarantine
from memories.refinement.pii import PiiPolicy, redact
from memories.slots import Slot, serving

CONTENT_MAX = 8_192
SPEAKER_MAX = 120

Role = Literal["user", "assistant"]

_REPORTS = re.compile(
    r"\bI(?:'ve|\u2019ve| have)? (?:just |now |already |also |successfully )?(?:created|added|updated|sent|booked|"
    r"scheduled|fixed|removed|deleted|ordered|changed|moved|renamed|deployed|saved|set|cancelled|canceled|submitted|filed|emailed|wrote|written|ran|run|installed|merged|"
    r"registered|reserved|completed|finished|configured|paid|refunded|opened|closed|uploaded|published)\b"
    r"|\b(?:has|have) been (?:\w+ly )?(?:created|added|updated|sent|booked|scheduled|fixed|removed|deleted|ordered|"
    r"changed|moved|renamed|deployed|saved|set|cancelled|canceled|submitted|installed|merged|registered|reserved|completed|configured|refunded|published)\b"
    r"|^(?:done|all set|finished|booked)\b",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What one side said in one turn."""

    checkpoint: Checkpoint
    role: Role
    speaker: str
    text: str


def prepare(checkpoints: Sequence[Checkpoint]) -> list[Excerpt]:
    """The excerpts of complete turns that may be learned from, redacted and embedded, not saved. Slow; call it outside
    any transaction.
    """
    said = [_redacted(words) for checkpoint in checkpoints for words in _words(checkpoint)]
    redacted = [words.text for words in said]
    current = serving()
    vectors = current.embed(redacted)
    return [
        _excerpt(words, text, current.slot, vector)
        for words, text, vector, known in zip(said, redacted, vectors, current.built_in(redacted, vectors), strict=True)
        if not quarantine.assess(text, known).suspicious
    ]


def keep(excerpts: Iterable[Excerpt]) -> int:
    """Save prepared excerpts inside the caller's scope; how many. One that is there already stays as it is."""
    return len(Excerpt.objects.bulk_create(excerpts, ignore_conflicts=True))


def speaker_of(checkpoint: Checkpoint) -> str:
    """The name that the last user message of a turn carries (OpenAI's `name`), or nothing."""
    for message in reversed(checkpoint.messages):
        if isinstance(message, dict) and message.get("role") == "user":
            name: Any = message.get("name")
            return name[:SPEAKER_MAX] if isinstance(name, str) else ""
    return ""


def reports(assistant_text: str) -> bool:
    """Whether the assistant says what it did, rather than what it thinks or proposes."""
    return bool(_REPORTS.search(assistant_text))


def searchable(said_at: datetime, speaker: str, text: str) -> str:
    """What full text sees: date and speaker in front of the words (QUALITY section 1: .47 to .62 for full text)."""
    return f"{said_at.day} {said_at:%B %Y} {speaker}: {text}"


def _words(checkpoint: Checkpoint) -> Iterator[Words]:
    if said := visible(checkpoint.user_text).strip():
        yield Words(checkpoint=checkpoint, role="user", speaker=speaker_of(checkpoint), text=said)
    answer = visible(checkpoint.assistant_text).strip()
    if answer and (checkpoint.tool_calls or reports(answer)):
        yield Words(checkpoint=checkpoint, role="assistant", speaker="", text=answer)


def _redacted(words: Words) -> Words:
    """As it may be kept; where names may not, neither may the speaker's."""
    policy = PiiPolicy(actions=pii_actions(words.checkpoint.org_id)).unreviewed()
    named = policy.action(PiiKind.NAME) is PiiAction.ALLOW
    return replace(words, text=redact(words.text[:CONTENT_MAX], policy).text, speaker=words.speaker if named else "")


def _excerpt(words: Words, text: str, slot: Slot, vector: Vector) -> Excerpt:
    checkpoint = words.checkpoint
    return Excerpt(
        org_id=checkpoint.org_id,
        agent_id=checkpoint.agent_id,
        session_id=checkpoint.session_id,
        checkpoint_id=checkpoint.pk,
        end_user=checkpoint.end_user,
        role=words.role,
        speaker=words.speaker,
        turn=checkpoint.number,
        said_at=checkpoint.said_at,
        content=text,
        searchable=searchable(checkpoint.said_at, words.speaker or words.role, text),
        tokens=count(text),
        **slot.fields(vector),
    )
