"""Who is asking: tokens and agents verified on the request path, which makes no network call when it is warm.

A token is refused at once when it has no token's form or is known to be bad; it is taken from memory when it was
verified less than CACHE_TTL_S ago; otherwise the vault decides. What is in use is verified again before that time has
passed, behind the callers' backs. Nothing is ever decided in a caller's favour because
the vault does not answer: that is SERVICE_DEGRADED or AUTH_UNAVAILABLE.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.db import Error as DjangoDatabaseError
from django.db import connections

from agents.announcements import Change, announce_change, listen_for_changes, on_change
from agents.bloom import KnownBad
from agents.cache import ExpiringCache
from agents.choices import AgentStatus, OrganizationStatus
from agents.errors import OrganizationSuspended
from agents.limits import LIMIT_FIELDS, Limits
from agents.principal import AgentCard, Principal
from agents.renewals import Renewals
from agents.secret import digest, presented
from ibex.core import metrics
from ibex.core.database import hot_connection, hot_pool, within
from ibex.core.errors import (
    AgentIdMissing,
    AgentNotAuthorized,
    AgentSuspended,
    AuthUnavailable,
    ScopeMissing,
    ServiceDegraded,
    Unauthenticated,
)
from ibex.core.ids import parse_uuid
from ibex.core.tenancy import async_scope

CACHE_SIZE = 5_000
CACHE_TTL_S = 30.0
RENEWED_WITH_LEFT_S = 20.0
"""Who calls at least every few seconds does not notice a vault that is away for ten."""
EXPIRY_MARGIN_S = 5.0
"""A principal is forgotten this long before its token expires (SPEC section 3)."""
LOOKUP_TIMEOUT_S = 2.0
"""A vault that needs longer to decide is treated as one that does not answer."""
REFERENCE_MAX = 63
"""The longest slug; a UUID is shorter."""

_WHOSE = """
    SELECT digest, token_id, org_id, agent_id, scopes, expires_at, revoked_at, org_status,
           org_requests, org_tokens, org_monthly_tokens, org_monthly_cost,
           token_requests, token_tokens, token_monthly_tokens, token_monthly_cost
    FROM ibex_token_with_limits(%s)
"""
_AGENT = """
    SELECT a.id, a.org_id, a.slug, a.name, a.status, a.injection_mode, a.memory_tokens, a.learns, a.remembers,
           a.shadows, a.holdout_share, a.trusts_body_user, a.idle_minutes, a.quotes, a.locale, o.wording::text,
           a.requests_per_minute, a.tokens_per_minute, a.monthly_tokens, a.monthly_cost
    FROM agents_agent a JOIN agents_organization o ON o.id = a.org_id
    WHERE a.org_id = %s AND (a.id = %s OR a.slug = %s)
"""
"""In the order of AgentCard's fields, then of those of its Limits."""
_UNREACHABLE = (psycopg.Error, OSError, TimeoutError, RuntimeError)
"""RuntimeError: the pool is not open."""

_principals: ExpiringCache[bytes, Principal] = ExpiringCache(CACHE_SIZE)
_agents: ExpiringCache[tuple[UUID, str], AgentCard] = ExpiringCache(CACHE_SIZE)
_known_bad = KnownBad()
_renewals = Renewals()

_log = structlog.get_logger(__name__)

_FROM_CACHE = metrics.AUTH.labels(outcome="cache")
_FROM_DATABASE = metrics.AUTH.labels(outcome="database")
_FROM_BLOOM = metrics.AUTH.labels(outcome="bloom")
_REFUSED = metrics.AUTH.labels(outcome="refused")
_UNAVAILABLE = metrics.AUTH.labels(outcome="unavailable")


async def authenticate(authorization_header: str) -> Principal:
    """The principal of `Bearer ibex_pat_…`. Raises Unauthenticated; ServiceDegraded when it cannot be decided."""
    wanted = _digest_of(authorization_header)
    principal = _principals.get(wanted)
    if principal is not None:
        _FROM_CACHE.inc()
        if _principals.is_ageing(wanted, RENEWED_WITH_LEFT_S):
            _renewals.begin(wanted, partial(_renew, wanted))
        return principal
    # A token that was good lately is never refused by a filter that is wrong once in a thousand.
    if wanted in _known_bad and not _principals.has_known(wanted):
        _FROM_BLOOM.inc()
        raise Unauthenticated
    return await _verify(wanted)


def authenticate_now(authorization_header: str) -> Principal:
    """The same for synchronous code, such as the REST API: always the vault's own word, never remembered, because
    such a process need not be listening for changes. Raises as `authenticate`.
    """
    wanted = _digest_of(authorization_header)
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_WHOSE, [wanted])
            row = cursor.fetchone()
    except DjangoDatabaseError as error:
        _UNAVAILABLE.inc()
        raise ServiceDegraded from error
    return _decide(wanted, row)


async def agent_for(principal: Principal, reference: str | None) -> AgentCard:
    """The agent that `reference` (UUID or slug) names, or the one that the token is bound to.

    Raises AgentIdMissing, AgentNotAuthorized (a stranger's agent and none at all are the same), AgentSuspended,
    AuthUnavailable.
    """
    named = (reference or "").strip().lower()
    if not named and principal.agent_id is None:
        raise AgentIdMissing
    # A bound token always asks for its own agent, whatever was named: nothing tells which other agents there are.
    wanted = str(principal.agent_id or named)
    key = (principal.org_id, wanted)
    card = _agents.get(key)
    if card is None:
        card = await _find_agent(key)
    elif _agents.is_ageing(key, RENEWED_WITH_LEFT_S):
        _renewals.begin(key, partial(_renew_agent, key))
    if card is None or (named and named not in {str(card.id), card.slug}):
        raise AgentNotAuthorized
    if card.status != AgentStatus.ACTIVE:
        raise AgentSuspended
    return card


def require(principal: Principal, scopes: Iterable[str]) -> None:
    """Raises OrganizationSuspended, or ScopeMissing naming the scopes that the token lacks."""
    if not principal.org_active:
        raise OrganizationSuspended
    missing = sorted(str(scope) for scope in scopes if scope not in principal.scopes)
    if missing:
        raise ScopeMissing(
            f"This token lacks {', '.join(missing)}. Make one with these scopes under Settings → Tokens."
        )


def forget_everything() -> None:
    """Start as a new process does."""
    _principals.clear()
    _agents.clear()
    _known_bad.clear()


def _digest_of(authorization_header: str) -> bytes:
    secret = presented(authorization_header)
    if secret is None:
        _REFUSED.inc()
        raise Unauthenticated
    return digest(secret)


async def _verify(wanted: bytes, *, waits: bool = True) -> Principal:
    epoch = _principals.epoch
    principal = _decide(wanted, await _look_up(wanted, waits=waits))
    _principals.put(wanted, principal, ttl_s=_ttl_s(principal), epoch=epoch)
    return principal


async def _renew(wanted: bytes) -> None:
    try:
        await _verify(wanted, waits=False)
    except Unauthenticated:
        _principals.forget(wanted)


async def _look_up(wanted: bytes, *, waits: bool) -> Sequence[Any] | None:
    async def ask() -> Sequence[Any] | None:
        async with hot_pool().connection() if waits else hot_connection() as connection:
            return await (await connection.execute(_WHOSE, [wanted])).fetchone()

    try:
        return await within(LOOKUP_TIMEOUT_S, ask())
    except _UNREACHABLE as error:
        _UNAVAILABLE.inc()
        _log.warning("token_not_decided", error=type(error).__name__)
        raise ServiceDegraded from error


def _decide(wanted: bytes, row: Sequence[Any] | None) -> Principal:
    """What the vault said becomes a principal, or a refusal that is remembered: neither revocation nor expiry ends."""
    if row is None or not hmac.compare_digest(bytes(row[0]), wanted) or not _is_usable(row):
        _known_bad.add(wanted)
        _REFUSED.inc()
        raise Unauthenticated
    _FROM_DATABASE.inc()
    return _principal(row)


def _ttl_s(principal: Principal) -> float:
    if principal.expires_at is None:
        return CACHE_TTL_S
    left_s = (principal.expires_at - datetime.now(UTC)).total_seconds()
    return min(CACHE_TTL_S, left_s - EXPIRY_MARGIN_S)


def _is_usable(row: Sequence[Any]) -> bool:
    expires_at, revoked_at = row[5], row[6]
    return revoked_at is None and (expires_at is None or expires_at > datetime.now(UTC))


def _principal(row: Sequence[Any]) -> Principal:
    _, token_id, org_id, agent_id, scopes, expires_at, _, org_status, *limits = row
    return Principal(
        token_id=token_id,
        org_id=org_id,
        agent_id=agent_id,
        scopes=frozenset(scopes),
        expires_at=expires_at,
        org_active=org_status == OrganizationStatus.ACTIVE,
        org_limits=_limits(limits[: len(LIMIT_FIELDS)]),
        token_limits=_limits(limits[len(LIMIT_FIELDS) :]),
    )


async def _find_agent(key: tuple[UUID, str], *, waits: bool = True) -> AgentCard | None:
    epoch = _agents.epoch
    card = await _look_up_agent(*key, waits=waits)
    if card is not None:
        _agents.put(key, card, ttl_s=CACHE_TTL_S, epoch=epoch)
    return card


async def _renew_agent(key: tuple[UUID, str]) -> None:
    if await _find_agent(key, waits=False) is None:
        _agents.forget(key)


async def _look_up_agent(org_id: UUID, reference: str, *, waits: bool) -> AgentCard | None:
    """One query whatever `reference` is, so that the time taken tells nothing either."""
    slug = reference if len(reference) <= REFERENCE_MAX and "\0" not in reference else ""

    async def ask() -> Sequence[Any] | None:
        async with async_scope(org_id, waits=waits) as connection:
            cursor = await connection.execute(_AGENT, [org_id, parse_uuid(reference), slug])
            return await cursor.fetchone()

    try:
        row = await within(LOOKUP_TIMEOUT_S, ask())
    except _UNREACHABLE as error:
        _log.warning("agent_not_decided", error=type(error).__name__)
        raise AuthUnavailable from error
    return _card(row) if row else None


def _card(row: Sequence[Any]) -> AgentCard:
    known, limits = row[: -len(LIMIT_FIELDS)], row[-len(LIMIT_FIELDS) :]
    return AgentCard(**dict(zip(AgentCard.__slots__, (*known, _limits(limits)), strict=True)))


def _limits(values: Sequence[Any]) -> Limits:
    return Limits(**dict(zip(LIMIT_FIELDS, values, strict=True)))


@on_change
def _forget(change: Change | None) -> None:
    if change is None:
        _principals.clear()
        _agents.clear()
        return
    match change.kind:
        case "token":
            _principals.drop(lambda principal: principal.token_id == change.object_id)
        case "agent":
            _principals.drop(lambda principal: principal.agent_id == change.object_id)
            _agents.drop(lambda card: card.id == change.object_id)
        case "org":
            _principals.drop(lambda principal: principal.org_id == change.org_id)
            _agents.drop(lambda card: card.org_id == change.org_id)


__all__ = [
    "AgentCard",
    "Principal",
    "agent_for",
    "announce_change",
    "authenticate",
    "authenticate_now",
    "forget_everything",
    "listen_for_changes",
    "require",
]
