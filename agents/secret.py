"""The text of a token, and what is kept of it."""

from __future__ import annotations

import re
import secrets

from ibex.core.crypto import keyed_hash

MARK = "ibex_pat_"
RANDOM_BYTES = 32
"""256 bits, 43 url-safe characters."""
PREFIX_CHARS = 16
"""How much of a token is kept readable: the mark and 42 of its 256 bits."""
BEARER = "bearer "

_FORM = re.compile(MARK + r"[A-Za-z0-9_-]{43}", re.ASCII)


def new_secret() -> str:
    """A new token's text: the one time that it exists outside its owner's hands."""
    return MARK + secrets.token_urlsafe(RANDOM_BYTES)


def readable_prefix(secret: str) -> str:
    """By what operators tell tokens apart."""
    return secret[:PREFIX_CHARS]


def digest(secret: str) -> bytes:
    """32 bytes, stored and looked up instead of the secret."""
    return keyed_hash("token", secret)


def presented(authorization: str) -> str | None:
    """The token in an Authorization header, or None when the header holds nothing that has a token's form."""
    if authorization[: len(BEARER)].lower() != BEARER:
        return None
    secret = authorization[len(BEARER) :].strip()
    return secret if _FORM.fullmatch(secret) else None
