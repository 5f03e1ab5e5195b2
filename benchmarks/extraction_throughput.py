"""How soon a session is learned, how many sessions a worker mines, and what memory it needs for that.

    .venv/bin/python benchmarks/extraction_throughput.py [--short]

First a few conversations of ten turns through web server, drain and worker, one at a time: the time from the call that
completes a session until all of its turns are mined and what they say is stored. Then 1,000 such sessions (short: 100)
wait in the queue, and one worker mines them. Turns are extracted without a model, so no model's time is in the figures;
embeddings, refinement and the vault's transactions are.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.backlog import journaled
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.stack import MIB, Processes, Stack, child, running_ibex, upstream
from benchmarks.turns import Tenant, make_tenants, turns

SESSIONS, SESSIONS_SHORT = 1_000, 100
CONVERSATIONS, CONVERSATIONS_SHORT = 20, 5
TURNS = 10
LEARNED_WITHIN_S = 10.0
"""From completion to stored (SPEC section 5)."""
TURNS_PER_S = 10.0
"""Of one worker, which stands back for everybody else on the machine."""
GROWTH_MIB = 32.0
TENTHS = 10
WARM_TENTHS = 1
"""The worker's memory is compared from here on, tenth by tenth: the first sessions load the model and fill caches."""
WAIT_S = 5_400.0
"""A worker gets a tenth of a core beside others who want it: on a busy machine this takes long, and is no figure."""
POLL_S, SAMPLE_S = 0.02, 0.5
CHUNK = 500

NAMES = ("Anna", "Bruno", "Carla", "Deniz", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kofi", "Lena", "Mara")
PLACES = ("Porto", "Ghent", "Turin", "Malmö", "Graz", "Cork", "Nantes", "Bilbao", "Leipzig", "Tartu", "Basel", "Split")
JOBS = ("nurse", "carpenter", "judge", "baker", "pilot", "gardener", "translator", "plumber", "teacher", "surveyor")
THINGS = ("sailing", "chess", "pottery", "black tea", "night trains", "old maps", "jazz", "rye bread", "birdwatching")
KIN = ("sister", "cousin", "neighbour", "boss", "brother", "aunt", "flatmate", "dentist")
STATEMENTS = (
    "My {kin} {name} works as a {job} in {place}.",
    "I moved from {place} to {other} in {year}.",
    "I prefer {thing} to {else_}.",
    "I usually visit {place} with {name} in the summer of every year.",
    "I met {name}, a {job} from {place}, last week.",
    "We bought a house near {place} for {number} euros in {year}.",
)
ASIDES = ("What do you think?", "Thanks, that helps.", "Can you suggest something?", "Anyway.", "How does that sound?")
ANSWER = "That sounds good. You might want to write it down. Is there anything else I can help you with?"


def said(rng: random.Random) -> str:
    """What a user says in one turn: a thing or two worth knowing, and something else."""
    told = " ".join(rng.choice(STATEMENTS).format(**_words(rng)) for _ in range(rng.choice((1, 1, 2))))
    return f"{told} {rng.choice(ASIDES)}"


def _words(rng: random.Random) -> dict[str, Any]:
    place, other = rng.sample(PLACES, 2)
    thing, another = rng.sample(THINGS, 2)
    people = {"kin": rng.choice(KIN), "name": rng.choice(NAMES), "job": rng.choice(JOBS)}
    numbers = {"year": rng.randrange(1990, 2025), "number": 1000 * rng.randrange(90, 900)}
    return {"place": place, "other": other, "thing": thing, "else_": another, **people, **numbers}


def sessions(tenants: list[Tenant], count: int) -> Iterator[bytes]:
    """Journal entries of so many whole conversations, tenants in turn."""
    from ibex.core.ids import uuid7
    from proxy.entry import TurnEntry

    rng = random.Random(11)
    pattern = TurnEntry.from_bytes(next(turns(tenants, 1)))
    assert pattern.checkpoint is not None
    for number in range(count):
        tenant, session_id = tenants[number % len(tenants)], str(uuid7())
        for _ in range(TURNS):
            text, turn_id, now = said(rng), str(uuid7()), time.time()
            words = {"messages": [{"role": "user", "content": text}], "user_text": text, "assistant_text": ANSWER}
            yield replace(
                pattern,
                turn_id=turn_id,
                org_id=tenant.org_id,
                agent_id=tenant.agent_id,
                session_id=session_id,
                trace={**pattern.trace, "request_id": turn_id, "trace_id": f"{rng.getrandbits(128):032x}"},
                checkpoint={**pattern.checkpoint, **words, "said_at": now, "finished_at": now},
                considered=[],
            ).to_bytes()


class Conversation:
    """An application that talks to IBEX over HTTP."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.rng = random.Random(seed)
        self.name = f"conversation-{seed}"

    def have(self) -> None:
        """Ten turns, the whole history with each."""
        history: list[dict[str, str]] = []
        for _ in range(TURNS):
            history.append({"role": "user", "content": said(self.rng)})
            answer = self._post("/v1/chat/completions", {"model": "instant", "messages": history})
            history.append(answer["choices"][0]["message"])

    def seconds_until_learned(self) -> float:
        """Complete the session, and wait until every turn of it is mined."""
        done = self._post(f"/v1/sessions/{self.name}/complete", {})
        begun = time.monotonic()
        while mined_turns(done["id"]) < TURNS:
            if time.monotonic() - begun > WAIT_S:
                raise TimeoutError("The session was never mined.")
            time.sleep(POLL_S)
        return time.monotonic() - begun

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {**self.stack.headers, "X-IBEX-Session-ID": self.name}
        request = urllib.request.Request(self.stack.base_url + path, orjson.dumps(body), headers)
        until = time.monotonic() + WAIT_S
        while True:
            try:
                with urllib.request.urlopen(request) as answer:
                    return orjson.loads(answer.read())
            except urllib.error.HTTPError as refused:
                if refused.code != HTTPStatus.CONFLICT or time.monotonic() > until:
                    raise
                time.sleep(float(refused.headers["Retry-After"]))  # its turns are on their way, as SDKs understand


def asked(sql: str, *arguments: Any) -> tuple[Any, ...]:
    """One row about all organizations."""
    from django.db import connections

    from ibex.core.tenancy import cross_tenant

    with cross_tenant("benchmark") as system, connections[system].cursor() as cursor:
        cursor.execute(sql, arguments)
        row: tuple[Any, ...] = cursor.fetchone()
        return row


def mined_turns(session_id: str) -> int:
    """The turns of a session that were mined; the memories are stored in the same transaction."""
    return int((asked("SELECT max(last_extracted_turn) FROM agents_session WHERE id = %s", session_id))[0] or 0)


def all_mined_turns() -> int:
    """The same of all sessions."""
    return int(asked("SELECT coalesce(sum(last_extracted_turn), 0) FROM agents_session")[0])


def fill(tenants: list[Tenant], count: int) -> None:
    """Put the sessions into the journal, and wait until the drain has made rows and tasks of them."""
    from ibex.core.redis import redis
    from proxy.journal import FIELD, STREAM

    pipe = redis().pipeline(transaction=False)
    for number, raw in enumerate(sessions(tenants, count), 1):
        pipe.xadd(STREAM, {FIELD: raw})
        if number % CHUNK == 0 or number == count * TURNS:
            pipe.execute()
    while journaled():
        time.sleep(SAMPLE_S)


@dataclass
class Mined:
    """How the queue went, from the first session mined to the last."""

    turns: int
    seconds: float = 0.0
    cpu_s: float = 0.0
    rss_mib: list[float] = field(default_factory=list)

    def tenths_mib(self) -> list[float]:
        """Median resident memory of each tenth of the time; one moment tells what was being embedded, no more."""
        size = max(1, len(self.rss_mib) // TENTHS)
        return [median(self.rss_mib[at * size : (at + 1) * size]) for at in range(min(TENTHS, len(self.rss_mib)))]


def mine_all(worker: Processes, before: int, count: int) -> Mined:
    """Watch the worker until nothing waits."""
    wanted, deadline = count * TURNS, time.monotonic() + WAIT_S
    while (first := all_mined_turns()) == before:
        time.sleep(POLL_S)
    begun, cpu = time.monotonic(), _cpu_s(worker)
    mined = Mined(turns=wanted - (first - before))
    while all_mined_turns() - before < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError("The queue was never empty.")
        mined.rss_mib.append(_rss_mib(worker))
        time.sleep(SAMPLE_S)
    mined.seconds, mined.cpu_s = time.monotonic() - begun, _cpu_s(worker) - cpu
    return mined


def _rss_mib(worker: Processes) -> float:
    """Of the process that mines: the cluster's others only watch and pass on."""
    group = psutil.Process(worker.pid).children(recursive=True)
    return max((process.memory_info().rss / MIB for process in group if process.is_running()), default=0.0)


def _cpu_s(worker: Processes) -> float:
    """Of the whole cluster, and of those of it that were replaced; what its queries cost the vault is not in it."""
    group = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in group if process.is_running())


def measure(count: int, conversations: int, provider_url: str) -> int:
    """Run it all; the exit code."""
    command = [sys.executable, "-m", "django", "worker"]
    with running_ibex(provider_url, ("web", "drain")) as stack:
        with child(command):
            Conversation(stack, 0).have()  # warm: the worker loads its model
            latencies = []
            for seed in range(1, conversations + 1):
                conversation = Conversation(stack, seed)
                conversation.have()
                latencies.append(conversation.seconds_until_learned())
        tenants = make_tenants()
        before = all_mined_turns()
        fill(tenants, count)
        with child(command) as worker:
            mined = mine_all(worker, before, count)
        failed = int(asked("SELECT count(*) FROM django_q_task WHERE NOT success")[0])
        failed += int(asked("SELECT count(*) FROM memories_extraction WHERE failures > 0")[0])
        memories = int(asked("SELECT count(*) FROM memories_memory WHERE source = 'extracted'")[0])
    return report(count, latencies, mined, failed, memories)


def report(count: int, latencies: list[float], mined: Mined, failed: int, memories: int) -> int:
    """Print the tables and the promises."""
    shares = [percentile(latencies, share) for share in (0.5, 0.95)]
    waits = ("from completion to stored", len(latencies), *shares, max(latencies))
    print_table("Ten turns, learned", ("", "sessions", "p50 s", "p95 s", "max s"), [waits])
    rate, warm = mined.turns / mined.seconds, mined.tenths_mib()[WARM_TENTHS:]
    cpu_ms, cores = 1000 * mined.cpu_s / mined.turns, mined.cpu_s / mined.seconds
    figures = (count, mined.seconds, rate / TURNS, rate, cpu_ms, cores, memories, warm[0], warm[-1], max(mined.rss_mib))
    speed = ("sessions", "seconds", "sessions/s", "turns/s", "CPU ms/turn", "cores it got")
    print_table("Queued, one worker", (*speed, "memories", "RSS first", "last", "most MiB"), [figures])
    promises = [
        Promise(name="ten turns, from completion to stored", value=max(latencies), unit="s", limit=LEARNED_WITHIN_S),
        Promise(name="turns mined by one worker", value=rate, unit="turns/s", limit=TURNS_PER_S, at_least=True),
        Promise(name="growth of the worker's memory", value=max(warm) - warm[0], unit="MiB", limit=GROWTH_MIB),
        Promise(name="tasks that failed", value=failed, unit="tasks", limit=0),
    ]
    return finish(
        "extraction_throughput",
        promises,
        sessions=count,
        seconds=mined.seconds,
        turns_per_s=rate,
        cpu_ms_per_turn=cpu_ms,
        cores=cores,
        memories=memories,
        rss_mib=mined.tenths_mib(),
        latencies_s=latencies,
    )


def main() -> int:
    """The exit code: 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="100 sessions")
    is_short = parser.parse_args().short
    with upstream() as url:
        return measure(
            SESSIONS_SHORT if is_short else SESSIONS, CONVERSATIONS_SHORT if is_short else CONVERSATIONS, url
        )


if __name__ == "__main__":
    sys.exit(main())
