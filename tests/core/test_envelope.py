from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework import serializers

from ibex.core import errors, metrics
from ibex.core.envelope import envelope

SECRET = "what the caller typed"


class Label(serializers.Serializer):
    name = serializers.ChoiceField(choices=["a", "b"])
    confidence = serializers.FloatField(min_value=0, max_value=1)


class Everything(serializers.Serializer):
    text = serializers.CharField(max_length=5, min_length=2)
    labels = Label(many=True, max_length=2, allow_empty=False)
    options = serializers.DictField(child=serializers.IntegerField(), required=False)
    identity = serializers.UUIDField(required=False)
    others = serializers.ListField(child=serializers.CharField(max_length=3), max_length=2, required=False)

    def validate(self, attrs: Any) -> Any:
        if attrs["text"] == "whole":
            raise serializers.ValidationError(f"{SECRET} is not good")
        return attrs


def problems(body: Any) -> dict[str, str]:
    serializer = Everything(data=body)
    with pytest.raises(drf.ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    response = envelope(caught.value, {})
    assert response.status_code == 400
    assert SECRET not in str(response.data)
    return {problem["field"]: problem["code"] for problem in response.data["error"]["field_errors"]}


GOOD = {"text": "good", "labels": [{"name": "a", "confidence": 0.5}]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"text": SECRET}, {"text": "TOO_LONG"}),
        ({"text": "x"}, {"text": "INVALID_FORMAT"}),
        ({"text": {}}, {"text": "INVALID_FORMAT"}),
        ({"text": None}, {"text": "REQUIRED"}),
        ({"text": "whole"}, {"body": "INVALID_FORMAT"}),
        ({"labels": []}, {"labels": "REQUIRED"}),
        ({"labels": [GOOD["labels"][0]] * 3}, {"labels": "TOO_MANY"}),
        (
            {"labels": [{"name": SECRET, "confidence": 2}]},
            {"labels[0].name": "INVALID_ENUM", "labels[0].confidence": "INVALID_FORMAT"},
        ),
        ({"labels": [GOOD["labels"][0], {}]}, {"labels[1].name": "REQUIRED", "labels[1].confidence": "REQUIRED"}),
        ({"labels": {"a": 1}}, {"labels": "INVALID_FORMAT"}),
        ({"options": {"deep": SECRET}}, {"options.deep": "INVALID_FORMAT"}),
        ({"identity": SECRET}, {"identity": "INVALID_FORMAT"}),
        ({"others": ["abc", SECRET]}, {"others[1]": "TOO_LONG"}),
        ({"others": ["a"] * 3}, {"others": "TOO_MANY"}),
    ],
)
def test_every_failure_of_a_body_is_named_by_path_and_code(change: dict[str, Any], expected: dict[str, str]) -> None:
    assert problems({**GOOD, **change}) == expected


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.Conflict(), 409, "CONFLICT"),
        (Http404(SECRET), 404, "NOT_FOUND"),
        (DjangoPermissionDenied(SECRET), 403, "PERMISSION_DENIED"),
        (DjangoValidationError({"name": [DjangoValidationError(SECRET, code="invalid")]}), 400, "INVALID_REQUEST"),
        (DjangoValidationError(SECRET), 400, "INVALID_REQUEST"),
        (OperationalError(SECRET), 503, "SERVICE_DEGRADED"),
        (drf.ParseError(SECRET), 400, "INVALID_REQUEST"),
        (drf.NotAuthenticated(SECRET), 401, "UNAUTHENTICATED"),
        (drf.AuthenticationFailed(SECRET), 401, "UNAUTHENTICATED"),
        (drf.PermissionDenied(SECRET), 403, "PERMISSION_DENIED"),
        (drf.NotFound(SECRET), 404, "NOT_FOUND"),
        (drf.MethodNotAllowed(SECRET), 405, "METHOD_NOT_ALLOWED"),
        (drf.UnsupportedMediaType(SECRET), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (drf.Throttled(wait=3), 429, "RATE_LIMITED"),
        (drf.APIException(SECRET), 500, "INTERNAL_ERROR"),
        (ValueError(SECRET), 500, "INTERNAL_ERROR"),
    ],
)
def test_every_exception_has_its_status_and_code_and_quotes_nothing(error: Exception, status: int, code: str) -> None:
    response = envelope(error, {})
    assert (response.status_code, response.data["error"]["code"]) == (status, code)
    assert SECRET not in str(response.data)


def test_what_nobody_foresaw_is_counted_and_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    counter = metrics.BOUNDARY_ERRORS.labels(boundary="rest")
    before = counter._value.get()
    with pytest.raises(KeyError) as caught:
        {}[SECRET]
    envelope(caught.value, {})
    assert counter._value.get() == before + 1
    assert "rest_call_failed" in caplog.text
    assert "test_envelope.py" in caplog.text
    assert SECRET not in caplog.text
