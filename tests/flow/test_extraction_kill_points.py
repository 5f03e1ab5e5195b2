"""Workers are killed at every step of extraction: nothing is lost, and nothing is learned twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django_q.models import OrmQ
from django_q.tasks import async_task

from agents.models import Agent, Session
from agents.services.sessions import EXTRACT_TASK
from ibex.core.tenancy import scope
from memories.embedding import embed_texts
from memories.models import Excerpt, Extraction
from tests.factories import make_agent, make_organization
from tests.flow import mortal_worker
from tests.flow.conftest import ROOT, wait_for
from tests.memories.making import make_session, memories_of, pointer_of, say
from tests.model_double import MODEL, ModelDouble, model_double

SAID = ("My name is Ines and I work as a nurse in Porto.", "I am allergic to peanuts.", "My dog is called Biscuit.")
SPARED = "spared"
SECONDS = 300
"""On a busy machine; a quiet one needs thirty."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A session of an agent of its own, and where its first worker dies."""

    agent: Agent
    session: Session
    point: str

    def learned(self) -> list[tuple[str, int, int]]:
        """What is stored, how often it was said, and how often it was changed."""
        return sorted((memory.content, memory.proof_count, memory.version) for memory in memories_of(self.agent))

    def is_done(self) -> bool:
        return pointer_of(self.session) == len(SAID) and not self.claims()

    def claims(self) -> list[Extraction]:
        with scope(self.agent.org_id):
            return list(Extraction.objects.filter(session=self.session))

    def excerpts(self) -> list[str]:
        with scope(self.agent.org_id):
            found = Excerpt.objects.filter(session=self.session, role="user").order_by("turn")
            return list(found.values_list("content", flat=True))


def answer(data: Any) -> dict[str, Any]:
    """The double quotes every turn as it is."""
    told = {"role": "user", "act": "add", "known": 0, "category": "factual", "labels": ["life"], "confidence": 0.9}
    rest = {"valid_from": "", "valid_until": "", "subject": "user", "attribute": ""}
    found = [
        {"turn": turn["turn"], "evidence": turn["user"], "content": turn["user"].replace("My", "The user's")}
        for turn in data["turns"]
    ]
    return {"memories": [one | told | rest for one in found]}


@pytest.fixture(scope="module")
def model() -> Iterator[ModelDouble]:
    with model_double() as double:
        double.answer = answer
        yield double


@pytest.fixture(scope="module")
def cases(model: ModelDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Case]]:
    """Every point with both extractors, all mined by one cluster until nothing is left to do."""
    organization = make_organization("Mortal")
    model.serve(organization.pk)
    made = {
        (kind, point): make_case(organization, chosen, point)
        for kind, chosen in (("local", ""), ("model", MODEL))
        for point in (SPARED, *mortal_worker.POINTS)
    }
    graves = tmp_path_factory.mktemp("graves")
    embed_texts(["The model's files are there before anybody's ten seconds begin."])
    with cluster({str(case.session.pk): case.point for case in made.values()}, graves):
        wait_for(lambda: all(case.is_done() for case in made.values()), seconds=SECONDS, what="mining")
        wait_for(lambda: not OrmQ.objects.filter(key=mortal_worker.QUEUE).exists(), seconds=SECONDS, what="the queue")
        died = {grave.name for grave in graves.iterdir()}
        assert died == {str(case.session.pk) for case in made.values() if case.point != SPARED}
        yield made


def make_case(organization: Any, model: str, point: str) -> Case:
    agent = make_agent(organization, "Mortal", extraction_model=model)
    session = make_session(agent)
    for text in SAID:
        say(session, text)
    async_task(EXTRACT_TASK, str(agent.org_id), str(session.pk), group=str(session.pk), cluster=mortal_worker.QUEUE)
    return Case(agent=agent, session=session, point=point)


class cluster:  # noqa: N801 - reads as a word
    """The mortal workers, for a while."""

    def __init__(self, deaths: dict[str, str], graves: Path) -> None:
        self._environment = {
            mortal_worker.DEATHS: json.dumps(deaths),
            mortal_worker.FOLDER: str(graves),
            mortal_worker.QUEUE_NAME: mortal_worker.QUEUE,
        }

    def __enter__(self) -> None:
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "ibex.settings", "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.flow.mortal_worker"],
            cwd=ROOT,
            env=environment | self._environment,
            start_new_session=True,
        )

    def __exit__(self, *_error: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.mark.parametrize("kind", ["local", "model"])
@pytest.mark.parametrize("point", mortal_worker.POINTS)
def test_a_worker_that_dies_loses_nothing_and_learns_nothing_twice(
    cases: dict[tuple[str, str], Case], kind: str, point: str
) -> None:
    case, spared = cases[kind, point], cases[kind, SPARED]
    assert case.learned() == spared.learned()
    assert {(proofs, version) for _, proofs, version in case.learned()} == {(1, 1)}
    assert len(case.learned()) >= len(SAID)
    assert case.excerpts() == list(SAID)
    assert (pointer_of(case.session), case.claims()) == (len(SAID), [])
