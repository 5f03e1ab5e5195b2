"""What a caller need not say about a memory."""

from __future__ import annotations


def test_a_memory_is_factual_unless_it_is_said_to_be_something_else(alice, agent, api):
    body = {"content": "The office opens at eight.", "agent_id": str(agent.pk)}
    made = api(alice, "POST", "/memories", body).json()["memory"]
    assert made["category"] == "factual"
    address = f"/memories/{made['id']}"
    assert api(alice, "PATCH", address, {"category": "procedural"}).status_code == 200
    assert api(alice, "PATCH", address, {"tags": ["office"]}).json()["memory"]["category"] == "procedural"
