"""What a process that serves only calls does without: each of these is megabytes, and no call needs it."""

from __future__ import annotations

import json
import subprocess
import sys

from ibex.env import REPOSITORY

LOADED = "import json, sys, {module}; json.dump(sorted(sys.modules), sys.stdout)"
FOR_PAGES_AND_WORKERS = {
    "agents.admin",
    "bpe_openai",
    "bpe_openai._bindings",
    "drf_spectacular.utils",
    "ibex.urls",
    "onnx",
    "requests",
    "rest_framework.fields",
    "torch",
    "unfold.admin",
}


def loaded_with(module: str) -> set[str]:
    """The modules of a fresh process that has imported `module`."""
    command = [sys.executable, "-c", LOADED.format(module=module)]
    return set(json.loads(subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True).stdout))


def test_the_application_loads_what_calls_need_and_leaves_the_rest_to_the_first_page():
    assert loaded_with("ibex.asgi") & FOR_PAGES_AND_WORKERS == set()
    assert loaded_with("ibex.asgi, ibex.urls") >= {"agents.admin", "unfold.admin", "rest_framework.fields"}
