"""Personal data and secrets, replaced by typed placeholders before a text is hashed, embedded or stored.

Recognisers are plain patterns with checks (Luhn, mod 97, check digits) and the words around a number. A finding is
acted on only as far as it is sure: from `PiiPolicy.threshold` up it is redacted, below it the text is quarantined and
kept as it is for a human to decide. Names are not findings: a memory about nobody is no memory.

Every recogniser is linear in the text (quantifiers are bounded, runs are walked once): a text written to be slow to
scan is scanned like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from memories.refinement import pii_contacts, pii_numbers, pii_secrets


class PiiKind(StrEnum):
    """What was found; the value is the placeholder's word."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    NATIONAL_ID = "NATIONAL_ID"
    CARD = "CARD"
    IBAN = "IBAN"
    IP = "IP"
    SECRET = "SECRET"  # noqa: S105 - the word, not one
    ADDRESS = "ADDRESS"
    BIRTH_DATE = "BIRTH_DATE"


class PiiAction(StrEnum):
    """What an agent's policy does with one kind."""

    REDACT = "redact"
    QUARANTINE = "quarantine"
    ALLOW = "allow"


SURE = 0.75  # at and above it a finding is redacted


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiPolicy:
    """An action a kind (redact unless said otherwise) and the confidence from which it is taken."""

    actions: Mapping[PiiKind, PiiAction] = field(default_factory=dict)
    threshold: float = SURE

    def action(self, kind: PiiKind) -> PiiAction:
        return self.actions.get(kind, PiiAction.REDACT)


DEFAULT = PiiPolicy()


@dataclass(frozen=True, slots=True)
class Finding:
    """Where something was found: `start` and `end` are character offsets into the text that was given."""

    kind: PiiKind
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """The text with its placeholders, what was found in the original, and whether a human must look."""

    text: str
    findings: tuple[Finding, ...]
    quarantine: bool


# In this order: what an earlier one claims, a later one no longer sees (a card is not also a phone number).
_RECOGNISERS: tuple[tuple[PiiKind, Callable[[str], Iterator[tuple[int, int, float]]]], ...] = (
    (PiiKind.SECRET, pii_secrets.known_secrets),
    (PiiKind.EMAIL, pii_contacts.emails),
    (PiiKind.IBAN, pii_numbers.ibans),
    (PiiKind.NATIONAL_ID, pii_numbers.national_ids),
    (PiiKind.CARD, pii_numbers.cards),
    (PiiKind.IP, pii_numbers.ip_addresses),
    (PiiKind.BIRTH_DATE, pii_numbers.birth_dates),
    (PiiKind.PHONE, pii_contacts.phones),
    (PiiKind.ADDRESS, pii_contacts.addresses),
    (PiiKind.SECRET, pii_secrets.random_tokens),
)


def redact(text: str, policy: PiiPolicy = DEFAULT) -> Redaction:
    """`text` with every sure finding replaced by `[KIND]`. Redacting the result again changes nothing."""
    found = tuple(sorted(_findings(text, policy), key=lambda finding: finding.start))
    redacted = [finding for finding in found if _redacts(finding, policy)]
    return Redaction(
        text=_fill(text, redacted, lambda finding: f"[{finding.kind}]"),
        findings=found,
        quarantine=len(redacted) < len(found),
    )


def _redacts(finding: Finding, policy: PiiPolicy) -> bool:
    return policy.action(finding.kind) is PiiAction.REDACT and finding.confidence >= policy.threshold


def _findings(text: str, policy: PiiPolicy) -> Iterator[Finding]:
    unseen = text
    for kind, recognise in _RECOGNISERS:
        found = _apart(Finding(kind, *hit) for hit in recognise(unseen))
        unseen = _blank(unseen, found)
        if policy.action(kind) is not PiiAction.ALLOW:
            yield from found


def _apart(findings: Iterable[Finding]) -> list[Finding]:
    """In order and without overlaps: of two that overlap, the one that begins first and is longer."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda finding: (finding.start, -finding.end, -finding.confidence)):
        if not kept or finding.start >= kept[-1].end:
            kept.append(finding)
    return kept


def _blank(text: str, findings: Sequence[Finding]) -> str:
    """`text` of the same length, with what was found made unreadable to the recognisers that follow."""
    return _fill(text, findings, lambda finding: "_" * (finding.end - finding.start)) if findings else text


def _fill(text: str, findings: Iterable[Finding], placeholder: Callable[[Finding], str]) -> str:
    """`text` with each finding (in order, apart) replaced by its placeholder."""
    parts, position = [], 0
    for finding in findings:
        parts += [text[position : finding.start], placeholder(finding)]
        position = finding.end
    return "".join([*parts, text[position:]])
