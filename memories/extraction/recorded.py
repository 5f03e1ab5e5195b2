"""A twin of a model that answers from a file: for tests and benchmarks, where no model may be asked.

The file is NDJSON, one object a line: `{"turns": [...], "answer": {"memories": [...]}}`. `turns` are the turns of a
question as `prompts.data_of` tells them, by which an answer is found again; `answer` follows `prompts.SCHEMA`. Whoever
uses it says so: its memories carry the version `llm-1 recorded`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from ibex.providers.structured import Question
from ibex.providers.structured_answer import follows
from memories.extraction.llm import Ask
from memories.extraction.prompts import SCHEMA

MODEL = "recorded"
"""What to give as the name of the model."""


class NotRecorded(LookupError):
    """The file holds no answer to this question, or one that does not follow the schema."""


class RecordedModel:
    """An Ask that answers what a file says."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises OSError, and NotRecorded for a line that is no answer."""
        self._answers: dict[str, Mapping[str, Any]] = {}
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if line.strip():
                turns, answer = _read(line, f"{path.name}, line {number}")
                self._answers[_key(turns)] = answer

    def __call__(self, question: Question) -> Mapping[str, Any]:
        """The recorded answer. Raises NotRecorded."""
        answer = self._answers.get(_key(question.data["turns"]))
        if answer is None:
            raise NotRecorded(f"no answer for turns {[turn['turn'] for turn in question.data['turns']]}")
        return answer


def recording(ask: Ask, path: Path) -> Ask:
    """`ask`, with every question's turns and answer added to a file, which a RecordedModel reads."""

    def asked(question: Question) -> Mapping[str, Any]:
        answer = ask(question)
        with path.open("ab") as file:
            file.write(orjson.dumps({"turns": question.data["turns"], "answer": answer}) + b"\n")
        return answer

    return asked


def _read(line: bytes, place: str) -> tuple[Any, Mapping[str, Any]]:
    try:
        told = orjson.loads(line)
        turns, answer = told["turns"], told["answer"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise NotRecorded(f"{place}: not a recorded answer") from error
    if not follows(answer, SCHEMA):
        raise NotRecorded(f"{place}: the answer does not follow the schema")
    return turns, answer


def _key(turns: Any) -> str:
    return hashlib.sha256(orjson.dumps(turns, option=orjson.OPT_SORT_KEYS)).hexdigest()
