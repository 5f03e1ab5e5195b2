"""Runs the features of one client and prints what each came to, one line of JSON for each. Imports nothing of IBEX."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Callable
from typing import Any

BASE_URL = os.environ["BASE_URL"]
TOKEN = os.environ["TOKEN"]
QUESTION = "Tell me a story that is so long that nobody will hear the end of it."
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
IMPATIENT_S = 1.0
PERSON_S = 1.0
"""Who stops an answer types the next message for longer than this."""

_features: dict[str, Callable[..., Any]] = {}


def feature(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run it with the name of an end user of its own; it returns what is printed."""
    _features[function.__name__] = function
    return function


def headers(user: str) -> dict[str, str]:
    """What every client is given beside its address and key."""
    return {"X-IBEX-Agent-ID": os.environ["AGENT"], "X-IBEX-User-ID": user}


def raised(call: Callable[[], Any], *, by: str = "") -> str:
    """The class of what a call raises, or what it returned. `by`: the package whose class is meant, if not the last."""
    try:
        return f"returned {call()!r}"
    except Exception as error:  # noqa: BLE001 - which one it is, is the answer
        return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith(by))


def user(text: str) -> dict[str, str]:
    """What a user says."""
    return {"role": "user", "content": text}


def run() -> None:
    """All features, in the order in which they stand."""
    for name, function in _features.items():
        try:
            value = function(name)
            said = {"value": asyncio.run(value) if inspect.iscoroutine(value) else value}
        except Exception as error:  # noqa: BLE001 - the other features are to be tried as well
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"feature": name} | said), flush=True)
