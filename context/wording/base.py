"""The words around memories in a prompt, and what they cost. Declarative: models refuse what reads like orders that
somebody slipped in.

A wording never says which entries it is about beyond their names (`memory`, `instruction`, `excerpt`): those, the
block's tag and its nonce are the block's structure, and no wording can change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from ibex.core.tokens import DEFAULT_ENCODING, OLDER_ENCODING, count

CATEGORIES = ("procedural", "factual", "preference", "behavioral", "episodic")
"""In the order in which a block holds them (SPEC section 6)."""
SOURCES = ("user_provided", "imported", "inferred")
"""Where a memory came from, where a block says so; what was learned from conversations is what it is about."""
ROLES = ("user", "assistant")
DAY, NONCE = "2025-10-08", "012345678901234"
"""Stand-ins that have as many tokens as any other: three digits are one."""
_ENCODINGS = (DEFAULT_ENCODING, OLDER_ENCODING)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameTokens:
    """What stands around memories, counted once and for all: in no encoding has it more tokens, a test says so."""

    block: int
    """The introduction, and the block's name in its two tags."""
    procedures: int
    instructions: int
    excerpts: int
    """What each of these clauses adds to the introduction."""
    element: int
    """One memory's element without its content, and the line's end."""
    instruction: int
    """The same for an instruction of the operator's."""
    excerpt: int
    """The same for an excerpt, without the name of its speaker."""
    since: int
    """What the attribute of this name adds to an element."""
    source: int
    """The same, for the longest of the sources."""
    name: int
    """The same, but for the name itself."""
    directive: int
    """What stands around a directive in a user message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """What is said around memories and the directive, in one language."""

    name: str
    """The locale; with a colon and a digest after it where the words are an organization's own."""
    introduction: str
    """Before every block, and short, as every turn with news has one. Clauses for what is in it follow, then a dot."""
    procedures: str
    """Of procedural memories that were learned: descriptions."""
    instructions: str
    """Of standing instructions that the operator wrote by hand."""
    excerpts: str
    sources: Mapping[str, str]
    roles: Mapping[str, str]
    """Whose words an excerpt has."""
    directive_in_user_message: str
    """How the directive stands in a user message. `{directive}` is its text."""
    tokens: FrameTokens
    """Of the words above."""

    def sentence(self, *, procedures: bool = False, instructions: bool = False, excerpts: bool = False) -> str:
        """What announces a block that holds these kinds."""
        clauses = [self.introduction]
        clauses += [self.instructions] * instructions + [self.procedures] * procedures + [self.excerpts] * excerpts
        return f"{'; '.join(clauses)}."


def counted(wording: Wording) -> Wording:
    """The wording with its tokens counted anew, by both tokenizers: for when it is written, never on a call's path."""
    opening, closing = f"<memories-{NONCE}>", f"</memories-{NONCE}>"
    block = _most(f"{wording.sentence()}\n{opening}\n{closing}")
    source = max(_most(f' source="{said}"') for said in wording.sources.values())
    role = max(wording.roles.values(), key=_most)
    tokens = FrameTokens(
        block=block,
        procedures=_most(f"; {wording.procedures}"),
        instructions=_most(f"; {wording.instructions}"),
        excerpts=_most(f"; {wording.excerpts}"),
        element=max(_most(f'<memory category="{category}" observed="{DAY}"></memory>\n') for category in CATEGORIES),
        instruction=_most(f'<instruction observed="{DAY}"></instruction>\n'),
        excerpt=_most(f'<excerpt by="{role}" said="{DAY}">""</excerpt>\n'),
        since=_most(f' since="{DAY}"'),
        source=source,
        name=_most(' name=""'),
        directive=_most(wording.directive_in_user_message.replace("{directive}", "")),
    )
    return replace(wording, tokens=tokens)


NOTHING_COUNTED = FrameTokens(**{field.name: 0 for field in fields(FrameTokens)})


def _most(text: str) -> int:
    return max(count(text, encoding) for encoding in _ENCODINGS)
