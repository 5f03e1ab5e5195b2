"""What can stop a start. Whoever runs IBEX reads the message as it is, without a traceback."""

from __future__ import annotations


class StartError(Exception):
    """IBEX cannot start; the message is one sentence that says why and what to do."""
