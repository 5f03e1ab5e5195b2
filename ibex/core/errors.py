"""One tree of errors. Each class knows its code, HTTP status and the sentence a caller reads.

IbexError
├── InvalidRequest            400 INVALID_REQUEST (with field_errors)
│   └── InvalidHeader         400 INVALID_HEADER
├── AgentIdMissing            400 AGENT_ID_MISSING
├── ModelNotFound             400 MODEL_NOT_FOUND
├── Unauthenticated           401 UNAUTHENTICATED
├── PermissionDenied          403 PERMISSION_DENIED
│   ├── ScopeMissing          403 SCOPE_MISSING
│   ├── AgentNotAuthorized    403 AGENT_NOT_AUTHORIZED
│   └── AgentSuspended        403 AGENT_SUSPENDED
├── NotFound                  404 NOT_FOUND
├── MethodNotAllowed          405 METHOD_NOT_ALLOWED
├── Conflict                  409 CONFLICT
├── BodyTooLarge              413 BODY_TOO_LARGE
├── UnsupportedMediaType      415 UNSUPPORTED_MEDIA_TYPE
├── RateLimited               429 RATE_LIMITED
│   └── BudgetExhausted       429 BUDGET_EXHAUSTED
├── ProviderNotConfigured     501 PROVIDER_NOT_CONFIGURED
├── UpstreamError             502 PROVIDER_ERROR (see ibex.providers.errors)
├── ServiceDegraded           503 SERVICE_DEGRADED
├── SecretUnreadable          503 SECRET_UNREADABLE
├── StorageUnavailable        503 STORAGE_UNAVAILABLE
└── AuthUnavailable           503 AUTH_UNAVAILABLE
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class FieldCode(StrEnum):
    """Why one field was refused (SPEC section 2)."""

    REQUIRED = "REQUIRED"
    TOO_LONG = "TOO_LONG"
    TOO_MANY = "TOO_MANY"
    INVALID_ENUM = "INVALID_ENUM"
    INVALID_FORMAT = "INVALID_FORMAT"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field; `field` is a path such as `messages[3].content`, `message` never echoes its value."""

    field: str
    code: FieldCode
    message: str


class IbexError(Exception):
    """Something went wrong that a caller can be told about."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server_error"
    default_message: ClassVar[str] = (
        "IBEX could not finish this request. Try again; quote the request id if it happens twice."
    )

    def __init__(
        self,
        message: str = "",
        *,
        field_errors: Sequence[FieldError] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.field_errors = tuple(field_errors)
        self.headers = headers or {}
        super().__init__(self.message)

    def envelope(self, request_id: str) -> dict[str, Any]:
        """The error body of SPEC section 2, which OpenAI SDKs parse."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "type": self.kind,
            "request_id": request_id,
            "field_errors": [{"field": f.field, "code": f.code.value, "message": f.message} for f in self.field_errors],
        }
        return {"error": error}


class InvalidRequest(IbexError):
    code = "INVALID_REQUEST"
    status = 400
    kind = "invalid_request_error"
    default_message = "The request is not valid. `field_errors` names what to change."


class InvalidHeader(InvalidRequest):
    code = "INVALID_HEADER"


class AgentIdMissing(IbexError):
    code = "AGENT_ID_MISSING"
    status = 400
    kind = "invalid_request_error"
    default_message = "Send the agent's id or slug in the X-IBEX-Agent-ID header, or use a token bound to one agent."


class ModelNotFound(IbexError):
    code = "MODEL_NOT_FOUND"
    status = 400
    kind = "invalid_request_error"
    default_message = "No provider of this organization serves that model. GET /v1/models lists those that are served."


class Unauthenticated(IbexError):
    code = "UNAUTHENTICATED"
    status = 401
    kind = "authentication_error"
    default_message = "Send a valid token: `Authorization: Bearer ibex_pat_…`. Tokens are made under Settings → Tokens."


class PermissionDenied(IbexError):
    code = "PERMISSION_DENIED"
    status = 403
    kind = "permission_error"
    default_message = "You may not do this. Ask an owner of the organization for the role or scope it needs."


class ScopeMissing(PermissionDenied):
    code = "SCOPE_MISSING"


class AgentNotAuthorized(PermissionDenied):
    code = "AGENT_NOT_AUTHORIZED"
    default_message = "This token may not use that agent. Check the X-IBEX-Agent-ID header."


class AgentSuspended(PermissionDenied):
    code = "AGENT_SUSPENDED"
    default_message = "This agent is paused or archived. An operator can activate it on the Agents page."


class NotFound(IbexError):
    code = "NOT_FOUND"
    status = 404
    kind = "invalid_request_error"
    default_message = "There is nothing here under that id or address."


class MethodNotAllowed(IbexError):
    code = "METHOD_NOT_ALLOWED"
    status = 405
    kind = "invalid_request_error"
    default_message = "This address does not answer that method."


class Conflict(IbexError):
    code = "CONFLICT"
    status = 409
    kind = "invalid_request_error"
    default_message = "This clashes with what is already there."


class BodyTooLarge(IbexError):
    code = "BODY_TOO_LARGE"
    status = 413
    kind = "invalid_request_error"
    default_message = "The body is over 1 MiB. Send less in one call."


class UnsupportedMediaType(IbexError):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415
    kind = "invalid_request_error"
    default_message = "Send JSON with `Content-Type: application/json`."


class RateLimited(IbexError):
    code = "RATE_LIMITED"
    status = 429
    kind = "rate_limit_error"
    default_message = "Too many requests. Wait for the seconds in the Retry-After header, then try again."


class BudgetExhausted(RateLimited):
    code = "BUDGET_EXHAUSTED"
    kind = "insufficient_quota"
    default_message = "A monthly budget is used up. It renews on the first of the next month."


class ProviderNotConfigured(IbexError):
    code = "PROVIDER_NOT_CONFIGURED"
    status = 501
    kind = "server_error"
    default_message = "This organization has no active provider. Add one in the dashboard's settings."


class UpstreamError(IbexError):
    code = "PROVIDER_ERROR"
    status = 502
    kind = "upstream_error"
    default_message = (
        "The model provider did not answer properly. Try again; if it lasts, test the provider in the dashboard."
    )


class ServiceDegraded(IbexError):
    code = "SERVICE_DEGRADED"
    status = 503
    kind = "server_error"
    default_message = "The token cannot be checked right now. Try again in a few seconds."


class SecretUnreadable(IbexError):
    """What was sealed with another key, or damaged, does not come back by trying again."""

    code = "SECRET_UNREADABLE"
    status = 503
    kind = "server_error"
    default_message = (
        "The provider's stored key cannot be read: IBEX's secret key is not the one that sealed it. Enter the "
        "provider's key again on the Providers page, or start IBEX with the secret key of that time."
    )


class StorageUnavailable(IbexError):
    """`cause`: the type or code of what went wrong, for whoever runs IBEX; never a key, an address or a text."""

    code = "STORAGE_UNAVAILABLE"
    status = 503
    kind = "server_error"
    default_message = (
        "The storage of archives does not answer. Try again; if it lasts, look at the disk, or at IBEX_S3_BUCKET and "
        "the settings beside it."
    )

    def __init__(self, message: str = "", *, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class AuthUnavailable(IbexError):
    code = "AUTH_UNAVAILABLE"
    status = 503
    kind = "server_error"
    default_message = "The agent cannot be checked right now. Try again in a few seconds."
