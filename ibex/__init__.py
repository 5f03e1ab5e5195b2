"""IBEX: a self-hosted, OpenAI-compatible LLM proxy that learns."""

from __future__ import annotations

__version__ = "0.1.0"
