"""A model is changed while everything is used. Run by test_embedding_rollout.py, on servers of its own: slots are the
whole installation's.
"""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from agents.models import Agent, Organization
from ibex.core import metrics
from ibex.core.tenancy import scope
from memories import excerpts, filling, rollout, slots, store
from memories.embedding import MODEL_NAME, embed_texts
from memories.models import Excerpt, Memory
from memories.refinement.draft import Result
from memories.refinement.pipeline import refine, refine_all
from memories.refinement.revision import revise
from memories.retrieval import indexes
from memories.retrieval.held import read
from memories.retrieval.perspective import first_person
from memories.retrieval.query import Arm, Found, Query
from memories.retrieval.search import search, search_sync
from memories.retrieval.vocabulary import profiles
from memories.slots import Slot
from tests.factories import make_token
from tests.flow.conftest import wait_for
from tests.memories.embedding import twin
from tests.memories.embedding.web import told, web
from tests.memories.making import draft, make_session, memories_of, memory_of, say

OLD, NEW = Slot(name="a", model=MODEL_NAME), Slot(name="b", model="twin-128")
THINGS = [
    "violin", "canoe", "orchid", "telescope", "sourdough", "motorcycle", "aquarium", "chessboard", "greenhouse",
    "typewriter", "beehive", "kiln", "drone", "saddle", "harp", "kayak", "loom", "piano", "sailboat", "tractor",
]  # fmt: skip
PLACES = ["Lisbon", "Oslo", "Kyoto", "Quito", "Dakar", "Perth", "Tbilisi", "Boston", "Bergen", "Cusco"]
FACTS = [f"The user keeps a {thing} in {place}." for thing in THINGS for place in PLACES]
LARGE = 100


@pytest.fixture(autouse=True)
def twins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Other models exist, 200 memories are many, and the process looks for another slot only when it is told to."""
    twin.install(monkeypatch)
    monkeypatch.setattr(indexes, "EXACT_ROWS", LARGE)
    monkeypatch.setattr(slots, "LOOK_EVERY_S", float("inf"))
    yield
    for alias in ("owner", "system"):
        connections[alias].close()


def embeddings(*arguments: str) -> str:
    """What `manage.py embeddings` says."""
    said = io.StringIO()
    call_command("embeddings", *arguments, stdout=said)
    return said.getvalue()


def ask(agent: Agent, text: str, **fields: object) -> list[Found]:
    profiles.clear()
    return search_sync(Query(org_id=agent.org_id, agent_id=agent.pk, text=text, limit=10, **fields))  # type: ignore[arg-type]


def assert_search_works(agent: Agent) -> None:
    """By words and by meaning, in full number."""
    for thing, place in (("kiln", "Oslo"), ("canoe", "Perth")):
        found = ask(agent, f"where is my {thing}, in {place}?")
        assert found[0].content == f"The user keeps a {thing} in {place}."
        assert len(found) == 10
        assert found[0].arm is Arm.BOTH
        assert found[0].cosine > 0.5
    assert "sailboat" in ask(agent, "yacht")[0].content, "meaning alone finds it"


def assert_vectors_are_of(agent: Agent, slot: Slot) -> None:
    """Every row with words has a vector of that model, made from the words that it has now."""
    told = [memory for memory in memories_of(agent) if memory.content]
    vectors = embed_texts([first_person(memory.content) for memory in told], slot.model)
    for memory, expected in zip(told, vectors, strict=True):
        stored = np.array(getattr(memory, slot.column), dtype=np.float32)
        assert getattr(memory, slot.model_column) == slot.model
        assert stored.shape == expected.shape
        assert float(stored @ expected) > 0.999


def vectors_in(agent: Agent, slot: Slot) -> int:
    with scope(agent.org_id):
        return sum(rows.exclude(**{slot.column: None}).count() for rows in (Memory.objects, Excerpt.objects))


def indexes_of(slot: Slot) -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE %s", [f"%({slot.column})::halfvec%"])
        return cursor.fetchone()[0]


def fill_everything() -> int:
    return sum(progress.counts["vectors_made"] for progress in filling.fill())


async def test_a_model_is_changed_while_everything_is_used(agent: Agent, foreign_agent: Agent, hot_path: None) -> None:
    from asgiref.sync import sync_to_async

    def in_thread(step):
        return sync_to_async(step)(agent)

    await sync_to_async(begin)(agent, foreign_agent)
    for step in (prepare, write_while_it_fills, switch):
        await in_thread(step)
        await in_thread(assert_search_works)
    held = await sync_to_async(read)((agent.org_id, agent.pk, "", "memory"), (), NEW)
    assert held is not None
    assert held.vectors.values.shape[1] == 128
    assert (await search(Query(org_id=agent.org_id, agent_id=agent.pk, text="yacht")))[0].content.find("sailboat") > 0
    for step in (write_while_both_are_there, go_back_and_forth, finish, begin_another_and_abandon_it):
        await in_thread(step)
        await in_thread(assert_search_works)
    assert await sync_to_async(vectors_in)(foreign_agent, NEW) == 1


def test_a_web_process_changes_over_without_a_wrong_answer(agent: Agent, acme: Organization, tmp_path: Path) -> None:
    """It begins with the model that the first story left, and goes over to all-MiniLM-L6-v2 between two questions."""
    slots.follow()
    refine_all([draft(agent, fact) for fact in FACTS[:40]])
    library = "from tests.memories.embedding.twin import TwinEncoder as SentenceTransformer\n"
    (tmp_path / "sentence_transformers.py").write_text(library)
    (tmp_path / "torch.py").write_text("def set_num_threads(count): pass\n")
    secret = make_token(acme, scopes=["memory:read"], agent=agent)
    with web(tmp_path, {"IBEX_LOG_LEVEL": "INFO"}) as address:
        wait_for(lambda: told(address)[0] == 200, what="/ready")
        embeddings("prepare", MODEL_NAME, "--here")
        assert best(address, secret) == "The user keeps a canoe in Oslo."
        embeddings("switch")
        asked = 0
        while b"vector_slot_changed" not in (tmp_path / "log").read_bytes():
            assert best(address, secret) == "The user keeps a canoe in Oslo."
            asked += 1
            assert asked < 2_000, "it should have noticed by now"
        embeddings("finish", "--now")
        assert best(address, secret) == "The user keeps a canoe in Oslo."


def best(address: str, secret: str) -> str:
    """What the process finds first by meaning; it answers every time."""
    question = urllib.request.Request(
        f"{address}/v1/memories/search",
        data=json.dumps({"query": "the boat that I paddle in Oslo"}).encode(),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(question, timeout=30) as answer:
        return json.load(answer)["items"][0]["memory"]["content"]


def begin(agent: Agent, foreign_agent: Agent) -> None:
    refine_all([draft(agent, fact) for fact in FACTS])
    refine(draft(foreign_agent, "The user keeps a kiln in Oslo."))
    turn = say(make_session(agent), "My sister Mira moved to Tartu in spring.")
    kept = excerpts.prepare([turn])
    with scope(agent.org_id):
        assert excerpts.keep(kept) == 1
    assert len(memories_of(agent)) == len(FACTS)
    rollout.build_indexes()
    assert indexes_of(OLD) == 1
    assert_search_works(agent)


def prepare(agent: Agent) -> None:
    """Broken off after one batch, and gone on with."""
    assert rollout.prepare(NEW.model) == NEW
    next(filling.fill())
    assert vectors_in(agent, NEW) == filling.ROWS_AT_ONCE
    assert_search_works(agent)
    with pytest.raises(CommandError, match="other slot holds twin-128"):
        embeddings("prepare", "twin-96", "--here")
    assert "0 missing" in embeddings("prepare", NEW.model, "--here").splitlines()[-1]
    assert_vectors_are_of(agent, OLD)
    assert_vectors_are_of(agent, NEW)
    assert fill_everything() == 0


def write_while_it_fills(agent: Agent) -> None:
    """A new memory, another text in an old one, and one deleted."""
    new = memory_of(agent, refine(draft(agent, "The user's cousin Ilse repairs clocks.")))
    first, second = memories_of(agent)[:2]
    revise(agent.org_id, first.pk, content="The user sold the violin from Lisbon to a museum.", actor="operator:1")
    with scope(agent.org_id):
        store.delete(second, actor="operator:1")
    for memory in memories_of(agent):
        assert (memory.embedding_b is None) == (memory.pk in {new.pk, first.pk, second.pk})
    assert ask(agent, "what does my cousin repair?")[0].id == new.pk
    assert fill_everything() == 2
    assert_vectors_are_of(agent, NEW)


def switch(agent: Agent) -> None:
    """A process that has not noticed goes on with the old model; what it writes is found by its words, then by all."""
    assert "twin-128 serves" in embeddings("switch")
    assert indexes_of(NEW) == 1
    assert slots.serving().slot == OLD
    assert_search_works(agent)
    late = memory_of(agent, refine(draft(agent, "The user's neighbour Tamsin breeds alpacas.")))
    assert late.embedding is not None
    assert late.embedding_b is None

    assert slots.follow()
    assert slots.serving().slot == NEW
    before = metrics.WITHOUT_VECTOR._value.get()
    found = ask(agent, "what does Tamsin breed?")[0]
    assert (found.id, found.arm, found.cosine) == (late.pk, Arm.WORDS, 0.0)
    assert metrics.WITHOUT_VECTOR._value.get() > before
    assert fill_everything() == 1
    assert ask(agent, "what does Tamsin breed?")[0].arm is Arm.BOTH
    assert not slots.follow()


def write_while_both_are_there(agent: Agent) -> None:
    """Duplicates are looked for among the vectors of the model that serves."""
    again = refine(draft(agent, "In Quito, the user keeps a harp."))
    assert again.result in {Result.DUPLICATE_OF, Result.MERGED_INTO}
    new = memory_of(agent, refine(draft(agent, "The user's uncle Bram collects stamps.")))
    assert new.embedding is None
    assert new.embedding_b_model == NEW.model
    fill_everything()
    assert_vectors_are_of(agent, OLD)
    assert_vectors_are_of(agent, NEW)


def go_back_and_forth(agent: Agent) -> None:
    """A process looks by itself, and changes over when the other model is warm."""
    for slot in (OLD, NEW):
        assert rollout.switch() == slot
        slots._look_at = 0.0
        wait_for(lambda slot=slot: slots.serving().slot == slot, what="the change of slots")
        assert_search_works(agent)


def finish(agent: Agent) -> None:
    with pytest.raises(CommandError, match="less than 60 s ago"):
        embeddings("finish")
    with pytest.raises(CommandError, match="the other command"):
        embeddings("abandon")
    embeddings("finish", "--now")
    assert vectors_in(agent, OLD) == 0
    assert (indexes_of(OLD), indexes_of(NEW)) == (0, 1)
    assert_vectors_are_of(agent, NEW)
    with pytest.raises(CommandError, match="empty"):
        embeddings("switch")
    with scope(agent.org_id):
        Memory.objects.filter(agent=agent, content__contains="loom").update(**slots.NO_VECTORS)
    assert sum(progress.counts["vectors_made"] for progress in filling.mend()) == len(PLACES)
    assert_vectors_are_of(agent, NEW)


def begin_another_and_abandon_it(agent: Agent) -> None:
    """Into the slot that has become free; and one that cannot be loaded changes nothing."""
    embeddings("prepare", "twin-96", "--here")
    assert_vectors_are_of(agent, Slot(name="a", model="twin-96"))
    assert_search_works(agent)
    embeddings("abandon")
    assert vectors_in(agent, OLD) == 0
    for model, reason in (("nothing", "cannot load"), ("twin-2000", "2000 wide"), ("a b", "letters, digits")):
        with pytest.raises(CommandError, match=reason):
            embeddings("prepare", model, "--here")
    assert [(one.state, one.slot.model) for one in rollout.status()] == [("empty", ""), ("serving", NEW.model)]
