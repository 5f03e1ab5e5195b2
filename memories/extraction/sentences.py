"""A message into the user's own sentences and clauses, each with its place in the original text.

Code, pasted documents, quoted mail, logs and long quotations are not the user's own statement: they are masked with a
character of equal length, so that every offset still points into the message as it was sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memories.extraction.lexicon import AUXILIARIES, COMMON_VERBS, base_of_third, has_verb, is_past, straight, words_of

MASK = "\x00"
MAX_SENTENCE_CHARS = 1_000  # a longer run without a full stop is no sentence that somebody typed
LONG_QUOTE_WORDS = 6  # from here on a quotation is somebody's statement rather than a title

_DOCUMENT = (
    r"(?:e-?mail|text|article|document|doc|transcript|logs?|error|message|letter|code|output|post|review|essay|draft"
    r"|paragraph|story|poem|conversation|chat|excerpt|passage|report|data|json|csv|file|snippet|sentence|quote|readme)"
)
_TASK = (
    r"(?:summari[sz]e|translate|rewrite|reword|proofread|rephrase|paraphrase|analy[sz]e|explain|review|fix|edit|correct"
    r"|improve|shorten|classify|extract|format|convert|debug|check|polish)"
)
_BEGINS = r"(?:^[ \t]*|(?<=[.!?] ))(?:(?:ok|okay|so|now|and|please),? )*"
_MADE_UP_OF = r"(?:I|we|you|my|our|your|there|somebody|someone|a|an|the)(?:'\w+)?"
_WHOLE_BLOCKS = (
    re.compile(r"(```|~~~).*?(?:\1|\Z)", re.DOTALL),
    re.compile(r"(?m)^[ \t]*>.*$"),
    re.compile(r"(?ms)^(?:From|Subject|To|Sent): .*?^(?:From|Subject|To|Sent|Date): .*\Z"),
    re.compile(r"(?ms)^-{3,} ?(?:Forwarded|Original) message.*\Z", re.IGNORECASE),
    re.compile(
        r"(?m)^[ \t]*(?:Traceback \(|File \"|at [\w.$]+\(|[{}\[\]|]|\$ |#!|#{1,6} |\d{4}-\d\d-\d\d[T ]\d\d:\d\d).*$"
    ),
    re.compile(r"(?m)^[ \t]*\[?(?:ERROR|WARN|WARNING|INFO|DEBUG|FATAL)\b.*$"),
    # Made up: to the end of the paragraph where a part is played, of the sentence where something is assumed.
    re.compile(rf"(?im){_BEGINS}(?:imagine|pretend)(?= (?:that )?{_MADE_UP_OF}\b).*$"),
    re.compile(
        rf"(?im){_BEGINS}(?:(?:let's|let us|just) (?:say|assume|suppose)|suppos(?:e|ing)|assum(?:e|ing)|say|what if"
        rf"|hypothetically)(?=,? (?:that )?{_MADE_UP_OF}\b)(?:[^.!?\n]|[.!?](?!\s|$))*"
    ),
)
_OPENING_TAG = re.compile(r"<(?P<name>[A-Za-z][\w-]*)(?:\s[^<>\n]{0,200})?>")
_PASTED_AFTER = (
    re.compile(
        rf"(?im)(?:^|[.!?]\s+)(?:(?:please|can you|could you|now),? )*{_TASK}\b[^:\n]{{0,120}}:(?P<rest>.*)\Z",
        re.DOTALL,
    ),
    re.compile(
        rf"(?im)\b(?:here(?:'s| is| are)|the following|this is|below is) (?:[\w'-]+ ){{0,4}}{_DOCUMENT}\b"
        r"[^:\n]{0,60}:(?P<rest>.*)\Z",
        re.DOTALL,
    ),
)
_QUOTATION = re.compile(r"\"[^\"\n]+\"|«[^»\n]+»|(?<!\w)'[^'\n]{30,}?'(?!\w)")
_FIRST_PERSON_INSIDE = re.compile(r"\b(?:I|my)\b")

_BULLET = re.compile(r"[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+")
_THESE_ARE = re.compile(
    r"^(?:(?:ok|okay|so),? )?(?:these|those|here) are (?:(?:some|a few|all) of )?(?P<whose>my|our)\b", re.IGNORECASE
)
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e|approx|No|Mt|cf|Fig)|\b[A-Z])\.$")
_SOFT_ABBREVIATION = re.compile(r"\b(?:etc|a\.m|p\.m|Inc|Ltd|Co|Corp|U\.S|U\.K)\.$")
_STOP = re.compile(r"[.!?…]+[\"')\]]*(?=\s|$)")

_FRESH_SUBJECT = (
    r"(?:I|I'(?:m|ve|d|ll)|my|our|your|we|we'(?:re|ve|d|ll)|he|she|they|it|(?:he|she|it|they)'\w+"
    r"|please|don't (?:ever|use|call|give|send)|call me)"
)
_CLAUSE_BREAK = re.compile(
    rf"\s*(?:;|,?\s+(?:and|but)(?:\s+(?:also|then|now))?|\s[—-]|,\s+plus|(?P<comma>,))\s+(?={_FRESH_SUBJECT}\b)",
    re.IGNORECASE,
)
# What a comma alone does not end: a clause that leads up to another, or to what was said.
_LEADS_UP = re.compile(
    r"\b(?:if|when|whenever|while|because|although|though|unless|once|until|whether|even|(?:the )?more|each|every time"
    r"|(?:since|after|before|as) (?:I|we|he|she|they|it|my|our))\b[^,;]*$"
    r"|(?:^|, )(?:(?:and|but|so) )?(?:in|on|at|with|for|from|by|of|to|during|overall|last|next|speaking|\w+ing)\b"
    r"(?![^,;]*\b(?:I|we|he|she|they|it)\b)[^,;]*$"
    r"|\b(?:said|says?|told \w+|asked|thinks?|thought|knows?|guess|swears?|mean|hopes?|feels? like)$",
    re.IGNORECASE,
)
_ENDS_IN_A_NAME = re.compile(r"(?:^|,) [A-Z]\w+$")  # ", John and I studied" has one subject of two
_DANGLING = re.compile(
    r"^(?!it\b|they\b).*\b(?:it|them|that|this|one|too|so)\W*$"  # "but my husband loves it"
    r"|\b(?:has|have|had|got|own|bought|need|want)s? (?:one|two|three|four|five|\d+|some|several|none|both)(?:\W*$|, )"
    r"|^(?:I|we)(?:'ve| have)?(?: \w+ly| just| never)? (?:quit|stopped|gave up|did|didn't|do|don't|can't|won't)\b"
    r"(?: (?:a|an|the|in|on|for|last|this|ago|now|yet|either|any ?more|\d+|one|two|three|four|five|six|few|couple|of"
    r"|(?:day|week|month|year)s?))*\W*$",
    re.IGNORECASE,
)
_OWNED_SUBJECT = re.compile(r"(?:my|our)\b", re.IGNORECASE)
_LONGEST_SUBJECT = 5  # words within which the verb of "my …" is looked for
_MIN_CLAUSE_WORDS = 2


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` is source[start:end] (masked); `lead` is the header of the list that it is an item of."""

    text: str
    start: int
    end: int
    lead: str = ""


def mask_foreign(text: str) -> str:
    """The text at equal length, with everything that is not the user's own statement masked."""
    masked = _mask_elements(straight(text))
    for block in _WHOLE_BLOCKS:
        masked = block.sub(lambda found: _masked(found.group()), masked)
    for lead in _PASTED_AFTER:
        if found := lead.search(masked):
            masked = masked[: found.start("rest")] + _masked(found.group("rest"))
    return _QUOTATION.sub(_mask_statement, masked)


def split_sentences(text: str) -> list[Sentence]:
    """The user's own sentences in order; list items come one by one and know their header."""
    masked = mask_foreign(text)
    found: list[Sentence] = []
    lead = ""
    for start, end, is_item in _lines(masked):
        line = [Sentence(masked[a:b], a, b, lead if is_item else "") for a, b in _stops(masked, start, end)]
        found += [s for s in line if s.text.strip(MASK + " .") and len(s.text) <= MAX_SENTENCE_CHARS]
        if not is_item:
            lead = _header(line[-1].text) if line and line[-1].text.rstrip().endswith(":") else ""
    return found


def _header(line: str) -> str:
    """ "These are my goals for 2025:" heads a list as "My goals for 2025" does."""
    return _THESE_ARE.sub(lambda found: found["whose"].capitalize(), line.rstrip(" :"))


def split_clauses(sentence: Sentence) -> list[Sentence]:
    """Independent statements joined by "and", "but" or ";", each with its own place; else the sentence itself."""
    text = sentence.text
    parts: list[Sentence] = []
    rest = 0
    for joint in _CLAUSE_BREAK.finditer(text):
        left, right = text[rest : joint.start()], text[joint.end() :]
        if (
            _stands_alone(left)
            and _stands_alone(right)
            and not (joint["comma"] and _LEADS_UP.search(left))
            and not _ENDS_IN_A_NAME.search(left)
            and not _DANGLING.search(right)
            and _has_subject(right)
        ):
            parts.append(_part(sentence, rest, joint.start()))
            rest = joint.end()
    return [*parts, _part(sentence, rest, len(text))]


def _part(sentence: Sentence, first: int, last: int) -> Sentence:
    return Sentence(sentence.text[first:last], sentence.start + first, sentence.start + last, sentence.lead)


def _stands_alone(part: str) -> bool:
    return len(part.split()) >= _MIN_CLAUSE_WORDS and has_verb(part)


def _has_subject(part: str) -> bool:
    """False for the second half of one object: "my work and my family life"."""
    if not _OWNED_SUBJECT.match(part):
        return True
    words = words_of(part.split(",", maxsplit=1)[0])[2 : 2 + _LONGEST_SUBJECT]
    return any(word in AUXILIARIES or is_past(word) or base_of_third(word) in COMMON_VERBS - {word} for word in words)


def _masked(text: str) -> str:
    return re.sub(r"[^\n]", MASK, text)


def _mask_elements(text: str) -> str:
    """Whole `<tag> … </tag>` elements masked; found by plain search, which unclosed tags cannot make slow."""
    pieces: list[str] = []
    rest = 0
    for tag in _OPENING_TAG.finditer(text):
        closing = f"</{tag['name']}>"
        end = text.find(closing, tag.end()) if tag.start() >= rest else -1
        if end >= 0:
            end += len(closing)
            pieces += [text[rest : tag.start()], _masked(text[tag.start() : end])]
            rest = end
    return "".join([*pieces, text[rest:]])


def _mask_statement(found: re.Match[str]) -> str:
    quotation = found.group()
    is_statement = len(quotation.split()) >= LONG_QUOTE_WORDS or _FIRST_PERSON_INSIDE.search(quotation)
    return _masked(quotation) if is_statement else quotation


def _lines(text: str) -> list[tuple[int, int, bool]]:
    """(start, end, is a list item) of each paragraph line; a line that goes on in lower case is joined to the last."""
    lines: list[tuple[int, int, bool]] = []
    offset = 0
    for raw in text.split("\n"):
        start, end = offset, offset + len(raw)
        offset = end + 1
        if not raw.strip():
            continue
        bullet = _BULLET.match(raw)
        if lines and not bullet and raw.lstrip()[0].islower() and text[lines[-1][1] - 1] not in ".!?:" + MASK:
            lines[-1] = (lines[-1][0], end, lines[-1][2])
        else:
            lines.append((start + (bullet.end() if bullet else 0), end, bool(bullet)))
    return lines


def _stops(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """(start, end) of each sentence of one line, without surrounding space."""
    spans: list[tuple[int, int]] = []
    begin = start
    for stop in _STOP.finditer(text, start, end):
        head, tail = text[begin : stop.end()], text[stop.end() : end].lstrip()
        if _ABBREVIATION.search(head) or (_SOFT_ABBREVIATION.search(head) and not tail[:1].isupper()):
            continue
        spans.append((begin, stop.end()))
        begin = stop.end()
    spans.append((begin, end))
    trimmed = []
    for first, last in spans:
        piece = text[first:last]
        if piece.strip():
            trimmed.append((first + len(piece) - len(piece.lstrip()), first + len(piece.rstrip())))
    return trimmed
