"""Sending a recorded conversation through the running proxy."""

from __future__ import annotations
