"""What a web process frees goes back to the system, also after it has freed something larger."""

from __future__ import annotations

import subprocess
import sys

import pytest

MIB = 1024 * 1024
FREED_AND_ASKED_AGAIN = """
import ctypes
from proxy import process_memory

class Told(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks mapped hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Told
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
{bound}
before = libc.mallinfo2().mapped
libc.free(libc.malloc(16 * {mib}))
libc.malloc(8 * {mib})
print(libc.mallinfo2().mapped - before)
"""


def mapped_alone(bound: str) -> int:
    """Of one block of 8 MiB, asked for when one of 16 was freed."""
    code = FREED_AND_ASKED_AGAIN.format(bound=bound, mib=MIB)
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own call")
def test_a_large_block_is_mapped_alone_whatever_was_freed_before() -> None:
    assert mapped_alone("") == 0, "glibc keeps what was freed for the next one"
    assert mapped_alone("assert process_memory.bound()") == 1
