"""How often a conversation keeps its session, and how often it gets a stranger's: many conversations at once, of people
who are not named, and who say much that others say too. The figures are printed (`pytest -s`).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest

CONVERSATIONS = 30
TURNS = 8
SHARED = 0.15
"""Of all turns, those in which a stranger says the same words and gets the same answer."""

OPENINGS = ["Hi", "Hello there", "What can you do for me, and what does it cost me to find out?"]
GREETING = (
    "Hello! I am the shop's assistant. Ask me about orders, returns, sizes and opening hours, or tell me what you need."
)
SMALL_TALK = [("Yes", "Good."), ("Thanks!", "You are welcome."), ("ok", "Anything else?"), ("1", GREETING)]
FALLBACK = (
    "I am sorry, I have found nothing about that in our handbook. Please write to the people at the counter instead."
)
PLACES = ["harbour", "mill", "orchard", "station", "lighthouse", "quarry", "market", "chapel", "ferry", "tannery"]
THINGS = ["kettle", "bicycle", "violin", "stove", "lantern", "loom", "boat", "saddle", "clock", "typewriter"]
PEOPLE = ["my sister", "a neighbour", "our landlord", "the baker", "an old friend", "my daughter", "the teacher"]


@dataclass
class Talk:
    """One person's conversation."""

    number: int
    dice: random.Random
    history: list[dict[str, str]] = field(default_factory=list)
    session: object = None

    def next(self) -> tuple[str, str]:
        """What is asked and answered now."""
        if self.dice.random() < SHARED:
            return self.dice.choice(SMALL_TALK) if self.history else (self.dice.choice(OPENINGS), GREETING)
        place, thing, person = (self.dice.choice(words) for words in (PLACES, THINGS, PEOPLE))
        days = self.dice.randint(2, 90)
        asked = f"Where near the {place} did {person} leave the {thing} that I lent out {days} days ago?"
        if self.dice.random() < SHARED / 2:
            return asked, FALLBACK
        told = f"The {thing} stands behind the {place}, at number {self.dice.randint(2, 900)}; ask for {person}."
        return asked, f"{told} You will need a key for it, and somebody to carry it with you." * self.dice.randint(1, 2)


def all_of_it(history):
    return history


def window(messages):
    return lambda history: history[-messages:]


def summarised(history):
    return [{"role": "system", "content": f"{len(history)} messages so far."}, *history[-3:]]


def with_documents(history):
    return [*history[:-1], {"role": "user", "content": f"Documents: none\n\n{history[-1]['content']}"}]


# What is sent, and how many of the calls must go on in their session. Where words that strangers share are all that is
# left of a history, a new session is right.
SENT = {
    "whole history": (all_of_it, 0.97),
    "window of 5": (window(5), 0.95),
    "window of 9": (window(9), 0.97),
    "summary and 3": (summarised, 0.75),
    "documents in the question": (with_documents, 0.7),
}


@pytest.mark.parametrize("name", SENT)
async def test_conversations_keep_their_sessions_and_never_get_a_strangers(call, own_journal, name):
    sent, at_least = SENT[name]
    dice = random.Random(7)
    talks = [Talk(number, dice) for number in range(CONVERSATIONS)]
    waiting = [talk for talk in talks for _ in range(TURNS)]
    dice.shuffle(waiting)
    held: dict[object, list[dict[str, str]]] = defaultdict(list)
    figures: Counter[str] = Counter()
    for talk in waiting:
        asked, answer = talk.next()
        talk.history.append({"role": "user", "content": asked})
        turn = await call(sent(talk.history), answer)
        talk.history.append({"role": "assistant", "content": answer})
        session = turn.start.session
        # A session that holds what this conversation has not said is a stranger's.
        figures["wrong"] += any(message not in talk.history for message in held[session.id])
        held[session.id] += talk.history[-2:]
        goes_on = len(talk.history) > 2
        figures["calls"] += goes_on
        figures["right"] += goes_on and session.id == talk.session
        talk.session = session.id
    calls, right, wrong = figures["calls"], figures["right"], figures["wrong"]
    print(f"\n{name}: {calls} calls, {right / calls:.1%} right, {wrong} wrong")
    assert wrong == 0
    assert right >= at_least * calls
