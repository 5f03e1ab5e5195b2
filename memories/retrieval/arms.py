"""What `arms.c` offers to `near` and `postings`, which say what each means."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path

from ibex.core.native import declared

_N, _P = ctypes.c_int64, ctypes.c_void_p
_TAKES = {
    "cosines": (_P, _N, _P, _P, _N, _P),
    "nearest": (_N, _P, _N, _P, _P, _N, _P, _P, _N, _N, _P, _P, _P),
    "worded": (_N, _P, _N, _P, _P, _N, _N, _P, _P, _N, _P, _P, _P),
}
"""Numbers and pointers, in the order of the C file."""


@lru_cache(maxsize=1)
def arms() -> ctypes.CDLL | None:
    """The functions of the C file; None where they cannot be had. The first call compiles them."""
    return declared(Path(__file__).with_name("arms.c"), {name: (_N, takes) for name, takes in _TAKES.items()})
