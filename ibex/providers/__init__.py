"""How IBEX talks to a model: one call in, one answer out, every failure typed."""

from __future__ import annotations
