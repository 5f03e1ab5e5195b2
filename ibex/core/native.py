"""Small parts in C, for arithmetic that a call waits for: compiled once on the machine they run on, where it can.

A machine without a compiler, or with another processor, does the same in Python and libraries, slower: each part in C
has a twin there, and who loads it falls back to that. A C file stands beside the Python module that calls it, which
checks what it hands over: C does not.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from ibex.env import env

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fPIC", "-shared")
LIBRARIES = ("-lm",)
COMPILING_MAX_S = 60.0
"""A file takes about a second."""
NEEDED = frozenset({"avx2", "fma"})
"""What a processor must be able to do (from 2013 on most can): the C files are written for it."""
CPU_INFO = Path("/proc/cpuinfo")

Signature = tuple[Any, tuple[Any, ...]]
"""What a function of a C file returns and takes, as ctypes says it."""

_log = structlog.get_logger(__name__)


@lru_cache(maxsize=16)
def library(source: Path) -> ctypes.CDLL | None:
    """What the C file `source` offers; None where it cannot be had here, or IBEX_NATIVE_CODE says no.

    Calls of it run outside Python's lock. Blocks while it compiles, the first time that a kind of processor meets it.
    """
    flags = processor_flags()
    if not env().native_code or platform.machine() != "x86_64" or not flags >= NEEDED:
        return None
    try:
        return ctypes.CDLL(str(_compiled(source, flags)))
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("native_code_not_built", source=source.name, error=type(error).__name__)
        return None


def declared(source: Path, functions: Mapping[str, Signature]) -> ctypes.CDLL | None:
    """`library`, told what each of its functions returns and takes; whoever asks often keeps it."""
    found = library(source)
    for name, (returns, takes) in functions.items() if found is not None else ():
        function = getattr(found, name)
        function.restype, function.argtypes = returns, takes
    return found


def address(array: np.ndarray[Any, Any]) -> int:
    """Of an array's first value, for C, which takes the others to follow it."""
    assert array.flags.c_contiguous  # noqa: S101 - the caller's to see to
    return array.ctypes.data


@lru_cache(maxsize=1)
def processor_flags() -> frozenset[str]:
    """What the processor can do, in Linux's words; nothing where that is not known."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return frozenset()
    return next((frozenset(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), frozenset())


def _compiled(source: Path, flags: frozenset[str]) -> Path:
    """The library, made first when it is missing. Several processes may make it at once: each moves a whole file into
    place. Raises OSError without a compiler, or SubprocessError.
    """
    told = (source.read_bytes(), *map(str.encode, (*FLAGS, *LIBRARIES, *sorted(flags))))
    name = hashlib.sha256(b"\0".join(told)).hexdigest()[:16]
    made = env().built_dir / "native" / f"{source.stem}-{name}.so"
    if not made.is_file():
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        if compiler is None:
            raise FileNotFoundError(COMPILERS[0])
        made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent, prefix="compiling-") as scratch:
            fresh = Path(scratch) / made.name
            command = [compiler, *FLAGS, "-o", str(fresh), str(source), *LIBRARIES]
            subprocess.run(command, check=True, capture_output=True, timeout=COMPILING_MAX_S)
            fresh.replace(made)
    return made
