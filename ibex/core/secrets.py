"""The installation's own secrets, kept in `DATA_DIR/secrets.json` (mode 0600), and what is derived from them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path

from ibex.env import env

SECRET_KEY_CHARS_MIN = 32
RANDOM_BYTES = 32
PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
FILE_NAME = "secrets.json"


class SecretsError(Exception):
    """The secrets cannot be read or made; the message is one sentence that says what to do, and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """`secret_key` is the root of everything derived; the two passwords are the embedded servers'."""

    secret_key: str = field(repr=False)
    postgres_password: str = field(repr=False)
    redis_password: str = field(repr=False)


def load_or_create(data_dir: Path) -> Secrets:
    """The secrets of `data_dir`, made at the first call, even when two processes make it; `IBEX_SECRET_KEY` wins.

    Raises SecretsError when the folder or file cannot be used, or the given key is too short.
    """
    path = data_dir / FILE_NAME
    try:
        if not path.exists():
            private_folder(data_dir)
            _write_once(path, _random_secrets())
        stored = _parse(path)
    except OSError as error:
        raise SecretsError(
            f"{error.filename or path} cannot be used ({error.strerror}): run IBEX as the user who owns {data_dir}, "
            "or set IBEX_DATA_DIR to another folder."
        ) from error
    return Secrets(**{**stored, "secret_key": given_key() or stored["secret_key"]})


def derive(secret_key: str, purpose: str) -> str:
    """43 URL-safe characters: HMAC-SHA256 of `purpose` under the secret key.

    Everyone who holds the same key derives the same value; no value tells anything about the key or another purpose's.
    """
    return base64.urlsafe_b64encode(derive_bytes(secret_key, purpose)).rstrip(b"=").decode()


def derive_bytes(secret_key: str, purpose: str) -> bytes:
    """The same, as 32 bytes."""
    return hmac.new(secret_key.encode(), b"ibex:" + purpose.encode(), hashlib.sha256).digest()


def private_folder(path: Path) -> Path:
    """Make `path` if it is missing, and see that only its owner may enter it."""
    path.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o777 != PRIVATE_FOLDER_MODE:
        path.chmod(PRIVATE_FOLDER_MODE)
    return path


def given_key() -> str:
    """IBEX_SECRET_KEY, or an empty text. Raises SecretsError when it is too short."""
    key = env().secret_key.get_secret_value()
    if key and len(key) < SECRET_KEY_CHARS_MIN:
        raise SecretsError(
            f"IBEX_SECRET_KEY is shorter than {SECRET_KEY_CHARS_MIN} characters: give it a longer, random value."
        )
    return key


def _random_secrets() -> dict[str, str]:
    return {part.name: secrets.token_urlsafe(RANDOM_BYTES) for part in fields(Secrets)}


def _write_once(path: Path, values: dict[str, str]) -> None:
    """Put a complete file at `path` unless somebody was faster: linking is atomic and never replaces."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(values, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _parse(path: Path) -> dict[str, str]:
    try:
        values = json.loads(path.read_text())
        return {part.name: _checked(values[part.name]) for part in fields(Secrets)}
    except (ValueError, KeyError, TypeError) as error:
        raise SecretsError(f"{path} is damaged: restore it from a backup, the data beside it needs it.") from error


def _checked(value: object) -> str:
    if not isinstance(value, str) or len(value) < SECRET_KEY_CHARS_MIN:
        raise ValueError("not a secret")
    return value
