"""A vault with as many memories as one likes: agents of given sizes among the agents of strangers.

A pool of sentences is embedded for real; a memory is two of them, with the mean of their vectors, which is about what
the model gives for both together. Rows of all agents are mixed on disk, as they are where many agents learn at once.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.models import Agent

STRANGERS = 200
"""Agents, each in an organization of its own, who share the table."""
POOL = 2_000
"""Sentences; of two of them four million memories can be made."""
WHO = (
    "The user", "The user's sister", "The user's manager", "The team", "The user's neighbour", "The client in Porto",
    "The user's daughter", "The new colleague", "The landlord", "The user's doctor",
)  # fmt: skip
DOES = (
    "prefers", "has bought", "is looking for", "no longer wants", "asked about", "is allergic to", "wrote down",
    "forgot", "has to return", "recommends", "is learning about", "has insured", "is selling", "repaired",
)  # fmt: skip
HOW = (
    "red", "old", "broken", "wooden", "cheap", "foreign", "small", "electric", "borrowed", "green", "heavy", "lost",
    "handmade", "quiet", "expensive", "rusty", "second", "round", "frozen", "official",
)  # fmt: skip
WHAT = (
    "bicycle", "contract", "cheese", "violin", "umbrella", "ticket", "course", "database", "boots", "oven", "server",
    "tyres", "fence", "report", "penicillin", "telescope", "printer", "cake", "grammar", "tandem", "window",
    "piano", "invoice", "passport", "garden", "recipe", "kettle", "camera", "novel", "harbour", "lamp", "suitcase",
    "guitar", "mirror", "ladder", "blanket", "candle", "engine", "kayak", "compass", "drill", "easel", "ferry", "glove",
    "hammock", "jacket", "keyboard", "lantern", "magnet", "necklace", "orchid", "pillow", "quilt", "radio", "saddle",
    "tent", "vase", "wallet", "yoghurt",
)  # fmt: skip
WHEN = (
    "since last spring", "every Tuesday", "because of the rain", "before the audit", "for the wedding in June",
    "at the lake", "with a discount", "after long hesitation", "in the small kitchen", "for the third time",
)  # fmt: skip
SYLLABLES = ("ba", "ko", "li", "mar", "ne", "os", "pra", "tu", "vel", "zi")
"""Three of them are a name: a thousand names, each in one memory of five hundred, as names are in real agents."""

_POOL_TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS benchmark_pool (number int PRIMARY KEY, content text, vector halfvec(384))
"""
_FILL = """
INSERT INTO memories_memory (
  id, created_at, updated_at, org_id, agent_id, end_user, content, content_hash, category, labels, tags, source, status,
  status_reason, confidence, usefulness, is_pinned, subject, attribute, proof_count, retrieval_count, injection_count,
  tokens, observed_at, version, evidence, extractor, metadata, embedding, embedding_model)
SELECT gen_random_uuid(), now(), now(), a.org_id, a.agent_id, '', x.content || ' ' || y.content,
       sha256((row.number || a.agent_id::text)::bytea),
       'factual', '[]', '{}', 'imported', 'active', '', 1, .5, false, '', '', 1, 0, 0, 24,
       now() - make_interval(hours => row.number %% 8000), 1, '', '', '{}',
       l2_normalize(x.vector + y.vector), 'all-MiniLM-L6-v2'
  FROM (SELECT number, agent, hashint4extended(number, 1) AS a, hashint4extended(number, 2) AS b
          FROM unnest(%(slots)s::int[]) WITH ORDINALITY AS slot(agent, place),
               LATERAL (SELECT slot.place::int + %(offset)s AS number) AS numbered) AS row
  JOIN unnest(%(orgs)s::uuid[], %(agents)s::uuid[]) WITH ORDINALITY AS a(org_id, agent_id, place) ON a.place = row.agent
  JOIN benchmark_pool x ON x.number = abs(row.a %% %(pool)s)
  JOIN benchmark_pool y ON y.number = abs(row.b %% %(pool)s)
"""


def sentences() -> list[str]:
    """The pool: who does what with which thing, when, and who says so."""
    rng = random.Random(7)
    names = itertools.cycle(_names(rng))
    parts = ([rng.choice(words) for words in (WHO, DOES, HOW, WHAT, WHEN)] for _ in range(POOL))
    return [f"{who} {does} the {how} {what} {when}, says {next(names)}." for who, does, how, what, when in parts]


def questions(count: int) -> list[str]:
    """Questions about what is in the pool; every other one names somebody."""
    rng = random.Random(11)
    names = itertools.cycle(_names(rng))
    parts = ([rng.choice(words) for words in (DOES, HOW, WHAT, WHEN)] for _ in range(count))
    asked = [f"What about the {how} {what}, and who {does} it {when}" for does, how, what, when in parts]
    return [f"{text}, says {next(names)}?" if at % 2 else f"{text}?" for at, text in enumerate(asked)]


def question(number: int) -> str:
    """A question of about 20 tokens that no other number has."""
    rng = random.Random(number)
    does, how, what, when = (rng.choice(words) for words in (DOES, HOW, WHAT, WHEN))
    return f"What about the {how} {what}, and who {does} it {when}? I mean number {number}."


def _names(rng: random.Random) -> list[str]:
    names = ["".join(parts).capitalize() for parts in itertools.product(SYLLABLES, repeat=3)]
    rng.shuffle(names)
    return names


def make_strangers() -> list[Agent]:
    """The agents who share the table."""
    from benchmarks.vault import make_agent

    return [make_agent(f"stranger-{number}") for number in range(STRANGERS)]


def prepare_pool(admin_url: str) -> None:
    """Embed the pool and put it into the database."""
    from memories.embedding import embed_texts

    texts = sentences()
    rows = zip(range(POOL), texts, embed_texts(texts), strict=True)
    with _administrator(admin_url) as admin:
        admin.execute(_POOL_TABLE)
        admin.cursor().executemany(
            "INSERT INTO benchmark_pool VALUES (%s, %s, %s::halfvec)",
            [(number, text, str(vector.tolist())) for number, text, vector in rows],
        )


def fill(admin_url: str, sizes: Mapping[Any, int], offset: int) -> int:
    """Give each agent of `sizes` that many memories, mixed; returns how many in all. `offset`: rows made before."""
    agents: Sequence[Agent] = list(sizes)
    slots = [place for place, agent in enumerate(agents, 1) for _ in range(sizes[agent])]
    random.Random(offset).shuffle(slots)
    with _administrator(admin_url) as admin:
        # The rows are known to be right: checking a million references would take longer than the benchmark.
        admin.execute("SET session_replication_role = replica")
        words = admin.execute("SELECT pg_get_indexdef('memories_memory_words'::regclass)").fetchone()[0]
        admin.execute("DROP INDEX memories_memory_words")
        given = {
            "slots": slots, "offset": offset, "pool": POOL,
            "orgs": [agent.org_id for agent in agents], "agents": [agent.pk for agent in agents],
        }  # fmt: skip
        admin.execute(_FILL, given)
        admin.execute(words)
        admin.execute("VACUUM ANALYZE memories_memory")
    return len(slots)


@contextmanager
def _administrator(url: str) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
