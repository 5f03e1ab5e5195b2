"""A write that is sent twice with the same `Idempotency-Key` happens once: the second gets the first one's answer.

Answers are kept for a day in Redis, under the organization's keys, and sealed: one may hold a new token's secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import orjson
from rest_framework.request import Request
from rest_framework.response import Response

from ibex.core import metrics
from ibex.core.crypto import seal, unseal
from ibex.core.errors import Conflict, FieldCode, FieldError, InvalidRequest, SecretUnreadable, ServiceDegraded
from ibex.core.redis import RedisError, org_key, redis

HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotent-Replay"
KEY_MAX = 255
KEPT_S = 24 * 3600
RUNNING_S = 120
"""After this long without an answer, the process that ran the call is taken for dead and the key is free again."""

_RUNNING = b"running"


class KeyReused(Conflict):
    default_message = "This Idempotency-Key was sent before with another request. Use a new key for a new request."


class KeyInUse(Conflict):
    default_message = "A request with this Idempotency-Key is still running. Send it again in a few seconds."


class IdempotencyUnavailable(ServiceDegraded):
    default_message = "Idempotency keys cannot be checked right now, so nothing was done. Try again in a few seconds."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where the answer of one key is kept, and the request it belongs to."""

    key: str
    request: bytes


def once(request: Request, *, org_id: UUID, actor: str, answer: Callable[[], Response]) -> Response:
    """Run `answer` at most once for the request's key; without the header, just run it.

    Only successes are kept: a refused request changed nothing and may be sent again. Raises KeyReused, KeyInUse,
    InvalidRequest for a key that is too long, IdempotencyUnavailable when Redis does not answer.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return answer()
    if not 1 <= len(given) <= KEY_MAX:
        problem = FieldError(HEADER, FieldCode.TOO_LONG, f"It is 1 to {KEY_MAX} characters.")
        raise InvalidRequest(field_errors=[problem])
    place = _place(request, given, org_id=org_id, actor=actor)
    earlier = _claim(place)
    if earlier is not None:
        return _replayed(place, earlier)
    response = None
    try:
        response = answer()
    finally:
        if response is None:
            _release(place)
    _keep(place, response)
    return response


def _place(request: Request, given: str, *, org_id: UUID, actor: str) -> _Place:
    target = f"{request.method} {request.get_full_path()}\n".encode()
    key = hashlib.sha256(f"{actor}\n{given}".encode()).hexdigest()
    return _Place(key=org_key(org_id, "idempotency", key), request=hashlib.sha256(target + request.body).digest())


def _claim(place: _Place) -> bytes | None:
    """Take the key, or return what is kept under it."""
    try:
        earlier = redis().set(place.key, place.request + _RUNNING, nx=True, get=True, ex=RUNNING_S)
    except (RedisError, OSError) as error:
        raise IdempotencyUnavailable from error
    return earlier if isinstance(earlier, bytes) else None


def _replayed(place: _Place, kept: bytes) -> Response:
    request, answer = kept[: len(place.request)], kept[len(place.request) :]
    if request != place.request:
        raise KeyReused
    if answer == _RUNNING:
        raise KeyInUse
    try:
        status, data = orjson.loads(unseal(answer))
    except SecretUnreadable as error:
        raise IdempotencyUnavailable from error
    return Response(data, status=status, headers={REPLAY_HEADER: "true"})


def _keep(place: _Place, response: Response) -> None:
    """Best effort: the write is done, and its caller must hear so even if the answer cannot be kept."""
    if response.status_code >= 400:
        _release(place)
        return
    body = orjson.dumps([response.status_code, response.data], default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    try:
        redis().set(place.key, place.request + seal(body), ex=KEPT_S)
    except (RedisError, OSError):
        metrics.FAIL_OPEN.labels(step="idempotency").inc()


def _release(place: _Place) -> None:
    try:
        redis().delete(place.key)
    except (RedisError, OSError):
        metrics.FAIL_OPEN.labels(step="idempotency").inc()
