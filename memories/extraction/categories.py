"""What kind of statement a clause is, which category that makes it, and what it is about.

Patterns decide first; where none fits, the nearest of a few prototype sentences of our own does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from memories.choices import Category
from memories.extraction.contract import MAX_LABELS, Label
from memories.extraction.lexicon import has_verb, is_past, words_of

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of statement: its category (None: ask the prototypes), how much it is worth keeping and how sure it is."""

    name: str
    category: Category | None
    worth: float  # in [0, 1]; see salience
    confidence: float  # in [0, 1]


IDENTITY = Kind("identity", Category.FACTUAL, 0.95, 0.95)
FACT = Kind("fact", Category.FACTUAL, 0.80, 0.85)
PREFERENCE = Kind("preference", Category.PREFERENCE, 0.85, 0.85)
HABIT = Kind("habit", Category.BEHAVIORAL, 0.65, 0.75)
EVENT = Kind("event", Category.EPISODIC, 0.80, 0.85)
CHANGE = Kind("change", Category.FACTUAL, 0.85, 0.85)
ONGOING = Kind("ongoing", Category.EPISODIC, 0.75, 0.80)
PLAN = Kind("plan", Category.EPISODIC, 0.55, 0.70)
GOAL = Kind("goal", Category.FACTUAL, 0.60, 0.75)
FEELING = Kind("feeling", Category.EPISODIC, 0.45, 0.65)
OPINION = Kind("opinion", Category.PREFERENCE, 0.35, 0.60)
PROCEDURE = Kind("procedure", Category.PROCEDURAL, 0.80, 0.80)
STATEMENT = Kind("statement", None, 0.45, 0.60)
ORDER = Kind("order", Category.PROCEDURAL, 1.0, 0.90)
CONFIRMED = Kind("confirmed", Category.FACTUAL, 0.90, 0.75)
DEED = Kind("deed", Category.EPISODIC, 0.90, 0.80)
REMARK = Kind("remark", None, 0.20, 0.50)

_I = r"^(?:(?:as|since|because|although|while|when|after|before|in|on|for|with|during|at|due)\b[^,]*, )?(?:I|we)"
_ADV = r"(?:\s+(?:\w+ly|also|still|just|always|never|often|usually|sometimes|now|no longer|do|even|already))*"
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"^thank|\b(?:thanks?|thank you|appreciate (?:your|the|it)|your (?:help|support|advice|insights?|encouragement|guidance))\b", REMARK),
    (r"\b(?:my|our) (?:full |first |last )?name is\b|\bI(?:['’]m| am) called\b|\bI (?:was born|am \d+|['’]m \d+)|^I['’]m \d+|\b(?:I|he|she) grew up\b", IDENTITY),
    (r"\b(?:is|are|was) (?:called|named)\b|\b(?:my|our) [\w' -]+ is (?:an? |the )?[\w-]+", IDENTITY),
    (r"\ballerg(?:ic|y|ies)\b|\bintolerant\b|\bdiagnosed\b|\bI (?:have|suffer from) (?:an? )?(?:chronic|diabet|asthma|celiac|migraine)", IDENTITY),
    (rf"{_I}{_ADV} (?:live|work|study|reside|own|teach|manage|run|speak|have (?:an?|one|two|three|four|\d+|no) )\b", IDENTITY),
    (r"\b(?:to|before) (?:deploy|release|publish|build|ship|test|onboard|merge)\b.*\b(?:run|use|call|press|execute|need|must)\b", PROCEDURE),
    (rf"{_I}{_ADV} (?:deploy|release|ship|publish|merge|test|review|version|tag|use \w+ (?:for|to)|run)\b", PROCEDURE),
    (rf"{_I}(?:['’]ve| have)?{_ADV} (?:moved|switched|changed|quit|left|started|stopped|became|got (?:married|divorced|promoted|hired|a )|joined|adopted"
     r"|transitioned|retired|gave up|bought|sold|decided|accepted|graduated|signed)\b", CHANGE),
    (rf"{_I}(?:['’]m| am| are|['’]re)? ?(?:no longer|not .*any ?more)\b|\bused to\b", CHANGE),
    (rf"{_I}{_ADV} (?:like|love|enjoy|prefer|hate|dislike|adore|loathe|detest|despise|can['’]t stand|can['’]?not stand|favou?r|don['’]t (?:really )?(?:like|enjoy|care for|want)|would rather)\b", PREFERENCE),
    (r"\bfavou?rite\b|\bI(?:['’]m| am) (?:a (?:big |huge )?fan of|into|fond of|keen on|drawn to|not (?:a fan of|into|fond of))\b|^I['’]d rather\b", PREFERENCE),
    (rf"{_I}(?:['’]ve|['’]m| have| am) (?:\w+ )?(?:been|always been|had|found|noticed|learned|learnt|become|started)\b", ONGOING),
    (rf"{_I}(?:['’]m|['’]re| am| are){_ADV} (?:working|writing|building|studying|learning|training|developing|dealing|struggling|managing|saving|living|using|adapting|exploring|taking|focus\w+)\b", ONGOING),
    (rf"{_I}(?:['’]m|['’]re| am| are){_ADV} (?:planning|going|considering|thinking (?:of|about)|aiming|looking (?:for|to)|hoping|interested|curious|eager|intending|preparing)\b", PLAN),
    (rf"{_I}(?:['’]ll|['’]d like| will| would like){_ADV}\b|{_I}{_ADV} (?:plan|intend|want|wish|need)\b", PLAN),
    (r"\b(?:my|our) (?:main |ultimate |long-term |short-term |life |next )?(?:goal|aim|dream|ambition|objective|mission|motivation|vision|plan)s?\b", GOAL),
    (rf"{_I}{_ADV} (?:aim|strive|seek|dream)\b", GOAL),
    (rf"{_I}(?:['’]m|['’]re| am| are)(?: feeling)?{_ADV} (?:so |very |really |quite |truly |incredibly |a bit |also )*(?:excited|happy|glad|grateful|thankful|sad|anxious|worried|proud|nervous|optimistic|confident|thrilled|ready|looking forward|hopeful|open|sure|afraid|relieved|motivated|inspired)\b", FEELING),
    (rf"{_I}{_ADV} (?:hope|believe|think|guess|feel|see|envision|imagine|suppose|find|appreciate|agree|understand|know|hear|expect|view|wonder|recognize|recognise|value)\b", OPINION),
    (r"\b(?:usually|often|always|never|regularly|typically|generally|rarely|seldom|every (?:day|morning|evening|night|week|month|year|\w+day)|each (?:day|morning|week)"
     r"|daily|weekly|tend to|routine|on (?:mon|tues|wednes|thurs|fri|satur|sun)days|on weekends|once a|twice a)\b", HABIT),
    (rf"{_I}(?:['’]m|['’]re| am| are| was| were)\b", FACT),
    (r"\b(?:is|are|will be|could be|would be|can be|['’]s) (?:\w+ )?(?:key|crucial|essential|vital|important|necessary|invaluable|inevitable|rewarding|reassuring|comforting|amazing|great|exciting)\b", REMARK),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.I), kind) for pattern, kind in _KINDS)
_FIRST_PERSON = re.compile(r"\b(?:I|my|me|we|our|mine|us)\b|\bI['’]|\bwe['’]", re.I)


def kind_of(clause: str) -> Kind:
    """The kind of a clause as the user said it (first person, dates resolved)."""
    for pattern, kind in _COMPILED:
        if pattern.search(clause):
            return kind
    if not _FIRST_PERSON.search(clause):
        return REMARK
    if re.match(_I, clause, re.I) and any(is_past(word) or word in ("was", "were", "had") for word in words_of(clause)[:6]):
        return EVENT
    if re.match(_I + r"\b", clause, re.I) and has_verb(clause):
        return HABIT
    return STATEMENT


_TOPICS: dict[str, str] = {
    "work": r"work|job|career|boss|colleague|coworker|office|company|promot|salary|manager|employ|profession|business|meeting|director|client|customer|industry",
    "family": r"wife|husband|mother|father|\bmom|\bmum|\bdad|sister|brother|\bson\b|daughter|kids?\b|child|parent|family|uncle|aunt|cousin|married|wedding|divorc",
    "relationships": r"friend|partner|girlfriend|boyfriend|dating|social network|neighbou?r|mentor",
    "health": r"health|doctor|allerg|diabet|asthma|stress|anxi|therap|sleep|medic|illness|injur|exercise|yoga|meditat|mindful|fatigue|wellness|diet\b|pain|hospital",
    "food": r"\beat|food|cook|vegetarian|vegan|restaurant|coffee|\btea\b|drink|meal|recipe|breakfast|lunch|dinner|cuisine|peanut|meat|bak(?:e|ing)",
    "pets": r"\bdogs?\b|\bcats?\b|puppy|kitten|\bpets?\b|parrot|rabbit|hamster|turtle",
    "location": r"\blive|\bmoved?\b|apartment|\bcity\b|address|based in|born in|grew up|home ?town|country|relocat",
    "education": r"stud(?:y|ie)|school|university|college|degree|exam|course|phd|master'?s|bachelor|graduat|class\b|thesis|major\b",
    "technology": r"\bcode|python|javascript|software|\bapi\b|deploy|server|database|docker|kubernetes|linux|\bapp\b|laptop|dark mode|github|\bgit\b|postgres|program",
    "finance": r"money|income|salary|saving|budget|invest|mortgage|loan|\$|€|£|\busd\b|rent\b|\bdebt",
    "travel": r"travel|trip|flight|vacation|holiday|hotel|visit|abroad|passport",
    "hobbies": r"hobby|hobbies|hik(?:e|ing)|climb|paint|guitar|piano|read(?:ing)?\b|book|novel|movie|film|music|game|gaming|chess|garden|photograph|running|cycl|swim|dance|sport|art\b",
    "goals": r"goal|aim|dream|ambition|plan to|hope to|aspir|vision|objective|mission|motivat",
    "communication": r"answer|repl(?:y|ies)|respon[ds]|language|tone|emoji|bullet|concise|brief|german|english|spanish|french|call(?:ed)? |format|metric|unit",
    "identity": r"name is|called|years old|born|birthday|\bage\b|nationality|gender|personality",
    "schedule": r"every (?:day|week|morning|evening|month|year)|on \w+days|o'clock|\b\d{1,2}(?::\d\d)? ?(?:am|pm)|daily|weekly|appointment|deadline|calendar",
    "emotions": r"feel|happy|sad\b|anxious|worried|excited|grateful|proud|overwhelm|afraid|lonely|optimis",
}  # fmt: skip
_TOPIC_PATTERNS = {topic: re.compile(pattern, re.I) for topic, pattern in _TOPICS.items()}
_SURE_TOPIC = 0.9
_LIKELY_TOPIC = 0.6


def labels_of(content: str, embed: Embed) -> tuple[Label, ...]:
    """One to three topics of a memory: by its words, most hits first, else by the nearest prototype."""
    hits = {topic: len(pattern.findall(content)) for topic, pattern in _TOPIC_PATTERNS.items()}
    best = sorted((topic for topic, count in hits.items() if count), key=lambda topic: -hits[topic])[:MAX_LABELS]
    if best:
        return tuple(Label(name=topic, confidence=_SURE_TOPIC if hits[topic] > 1 or n == 0 else _LIKELY_TOPIC) for n, topic in enumerate(best))
    topic, confidence = _nearest(content, "topic", embed)
    return (Label(name=topic, confidence=confidence),)


def category_of(kind: Kind, content: str, embed: Embed) -> Category:
    """The category its kind says, else that of the nearest prototype."""
    return kind.category or Category(_nearest(content, "category", embed)[0])


_PROTOTYPES: dict[str, dict[str, tuple[str, ...]]] = {
    "category": {
        Category.FACTUAL.value: (
            "The user's sister is a teacher in Lisbon.", "The project is funded by the city.", "The user's flat has two rooms.",
        ),
        Category.PREFERENCE.value: (
            "The user cares most about quiet places.", "Green tea suits the user better than coffee.", "Short books appeal to the user.",
        ),
        Category.BEHAVIORAL.value: (
            "Before bed the user stretches.", "The user checks the news first thing in the morning.", "The user's way of coping is a long walk.",
        ),
        Category.EPISODIC.value: (
            "The user's car broke down on the motorway.", "The exam went well for the user.", "A neighbour invited the user to a party.",
        ),
        Category.PROCEDURAL.value: (
            "The backup is restored with one command.", "Invoices go to accounting before noon.", "The release needs two approvals.",
        ),
    },
    "topic": {
        topic: (f"The user talks about {topic}.", f"A note on the user's {topic}.") for topic in _TOPICS
    },
}  # fmt: skip


@lru_cache(maxsize=8)
def _prototypes(group: str, embed: Embed) -> tuple[list[str], NDArray[np.float32]]:
    names = [name for name, texts in _PROTOTYPES[group].items() for _ in texts]
    return names, embed([text for texts in _PROTOTYPES[group].values() for text in texts])


def _nearest(content: str, group: str, embed: Embed) -> tuple[str, float]:
    """(name, confidence in [0, 1]) of the prototype nearest to the content."""
    names, vectors = _prototypes(group, embed)
    similarity = vectors @ embed([content])[0]
    best = int(similarity.argmax())
    return names[best], round(float(np.clip(similarity[best], 0.0, 1.0)), 2)
