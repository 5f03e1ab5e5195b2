"""How hard a fuzz test tries: a little in every run, always the same; a lot under the marker `load`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_ANY_SPEED: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}


def efforts(few: int, many: int) -> pytest.MarkDecorator:
    """Parametrizes a test with `effort`: settings for `few` examples, and under the marker `load` for `many`."""
    always = settings(max_examples=few, derandomize=True, **_ANY_SPEED)
    long = settings(max_examples=many, **_ANY_SPEED)
    return pytest.mark.parametrize(
        "effort",
        [
            pytest.param(always, id="few"),
            pytest.param(long, id="many", marks=[pytest.mark.load, pytest.mark.timeout(1800)]),
        ],
    )
