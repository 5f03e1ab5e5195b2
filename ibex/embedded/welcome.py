"""What is printed when everything runs: where to click and what to paste."""

from __future__ import annotations

import json
from pathlib import Path

SANDBOX_MODEL = "ibex-sandbox"
"""The model of the built-in provider, which answers without a key (`ibex.providers.sandbox`)."""


def welcome(first_run: Path, base_url: str, *, is_first: bool) -> str:
    """The closing lines of a start. Password and token are printed at the first start only, and stay in the file."""
    try:
        facts = json.loads(first_run.read_text())
    except (OSError, ValueError):
        return f"\n  Dashboard  {base_url}/\n"
    password = facts["operator_password"] if is_first else f"in {first_run}"
    token = facts["token"] if is_first else f"$({_read_token(first_run)})"
    return (
        f"\n  Dashboard  {base_url}/\n"
        f"  Sign in    {facts['operator_email']}\n"
        f"  Password   {password}\n"
        f"\n  Try it:\n\n{_curl(base_url, token, facts)}\n"
        + (f"\n  Password and token are printed this once; they stay in {first_run}\n" if is_first else "")
    )


def _curl(base_url: str, token: str, facts: dict[str, str]) -> str:
    body = {"model": facts.get("model", SANDBOX_MODEL), "messages": [{"role": "user", "content": "Hello!"}]}
    return (
        f"curl {base_url}/v1/chat/completions \\\n"
        f'  -H "Authorization: Bearer {token}" \\\n'
        f'  -H "X-IBEX-Agent-ID: {facts["agent_slug"]}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(body)}'"
    )


def _read_token(first_run: Path) -> str:
    """A shell command that prints the token, so that a later start shows a curl to paste and no secret."""
    return f"""sed -n 's/.*"token": *"\\([^"]*\\)".*/\\1/p' '{first_run}'"""
