"""Every way a model provider can fail, and what a caller is told about it.

UpstreamError (ibex.core.errors)
└── ProviderError                   502 PROVIDER_ERROR                  unknown
    ├── ProviderUnreachable         502 PROVIDER_UNREACHABLE            transient
    │   └── ProviderNotConnected    the same                        nothing has been sent
    ├── ProviderTimeout             504 PROVIDER_TIMEOUT                transient
    ├── ProviderCutOff              502 PROVIDER_CUT_OFF                transient
    ├── ProviderFailed              502 PROVIDER_FAILED                 transient
    ├── ProviderAnswerTooLarge      502 PROVIDER_ANSWER_TOO_LARGE       unknown
    ├── ProviderAddressForbidden    502 PROVIDER_ADDRESS_FORBIDDEN      unknown
    ├── ProviderCredentialsRefused  502 PROVIDER_CREDENTIALS_REFUSED    credential
    ├── ProviderRateLimited         429 PROVIDER_RATE_LIMITED           rate_limit
    ├── ProviderQuotaExhausted      429 PROVIDER_QUOTA_EXHAUSTED        quota
    └── ProviderRejected            4xx PROVIDER_REJECTED_REQUEST       caller_fault
        └── ProviderModelRefused    404 PROVIDER_MODEL_REFUSED          model_access
ProviderNotConfigured (ibex.core.errors)
└── UnknownProviderKind             501 PROVIDER_KIND_UNKNOWN
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

from ibex.core.errors import ProviderNotConfigured, UpstreamError
from ibex.providers.error_body import Said

MAX_RETRY_AFTER_CHARS = 64
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Failure(StrEnum):
    """What kind of failure it is, which decides whether trying again can help and who must act."""

    TRANSIENT = "transient"
    """Try again a little later."""
    RATE_LIMIT = "rate_limit"
    """Try again after the time the provider names."""
    QUOTA = "quota"
    """The operator's account with the provider has run out."""
    CREDENTIAL = "credential"
    """The operator's key is wrong, revoked or too weak."""
    MODEL_ACCESS = "model_access"
    """The model does not exist, or not for this account."""
    CALLER_FAULT = "caller_fault"
    """The same request will be refused again."""
    UNKNOWN = "unknown"


class ProviderError(UpstreamError):
    """The provider's answer makes no sense."""

    failure: ClassVar[Failure] = Failure.UNKNOWN


class ProviderUnreachable(ProviderError):
    """No connection, or one that ended before an answer began."""

    code = "PROVIDER_UNREACHABLE"
    failure = Failure.TRANSIENT
    default_message = (
        "The model provider could not be reached. Try again; if it lasts, check the provider's address in the settings."
    )


class ProviderNotConnected(ProviderUnreachable):
    """No connection was made, so nothing has been sent: trying again is safe."""


class ProviderTimeout(ProviderError):
    """The provider was silent for too long."""

    code = "PROVIDER_TIMEOUT"
    status = 504
    failure = Failure.TRANSIENT
    default_message = "The model provider did not answer in time. Try again."


class ProviderCutOff(ProviderError):
    """The connection broke in the middle of the answer's body."""

    code = "PROVIDER_CUT_OFF"
    failure = Failure.TRANSIENT
    default_message = "The model provider's answer broke off before its end. Try again."


class ProviderFailed(ProviderError):
    """The provider answered that it failed."""

    code = "PROVIDER_FAILED"
    failure = Failure.TRANSIENT
    default_message = "The model provider failed to answer. Try again in a little while."


class ProviderAnswerTooLarge(ProviderError):
    """The answer is larger than IBEX keeps in memory."""

    code = "PROVIDER_ANSWER_TOO_LARGE"
    default_message = "The model provider's answer is too large. Ask for less in one call, or stream it."


class ProviderAddressForbidden(ProviderError):
    """The provider's name led to an address that `ibex.providers.networks` keeps closed. Nothing has been sent."""

    code = "PROVIDER_ADDRESS_FORBIDDEN"
    default_message = (
        "The model provider's address leads to a network that IBEX may not call. "
        "An operator can enter another one under Settings → Providers."
    )


class ProviderCredentialsRefused(ProviderError):
    """The key in the settings is not accepted. The provider's own words may quote the key: they are never repeated."""

    code = "PROVIDER_CREDENTIALS_REFUSED"
    failure = Failure.CREDENTIAL
    default_message = (
        "The model provider refused the key that IBEX has for it, or what that key may do. "
        "An operator can enter a valid key under Settings → Providers."
    )


class ProviderRateLimited(ProviderError):
    """The provider's rate limit; Retry-After is the provider's, when it sent one."""

    code = "PROVIDER_RATE_LIMITED"
    status = 429
    kind = "rate_limit_error"
    failure = Failure.RATE_LIMIT
    default_message = (
        "The model provider is limiting requests. Wait as long as the Retry-After header says, or a little while."
    )


class ProviderQuotaExhausted(ProviderError):
    """The account with the provider has no credit left."""

    code = "PROVIDER_QUOTA_EXHAUSTED"
    status = 429
    kind = "rate_limit_error"
    failure = Failure.QUOTA
    default_message = (
        "The model provider's quota is used up. An operator must check plan and billing with the provider."
    )


class ProviderRejected(ProviderError):
    """The provider says that the request is at fault: its status, words and code reach the caller as they are.

    The words may quote what the user wrote, so `str` and `repr` of this error, which end up in logs, leave them out.
    """

    code = "PROVIDER_REJECTED_REQUEST"
    status = 400
    kind = "invalid_request_error"
    failure = Failure.CALLER_FAULT
    default_message = "The model provider refused this request and did not say why."

    def __init__(
        self, message: str = "", *, status: int | None = None, provider_code: str = "", param: str = ""
    ) -> None:
        super().__init__(message)
        self.args = (f"the provider refused the request with status {status or self.status}",)
        if status is not None:
            self.status = status  # type: ignore[misc]  # the one error whose status is decided elsewhere
        self.provider_code = provider_code
        self.param = param

    def envelope(self, request_id: str) -> dict[str, Any]:
        """As everywhere, but with the provider's own `code` and `param`: applications branch on them."""
        envelope = super().envelope(request_id)
        envelope["error"]["code"] = self.provider_code or self.code
        if self.param:
            envelope["error"]["param"] = self.param
        return envelope


class ProviderModelRefused(ProviderRejected):
    """The provider does not have the model, or not for this account."""

    code = "PROVIDER_MODEL_REFUSED"
    status = 404
    failure = Failure.MODEL_ACCESS
    default_message = "The model provider does not serve this model to this account."


class UnknownProviderKind(ProviderNotConfigured):
    """A provider row of a kind that this version does not know."""

    code = "PROVIDER_KIND_UNKNOWN"
    default_message = (
        "This organization's provider is of a kind that IBEX does not know. An operator can change it in the settings."
    )


_WORDS_OF_FAILURE: Mapping[Failure, tuple[str, ...]] = {
    Failure.CREDENTIAL: ("invalid_api_key", "authentication_error", "account_deactivated", "permission_error"),
    Failure.QUOTA: (
        "insufficient_quota", "insufficient_balance", "billing_error", "billing_not_active",
        "billing_hard_limit_reached",
    ),
    Failure.RATE_LIMIT: ("rate_limit_exceeded", "rate_limit_error"),
    Failure.MODEL_ACCESS: ("model_not_found", "model_not_available", "not_found_error"),
    Failure.TRANSIENT: ("server_error", "overloaded_error"),
}  # fmt: skip
"""What OpenAI, Anthropic and their likes put in an error's `code` or `type`, where it says more than the status."""
_FAILURE_OF_WORD = {word: failure for failure, words in _WORDS_OF_FAILURE.items() for word in words}

_FAILURE_OF_STATUS: Mapping[int, Failure] = {
    401: Failure.CREDENTIAL,
    402: Failure.QUOTA,
    403: Failure.CREDENTIAL,
    408: Failure.TRANSIENT,
    425: Failure.TRANSIENT,
    429: Failure.RATE_LIMIT,
}

_BAD_KEY = re.compile(
    r"\b(?:incorrect|invalid) api key\b|\bapi key (?:is )?(?:not valid|invalid|expired)\b", re.IGNORECASE
)
_NO_CREDIT = re.compile(r"\bcredit balance is too low\b", re.IGNORECASE)
"""Google and xAI refuse a bad key, and Anthropic an empty account, with 400 and only say so in the message."""


def classify(status: int, body: bytes) -> Failure:
    """The kind of failure an error answer is, by the words in its body, then by its status. Never raises."""
    return _failure(status, Said.read(body))


def provider_error(status: int, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> ProviderError:
    """The error to raise for a provider's error answer, whose `headers` have lower-cased names. Never raises."""
    said = Said.read(body)
    failure = _failure(status, said)
    if failure is Failure.CALLER_FAULT:
        return ProviderRejected(said.message, status=status, provider_code=said.code, param=said.param)
    if failure is Failure.MODEL_ACCESS:
        return ProviderModelRefused(said.message, provider_code=said.code, param=said.param)
    return _ERROR_OF_FAILURE[failure](headers=_retry_after(headers))


_ERROR_OF_FAILURE: Mapping[Failure, type[ProviderError]] = {
    Failure.TRANSIENT: ProviderFailed,
    Failure.RATE_LIMIT: ProviderRateLimited,
    Failure.QUOTA: ProviderQuotaExhausted,
    Failure.CREDENTIAL: ProviderCredentialsRefused,
    Failure.UNKNOWN: ProviderError,
}


def _failure(status: int, said: Said) -> Failure:
    by_word = _FAILURE_OF_WORD.get(said.code) or _FAILURE_OF_WORD.get(said.kind)
    if by_word is not None:
        return by_word
    if status in _FAILURE_OF_STATUS:
        return _FAILURE_OF_STATUS[status]
    if not 400 <= status < 500:
        return Failure.TRANSIENT if status >= 500 else Failure.UNKNOWN
    if _NO_CREDIT.search(said.message):
        return Failure.QUOTA
    return Failure.CREDENTIAL if _BAD_KEY.search(said.message) else Failure.CALLER_FAULT


def _retry_after(headers: Mapping[str, str]) -> dict[str, str]:
    value = headers.get("retry-after", "")
    return {"Retry-After": value} if 0 < len(value) <= MAX_RETRY_AFTER_CHARS else {}
