"""A past turn assembled once more: as of its time, and with today's memories."""

from __future__ import annotations
