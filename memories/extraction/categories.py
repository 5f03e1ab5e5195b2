"""Which category a memory belongs to, and what it is about: by its words, else by the nearest prototype sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from memories.choices import Category
from memories.extraction.contract import MAX_LABELS, Label
from memories.extraction.kinds import Kind

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # n texts → (n, 384) unit vectors

NO_TOPIC = "general"
LEAST_TOPIC = 0.20  # cosine to the nearest prototype under which no topic is claimed
SURE_TOPIC = 0.90  # confidence of the topic that the words name first or twice
LIKELY_TOPIC = 0.60  # confidence of a further topic that one word names

# Beginnings of words that name a topic; a trailing dot closes the word.
_TOPIC_WORDS = {
    "work": "work job career boss colleague coworker office company compani promot salary manager"
    " employ profession business meeting director client customer industry nurse teacher"
    " engineer developer lawyer interview",
    "family": "wife husband mother father mom. mum. dad. sister brother son. daughter kid. kids child"
    " parent family uncle aunt cousin married wedding divorc",
    "relationships": "friend partner girlfriend boyfriend dating neighbor neighbour mentor",
    "health": "health doctor allerg diabet asthma stress anxi therap sleep medic illness injur exercise"
    " yoga meditat mindful fatigue wellness diet. pain hospital",
    "food": "eat food cook vegetarian vegan restaurant coffee tea. drink meal recipe breakfast lunch"
    " dinner cuisine peanut meat. bake baking",
    "pets": "dog. dogs cat. cats puppy kitten pet. pets parrot rabbit hamster turtle",
    "location": "live. lives living. moved move. apartment city address grew hometown country relocat",
    "education": "study studi school university college degree exam. exams course phd master bachelor"
    " graduat class. thesis major. education",
    "technology": "code python javascript software api deploy server database docker kubernetes linux app."
    " laptop github git. postgres program backend frontend browser",
    "finance": "money income salary saving budget invest mortgage loan usd rent. debt insurance",
    "travel": "travel trip flight vacation holiday hotel visit abroad passport",
    "hobbies": "hobby hobbies hike hiking climb paint guitar piano reading book novel movie film music"
    " game gaming chess garden photograph running cycl swim dance sport art. collect",
    "goals": "goal aim. aims aiming dream ambition aspir vision objective mission motivat",
    "communication": "answer repl respon language tone. emoji bullet concise brief german english spanish french"
    " format metric",
    "identity": "called name. named born birthday age. nationality gender personality",
    "schedule": "daily weekly appointment deadline calendar mondays tuesdays wednesdays thursdays fridays"
    " saturdays sundays weekend weekday",
    "emotions": "feel happy sad. anxious worried excited grateful proud overwhelm afraid lonely optimis",
}


def _pattern(words: str) -> re.Pattern[str]:
    starts = [re.escape(word.removesuffix(".")) + (r"\b" if word.endswith(".") else "") for word in words.split()]
    return re.compile(rf"\b(?:{'|'.join(starts)})", re.IGNORECASE)


_TOPIC_PATTERNS = {topic: _pattern(words) for topic, words in _TOPIC_WORDS.items()}

_TOPIC_PROTOTYPES: dict[str, tuple[str, ...]] = {
    "work": ("A presentation for the team.", "A new position at a firm."),
    "family": ("A visit to the grandparents.", "A quarrel between siblings."),
    "relationships": ("A long talk with somebody close.", "Meeting new people at a party."),
    "health": ("A sore back and a new treatment.", "Feeling fit after a morning run."),
    "food": ("A pot of soup with fresh bread.", "Groceries for the weekend."),
    "pets": ("An animal that needs a walk.", "The vet and the aquarium."),
    "location": ("A flat near the station.", "A house in another town."),
    "education": ("Problems solved for a maths test.", "Learning a new subject step by step."),
    "technology": ("A configuration file of a program.", "A bug that was reported."),
    "finance": ("The price of a subscription.", "A bank account and a bill."),
    "travel": ("A train ticket to the coast.", "Sightseeing in a foreign city."),
    "hobbies": ("A collection of stamps.", "An evening of board games.", "Writing stories for fun."),
    "goals": ("Something to be reached by the end of the year.", "A resolution to do better."),
    "communication": ("The wording of a letter.", "A reply that is short and polite."),
    "identity": ("Who somebody is.", "A family name and a nickname."),
    "schedule": ("A time slot that is free.", "Moving the date to another day."),
    "emotions": ("A bad mood all day.", "Tears of joy."),
}
_CATEGORY_PROTOTYPES: dict[str, tuple[str, ...]] = {
    Category.FACTUAL.value: (
        "The user's sister is a teacher in Lisbon.",
        "The project is funded by the city.",
        "The user's flat has two rooms.",
    ),
    Category.PREFERENCE.value: (
        "The user cares most about quiet places.",
        "Green tea suits the user better than coffee.",
        "Short books appeal to the user.",
    ),
    Category.BEHAVIORAL.value: (
        "Before bed the user stretches.",
        "The user checks the news first thing in the morning.",
        "The user's way of coping is a long walk.",
    ),
    Category.EPISODIC.value: (
        "The user's car broke down on the motorway.",
        "The exam went well for the user.",
        "A neighbour invited the user to a party.",
    ),
    Category.PROCEDURAL.value: (
        "The backup is restored with one command.",
        "Invoices go to accounting before noon.",
        "The release needs two approvals.",
    ),
}
_PROTOTYPES = {"topic": _TOPIC_PROTOTYPES, "category": _CATEGORY_PROTOTYPES}


def labels_of(content: str, embed: Embed) -> tuple[Label, ...]:
    """One to three topics of a memory: by its words, most named first, else by the nearest prototype."""
    named = {topic: len(pattern.findall(content)) for topic, pattern in _TOPIC_PATTERNS.items()}
    most = sorted((topic for topic, times in named.items() if times), key=lambda topic: -named[topic])[:MAX_LABELS]
    if most:
        return tuple(
            Label(name=topic, confidence=SURE_TOPIC if place == 0 or named[topic] > 1 else LIKELY_TOPIC)
            for place, topic in enumerate(most)
        )
    topic, similarity = _nearest(content, "topic", embed)
    if similarity < LEAST_TOPIC:
        return (Label(name=NO_TOPIC, confidence=LIKELY_TOPIC),)
    return (Label(name=topic, confidence=similarity),)


def category_of(kind: Kind, content: str, embed: Embed) -> Category:
    """The category its kind says, else that of the nearest prototype."""
    return kind.category or Category(_nearest(content, "category", embed)[0])


@lru_cache(maxsize=8)
def _prototypes(group: str, embed: Embed) -> tuple[list[str], NDArray[np.float32]]:
    names = [name for name, texts in _PROTOTYPES[group].items() for _ in texts]
    return names, embed([text for texts in _PROTOTYPES[group].values() for text in texts])


def _nearest(content: str, group: str, embed: Embed) -> tuple[str, float]:
    """(name, cosine cut to [0, 1]) of the prototype nearest to the content."""
    names, vectors = _prototypes(group, embed)
    similarity = vectors @ embed([content])[0]
    best = int(similarity.argmax())
    return names[best], round(float(np.clip(similarity[best], 0.0, 1.0)), 2)
