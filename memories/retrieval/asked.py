"""Whose words a question is about: somebody by name, the user, or the assistant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memories.retrieval.perspective import named_in

_ASSISTANT = re.compile(
    r"\byou(?:'ve| have)? (?:just |already |also |once )?(?:said|say|told|tell|suggest\w*|recommend\w*|"
    r"advis\w*|propos\w*|mention\w*|explain\w*|"
    r"promis\w*|offer\w*|list\w*|creat\w*|sent|send|wrote|write|made|booked|fixed|generat\w*)\b|\bdid you\b|"
    r"\byour (?:answer|advice|suggestion|recommendation|reply|response)s?\b",
    re.IGNORECASE,
)
_USER = re.compile(r"\b(?:I|me|my|mine|myself|we|our)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Names or a role; nothing of either: the question is about nobody in particular."""

    names: frozenset[str] = frozenset()
    role: str = ""

    def __bool__(self) -> bool:
        """Whether it is about anybody in particular."""
        return bool(self.names or self.role)

    def fits(self, role: str, speaker: str) -> bool:
        """Whether words of this role and speaker may be the ones asked about."""
        if self.names:
            return speaker in self.names
        return not self.role or role == self.role


def whose_words(question: str, speakers: Sequence[str]) -> Asked:
    """Who is asked about; `speakers` are the names that this agent's turns carry."""
    if names := named_in(question, speakers):
        return Asked(names=frozenset(names))
    if _ASSISTANT.search(question):
        return Asked(role="assistant")
    return Asked(role="user") if _USER.search(question) else Asked()
