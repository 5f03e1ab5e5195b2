"""HTTP/1.1 for the web process: connections, what is said on them, and the door through which callers come."""

from __future__ import annotations
