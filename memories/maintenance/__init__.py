"""Memory that tends itself: one module for each thing that the jobs of `memories.jobs` see to."""

from __future__ import annotations
