"""Characters that no reader sees: they hide orders and split numbers, so no text is kept or shown with them."""

from __future__ import annotations

import re

UNSEEN = re.compile(
    # What XML forbids, direction overrides, invisible operators and letters, tag characters
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
    # Joiners belong to emoji and to other scripts; between ASCII characters they only part what belongs together
    r"|(?<=[!-~])[\u200c\u200d]+(?=[!-~])"
)


def visible(text: str) -> str:
    """`text` as a person reads it: every kind of line end a plain one, and nothing that cannot be seen."""
    return UNSEEN.sub("", "\n".join(text.splitlines()))
