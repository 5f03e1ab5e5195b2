"""What IBEX adds to a call, against an instant upstream, and LiteLLM's proxy with the same upstream in the same run.

    .venv/bin/python benchmarks/proxy_overhead.py [--short]

1, 10 and 50 callers in a closed loop, and 10 who pause a tenth of a second between calls; whole answers and streams of
20 chunks; memory off and memory on (an agent with 1,000 memories, queries of about 20 tokens, none twice). One process
of each proxy. Overhead is the latency of a call less the median of the same call made directly. LiteLLM gets a virtual
environment of its own, pinned.

Without a pause, ten callers with memory want more queries embedded a second than two cores can: there the latency is
that of the queue, so the promise about ten callers with memory is that of the ten who pause.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.load import Run, drive
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.stack import (
    ROOT,
    Processes,
    Stack,
    child,
    free_port,
    running_ibex,
    upstream,
    wait_until_answers,
    wait_until_drained,
)

LITELLM = "litellm[proxy]==1.106.0"
LITELLM_HOME = ROOT / ".cache" / "litellm"
PAUSE_S = 0.1
CASES = {"1": (1, 0.0), "10": (10, 0.0), "50": (50, 0.0), "10 pausing": (10, PAUSE_S)}
"""Callers, and the mean of their pauses in seconds."""
OVERHEAD_P99_MS = 20.0
PROMPT = (
    ("IBEX, memory off", "1"),
    ("IBEX, memory off", "10"),
    ("IBEX, memory on", "1"),
    ("IBEX, memory on", "10 pausing"),
)
"""Where the overhead is promised."""
RSS_MIB = 200.0
TIMES_WITHOUT_MEMORY = 5.0
TIMES_WITH_MEMORY = 2.0
MEMORIES = 1_000
TOPICS = ("garden", "invoice", "holiday", "printer", "contract", "recipe", "meeting", "passport", "bicycle", "violin")

Body = Callable[[int], dict[str, Any]]


def body(*, stream: bool) -> Body:
    """Queries of about 20 tokens, none twice."""

    def make(number: int) -> dict[str, Any]:
        topic = TOPICS[number % len(TOPICS)]
        text = f"What did I decide about the {topic} number {number} when we last spoke of it this spring?"
        return {"model": "instant", "messages": [{"role": "user", "content": text}], "stream": stream}

    return make


NAMES = ("Ada", "Boris", "Carmen", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas")
DEEDS = ("repaired", "sold", "borrowed", "photographed", "described", "lost", "found", "painted", "ordered", "returned")


def fill(stack: Stack) -> None:
    """Give the agent memories, through the product's own write path. Raises RuntimeError when few of them stand."""
    from datetime import UTC, datetime
    from uuid import UUID

    from ibex.core.tenancy import scope
    from memories.choices import Category, Source, Status
    from memories.models import Memory
    from memories.refinement.draft import Draft
    from memories.refinement.pipeline import refine_all

    drafts = [
        Draft(
            org_id=UUID(stack.org_id),
            agent_id=UUID(stack.agent_id),
            content=f"{NAMES[n // 100]} {DEEDS[n // 10 % 10]} the {TOPICS[n % 10]} with the number {n} for the user.",
            category=Category.EPISODIC,
            labels=(("note", 1.0),),
            source=Source.IMPORTED,
            observed_at=datetime.now(UTC),
            actor="system",
        )
        for n in range(MEMORIES)
    ]
    for start in range(0, len(drafts), 100):
        refine_all(drafts[start : start + 100])
    with scope(drafts[0].org_id):
        standing = Memory.objects.filter(agent_id=drafts[0].agent_id, status=Status.ACTIVE).count()
    if standing < MEMORIES * 0.95:
        raise RuntimeError(f"Only {standing} of {MEMORIES} memories stand: this would measure an easier case.")


@contextmanager
def running_litellm(provider_url: str) -> Iterator[tuple[str, Processes]]:
    """LiteLLM's proxy, one worker, on the same upstream."""
    python = LITELLM_HOME / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(LITELLM_HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", LITELLM], check=True)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            "model_list:\n  - model_name: instant\n    litellm_params:\n"
            f"      model: openai/instant\n      api_base: {provider_url}\n      api_key: none\n"
            "general_settings:\n  master_key: sk-benchmark\nlitellm_settings:\n  telemetry: false\n"
        )
        command = [str(LITELLM_HOME / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--num_workers", "1"]
        kept = ("PATH", "HOME", "LANG")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DISABLE_ADMIN_UI": "True"}
        with child(command, environment) as process:
            wait_until_answers(f"http://127.0.0.1:{port}/health/liveliness")
            yield f"http://127.0.0.1:{port}/v1/chat/completions", process


def nothing() -> None:
    """There is nothing to wait for."""


def measure(
    url: str,
    headers: dict[str, str],
    seconds: float,
    process: Processes | None = None,
    settle: Callable[[], None] = nothing,
) -> dict[str, Any]:
    """All numbers of callers, whole and streamed; the first seconds warm up and are not counted. `settle` waits, before
    each case, for what the last one left behind.
    """
    figures: dict[str, Any] = {}
    for stream in (False, True):
        make = body(stream=stream)
        uvloop.run(drive(url, headers, make, callers=10, seconds=min(2.0, seconds)))
        for name, (callers, pause_s) in CASES.items():
            settle()
            before = process.cpu_s() if process else 0.0
            loop = drive(url, headers, make, callers=callers, seconds=seconds, pause_s=pause_s, keep_headers=True)
            run = uvloop.run(loop)
            cpu = (process.cpu_s() - before) * 1000 / max(1, len(run.latencies_ms)) if process else 0.0
            figures[f"{'stream' if stream else 'whole'} {name}"] = summary(run, cpu)
    return figures


def summary(run: Run, cpu_ms: float) -> dict[str, float]:
    """Latency percentiles in ms, calls a second, errors, CPU a call, and the share of prompts that lack nothing (%)."""
    latencies = run.latencies_ms or [float("inf")]
    lacking = sum(headers.get("X-IBEX-Context-Fallback") == "true" for headers in run.headers)
    return {
        "p50": statistics.median(latencies),
        "p95": percentile(latencies, 0.95),
        "p99": percentile(latencies, 0.99),
        "per_second": run.per_second,
        "errors": float(run.errors),
        "cpu_ms": cpu_ms,
        "complete": 100.0 * (1 - lacking / max(1, len(run.headers))),
    }


def promises(results: dict[str, dict[str, Any]], rss_mib: float) -> list[Promise]:
    """What is promised of these figures."""
    kept = []
    for who, callers in PROMPT:
        for kind in ("whole", "stream"):
            overhead = results[who][f"{kind} {callers}"]["p99"] - results["direct"][f"{kind} {callers}"]["p50"]
            name = f"overhead p99, {who}, {kind}, {callers}"
            kept.append(Promise(name=name, value=overhead, unit="ms", limit=OVERHEAD_P99_MS))
    for who, times in (("IBEX, memory off", TIMES_WITHOUT_MEMORY), ("IBEX, memory on", TIMES_WITH_MEMORY)):
        for kind in ("whole", "stream"):
            ours = max(results[who][f"{kind} {callers}"]["per_second"] for callers in CASES)
            theirs = max(results["LiteLLM"][f"{kind} {callers}"]["per_second"] for callers in CASES)
            label = f"calls/s against LiteLLM's, {kind}, {who}"
            kept.append(Promise(name=label, value=ours / theirs, unit="times", limit=times, at_least=True))
    errors = sum(case["errors"] for name in results if name.startswith("IBEX") for case in results[name].values())
    kept.append(Promise(name="errors", value=errors, unit="calls", limit=0))
    kept.append(Promise(name="resident memory of the web process", value=rss_mib, unit="MiB", limit=RSS_MIB))
    return kept


def main() -> int:
    """Run everything, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="3 seconds a case instead of 10")
    asked = parser.parse_args()
    seconds = 3.0 if asked.short else 10.0
    os.environ["IBEX_WEB_PROCESSES"] = "1"  # LiteLLM has one worker
    results: dict[str, dict[str, Any]] = {}
    with upstream() as provider_url:
        results["direct"] = measure(f"{provider_url}/chat/completions", {}, seconds)
        with running_ibex(provider_url, ("web", "drain")) as stack:
            fill(stack)
            web = stack.processes["web"]
            url = f"{stack.base_url}/v1/chat/completions"
            results["IBEX, memory off"] = measure(
                url, stack.headers | {"X-IBEX-Memory": "off"}, seconds, web, wait_until_drained
            )
            results["IBEX, memory on"] = measure(
                url, stack.headers | {"X-IBEX-Memory": "read"}, seconds, web, wait_until_drained
            )
            rss_mib = web.rss_mib()
        with running_litellm(provider_url) as (url, process):
            results["LiteLLM"] = measure(url, {"Authorization": "Bearer sk-benchmark"}, seconds, process)
    columns = ("who, kind, callers", "p50 ms", "p95 ms", "p99 ms", "calls/s", "errors", "CPU ms/call", "complete %")
    rows = [
        (f"{name}, {case}", *figures.values()) for name, cases in results.items() for case, figures in cases.items()
    ]
    print_table("An instant upstream", columns, rows)
    return finish("proxy_overhead", promises(results, rss_mib), results=results)


if __name__ == "__main__":
    raise SystemExit(main())
