"""What a memory is worth before anyone asks: the ranking formula without its relevance, as a share of one."""

from __future__ import annotations

import math

from django.db.models import DurationField, ExpressionWrapper, F, FloatField, QuerySet, Value
from django.db.models.functions import Cast, Exp, Extract, Greatest, Least, Now

from memories.desk import CONFIDENCE, FREQUENCY, FREQUENT_INJECTIONS, HALF_LIFE_S, RECENCY, USEFULNESS
from memories.models import Memory

_WHOLE = RECENCY + USEFULNESS + CONFIDENCE + FREQUENCY
"""What all parts but the relevance can add up to."""


def with_worth(rows: QuerySet[Memory]) -> QuerySet[Memory]:
    """Rows with `worth`, 0 to 1, reckoned by the database: it can be sorted by. Standing instructions get no bonus."""
    age = ExpressionWrapper(Now() - F("observed_at"), output_field=DurationField())
    seconds = Greatest(Extract(age, "epoch"), Value(0.0), output_field=FloatField())
    recency = Exp(seconds * Value(-math.log(2) / HALF_LIFE_S))
    frequency = Least(Cast("injection_count", FloatField()) / Value(float(FREQUENT_INJECTIONS)), Value(1.0))
    total = (
        recency * Value(RECENCY)
        + F("usefulness") * Value(USEFULNESS)
        + F("confidence") * Value(CONFIDENCE)
        + frequency * Value(FREQUENCY)
    )
    return rows.annotate(worth=ExpressionWrapper(total / Value(_WHOLE), output_field=FloatField()))
