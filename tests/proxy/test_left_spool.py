"""A spool that no drain of its machine takes up: a worker's job does."""

from __future__ import annotations

import os
import time

from django.test import override_settings

from ibex.core.jobs import all_jobs
from ibex.core.redis import redis
from proxy import journal, maintenance
from proxy.journal import FIELD
from tests.proxy.journaled import entry


def replayed() -> int:
    [step] = all_jobs()["replay_spool"].steps(None)
    return step.counts["turns"]


def test_turns_that_were_left_on_disk_go_to_the_journal_once(agent, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "STREAM", "ibex:test-left-spool")
    monkeypatch.setattr("proxy.drain.STREAM", "ibex:test-left-spool")
    lines = [entry(agent, text=text).to_bytes() for text in ("one", "two")]
    path = tmp_path / "17.ndjson"
    path.write_bytes(b"\n".join(lines) + b"\n")
    with override_settings(SPOOL_DIR=tmp_path):
        assert replayed() == 0, "the machine's drain may still come"
        long_ago = time.time() - maintenance.LEFT_S - 1
        os.utime(path, (long_ago, long_ago))
        assert replayed() == 2
        assert replayed() == 0
    journaled = [fields[FIELD] for _, fields in redis().xrange("ibex:test-left-spool")]
    redis().delete("ibex:test-left-spool")
    assert journaled == lines


def test_without_a_spool_there_is_nothing_to_do(tmp_path):
    with override_settings(SPOOL_DIR=tmp_path / "none"):
        assert replayed() == 0
