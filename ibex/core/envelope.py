"""Any exception of a REST view becomes the error envelope of SPEC section 2, in IBEX's own words.

The framework's sentences quote what was sent ('"abc" is not a valid choice.'); ours never do: each is made from the
code of the failure alone.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework.fields import get_error_detail
from rest_framework.response import Response

from ibex.core import errors, metrics
from ibex.core.errors import FieldCode, FieldError, IbexError

WHOLE_BODY = "body"
"""The `field` of a failure that belongs to no single one."""

_REQUIRED = {"required", "null", "blank", "empty"}
_ENUM = {"invalid_choice", "does_not_exist"}
_LIMITS = {
    "min_length": "It is too short: at least {limit}.",
    "min_value": "It is too small: at least {limit}.",
    "max_value": "It is too large: at most {limit}.",
}
_SENTENCES = {
    "null": "It cannot be null.",
    "blank": "It cannot be empty.",
    "empty": "It cannot be empty.",
    "required": "It is missing.",
    "unique": "It is taken already.",
    "not_a_list": "A list is expected here.",
    "not_a_dict": "An object is expected here.",
}
_log = structlog.get_logger(__name__)


def envelope(error: Exception, context: dict[str, Any]) -> Response:
    """The EXCEPTION_HANDLER of REST: `error` as a response; what nobody foresaw is logged, counted and answered 500."""
    known = as_ibex_error(error) or _unforeseen(error)
    request_id = getattr(context.get("request"), "request_id", "")
    return Response(known.envelope(request_id), status=known.status, headers=known.headers)


def as_ibex_error(error: Exception) -> IbexError | None:
    """The typed error that says the same, or None for an exception that nobody foresaw."""
    match error:
        case IbexError():
            return error
        case Http404():
            return errors.NotFound()
        case DjangoPermissionDenied():
            return errors.PermissionDenied()
        case RequestDataTooBig():
            return errors.BodyTooLarge()
        case DjangoValidationError():
            return errors.InvalidRequest(field_errors=list(field_errors(get_error_detail(error))))
        case OperationalError() | InterfaceError():
            return errors.ServiceDegraded("The database does not answer right now. Try again in a few seconds.")
        case drf.APIException():
            return _of_framework(error)
    return None


def _of_framework(error: drf.APIException) -> IbexError | None:
    match error:
        case drf.ValidationError():
            return errors.InvalidRequest(field_errors=list(field_errors(error.detail)))
        case drf.ParseError():
            return errors.InvalidRequest("The body is not valid JSON.")
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return errors.Unauthenticated(headers={"WWW-Authenticate": "Bearer"})
        case drf.PermissionDenied():
            return errors.PermissionDenied()
        case drf.NotFound():
            return errors.NotFound()
        case drf.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case drf.UnsupportedMediaType():
            return errors.UnsupportedMediaType()
        case drf.Throttled():
            return errors.RateLimited(headers={"Retry-After": str(int(getattr(error, "wait", None) or 1))})
    return None


def _unforeseen(error: Exception) -> IbexError:
    """Say where it happened, never what the exception says: its text may quote a row."""
    metrics.BOUNDARY_ERRORS.labels(boundary="rest").inc()
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("rest_call_failed", error=type(error).__name__, where=where)
    return IbexError()


def field_errors(detail: Any, path: str = "") -> Iterator[FieldError]:
    """Every failure in the nested detail of a validation error, with paths such as `labels[0].confidence`."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from field_errors(inner, _join(path, name))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from field_errors(inner, f"{path}[{index}]" if nested else path)
    else:
        yield _field_error(path or WHOLE_BODY, str(getattr(detail, "code", "")), str(detail))


def _join(path: str, name: str | int) -> str:
    if name in {"non_field_errors", "__all__"}:
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)


def _field_error(field: str, code: str, sentence: str) -> FieldError:
    """`sentence` is the framework's own: only its number and whether it speaks of elements are taken from it."""
    found = re.search(r"\d+", sentence)
    limit = found.group() if found else "the limit"
    if code in _REQUIRED:
        return FieldError(field, FieldCode.REQUIRED, _SENTENCES[code])
    if code == "max_length":
        if "elements" in sentence:
            return FieldError(field, FieldCode.TOO_MANY, f"There are too many: at most {limit}.")
        return FieldError(field, FieldCode.TOO_LONG, f"It is too long: at most {limit} characters.")
    if code in _ENUM:
        return FieldError(field, FieldCode.INVALID_ENUM, "It is not one of the values that are allowed here.")
    if code in _LIMITS:
        return FieldError(field, FieldCode.INVALID_FORMAT, _LIMITS[code].format(limit=limit))
    return FieldError(field, FieldCode.INVALID_FORMAT, _SENTENCES.get(code, "It does not have the right form."))
