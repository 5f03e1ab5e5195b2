"""What the assistant said: a fact about the user only if the user confirmed it; a record if it reports its own deed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from memories.extraction.echoes import is_echo
from memories.extraction.lexicon import straight, third_person
from memories.extraction.persons import Party
from memories.extraction.sentences import MASK, Sentence, split_sentences

_MAX_CONFIRMED_WORDS = 18  # a longer statement says too many things for one "yes"

_YES = re.compile(
    r"^\W*(?:(?:yes|yeah|yep|yup|exactly|correct|right|that's (?:right|correct|true|it)|that is (?:right"
    r"|correct|true)|you(?:'re| are) right|indeed"
    r"|absolutely|precisely|true)\b[\s,.!]*)+(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_TAKES_BACK = re.compile(r"^(?:but|except|although|however|not|actually|well)\b", re.IGNORECASE)
_ASKS_BACK = (
    r"(?:is|was|are|were|do|does|did|has|have|wo|ca|could|would)n't (?:that|it|you|he|she|they)(?: (?:so|right|true))?"
)
_TAG = re.compile(
    r"[,;\s\u2013\u2014-]*\b(?:right|correct|yes|no|true|okay|am I (?:right|correct)|if I'm not (?:mistaken|wrong)"
    rf"|is (?:that|this|it) (?:still )?(?:right|correct|true|so)|{_ASKS_BACK})\s*\?$",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^(?:so|just to confirm|to confirm|if I (?:understand|remember) (?:correctly|you correctly|right)"
    r"|as I understand it|I (?:see|understand)(?: that)?"
    r"|you (?:said|mentioned|told me)(?: that)?|it sounds like|got it|okay|ok|and)[,:]?\s+",
    re.IGNORECASE,
)
_ABOUT_USER = re.compile(r"^(?:you(?:'(?:re|ve|d))?|your)\b", re.IGNORECASE)
_ASKED = re.compile(r"^(?P<aux>do|are|were|did|have) you (?P<rest>.+)\?$", re.IGNORECASE)
_ASKED_POSSESSIVE = re.compile(
    r"^(?P<aux>is|are|was|were) your (?P<noun>[\w-]+(?: [\w-]+)?) (?P<rest>(?:called|named|in|at|from|still|a"
    r"|an|the|\d)\b.*)\?$",
    re.IGNORECASE,
)
_NO_FACT = re.compile(
    r"\b(?:would|could|should|might|may|can|or|consider(?:ed|ing)?|think|feel|see|envision|plan to|want me"
    r"|like me|need me|need help|any|thought about|explored|ready)\b",
    re.IGNORECASE,
)

_DEED = re.compile(
    r"^(?:(?:done|all set|great|ok(?:ay)?|sure|perfect)[.!,:—-]*\s+)?I(?:'ve| have)?(?: just| now| also"
    r"| successfully| already)* "
    r"(?P<verb>booked|scheduled|rescheduled|created|sent|ordered|cancelled|canceled|updated|filed|opened|closed"
    r"|deployed|reserved|submitted|registered|refunded"
    r"|e-?mailed|installed|uploaded|transferred|paid|renewed|subscribed|unsubscribed|activated|deactivated"
    r"|archived|deleted|merged|assigned|escalated|restarted"
    r"|rolled back|set up|turned (?:on|off)|signed (?:you )?up)\b(?P<rest>.+)$",
    re.IGNORECASE,
)
_ONLY_TEXT = re.compile(
    r"\b(?:below|above|outline|draft|example|sample|snippet|poem|list of|version of|table of|summary of"
    r"|function|class|script|code|paragraph|plan for you|here)\b",
    re.IGNORECASE,
)


def confirmed_statement(
    assistant_text: str,
    user_reply: str,
    teller: Party,
    injected: Sequence[str],
    *,
    said_at: datetime | None = None,
) -> tuple[str, Sentence] | None:
    """(content, sentence) of what the assistant last asked or stated about the user, if the reply plainly says yes.

    `said_at`: when the assistant said it, so that "tomorrow" of another day is told from an injected memory's.
    """
    reply = _YES.match(straight(user_reply))
    if not reply or _TAKES_BACK.match(reply.group("rest")):
        return None
    sentences = split_sentences(assistant_text)
    if not sentences or MASK in sentences[-1].text or is_echo(sentences[-1].text, injected, said_at):
        return None
    last = sentences[-1]
    content = _as_fact(_LEAD_IN.sub("", last.text), teller)
    return (content, last) if content else None


def without_tag(sentence: Sentence) -> Sentence:
    """A statement without the question behind it: the "not" of "isn't that so?" denies nothing."""
    told = _TAG.sub("", sentence.text)
    return replace(sentence, text=told, end=sentence.start + len(told))


def deeds(assistant_text: str) -> list[tuple[str, Sentence]]:
    """(content, sentence) of each thing the assistant reports having done in the world."""
    found: list[tuple[str, Sentence]] = []
    for sentence in split_sentences(assistant_text):
        deed = _DEED.match(sentence.text)
        if not deed or MASK in sentence.text or _ONLY_TEXT.search(sentence.text):
            continue
        rest = re.sub(r"\byour\b", "the user's", re.sub(r"\byou\b", "the user", deed.group("rest"))).rstrip(" .!")
        found.append((f"The assistant {deed.group('verb').lower()}{rest}.", sentence))
    return found


def _as_fact(statement: str, teller: Party) -> str:
    """A statement or yes-no question about "you" as a fact about the user; empty when it is something else."""
    if len(statement.split()) > _MAX_CONFIRMED_WORDS or _NO_FACT.search(statement):
        return ""
    if asked := _ASKED.match(statement):
        return _answered(asked.group("aux").lower(), asked.group("rest"), teller)
    if asked := _ASKED_POSSESSIVE.match(statement):
        owner = teller.possessive[:1].upper() + teller.possessive[1:]
        return f"{owner} {asked.group('noun')} {asked.group('aux').lower()} {asked.group('rest')}."
    told = _TAG.sub("", statement).rstrip("?.! ")
    if not _ABOUT_USER.match(told) or statement.rstrip().endswith("!"):
        return ""
    return _of_user(told, teller) + "."


def _answered(aux: str, rest: str, teller: Party) -> str:
    words = rest.split()
    verb = {"do": "", "are": "is", "were": "was", "did": "did", "have": "has"}[aux]
    if aux == "do":
        at = 1 if words[0].lower() in ("still", "also", "often", "usually", "really") else 0
        words[at] = third_person(words[at])
    return _of_user(f"{teller.subject} {verb} {' '.join(words)}".replace("  ", " "), teller) + "."


def _of_user(text: str, teller: Party) -> str:
    """ "you" and "your" as the user, with the verb after a leading "you" agreeing."""
    text = re.sub(r"^you're\b", f"{teller.subject} is", text, flags=re.IGNORECASE)
    text = re.sub(r"^you've\b", f"{teller.subject} has", text, flags=re.IGNORECASE)
    if leading := re.match(
        r"^you (?P<adverb>(?:still|also|usually|often|always|never|now|no longer) )?(?P<verb>[\w']+)",
        text,
        re.IGNORECASE,
    ):
        verb = leading.group("verb")
        agreed = {"are": "is", "were": "was"}.get(verb.lower()) or third_person(verb)
        text = f"{teller.subject} {leading.group('adverb') or ''}{agreed}{text[leading.end() :]}"
    text = re.sub(r"^your\b", teller.possessive[:1].upper() + teller.possessive[1:], text, flags=re.IGNORECASE)
    return re.sub(r"\byou\b", teller.inside, re.sub(r"\byour\b", "their", text))
