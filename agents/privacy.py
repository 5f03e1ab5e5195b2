"""What an organization wants done with personal data in its memories: one action a type.

Values only; `agents.services.privacy` reads and changes them, `memories.refinement.pii` finds the data and acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class PiiKind(StrEnum):
    """A type of personal data; the value is the word of its placeholder, as in `[EMAIL]`."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    NATIONAL_ID = "NATIONAL_ID"
    CARD = "CARD"
    IBAN = "IBAN"
    IP = "IP"
    SECRET = "SECRET"  # noqa: S105 - the word, not one
    ADDRESS = "ADDRESS"
    BIRTH_DATE = "BIRTH_DATE"
    NAME = "NAME"

    @property
    def field(self) -> str:
        """How forms, the API and the stored policy call it."""
        return self.value.lower()

    @property
    def default(self) -> PiiAction:
        """What is done unless the organization says otherwise: a memory about nobody is no memory, so names stay."""
        return PiiAction.ALLOW if self is PiiKind.NAME else PiiAction.REDACT

    @property
    def actions(self) -> tuple[PiiAction, ...]:
        """What may be chosen. A key or password is never let through: memories are sent to model providers."""
        return tuple(action for action in PiiAction if self is not PiiKind.SECRET or action is not PiiAction.ALLOW)


class PiiAction(StrEnum):
    """What is done with what was found."""

    REDACT = "redact"
    QUARANTINE = "quarantine"
    ALLOW = "allow"


PiiActions = Mapping[PiiKind, PiiAction]


def actions_from(stored: Mapping[str, str]) -> dict[PiiKind, PiiAction]:
    """The action of every type. What is stored but may not be chosen (by now) counts as the default."""
    return {kind: _action(kind, stored.get(kind.field)) for kind in PiiKind}


def _action(kind: PiiKind, stored: str | None) -> PiiAction:
    return PiiAction(stored) if stored in kind.actions else kind.default
