"""Keys derived from the one secret; provider keys sealed with them; tokens hashed with them."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from ibex.core.errors import SecretUnreadable
from ibex.core.secrets import derive_bytes


@lru_cache(maxsize=16)
def derived_key(purpose: str) -> bytes:
    """32 bytes that belong to one purpose, derived from SECRET_KEY."""
    return derive_bytes(settings.SECRET_KEY, purpose)


def keyed_hash(purpose: str, secret: str) -> bytes:
    """What is stored instead of `secret`: 32 bytes that are useless without the key."""
    return hmac.digest(derived_key(purpose), secret.encode(), "sha256")


def seal(plain: str) -> bytes:
    """Encrypt and authenticate a secret that must come back, such as a provider's key."""
    return _fernet().encrypt(plain.encode())


def unseal(sealed: bytes) -> str:
    """The inverse of `seal`. Raises SecretUnreadable when the key or the bytes are not the same."""
    try:
        return _fernet().decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise SecretUnreadable from None


@lru_cache(maxsize=1)
def _fernet() -> Fernet:
    return Fernet(urlsafe_b64encode(derived_key("provider-keys")))
