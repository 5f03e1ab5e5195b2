"""What the FilterSets of every app have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django_filters.fields import IsoDateTimeField


class MomentField(IsoDateTimeField):
    """A time in ISO 8601, as UTC: PostgreSQL knows no zone further from it than 16 hours, and Python does."""

    def to_python(self, value: Any) -> datetime | None:
        """Raises ValidationError for what is no time, and for one that falls out of the calendar."""
        moment: datetime | None = super().to_python(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class MomentFilter(django_filters.IsoDateTimeFilter):
    """Rows before or after a time."""

    field_class = MomentField
