"""What a model answered, as candidates: each is checked against the turn it names before it counts.

A model is believed neither about what was said nor about who said it: the words it quotes are looked up, the claim is
held against them, and what the assistant said counts only by the rules that the local extractor keeps as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from memories.choices import Category
from memories.extraction.confirmations import confirmed_statement, deeds
from memories.extraction.contract import (
    MAX_CONTENT_CHARS,
    MAX_LABELS,
    STANDING_INSTRUCTION,
    Act,
    Candidate,
    Known,
    Label,
    Role,
    Turn,
)
from memories.extraction.dates import resolve_dates
from memories.extraction.drafts import MAX_READ_CHARS
from memories.extraction.echoes import is_about_the_talk, is_echo
from memories.extraction.grounding import Ground, shares_words
from memories.extraction.persons import voices_of
from memories.extraction.sentences import MASK, mask_foreign
from memories.extraction.windows import Window

EVIDENCE_MAX = 2_000
"""Characters; a quotation that is longer is no evidence for one claim."""
LABEL_MAX = 64
LABEL_CONFIDENCE = 0.8
"""Of a topic that a model names: it is not asked how sure it is."""
NO_TOPIC = "general"

_AROUND = " \t\r\n\"'\u201c\u201d\u2018\u2019"
_QUOTES = {"'": "['\u2018\u2019]", '"': '["\u201c\u201d\u201e]', "-": "[-\u2010-\u2014]"}


_LEFT_OPEN = re.compile(
    r"(?:he|she|they|his|her|their|its|this|that|these|those)\b"
    r"|it\b(?!(?:'s| is| was) [\w ]+ (?:to|that|when|how)\b)",
    re.IGNORECASE,
)
"""A claim that begins with a pronoun: whoever reads it alone cannot know whom it is about."""


class Reason(StrEnum):
    """Why something that a model proposed is not kept."""

    MALFORMED = "malformed"
    NOT_SAID = "not_said"
    PASTED = "pasted"
    UNSUPPORTED = "unsupported"
    ASSISTANT = "assistant"
    LEANS = "leans"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer is read against. `whole`: the turns of the session in order, uncut."""

    window: Window
    known: Sequence[Known]
    whole: Sequence[Turn]
    injected: Sequence[str]

    def candidates(self, answer: Mapping[str, Any]) -> Iterator[Candidate | Reason]:
        """What the answer proposes, in order, each as a candidate or why it is none."""
        return (self._candidate(one) for one in answer["memories"])

    def _candidate(self, one: Mapping[str, Any]) -> Candidate | Reason:
        role: Role = "assistant" if one["role"] == "assistant" else "user"
        act, about = self._about(one)
        content = about.content if act is Act.CONFIRM and about else " ".join(_text(one["content"]).split())
        if not 0 < len(content) <= MAX_CONTENT_CHARS or (act is not Act.ADD and about is None):
            return Reason.MALFORMED
        found = self._quoted(int(one["turn"]), role, str(one["evidence"]))
        if isinstance(found, Reason):
            return found
        part, evidence = found
        if act is not Act.CONFIRM:
            content = resolve_dates(content, part.said_at).text  # a model that wrote "yesterday" all the same
            if _LEFT_OPEN.match(content):
                return Reason.LEANS
        if role == "assistant" and (act is Act.CONFIRM or not self._counts(part, evidence)):
            return Reason.ASSISTANT
        is_empty = act is not Act.CONFIRM and is_about_the_talk(content)
        if is_empty or not self._supports(part, role, content, evidence, about if act is not Act.ADD else None, act):
            return Reason.UNSUPPORTED
        return _candidate(one, part, role, content, evidence, act, about)

    def _about(self, one: Mapping[str, Any]) -> tuple[Act, Known | None]:
        """What it does, and to which memory; a number that stands for none makes it a new one."""
        act, number = Act(one["act"]), int(one["known"])
        known = self.known[number - 1] if 1 <= number <= len(self.known) else None
        if act is Act.ADD or (known is None and act is not Act.CONFIRM):
            return Act.ADD, None
        return act, known

    def _quoted(self, number: int, role: Role, quoted: str) -> tuple[Turn, str] | Reason:
        """The part of the turn that holds the words, and the words as they stand there."""
        for part in self._parts(number, role):
            said = part.user_text if role == "user" else part.assistant_text
            if place := _place(quoted, said):
                is_pasted = role == "user" and MASK in mask_foreign(said)[slice(*place)]
                return Reason.PASTED if is_pasted else (part, said[slice(*place)])
        return Reason.NOT_SAID

    def _parts(self, number: int, role: Role) -> list[Turn]:
        """Of what was asked about; and the answer that the first of these turns may confirm."""
        parts = [part for part in self.window.turns if part.number == number]
        before = self._before(self.window.turns[0].number) if role == "assistant" else None
        return parts + ([before] if before and before.number == number else [])

    def _before(self, number: int) -> Turn | None:
        return next(
            (turn for turn, after in zip(self.whole, self.whole[1:], strict=False) if after.number == number), None
        )

    def _counts(self, part: Turn, evidence: str) -> bool:
        """Whether the assistant reports a deed with these words, or the user's next message agrees with them."""
        turn = next(turn for turn in self.whole if turn.number == part.number)
        said = turn.assistant_text[:MAX_READ_CHARS]
        told = [sentence for _, sentence in deeds(said)]
        sentences = [sentence for sentence in told if not is_echo(sentence.text, self.injected, turn.said_at)]
        if reply := self._after(turn.number):
            words = reply.user_text[:MAX_READ_CHARS]
            teller = voices_of(reply.speaker, words).teller
            confirmed = confirmed_statement(said, words, teller, self.injected, said_at=turn.said_at)
            sentences += [confirmed[1]] if confirmed else []
        return any(evidence in said[sentence.start : sentence.end] for sentence in sentences)

    def _after(self, number: int) -> Turn | None:
        return next(
            (turn for turn, previous in zip(self.whole[1:], self.whole, strict=False) if previous.number == number),
            None,
        )

    def _supports(self, part: Turn, role: Role, content: str, evidence: str, about: Known | None, act: Act) -> bool:
        ground = Ground.of(part, role)
        if act is Act.CONFIRM:
            return shares_words(content, f"{ground.said} {part.speaker}")
        context = [turn.user_text for turn in (*self.window.before, *self.window.turns) if turn.number < part.number]
        named = _ground_of(" ".join(context), part)
        replaced = _ground_of(about.content if about else "", part)
        wide = replace(
            ground, words=ground.words | named.words | replaced.words, numbers=ground.numbers | replaced.numbers
        )
        return wide.supports(content, evidence)


def _ground_of(text: str, turn: Turn) -> Ground:
    return Ground.of(replace(turn, user_text=text, assistant_text=""), "user")


def _place(quoted: str, said: str) -> tuple[int, int] | None:
    """Where the quoted words stand, whatever became of spaces, quotation marks, case and the last full stop."""
    words = quoted.replace("\0", " ").strip(_AROUND).rstrip(_AROUND + ".\u2026").split()
    if not words or len(quoted) > EVIDENCE_MAX:
        return None
    pattern = r"\s+".join("".join(_sign(sign) for sign in word) for word in words)
    found = re.search(pattern, said, re.IGNORECASE)
    return found.span() if found else None


def _sign(sign: str) -> str:
    plain = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}.get(sign, sign)
    return _QUOTES.get(plain) or re.escape(sign)


def _candidate(
    one: Mapping[str, Any], part: Turn, role: Role, content: str, evidence: str, act: Act, about: Known | None
) -> Candidate:
    since, until = _moment(one["valid_from"], part), _moment(one["valid_until"], part)
    attribute = _text(one["attribute"]).strip()
    category = Category(one["category"])
    return Candidate(
        content=content,
        category=Category.PROCEDURAL if attribute == STANDING_INSTRUCTION else category,
        labels=_labels(one["labels"]),
        confidence=round(min(max(float(one["confidence"]), 0.0), 1.0), 2),
        turn=part.number,
        role=role,
        evidence=evidence,
        valid_from=since,
        valid_until=until if since is None or until is None or since < until else None,
        subject=_text(one["subject"]).strip(),
        attribute=attribute,
        act=act,
        about=about,
    )


def _labels(names: Sequence[str]) -> tuple[Label, ...]:
    clean = (" ".join(_text(name).lower().split())[:LABEL_MAX] for name in names)
    told = list(dict.fromkeys(name for name in clean if name))[:MAX_LABELS] or [NO_TOPIC]
    return tuple(Label(name=name, confidence=LABEL_CONFIDENCE) for name in told)


def _text(value: Any) -> str:
    """Without what no database holds: NUL, and halves of surrogate pairs."""
    return str(value).replace("\0", " ").encode("utf-8", "replace").decode()


def _moment(text: str, turn: Turn) -> datetime | None:
    """An ISO date or time, where it says none in the turn's own time zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=turn.said_at.tzinfo)
