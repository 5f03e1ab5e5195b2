"""First person to third: "I moved with my dog" becomes "The user moved with their dog", or with the speaker's name.

Memories and questions must speak of the user in one person, or they do not meet (QUALITY section 1).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from memories.extraction.lexicon import (
    COMMON_VERBS,
    EITHER,
    FEMALE,
    MALE,
    MANY,
    NOUNS_TOO,
    PETS,
    SAME_IN_PAST,
    has_verb,
    is_adverb,
    is_participle,
    is_past,
    straight,
    third_person,
    word_set,
)
from memories.extraction.voices import Party, Voices, heard_in, narrator, voices_of

__all__ = ["Party", "Voices", "narrator", "to_third_person", "voices_of"]

_TOKEN = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"|\w+(?:['-]\w+)*'?(?!\w)|\s+|[^\w\s]")
_COMPOUND_SUBJECT = re.compile(
    r"^(?:(?P<other>(?:my|our) (?:[\w-]+ )?[\w-]+|[A-Z][\w-]+) and (?:I|me)|(?:me|I) and (?P<second>(?:my"
    r"|our) [\w-]+|[A-Z][\w-]+))\b",
    re.IGNORECASE,
)
_INFINITIVE_MAKERS = word_set("to will would can could shall should may might must let make help don't doesn't")
_AFTER_A_VERB = word_set(
    """
    a about again an as at by down for from her him his in into it my not of off on our out over that the them
    there to up with
    """
)
_NO_VERBS = word_set(
    "a an the my our his her their its this that these those some any in on at for to from with about of"
)
_NEW_SUBJECTS = word_set("that which who where because if when while as since so whether how what")
_INVERTING = word_set("can could would should do did will may might must")
_DATED = re.compile(r"\b(?:19|20)\d\d\b")
_COLLECTIVES = frozenset(("team", "family"))
_OF_THE_TELLER = word_set("office company firm school class boss manager house home flat")
# "Your website": whoever runs the assistant.
_OF_A_COMPANY = word_set(
    """
    app branch company delivery driver employee hotel helpdesk hotline invoice office online policy product products
    restaurant salon service shop site staff store support technician terms warehouse warranty website
    """
)
_THAT_CAN_OWN = FEMALE | MALE | EITHER | MANY | PETS  # "my sister loves my car": whose car "their" would be is open
_LONGEST_OWNED = 3  # words after a leading "my" in which its noun is looked for
_BEFORE_A_VERB = word_set("not no longer neither nor last first")
_BEFORE_AN_OBJECT = word_set("of to with for about from at by on upon without")  # "proud of you for trying"
_THEY = Party("they", plural=True)
_CONTRACTED = {"'m": "am", "'ve": "have", "'re": "are", "'ll": "will"}


def to_third_person(clause: str, voices: Voices) -> str:
    """The clause with "I", "we" and "you" resolved and verbs agreeing; quotations and `code` are left as they are."""
    text = straight(clause.strip())
    voices = heard_in(text, voices)
    teller, group = voices.teller, voices.group
    if compound := _COMPOUND_SUBJECT.match(text):
        other = compound.group("other") or compound.group("second")
        other = re.sub(r"^(?:my|our)\b", "their", other, flags=re.IGNORECASE)
        rest = _Rewriting(teller, group, told=True).run(text[compound.end() :])
        return f"{teller.subject} and {other}{rest}"
    rewritten = _Rewriting(teller, group).run(text)
    return rewritten[:1].upper() + rewritten[1:]


class _Rewriting:
    """One pass over one clause; remembers which subject is waiting for its verb."""

    def __init__(self, teller: Party, group: Party, *, told: bool = False) -> None:
        self.teller = teller
        self.group = group
        self.group_told = False
        self.told = told  # the teller is this clause's subject already: "my" may become "their"
        self.waiting: Party | None = None  # the subject whose verb comes next
        self.present = False  # the last verb was put in the third person: verbs joined to it follow
        self.bare = False  # inside an infinitive or after a modal verb
        self.joined = False  # just after "and", "or", "but" or a comma
        self.past = False  # another verb or a date speaks of the past: "read" does, too
        self.tokens: list[str] = []
        self.handlers: dict[str, Callable[[int], str]] = {
            "i": self._i,
            "we": self._we,
            "me": lambda _: self.teller.inside,
            "us": self._us,
            "my": self._my,
            "our": self._our,
            "mine": lambda _: self.teller.possessive,
            "ours": lambda _: self.group.possessive,
            "myself": lambda _: "themselves",
            "ourselves": lambda _: "themselves",
            "you": lambda at: self._subject(Party("The assistant"), at),
            "your": lambda at: "the company's" if self._next_word(at) in _OF_A_COMPANY else "the assistant's",
            "yours": lambda _: "the assistant's",
            "yourself": lambda _: "itself",
        }

    def run(self, text: str) -> str:
        self.tokens = _TOKEN.findall(text)
        self.past = bool(_DATED.search(text)) or any(is_past(token.lower()) for token in self.tokens)
        return "".join(self._token(at) for at in range(len(self.tokens)))

    def _token(self, at: int) -> str:
        token = self.tokens[at]
        if not token[0].isalnum():
            self.joined = self.joined or token[0] in ",;"
            return token
        word = token.lower()
        if handler := self.handlers.get(word):
            return handler(at)
        head, mark, tail = word.partition("'")
        if mark and head in ("i", "we", "you") and tail in ("m", "ve", "re", "ll", "d"):
            return self.handlers[head](at) + " " + self._verb(self._expanded(tail, at))
        return self._word(token, word, at)

    def _word(self, token: str, word: str, at: int) -> str:
        if self.waiting and word in ("and", "or") and self.tokens[max(0, at - 2)].lower() == "you":
            self.waiting = None  # "you and I": whatever follows, it is not what "you" does
        if self.waiting:
            if is_adverb(word) or word in _BEFORE_A_VERB:
                return token
            if word not in _NO_VERBS:
                return self._verb(token)
            self.waiting = None  # it was no subject: "I send you a list"
        if word in ("and", "or", "but"):
            self.joined = True
            return token
        if self.joined and is_adverb(word):
            return token
        joined, self.joined = self.joined, False
        if joined and self.present and not self.bare and word in COMMON_VERBS and self._governs(word, at):
            return third_person(token)
        if word in _NEW_SUBJECTS and not (word == "since" and self._next_word(at).isdigit()):
            self.present = False
        if word in _INFINITIVE_MAKERS:
            self.bare = True
        return token

    def _i(self, at: int) -> str:
        """ "I" on its own, or as the second of two: "John and I live" keeps its plural verb."""
        before = "".join(self.tokens[:at])
        second = before.endswith(" and ") and not has_verb(before)
        self._subject(self.teller, at)
        if second:
            self.waiting = Party(self.teller.subject, plural=True)
        return self.teller.inside

    def _we(self, at: int) -> str:
        """ "I believe we can": where nobody else is known, what goes on about the user is told of "them"."""
        if self._is_alone() and self.told:
            return self._subject(_THEY, at)
        return self._subject(self.group, at)

    def _us(self, at: int) -> str:
        """ "two of us" are two of them, once it was said of whom."""
        of_them = self.group_told and at > 1 and self.tokens[at - 2].lower() == "of"
        return "them" if of_them or (self._is_alone() and self.told) else self.group.inside

    def _is_alone(self) -> bool:
        return self.group is self.teller

    def _my(self, at: int) -> str:
        """ "My goal is to finish my thesis" begins with whom it is about; "my sister" may own what follows."""
        owner = self._possessive(self.teller)
        following = [token.lower() for token in self.tokens[at + 1 :] if token[0].isalnum()]
        self.told = self.told or (at == 0 and not _THAT_CAN_OWN.intersection(following[:_LONGEST_OWNED]))
        return owner

    def _subject(self, party: Party, at: int) -> str:
        self.told = self.told or party is self.teller
        self.group_told = self.group_told or party is self.group
        before = self.tokens[at - 2].lower() if at > 1 else ""
        if before in _BEFORE_AN_OBJECT and self.tokens[at].lower() == "you":
            return party.inside
        asked = before in _INVERTING
        self.waiting, self.bare, self.joined = None if asked else party, asked, False
        return party.inside

    def _possessive(self, party: Party) -> str:
        self.joined = False
        if self.told if party is self.teller else self.group_told:
            return "their"
        return party.possessive

    def _our(self, at: int) -> str:
        """ "our team" of somebody whose "we" is a team is that team, not a team of the team's."""
        if self._next_word(at) in _OF_THE_TELLER:
            return self._possessive(self.teller)
        if self._next_word(at) in _COLLECTIVES and self.group.inside.endswith(self._next_word(at)):
            return self._possessive(self.teller)
        return self._possessive(self.teller if self.group.plural and not self.group_told else self.group)

    def _verb(self, verb: str) -> str:
        party, self.waiting = self.waiting, None
        self.joined = False
        if verb.lower() in _INFINITIVE_MAKERS:
            self.bare = True
        if party is None:
            return verb
        if party.plural:
            return {"am": "are"}.get(verb.lower(), verb)
        if verb.lower() in ("are", "were"):
            return {"are": "is", "were": "was"}[verb.lower()]
        agreed = verb if self.past and verb.lower() in SAME_IN_PAST else third_person(verb)
        self.present = agreed != verb
        return agreed

    def _expanded(self, tail: str, at: int) -> str:
        if tail != "d":
            return _CONTRACTED["'" + tail]
        if "rather" in (token.lower() for token in self.tokens[at + 1 : at + 5]):
            return "would"
        following = self._next_word(at)
        return "had" if following == "better" or is_participle(following) else "would"

    def _governs(self, word: str, at: int) -> bool:
        """Whether the word at this place has what a verb has after it: rules out "food and travel"."""
        following = self._next_word(at)
        if word == "like" and "".join(self.tokens[:at]).rstrip().endswith(","):
            return False  # "growth, like new markets"
        if word in NOUNS_TOO:
            return following in _AFTER_A_VERB or following.endswith("ing")
        return bool(following)

    def _next_word(self, at: int) -> str:
        """The next word that is no adverb, lower case; empty at the end."""
        following = (token.lower() for token in self.tokens[at + 1 :] if token[0].isalnum())
        return next((word for word in following if not is_adverb(word)), "")
