"""What a web process keeps of the memory that it has used (docs/explanation/request-path.md, "What the memory is").

glibc returns a block to the system as a whole only where it mapped it for that block alone. It does so from a size on
that rises, up to 32 MiB, with the largest block ever freed: the vectors of one copy that was read anew, and every later
copy lies in the arena of the thread that reads them, of which 64 of 81 MiB were free and resident after five minutes.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

MAPPED_FROM_BYTES = 2 * 1024 * 1024
"""A block of this size or more is mapped alone, always: the vectors of a copy are; what one call allocates is not, the
largest being the few hundred vectors that it compares exactly, a megabyte."""
FREE_ON_TOP_BYTES = 4 * 1024 * 1024
"""Free at the end of an arena before it shrinks; glibc has 128 KiB, which calls would give back and take again."""
YOUNG_OBJECTS = 50_000
"""Between two collections. Fifty calls in flight are some 20,000 objects, which end by themselves: at Python's 700
the collector walked through them for a twentieth of the process's time, in pauses of 1, 13 and 45 ms; what it is for,
objects in a circle, is a few a call. The drain, whose batch is a thousand lists, gave it an eighth of its time."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h; only it has them."""


def bound() -> bool:
    """Before anything large is read: whether the C library does as it is told."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        told = (_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES), (_M_TRIM_THRESHOLD, FREE_ON_TOP_BYTES)
        return all(libc.mallopt(what, size) == 1 for what, size in told)
    return False


def settle() -> None:
    """What is loaded by now stays: the collector need not walk through it again, which stops every call for 100 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    # What loading took and no longer needs goes back to the system, about 10 MB; only glibc has the call.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
