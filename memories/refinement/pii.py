"""Personal data and secrets, replaced by typed placeholders before a text is hashed, embedded or stored.

Recognisers are plain patterns with checks (Luhn, mod 97, check digits) and the words around a number. A finding is
acted on only as far as it is sure: from `PiiPolicy.threshold` up the organization's choice for its type is carried out,
below it the text is quarantined and kept as it is for a human to decide. A type that is allowed is no finding.

Every recogniser is linear in the text (quantifiers are bounded, runs are walked once): a text written to be slow to
scan is scanned like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agents.privacy import PiiAction, PiiActions, PiiKind
from memories.refinement import pii_contacts, pii_names, pii_national, pii_numbers, pii_secrets

SURE = 0.75  # at and above it a finding is redacted


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiPolicy:
    """An action for each type (its default unless said otherwise) and the confidence from which it is taken."""

    actions: PiiActions = field(default_factory=dict)
    threshold: float = SURE

    def action(self, kind: PiiKind) -> PiiAction:
        """What is done with findings of that type."""
        return self.actions.get(kind, kind.default)

    def unreviewed(self) -> PiiPolicy:
        """The same for a text that no human will decide about: what would be held back, or is unsure, is redacted."""
        redacted = {kind: PiiAction.REDACT for kind in PiiKind if self.action(kind) is PiiAction.QUARANTINE}
        return PiiPolicy(actions={**self.actions, **redacted}, threshold=0.0)


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
    """The text with its placeholders, what was found in the original, and what of it was left for a human."""

    text: str
    findings: tuple[Finding, ...]
    held: tuple[Finding, ...]

    @property
    def quarantine(self) -> bool:
        """Whether a human must look."""
        return bool(self.held)


_PLAIN = (
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full width, as Chinese and Japanese keyboards write
    | dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), ord(" "))
    | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), ord("-"))
    | dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"), ord("-"))  # unseen, and no reason to part a word
)
"""One spelling for what people type between digits; one character for one, so that places stay."""

# In this order: what an earlier one claims, a later one no longer sees (a card is not also a phone number).
_RECOGNISERS: tuple[tuple[PiiKind, Callable[[str], Iterator[tuple[int, int, float]]]], ...] = (
    (PiiKind.SECRET, pii_secrets.known_secrets),
    (PiiKind.EMAIL, pii_contacts.emails),
    (PiiKind.IBAN, pii_numbers.ibans),
    (PiiKind.NATIONAL_ID, pii_national.national_ids),
    (PiiKind.CARD, pii_numbers.cards),
    (PiiKind.IP, pii_numbers.ip_addresses),
    (PiiKind.BIRTH_DATE, pii_numbers.birth_dates),
    (PiiKind.ADDRESS, pii_contacts.addresses),
    (PiiKind.PHONE, pii_contacts.phones),
    (PiiKind.SECRET, pii_secrets.random_tokens),
    (PiiKind.NAME, pii_names.names),
)


def redact(text: str, policy: PiiPolicy = DEFAULT) -> Redaction:
    """`text` with every sure finding replaced by `[KIND]`. Redacting the result again changes nothing."""
    found = tuple(sorted(_findings(text, policy), key=lambda finding: finding.start))
    redacted = [finding for finding in found if _redacts(finding, policy)]
    return Redaction(
        text=_fill(text, redacted, lambda finding: f"[{finding.kind}]"),
        findings=found,
        held=tuple(finding for finding in found if not _redacts(finding, policy)),
    )


def _redacts(finding: Finding, policy: PiiPolicy) -> bool:
    return policy.action(finding.kind) is PiiAction.REDACT and finding.confidence >= policy.threshold


def _findings(text: str, policy: PiiPolicy) -> Iterator[Finding]:
    unseen = text.translate(_PLAIN)
    for kind, recognise in _RECOGNISERS:
        if kind is PiiKind.NAME and policy.action(kind) is PiiAction.ALLOW:
            continue  # the last one: nobody needs to know what it claims
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
