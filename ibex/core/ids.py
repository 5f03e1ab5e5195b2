"""Identifiers: UUIDv7 (RFC 9562), so that rows of one table sort by the time they were made."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime

_RANDOM_MASK = (1 << 62) - 1
_NS_PER_MS = 1_000_000
_FRACTIONS = 1 << 12


def uuid7() -> uuid.UUID:
    """48 bits of Unix milliseconds, 12 bits of the fraction of one (RFC 9562, method 3), then 62 random bits.

    The fraction, a quarter of a microsecond, keeps rows of one transaction in the order they were made.
    """
    milliseconds, rest = divmod(time.time_ns(), _NS_PER_MS)
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= (rest * _FRACTIONS // _NS_PER_MS) << 64
    value |= 0b10 << 62
    value |= int.from_bytes(os.urandom(8), "big") & _RANDOM_MASK
    return uuid.UUID(int=value)


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The least id of its millisecond: rows made before `moment` have smaller ones, later rows greater ones."""
    milliseconds = int(moment.timestamp() * 1_000)
    return uuid.UUID(int=(milliseconds & ((1 << 48) - 1)) << 80)


def parse_uuid(text: str) -> uuid.UUID | None:
    """The UUID that `text` spells in its usual 36 characters, or None."""
    if len(text) != 36:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
