"""The ways in which applications ask a model, each with its own shape of history, instructions and answer."""

from __future__ import annotations
