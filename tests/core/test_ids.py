from __future__ import annotations

import itertools
import time
import uuid

from ibex.core.ids import parse_uuid, uuid7

MADE = 10_000


def test_ids_are_version_7_and_sort_by_the_time_they_were_made():
    made = [uuid7() for _ in range(MADE)]
    assert len(set(made)) == MADE
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    steps = sum(earlier < later for earlier, later in itertools.pairwise(made))
    assert steps > 0.99 * MADE  # the clock may stand still, or be set back, between two


def test_an_id_tells_its_millisecond():
    before = time.time_ns() // 1_000_000
    assert before <= uuid7().int >> 80 <= time.time_ns() // 1_000_000


def test_only_the_usual_36_characters_are_an_id():
    assert parse_uuid("0198c6f2-0000-7000-8000-000000000000") is not None
    assert parse_uuid("0198c6f200007000800000000000000z") is None
    assert parse_uuid("{0198c6f2-0000-7000-8000-00000000000") is None
