"""Whether a text still says something once personal data has given way to placeholders.

"The user's email is [EMAIL]." can help nobody; "The user moved to [ADDRESS] in 2021." still says when.
"""

from __future__ import annotations

import re

from agents.privacy import PiiKind
from memories.extraction.grounding import content_stems
from memories.extraction.lexicon import EITHER, FEMALE, MALE, MANY

_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(PiiKind)})\]")
_NAME = re.compile(r"\b[A-Z][\w-]*(?:'s?)?")
_DATA = """
    account address api bank birth birthday born call card cell code contact credit current date debit email e-mail
    home host iban id insurance ip key licence license live lives login machine mail mobile national new number office
    old passport password personal phone pin private reach reachable router secret security server social ssn street
    tax telephone token use username work write
"""
# Whose it is and what kind of thing: all that is left of a sentence that was made of nothing else.
_EMPTY = content_stems(" ".join([_DATA, *FEMALE, *MALE, *EITHER, *MANY]))


def says_something(text: str) -> bool:
    """False for a text of placeholders and their names alone; a text without placeholders says something."""
    if not (first := _PLACEHOLDER.search(text)):
        return True
    owner, said = _NAME.sub(" ", text[: first.start()]), _PLACEHOLDER.sub(" ", text[first.start() :])
    return bool(content_stems(f"{owner} {said}") - _EMPTY)
