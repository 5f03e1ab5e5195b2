from __future__ import annotations

import json
import subprocess

import pytest

from ibex.embedded.welcome import welcome

FACTS = {
    "base_url": "http://127.0.0.1:8000",
    "token": "ibex_pat_0123-4_5",
    "agent_id": "0198",
    "agent_slug": "assistant",
    "operator_email": "owner@example.com",
    "operator_password": "correct horse",
}


@pytest.fixture(params=[None, 2], ids=["one line", "indented"])
def first_run(tmp_path, request):
    path = tmp_path / "first run.json"
    path.write_text(json.dumps(FACTS, indent=request.param))
    return path


def test_the_first_start_prints_everything_once(first_run):
    text = welcome(first_run, "http://127.0.0.1:8000", is_first=True)
    for name in ("token", "agent_slug", "operator_email", "operator_password"):
        assert FACTS[name] in text
    assert "http://127.0.0.1:8000/v1/chat/completions" in text
    assert str(first_run) in text


def test_a_later_start_prints_no_secret_and_still_a_curl_that_works(first_run):
    text = welcome(first_run, "http://127.0.0.1:8001", is_first=False)
    assert FACTS["token"] not in text
    assert FACTS["operator_password"] not in text
    curl = text[text.index("curl ") : text.index("}'") + 2]
    command = ["sh", "-c", curl.replace("curl", "printf '%s\n'", 1)]
    echoed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"Authorization: Bearer {FACTS['token']}" in echoed.stdout.splitlines()
    assert json.loads(echoed.stdout.splitlines()[-1])["model"] == "ibex-sandbox"


def test_a_missing_file_leaves_the_address(tmp_path):
    assert "http://127.0.0.1:8000/" in welcome(tmp_path / "none.json", "http://127.0.0.1:8000", is_first=False)
