"""The twin of a model that answers from a file: what was recorded, and nothing else."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from ibex.providers.structured_answer import follows
from memories.extraction.llm import LlmExtractor
from memories.extraction.prompts import SCHEMA, as_answer
from memories.extraction.recorded import NotRecorded, RecordedModel, recording
from tests.memories.extraction.conftest import turn
from tests.memories.extraction.test_llm_extractor import PORTO, Twin, learned, says


class TestTheRecordedModel:
    def test_it_answers_what_was_recorded_and_nothing_else(self, tmp_path: Path) -> None:
        file, turns = tmp_path / "answers.ndjson", [turn("I live in Faro.")]
        twin = Twin(says("The user lives in Faro.", "I live in Faro"))
        live = LlmExtractor("twin", recording(twin, file)).extract(turns)
        replayed = LlmExtractor("recorded", RecordedModel(file), lambda _turns: [PORTO])
        assert replayed.extract(turns) == live
        assert replayed.version == "llm-1 recorded"
        with pytest.raises(NotRecorded):
            replayed.extract([turn("I live in Beja.")])

    def test_what_is_no_answer_is_refused_by_its_line(self, tmp_path: Path) -> None:
        file = tmp_path / "answers.ndjson"
        for line in (b"{", b"[]", orjson.dumps({"turns": [], "answer": {"memories": [{"turn": 1}]}})):
            file.write_bytes(b"\n" + line)
            with pytest.raises(NotRecorded, match=r"answers\.ndjson, line 2"):
                RecordedModel(file)

    def test_candidates_can_be_written_as_answers(self) -> None:
        found = learned(
            says("The user lives in Faro.", "I live in Faro", valid_from="2023-05-07"), said="I live in Faro."
        )
        assert follows(as_answer(found), SCHEMA)
        assert learned(*as_answer(found)["memories"], said="I live in Faro.") == found
